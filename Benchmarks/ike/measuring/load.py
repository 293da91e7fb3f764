"""Runs ike-load against one responder, in a lab of its own."""

from comparison.lab import OUTER, Failure, Lab

from .responders import IDENTITY, INITIATORS, INNER, NETWORK, SECRET

CORE = "1"
# Responders hold down how much one address may begin at a time.
ADDRESSES = "10.76.1.1-10.76.2.244"
# What a NAT might have made of 500 and 4500: so both sides find one, and everything travels in UDP on 4500, which
# kernel-libipsec demands anyway.
PORTS = ["--port", "10500", "--nat-port", "14500"]
# What is another address on the other side of a NAT in front of the responder.
CALLED = "203.0.113.1"


def load(generator, responder, proposal, count, at_once=16, step=0, rate=0, hold=0, dpd=0, both_behind_nat=False,
         cheap=False):
    """What ike-load printed: for each line the pairs by key, numbers as numbers, and the first word as `what`.

    The initiators are behind a NAT in any case."""
    with Lab() as lab:
        lab.ip("a", "route", "add", "local", INITIATORS, "dev", "lo")
        lab.ip("b", "route", "add", INITIATORS, "via", OUTER["a"])
        process = responder.start(lab, proposal, dpd)
        said = lab.inside("a", [
            "taskset", "-c", CORE, generator, OUTER["b"], "--addresses", ADDRESSES, *PORTS,
            "--responder-id", IDENTITY, "--psk", SECRET, "--local-net", INNER, "--remote-ts", NETWORK,
            "--proposal", proposal, "--count", str(count), "--at-once", str(at_once), "--step", str(step),
            "--rate", str(rate), "--hold", str(hold), "--pid", str(process.pid),
            *(["--cheap"] if cheap else []), *(["--called", CALLED] if both_behind_nat else [])], timeout=hold + 600)
        lab.require_alive(process, responder.name)
    return [_parse(line) for line in said.splitlines()]


def _parse(line):
    what, *pairs = line.split(" ")
    parsed = {key: float(value) for key, value in (pair.split("=") for pair in pairs)}
    return {"what": what, **parsed}


def only(lines, what):
    """The line that begins with this word."""
    found = [line for line in lines if line["what"] == what]
    if len(found) != 1:
        raise Failure(f"ike-load printed {len(found)} lines of '{what}'")
    return found[0]
