"""What is measured through one tunnel, from side a to side b."""

import json
import re
from statistics import median

from .lab import INNER, Failure, Lab, processor_seconds, wait_until

# 5,000 datagrams a second, which the slowest of all carries without loss.
DATAGRAM_BYTES = 1350
DATAGRAM_BITS_PER_SECOND = 5_000 * DATAGRAM_BYTES * 8
# iperf3 sends what is due at each tick. Its usual tick of 1 ms would make bursts of five, of which a receiver
# could make one super-packet; this makes none.
TICK_MICROSECONDS = 200
PINGS, PING_INTERVAL_SECONDS = 200, 0.002


def measure(tunnel, seconds):
    """All figures of one tunnel, in a lab of its own."""
    with Lab() as lab:
        forwarders = tunnel.start(lab)
        lab.wait_for_tunnel()
        figures = _stream(lab, forwarders, seconds)
        figures |= _datagrams(lab, forwarders, seconds)
        figures["round trip"] = _round_trip(lab)
        for process in forwarders:
            lab.require_alive(process, tunnel.name)
        return figures


def _listens(server):
    with open(f"/proc/{server.pid}/net/tcp", encoding="ascii") as sockets:
        return any(line.split()[1].endswith(":1451") for line in sockets.readlines()[1:])


def _iperf3(lab, forwarders, seconds, *options):
    """The end of iperf3's report, and the processor time that both forwarders used meanwhile."""
    # One server for each flow: it refuses the next while it is busy with the end of the last.
    server = lab.start("b", ["iperf3", "-s", "-1", "-B", INNER["b"]])
    wait_until(lambda: _listens(server), 5, "iperf3 does not listen")
    before = sum(map(processor_seconds, forwarders))
    report = lab.inside("a", [
        "iperf3", "-c", INNER["b"], "-B", INNER["a"], "-t", str(seconds), "-J", *options], seconds + 20)
    used = sum(map(processor_seconds, forwarders)) - before
    wait_until(lambda: server.poll() is not None, 5, "the server of iperf3 does not end")
    told = json.loads(report)
    if "error" in told:
        raise Failure(f"iperf3: {told['error']}")
    return told["end"], used


def _stream(lab, forwarders, seconds):
    end, used = _iperf3(lab, forwarders, seconds)
    received = end.get("sum_received", {"bytes": 0})
    if received["bytes"] == 0:
        raise Failure("the TCP stream carried nothing")
    return {
        "throughput": received["bits_per_second"] / 1e9,
        "CPU per GB": used / (received["bytes"] / 1e9),
    }


def _datagrams(lab, forwarders, seconds):
    end, used = _iperf3(
        lab, forwarders, seconds, "-u", "-l", str(DATAGRAM_BYTES), "-b", str(DATAGRAM_BITS_PER_SECOND),
        "--pacing-timer", str(TICK_MICROSECONDS))
    # There is no sum if iperf3's first datagram was lost, by which it opens the flow.
    sent, lost = (end.get("sum", {}).get(key, 0) for key in ("packets", "lost_packets"))
    if sent == lost:
        raise Failure("no datagram arrived")
    # Each packet passes two forwarders.
    return {"CPU per packet": used / (sent - lost) / 2 * 1e6, "loss": lost / sent * 100}


def _round_trip(lab):
    said = lab.inside("a", [
        "ping", "-c", str(PINGS), "-i", str(PING_INTERVAL_SECONDS), "-I", INNER["a"], INNER["b"]])
    milliseconds = [float(time) for time in re.findall(r" time=([\d.]+) ms", said)]
    if len(milliseconds) < PINGS / 2:
        raise Failure(f"only {len(milliseconds)} of {PINGS} pings were answered")
    # The middle one: an average tells of the few that met a busy processor.
    return median(milliseconds) * 1000
