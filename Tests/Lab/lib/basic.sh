# shellcheck shell=bash
# What every scenario needs: saying what happens, failing with a sentence, waiting with a deadline, processes by PID.

SITE_DIR=$LAB_TMP/site                  # one directory per gateway: configuration, logs, sockets
PID_FILE=$LAB_TMP/lab-pids            # everything started in this scenario, for guest/reset

note() { printf '[%s] %s\n' "$(cut -d' ' -f1 /proc/uptime)" "$*"; }

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# A command that fails unexpectedly must say where; `set -e` alone is silent.
report_error() { echo "FAILED: line $2 of $1 ended with status $3: $4" >&2; }
trap 'report_error "${BASH_SOURCE[0]}" "$LINENO" "$?" "$BASH_COMMAND"' ERR
set -E

# wait_until SECONDS "what is awaited" COMMAND...: fails with a sentence when the time is over.
wait_until() {
    local seconds=$1 what=$2 deadline
    shift 2
    deadline=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || fail "after $seconds s still not: $what"
        sleep 0.2
    done
}

# expect "sentence" COMMAND...: the command must succeed now.
expect() {
    local what=$1
    shift
    "$@" >/dev/null 2>&1 || fail "$what"
}

# expect_equal "what" ACTUAL EXPECTED
expect_equal() { [ "$2" = "$3" ] || fail "$1: '$2', expected '$3'"; }

# refute "sentence" COMMAND...: the command must not succeed.
refute() {
    local what=$1
    shift
    if "$@" >/dev/null 2>&1; then fail "$what"; fi
}

not() { ! "$@"; }

track() { echo "$1" >>"$PID_FILE"; }

running() { kill -0 "$1" 2>/dev/null; }

# stop SIGNAL PID: and wait until it is gone. Leaves the exit status in STOPPED_WITH.
stop() {
    kill "-$1" "$2" 2>/dev/null || return 0
    wait_until 15 "process $2 ends on SIG$1" not running "$2"
    STOPPED_WITH=0
    wait "$2" 2>/dev/null || STOPPED_WITH=$?
}
