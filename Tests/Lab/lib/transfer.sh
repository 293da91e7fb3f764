# shellcheck shell=bash
# Transfers between the hosts behind the gateways, whose bytes are checked.

# echo_serve HOST: sends back what it gets on TCP port 7777.
echo_serve() {
    ip netns exec "$1" "$LAB_DIR/tools/echo.py" serve 7777 >"$LAB_TMP/echo-$1.log" 2>&1 &
    track $!
    wait_until 20 "$1 listens" grep -q listening "$LAB_TMP/echo-$1.log"
}

# transfer FROM ADDRESS [BYTES]: to and fro, what comes back must be what was sent.
transfer() {
    in_ns "$1" "$LAB_DIR/tools/echo.py" send "$2" 7777 "${3:-1000000}" >"$LAB_TMP/transfer.log" 2>&1 ||
        fail "a transfer from $1 to $2 went wrong: $(tail -n 1 "$LAB_TMP/transfer.log")"
    note "$1 to $2 and back: $(cat "$LAB_TMP/transfer.log")"
}

# datagrams FROM ADDRESS TO COUNT PER-SECOND: numbered UDP datagrams to the namespace TO. Leaves DATAGRAMS, DATAGRAMS_TWICE,
# DATAGRAMS_WRONG and DATAGRAMS_REORDERED.
datagrams() {
    local log=$LAB_TMP/datagrams.log receiver
    ip netns exec "$3" "$LAB_DIR/tools/datagrams.py" receive 7778 3 >"$log" 2>&1 &
    receiver=$!
    track "$receiver"
    wait_until 20 "$3 listens" grep -q listening "$log"
    in_ns "$1" "$LAB_DIR/tools/datagrams.py" send "$2" 7778 "$4" "$5"
    wait_until 30 "the last datagram was long ago" not running "$receiver"
    read -r DATAGRAMS DATAGRAMS_TWICE DATAGRAMS_WRONG DATAGRAMS_REORDERED < <(
        sed -n 's/received=\([0-9]*\) twice=\([0-9]*\) wrong=\([0-9]*\) reordered=\([0-9]*\)/\1 \2 \3 \4/p' "$log")
    [ -n "$DATAGRAMS" ] || fail "the receiver of datagrams ended without a summary: $(tail -n 1 "$log")"
    note "datagrams: $4 sent, $(tail -n 1 "$log")"
}
