# shellcheck shell=bash
# Captures on the outside: everything that crosses `inet`, on both of its links.

capture_start() { # FILE [INTERFACE]
    CAPTURE=$1
    ip netns exec inet tcpdump -i "${2:-any}" -n -U --immediate-mode -s 0 -w "$CAPTURE" 2>"$CAPTURE.err" &
    CAPTURE_PID=$!
    track "$CAPTURE_PID"
    wait_until 10 "tcpdump listens" grep -q 'listening on' "$CAPTURE.err"
}

capture_stop() {
    sleep 0.3
    kill -INT "$CAPTURE_PID"
    wait "$CAPTURE_PID" || true
}

captured() { tcpdump -n -r "$CAPTURE" "$@" 2>/dev/null; } # FILTER

captured_count() { captured "$@" | grep -c . || true; }

# expect_captured "sentence" FILTER: at least one packet.
expect_captured() { [ "$(captured_count "$2")" -gt 0 ] || fail "the outside did not see $1"; }

expect_not_captured() {
    local count
    count=$(captured_count "$2")
    [ "$count" = 0 ] || fail "the outside saw $count times $1: $(captured "$2" | head -n 2)"
}

# UDP on port 4500 with a non-ESP marker (4 zero bytes) is IKE; without one it is ESP, unless it is one byte long. (pcap
# filters cannot look into UDP over IPv6, so these see IPv4 only.)
NATT_IKE='udp port 4500 and udp[4:2] > 12 and udp[8:4] = 0'
NATT_ESP='udp port 4500 and udp[4:2] > 12 and udp[8:4] != 0'

# ARP and IPv6's neighbour and listener discovery are no traffic of the sites.
SITES='(ip or ip6) and not dst net ff02::/16 and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 137)'

# A piece of an IP packet, and one that is not the first.
FRAGMENT='ip[6:2] & 0x3fff != 0 or ip6 proto 44' LATER_FRAGMENT='ip[6:2] & 0x1fff != 0'

# Nothing but IKE on 500 and what UDP 4500 carries.
expect_only_udp_encapsulated() {
    expect_not_captured "something that is neither UDP 500 nor UDP 4500" "$SITES and not (udp port 500 or udp port 4500)"
    expect_captured "ESP in UDP 4500" "$NATT_ESP"
    expect_captured "IKE on UDP 4500" "$NATT_IKE"
}

# The UDP payload of the last packet over IPv4 that matches, in hex.
last_payload() { # FILTER
    captured -x "$1" | awk '
        /^\t0x/ { sub(/^[^:]*: */, ""); gsub(/ /, ""); hex = hex $0; next }
        { hex = "" }
        END { print substr(hex, 57) }'
}

# send_udp NAMESPACE ADDRESS PORT HEX: one datagram, from any port. (bash's own printf would split it at every 0x0a.)
send_udp() {
    local escaped="" at
    for ((at = 0; at < ${#4}; at += 2)); do escaped+="\\x${4:at:2}"; done
    # shellcheck disable=SC2016
    in_ns "$1" bash -c 'exec env printf "$1" >"/dev/udp/$2/$3"' - "$escaped" "$2" "$3"
}
