# shellcheck shell=bash
# Host side: booting guests and getting rid of them. A guest is User-Mode Linux on the host's own root file system, or (LAB_KERNEL
# is host) network, mount and PID namespaces of the host's kernel; it writes to its directory under $LAB_OUT only.

LAB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${LAB_KERNEL:=uml}"
# Where Scripts/install-deps unpacks libreswan and OpenIKED: as packages they and strongSwan exclude each other.
: "${LAB_PEERS:=/opt/culvert-lab}"

# The settings that guests read: for $LAB_OUT/env. Where the kernel has no ESP, the peers use strongSwan's own.
guest_settings() {
    local peers=kernel
    [ "$LAB_KERNEL:$DATA_PLANE" != host:userspace ] || peers=libipsec
    cat <<ENV
export LAB_KERNEL='$LAB_KERNEL' DATA_PLANE='$DATA_PLANE' PEER_PLANE='$peers'
export RESPONDER='$RESPONDER' CULVERT_BIN='${CULVERT_BIN:-}' LONG='${LONG:-}' LAB_PEERS='$LAB_PEERS'
export CELL_NAT='${CELL_NAT:-}' CELL_CHECKS='${CELL_CHECKS:-}' CELL_LENGTH='${CELL_LENGTH:-}'
ENV
}

# The one directory of this run: what guests and host share, and the guests' own small files.
lab_begin() {
    guest_possible
    LAB_OUT=$(mktemp -d "${TMPDIR:-/tmp}/culvert-lab.XXXXXX")
    mkdir "$LAB_OUT/guests" "$LAB_OUT/uml"
    trap lab_end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# Every guest has a file in $LAB_OUT/guests named after its process group, since subshells boot guests too.
lab_end() {
    local file
    [ -z "${LAB_KEEP:-}" ] || return 0
    for file in "$LAB_OUT"/guests/*; do
        [ -e "$file" ] && guest_kill "$(basename "$file")"
    done
    rm -rf "$LAB_OUT"
}

guest_possible() {
    if [ "$LAB_KERNEL" = uml ]; then
        command -v linux.uml >/dev/null || { echo "linux.uml is missing: run Scripts/install-deps" >&2; return 1; }
    else
        [ "$(id -u)" = 0 ] || { echo "the host's kernel gives namespaces and TUN devices to root only" >&2; return 1; }
        [ -c /dev/net/tun ] || { echo "/dev/net/tun is missing: modprobe tun, or give the container this device" >&2; return 1; }
    fi
}

# guest_boot NAME TASK: boots a guest in the background; GUEST_PID is its process group. The console goes to NAME.console.
guest_boot() {
    "guest_boot_$LAB_KERNEL" "$@"
    : >"$LAB_OUT/guests/$GUEST_PID"
}

guest_boot_host() { # NAME TASK
    setsid unshare --net --mount --pid --fork --kill-child env LAB_DIR="$LAB_DIR" LAB_OUT="$LAB_OUT" LAB_TASK="$2" GUEST="$1" \
        bash "$LAB_DIR/guest/init-host" </dev/null >"$LAB_OUT/$1.console" 2>&1 &
    GUEST_PID=$!
}

guest_boot_uml() { # NAME TASK
    TMPDIR=$(guest_memory_dir) setsid linux.uml mem=512M root=/dev/root rootfstype=hostfs rootflags=/ ro \
        init="$LAB_DIR/guest/init-uml" con=null con0=fd:0,fd:1 ssl=null quiet uml_dir="$LAB_OUT/uml/" umid="$1" \
        LAB_DIR="$LAB_DIR" LAB_OUT="$LAB_OUT" LAB_TASK="$2" GUEST="$1" </dev/null >"$LAB_OUT/$1.console" 2>&1 &
    GUEST_PID=$!
}

# The guest's memory is a deleted file. A container's /dev/shm may be too small for it, and then the guest dies of SIGBUS.
guest_memory_dir() {
    local free
    free=$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)
    if [ "${free:-0}" -gt 2000000 ]; then echo /dev/shm; else echo /tmp; fi
}

# A guest is a group of processes, all of which must go. setsid made its first one the leader.
guest_kill() { kill -KILL -- "-$1" 2>/dev/null || true; }

# After it ended by itself: its number may soon be another process's.
guest_forget() { rm -f "$LAB_OUT/guests/$1"; }

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
    [ -z "${LAB_OUT:-}" ] || guest_forget "$1"
}
