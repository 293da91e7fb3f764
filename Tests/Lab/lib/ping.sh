# shellcheck shell=bash
# Pings between the hosts behind the gateways, and how many of them were lost in a row.

# ping_through FROM ADDRESS [COUNT [ping-option...]]: none may be lost.
ping_through() {
    local from=$1 address=$2 count=${3:-3}
    shift $(($# < 3 ? $# : 3))
    in_ns "$from" ping -n -i 0.2 -W 2 -c "$count" "$@" "$address" >"$LAB_TMP/ping.out" 2>&1 ||
        fail "$from cannot ping $address through the tunnel: $(tail -n 2 "$LAB_TMP/ping.out")"
    grep -q ' 0% packet loss' "$LAB_TMP/ping.out" || fail "$from lost pings to $address: $(grep loss "$LAB_TMP/ping.out")"
}

# Data bytes of a ping that fits into one ESP packet; libipsec's device has an MTU of 1400, whatever the path has.
largest_ping() { if [ "$PEER_PLANE" = libipsec ]; then echo 1372; else echo 1380; fi; }

no_ping_through() {
    refute "$1 reaches $2, which it must not" in_ns "$1" ping -n -c 1 -W 1 "$2"
}

# ping_start FROM ADDRESS [INTERVAL]: pings in the background until ping_stop.
ping_start() {
    PING_LOG="$LAB_TMP/ping-$1.log"
    ip netns exec "$1" ping -n -i "${3:-0.2}" "$2" >"$PING_LOG" 2>&1 &
    PING_PID=$!
    track "$PING_PID"
}

# Ends the pings and leaves PING_SENT, PING_LOST and PING_GAP (most lost in a row). The last ping sent may still be under
# way when ping is stopped, so it does not count.
ping_stop() {
    kill -INT "$PING_PID" 2>/dev/null || true
    wait "$PING_PID" || true
    PING_SENT=$(sed -n 's/^\([0-9]*\) packets transmitted.*/\1/p' "$PING_LOG")
    [ -n "$PING_SENT" ] || fail "ping ended without a summary"
    read -r PING_LOST PING_GAP < <(ping_losses "$PING_LOG" "$((PING_SENT - 1))")
    note "pings: $PING_SENT sent, $PING_LOST lost, at most $PING_GAP in a row"
}

ping_losses() { # LOG LAST-SEQUENCE-NUMBER
    awk -v last="$2" '
        match($0, /icmp_seq=[0-9]+/) && / bytes from / { seen[substr($0, RSTART + 9, RLENGTH - 9) + 0] = 1 }
        END {
            for (i = 1; i <= last; i++) {
                if (i in seen) run = 0; else { lost++; run++ }
                if (run > gap) gap = run
            }
            print lost + 0, gap + 0
        }' "$1"
}

ping_received() { grep -c ' bytes from ' "$PING_LOG" || true; }

ping_answers_beyond() { [ "$(ping_received)" -gt "$1" ]; }
