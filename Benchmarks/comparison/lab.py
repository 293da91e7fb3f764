"""Two network namespaces joined by a veth, and the processes in them. Leaving the lab removes all of it."""

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

SIDES = ("a", "b")
OUTER = {"a": "10.77.0.1", "b": "10.77.0.2"}
INNER = {"a": "10.78.1.1", "b": "10.78.2.1"}
INNER_NETWORK = {"a": "10.78.1.0/24", "b": "10.78.2.0/24"}
# Link of the namespaces; the name exists in both of them and nowhere else.
OUTER_DEVICE = "outer"
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Failure(Exception):
    """Something could not be measured: a sentence for the operator."""


def other(side):
    return "b" if side == "a" else "a"


def run(arguments, timeout=60):
    """Runs a command to its end and returns what it printed. A session of its own keeps Ctrl-C for us."""
    process = subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True)
    try:
        output, errors = process.communicate(timeout=timeout)
    except BaseException as reason:
        # Compilers that `swift build` has started are of its group, and end with it.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(reason, subprocess.TimeoutExpired):
            raise Failure(f"{arguments[0]} did not end within {timeout} s") from None
        raise
    if process.returncode != 0:
        said = (errors or output).strip() or f"exit status {process.returncode}"
        raise Failure(f"{' '.join(arguments)}: {said}")
    return output


def wait_until(condition, seconds, complaint):
    """Asks ten times a second. A failure of the condition itself passes through."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(complaint)
        time.sleep(0.1)


class Lab:
    """One tunnel's world: `with Lab() as lab`. Names carry our process ID: several may run at once."""

    def __init__(self):
        self.names = {side: f"culvert-bench-{os.getpid()}-{side}" for side in SIDES}
        self.made = []
        self.processes = []
        self.directory = None

    def __enter__(self):
        try:
            # In /tmp because the path of a unix socket may have 107 bytes at most.
            self.directory = Path(tempfile.mkdtemp(prefix="culvert-bench-", dir="/tmp"))
            self._make()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_):
        self._remove()

    def _make(self):
        for name in self.names.values():
            self.made.append(name)
            run(["ip", "netns", "add", name])
            run(["ip", "-n", name, "link", "set", "lo", "up"])
        run(["ip", "link", "add", OUTER_DEVICE, "netns", self.names["a"], "type", "veth",
             "peer", "name", OUTER_DEVICE, "netns", self.names["b"]])
        for side in SIDES:
            self.ip(side, "address", "add", f"{OUTER[side]}/24", "dev", OUTER_DEVICE)
            self.ip(side, "link", "set", OUTER_DEVICE, "up")
            # Inner packets come from a device that the way back may not lead through.
            self.inside(side, ["sh", "-c", "for f in all default; do "
                               "echo 0 >/proc/sys/net/ipv4/conf/$f/rp_filter; done"])

    def _remove(self):
        # A second Ctrl-C must not stop the removal.
        held = {number: signal.signal(number, signal.SIG_IGN) for number in INTERRUPTIONS}
        try:
            for process in reversed(self.processes):
                process.terminate()
            for process in reversed(self.processes):
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            for name in self.made:
                self._remove_namespace(name)
            if self.directory:
                shutil.rmtree(self.directory, ignore_errors=True)
        finally:
            for number, handler in held.items():
                signal.signal(number, handler)

    def _remove_namespace(self, name):
        # Nobody but us can have started what is still in there: a process whose start was interrupted.
        left = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False)
        for process in left.stdout.split():
            try:
                os.kill(int(process), signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended meanwhile
        subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL, check=False)

    def ip(self, side, *arguments):
        return run(["ip", "-n", self.names[side], *arguments])

    def inside(self, side, arguments, timeout=60):
        return run(["ip", "netns", "exec", self.names[side], *arguments], timeout)

    def start(self, side, arguments, environment=None):
        """Starts a program that runs on. `ip netns exec` becomes that program: the process ID is its own."""
        log = self.directory / f"{len(self.processes)}.log"
        with open(log, "wb") as output:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.names[side], *arguments], stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, env={**os.environ, **(environment or {})},
                start_new_session=True)
        process.log = log
        self.processes.append(process)
        return process

    def require_alive(self, process, name):
        if process.poll() is not None:
            said = process.log.read_text(errors="replace").strip().splitlines()
            last_words = f": {said[-1]}" if said else ""
            raise Failure(f"{name} ended with status {process.returncode}{last_words}")

    def wait_for_device(self, side, device, process, name):
        def is_up():
            self.require_alive(process, name)
            try:
                flags = self.ip(side, "-oneline", "link", "show", "dev", device).split(">")[0]
                return "UP" in flags
            except Failure:
                return False  # not there yet
        wait_until(is_up, 10, f"{name} did not bring up {device} within 10 s")

    def wait_for_tunnel(self):
        def passes():
            try:
                self.inside("a", ["ping", "-c", "1", "-W", "1", "-I", INNER["a"], INNER["b"]])
                return True
            except Failure:
                return False
        wait_until(passes, 10, "no packet comes through the tunnel")


def processor_seconds(process):
    """Time that all threads of a process have used. By the process's own clock: /proc has only hundredths."""
    libc = ctypes.CDLL(None, use_errno=True)
    clock = ctypes.c_int()
    if libc.clock_getcpuclockid(process.pid, ctypes.byref(clock)) != 0:
        raise Failure(f"process {process.pid} has ended")
    return time.clock_gettime(clock.value)
