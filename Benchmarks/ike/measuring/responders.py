"""The responders that are compared. Each is started with one processor core to itself, and returns its process."""

import socket
from pathlib import Path

from comparison.lab import OUTER, Failure, run, wait_until

CORE = "0"
SECRET = "measured and thrown away"
IDENTITY = "responder.load.example"
# Where the initiators are, all of them on side a, and what each has one address of behind it.
INITIATORS = "10.76.0.0/16"
INNER = "10.0.0.0/8"
# For multicast kernel-libipsec makes no routes: charon is spared what the other has not either.
NETWORK = "239.1.0.0/16"

# Both read the same text: it is strongSwan's grammar. Nothing is rekeyed, whatever the time.
CONNECTIONS = """\
connections {{
    load {{
        version = 2
        local_addrs = {address}
        remote_addrs = %any
        proposals = {proposal}
        dpd_delay = {dpd}
        rekey_time = 0
        {more}
        local {{
            auth = psk
            id = {identity}
        }}
        remote {{
            auth = psk
            id = %any
        }}
        children {{
            net {{
                local_ts = {network}
                remote_ts = {inner}
                esp_proposals = aes128gcm16
                rekey_time = 0
            }}
        }}
    }}
}}
secrets {{
    ike-load {{
        secret = "{secret}"
    }}
}}
"""


def connections(proposal, dpd, more=""):
    return CONNECTIONS.format(
        address=OUTER["b"], proposal=proposal, dpd=dpd, more=more, identity=IDENTITY, network=NETWORK,
        inner=INNER, secret=SECRET)


class Culvert:
    """culvertd with its log as it is by default, and a data plane that does nothing."""

    name = "Culvert"

    def __init__(self, program, cores=CORE):
        self.program = program
        self.cores = cores

    def start(self, lab, proposal, dpd):
        config = lab.directory / "culvert.conf"
        config.write_text("keepalive = 20\n" + connections(proposal, dpd, "verify_rekey = no"))
        control = lab.directory / "culvert.sock"
        process = lab.start(
            "b", ["taskset", "-c", self.cores, self.program, "--config", str(config), "--socket", str(control)])

        def is_ready():
            lab.require_alive(process, "ike-responder")
            return " is ready: " in process.log.read_text(errors="replace")
        wait_until(is_ready, 20, "ike-responder does not get ready")
        return process


CHARON_CONF = """\
charon {{
    load = random nonce openssl kdf kernel-libipsec kernel-netlink socket-default vici
    install_routes = no
    # Neither cookies nor a limit for each address: it does the least that it can.
    dos_protection = no
    # As its manual advises for many IKE_SAs.
    ikesa_table_size = 16384
    ikesa_table_segments = 16
    keep_alive = 20s
    filelog {{
        log {{
            path = {log}
            default = 1
        }}
    }}
    plugins {{
        vici {{
            socket = {vici}
        }}
    }}
}}
swanctl {{
    load =
}}
"""


class Charon:
    """strongSwan's daemon with its log as it is by default, and kernel-libipsec as its data plane."""

    name = "strongSwan"
    program = "/usr/lib/ipsec/charon"

    def start(self, lab, proposal, dpd):
        conf = lab.directory / "strongswan.conf"
        vici = f"unix://{lab.directory / 'vici'}"
        conf.write_text(CHARON_CONF.format(log=lab.directory / "charon.log", vici=vici))
        swanctl = lab.directory / "swanctl.conf"
        swanctl.write_text(connections(proposal, dpd))
        environment = {"STRONGSWAN_CONF": str(conf)}
        # `ip netns exec` has made a mount namespace: it has a /run for its PID file there.
        process = lab.start(
            "b", ["sh", "-c", "mount --make-rprivate / && mount -t tmpfs tmpfs /run && "
                  f"exec taskset -c {CORE} {self.program}"], environment)

        def listens():
            lab.require_alive(process, "charon")
            with socket.socket(socket.AF_UNIX) as client:
                return client.connect_ex(str(lab.directory / "vici")) == 0
        wait_until(listens, 20, "charon does not answer")
        said = run(["env", f"STRONGSWAN_CONF={conf}", "swanctl", "--load-all", "--file", str(swanctl),
                    "--noprompt", "--uri", vici])
        if "loaded 1 connections" not in said and "successfully loaded 1 connections" not in said:
            raise Failure(f"swanctl: {said.strip()}")
        return process


def needed_files():
    """What must be there for charon, and the Debian package that brings it."""
    plugins = Path("/usr/lib/ipsec/plugins")
    return {
        Charon.program: "strongswan-charon", "swanctl": "strongswan-swanctl",
        str(plugins / "libstrongswan-openssl.so"): "libstrongswan-standard-plugins",
        str(plugins / "libstrongswan-kernel-libipsec.so"): "libcharon-extra-plugins",
    }
