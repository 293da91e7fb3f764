"""What is compared. Each tunnel starts one forwarder per side and returns both processes."""

from .lab import INNER, INNER_NETWORK, OUTER, SIDES, Failure, other, run, wait_until

PORT = "4500"
MTU = "1400"
DEVICE = "inner"


class Ceiling:
    """Our C program, Benchmarks/ceiling."""

    def __init__(self, library, program):
        self.name, self.crypto, self.program = f"ceiling, {library}", library, program

    def start(self, lab):
        processes = []
        for side in SIDES:
            process = lab.start(
                side, [self.program, DEVICE, OUTER[side], OUTER[other(side)], PORT, self.crypto])
            processes.append(process)

            def exists(side=side, process=process):
                lab.require_alive(process, "esp-ceiling")
                return DEVICE in lab.ip(side, "-brief", "link", "show", "type", "tun")
            wait_until(exists, 10, "esp-ceiling made no device within 10 s")
            lab.ip(side, "link", "set", DEVICE, "mtu", MTU, "up")
            lab.ip(side, "address", "add", f"{INNER[side]}/32", "dev", DEVICE)
            lab.ip(side, "route", "add", INNER_NETWORK[other(side)], "dev", DEVICE)
        return processes


class Culvert:
    """The user-space engine without IKE, Benchmarks/esp. It brings its device up and makes its route."""

    def __init__(self, library, program):
        self.name, self.crypto, self.program = f"Culvert, {library}", library, program

    def start(self, lab):
        processes = []
        for side in SIDES:
            far = other(side)
            process = lab.start(side, [
                self.program, DEVICE, OUTER[side], OUTER[far], PORT, "aes128gcm16",
                "--provider", self.crypto, "--mtu", MTU,
                "--local-ts", INNER_NETWORK[side], "--remote-ts", INNER_NETWORK[far]])
            processes.append(process)
            lab.wait_for_device(side, DEVICE, process, "esp-tunnel")
            lab.ip(side, "address", "add", f"{INNER[side]}/32", "dev", DEVICE)
        return processes


CHARON_CONF = """\
charon {{
    load = random nonce aes sha1 sha2 hmac kdf openssl kernel-libipsec kernel-netlink socket-default vici
    plugins {{
        kernel-libipsec {{
            load = yes
        }}
        vici {{
            socket = {socket}
        }}
    }}
}}
swanctl {{
    load =
}}
"""

SWANCTL_CONF = """\
connections {{
    bench {{
        version = 2
        local_addrs = {local}
        remote_addrs = {remote}
        proposals = aes128gcm16-prfsha256-ecp256
        encap = yes
        local {{
            auth = psk
            id = {side}
        }}
        remote {{
            auth = psk
            id = {far}
        }}
        children {{
            bench {{
                local_ts = {local_network}
                remote_ts = {remote_network}
                esp_proposals = aes128gcm16
            }}
        }}
    }}
}}
secrets {{
    ike-bench {{
        secret = "measured and thrown away"
    }}
}}
"""


class StrongSwan:
    """strongSwan with kernel-libipsec: ESP in the process of charon, over its own TUN device of MTU 1400."""

    name = "strongSwan"
    program = "/usr/lib/ipsec/charon"

    def start(self, lab):
        processes = [self._start_charon(lab, side) for side in SIDES]
        for side, process in zip(SIDES, processes):
            self._load(lab, side, process)
        self._swanctl(lab, "a", "--initiate", "--child", "bench", "--timeout", "10")
        return processes

    def _start_charon(self, lab, side):
        far = other(side)
        self._file(lab, side, "charon.conf").write_text(CHARON_CONF.format(socket=self._socket(lab, side)))
        self._file(lab, side, "swanctl.conf").write_text(SWANCTL_CONF.format(
            side=side, far=far, local=OUTER[side], remote=OUTER[far], local_network=INNER_NETWORK[side],
            remote_network=INNER_NETWORK[far]))
        lab.ip(side, "address", "add", f"{INNER[side]}/32", "dev", "lo")
        # `ip netns exec` has made a mount namespace: each charon has a /run for its PID file there.
        return lab.start(
            side, ["sh", "-c", "mount --make-rprivate / && mount -t tmpfs tmpfs /run && "
                   f"exec {self.program}"], self._environment(lab, side))

    def _load(self, lab, side, process):
        said = "nothing"

        def loads():
            nonlocal said
            lab.require_alive(process, "charon")
            try:
                self._swanctl(lab, side, "--load-all", "--file", str(self._file(lab, side, "swanctl.conf")))
                return True
            except Failure as failure:
                said = str(failure)
                return False
        try:
            wait_until(loads, 15, "charon does not answer")
        except Failure as failure:
            raise Failure(f"{failure}: {said}") from None

    def _swanctl(self, lab, side, *arguments):
        environment = [f"{name}={value}" for name, value in self._environment(lab, side).items()]
        run(["env", *environment, "swanctl", *arguments, "--uri", self._socket(lab, side)])

    def _environment(self, lab, side):
        return {"STRONGSWAN_CONF": str(self._file(lab, side, "charon.conf"))}

    def _file(self, lab, side, name):
        return lab.directory / f"{side}-{name}"

    def _socket(self, lab, side):
        return f"unix://{self._file(lab, side, 'vici')}"
