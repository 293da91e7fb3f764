# shellcheck shell=bash
# The NATs of a cell (lib/cell.sh). Either forwards UDP 500 and 4500 to a gateway that must be reached; otherwise it lets through what
# it has a mapping for. What the gateway begins comes from another port.

begins() { [ "$PEER_ROLE" = "$([ "$1" = a ] && echo initiator || echo responder)" ]; } # a|b

nat_of_a() { # PORTS
    nat_ports "$1"
    begins a || a_forwarded
}

nat_of_b() { # PORTS
    in_ns inet "$IPTABLES-restore" <<RULES
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
$(begins b || echo "-A PREROUTING -i nat -d 198.51.100.1 -p udp -j DNAT --to-destination 203.0.113.2")
-A POSTROUTING -o nat -s 203.0.113.2 -p udp -j MASQUERADE --to-ports $1 --random
COMMIT
*filter
-A INPUT -i nat -p udp -j DROP
COMMIT
RULES
}

mappings_forgotten() {
    in_ns nat conntrack -F >/dev/null 2>&1
    in_ns inet conntrack -F >/dev/null 2>&1
}

cell_network() {
    local a_outside=192.168.1.2
    A_REMOTE=203.0.113.2
    nat_off
    case $CELL_NAT in
    none) ;;
    theirs) nat_of_a 20000-29999 ;;
    ours) nat_of_b 30000-39999 ;;
    both) nat_of_a 20000-29999; nat_of_b 30000-39999 ;;
    *) fail "CELL_NAT=$CELL_NAT: it is none, theirs, ours or both" ;;
    esac
    mappings_forgotten
    case $CELL_NAT in theirs | both) a_outside=198.51.100.10 ;; esac
    case $CELL_NAT in ours | both) if begins a; then A_REMOTE=198.51.100.1; else A_REMOTE=%any; fi ;; esac
    if begins b; then B_CALLS=$a_outside; fi
}

# What routers do when they restart: nothing that was mapped is known any more. New ports alone change nothing for what has a
# mapping. Both forget between two pings: if one passed in between, there would have been two rebinds.
rebind() {
    local seen
    case $CELL_NAT in
    theirs) nat_of_a 40000-49999 ;;
    ours) nat_of_b 50000-59999 ;;
    both) nat_of_a 40000-49999; nat_of_b 50000-59999 ;;
    esac
    seen=$(ping_received)
    wait_until 5 "a ping is answered" ping_answers_beyond "$seen"
    mappings_forgotten
}

# Where A sends ESP to: the ports of its outbound states.
a_sends_to_ports() { ip -n gwa xfrm state | awk '/encap type/ && $5 == 4500 && $7 != 4500 { print $7 }' | sort -u | tr '\n' ' '; }

# A daemon that does not follow B's new mapping leaves its ESP on a port of B's first range.
follows_not() { awk '{ for (i = 1; i <= NF; i++) if ($i < 50000) old = 1 } END { exit !old }' "$LAB_TMP/rebind-ports.out" 2>/dev/null; }
