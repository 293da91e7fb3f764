# shellcheck shell=bash
# Host side: booting guests and getting rid of them. A guest is User-Mode Linux on the host's own root file system; it
# writes to its directory under $LAB_OUT only.

LAB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
GUEST_PIDS=()

# The one directory of this run: what guests and host share, and the guests' own small files.
lab_begin() {
    command -v linux.uml >/dev/null || { echo "linux.uml is missing: run Scripts/install-deps" >&2; return 1; }
    LAB_OUT=$(mktemp -d "${TMPDIR:-/tmp}/culvert-lab.XXXXXX")
    trap lab_end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

lab_end() {
    local pid
    for pid in "${GUEST_PIDS[@]}"; do guest_kill "$pid"; done
    [ -n "${LAB_KEEP_OUT:-}" ] || rm -rf "$LAB_OUT"
}

# guest_boot NAME TASK: boots a guest in the background; GUEST_PID is its process group. The console goes to NAME.console.
guest_boot() {
    mkdir -p "$LAB_OUT/uml"
    TMPDIR=$(guest_memory_dir) setsid linux.uml mem=512M root=/dev/root rootfstype=hostfs rootflags=/ ro \
        init="$LAB_DIR/guest/init" con=null con0=fd:0,fd:1 ssl=null quiet uml_dir="$LAB_OUT/uml/" umid="$1" \
        LAB_DIR="$LAB_DIR" LAB_OUT="$LAB_OUT" LAB_TASK="$2" GUEST="$1" </dev/null >"$LAB_OUT/$1.console" 2>&1 &
    GUEST_PID=$!
    GUEST_PIDS+=("$GUEST_PID")
}

# The guest's memory is a deleted file. A container's /dev/shm may be too small for it, and then the guest dies of SIGBUS.
guest_memory_dir() {
    local free
    free=$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)
    if [ "${free:-0}" -gt 2000000 ]; then echo /dev/shm; else echo /tmp; fi
}

# A guest is a group of processes, all of which must go. setsid made its first one the leader.
guest_kill() { kill -KILL -- "-$1" 2>/dev/null || true; }

guest_running() { kill -0 "$1" 2>/dev/null; }

# guest_wait PID SECONDS: true when it halted in time; otherwise it is killed.
guest_wait() {
    local deadline=$((SECONDS + $2))
    while guest_running "$1"; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            guest_kill "$1"
            return 1
        fi
        sleep 0.3
    done
}
