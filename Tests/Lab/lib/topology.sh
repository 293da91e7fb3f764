# shellcheck shell=bash
# The network of every scenario, as namespaces of one guest:
#
#   hosta 10.1.0.2 -- gwa 192.168.1.2 --+
#                                       nat 198.51.100.10 -- inet -- 203.0.113.2 gwb -- 10.2.0.2 hostb
#   hostc 10.3.0.2 -- gwc 192.168.1.3 --+
#
# `inet` routes between the two public networks; what it sees is "the outside", and captures are made there. It also knows
# the way to 192.168.1.0/24 (and there is IPv6 from gwa to gwb), so that switching the NAT off is enough for a path without one.

# User-Mode Linux has no NAT for nftables; a host that has no legacy tables sets these otherwise.
: "${IPTABLES:=iptables-legacy}" "${IP6TABLES:=ip6tables-legacy}"

in_ns() { ip netns exec "$@"; }

topology_up() {
    ip -batch - <<'BATCH'
netns add hosta
netns add gwa
netns add hostc
netns add gwc
netns add nat
netns add inet
netns add gwb
netns add hostb
BATCH
    [ "$LAB_KERNEL" = uml ] || routers_on_host
    ip -batch - <<'BATCH'
link add eth0 netns hosta type veth peer name lan netns gwa
link add eth0 netns hostc type veth peer name lan netns gwc
link add wan netns gwa type veth peer name gwa netns nat
link add wan netns gwc type veth peer name gwc netns nat
link add wan netns nat type veth peer name nat netns inet
link add wan netns gwb type veth peer name gwb netns inet
link add eth0 netns hostb type veth peer name lan netns gwb
BATCH
    host_ns hosta 10.1.0
    host_ns hostc 10.3.0
    host_ns hostb 10.2.0
    gateway_ns gwa 10.1.0.1
    gateway_ns gwc 10.3.0.1
    gateway_ns gwb 10.2.0.1
    wan_restore
    nat_ns
    inet_ns
    nat_on
}

# A guest's own kernel has these settings for all namespaces (guest/kernel.sh). Routers that still look for duplicates of their
# IPv6 addresses drop packets.
routers_on_host() {
    local router
    for router in gwa gwc nat inet gwb; do
        in_ns "$router" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; cd /proc/sys/net/ipv6/conf
            echo 1 >all/forwarding; echo 0 >default/accept_dad; echo 0 >all/accept_dad'
    done
}

batch_in() { ip -n "$1" -batch -; }

host_ns() { # NAME PREFIX
    batch_in "$1" <<BATCH
link set lo up
link set eth0 up
addr add $2.2/24 dev eth0
route add default via $2.1
BATCH
}

gateway_ns() { # NAME LAN-ADDRESS
    batch_in "$1" <<BATCH
link set lo up
link set lan up
link set wan up
addr add $2/24 dev lan
BATCH
}

# The gateways' addresses outside, and their routes, whatever there is.
wan_restore() {
    gateway_wan gwa 192.168.1.2/24 192.168.1.1 2001:db8:a::2/64 2001:db8:a::1
    gateway_wan gwc 192.168.1.3/24 192.168.1.1 2001:db8:a::3/64 2001:db8:a::1
    gateway_wan gwb 203.0.113.2/24 203.0.113.1 2001:db8:b::2/64 2001:db8:b::1
}

gateway_wan() { # NAME ADDRESS ROUTER ADDRESS6 ROUTER6
    batch_in "$1" <<BATCH
addr flush dev wan scope global
addr add $2 dev wan
route replace default via $3
addr add $4 dev wan nodad
route replace default via $5
BATCH
}

nat_ns() {
    batch_in nat <<'BATCH'
link add br0 type bridge
link set gwa master br0 up
link set gwc master br0 up
link set br0 up
link set wan up
link set lo up
addr add 192.168.1.1/24 dev br0
addr add 198.51.100.10/24 dev wan
route add default via 198.51.100.1
addr add 2001:db8:a::1/64 dev br0 nodad
addr add 2001:db8:c::2/64 dev wan nodad
route add default via 2001:db8:c::1
BATCH
    # A NAT that forgot a mapping drops what still arrives for it, as most do.
    in_ns nat "$IPTABLES" -A INPUT -i wan -p udp -j DROP
}

inet_ns() {
    batch_in inet <<'BATCH'
link set lo up
link set nat up
link set gwb up
addr add 198.51.100.1/24 dev nat
addr add 203.0.113.1/24 dev gwb
route add 192.168.1.0/24 via 198.51.100.10
addr add 2001:db8:c::1/64 dev nat nodad
addr add 2001:db8:b::1/64 dev gwb nodad
route add 2001:db8:a::/64 via 2001:db8:c::2
BATCH
}

# A NAT that never keeps the port. It masquerades everything, so that inner packets that leak are seen outside as well.
nat_on() { nat_ports 20000-40000; }

nat_off() {
    in_ns nat "$IPTABLES" -t nat -F POSTROUTING
    in_ns nat conntrack -F >/dev/null 2>&1
}

nat_ports() { # RANGE
    in_ns nat "$IPTABLES-restore" <<RULES
*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -o wan -p udp -j MASQUERADE --to-ports $1 --random
-A POSTROUTING -o wan -j MASQUERADE
COMMIT
RULES
}

# What a router does when it restarts: every mapping is forgotten and the next packet gets a port it never had.
nat_rebind() { # RANGE
    nat_ports "$1"
    in_ns nat conntrack -F >/dev/null 2>&1
}

# Puts B behind a NAT as well: who sends to the outside's address 198.51.100.1 reaches B.
b_behind_nat() {
    in_ns inet "$IPTABLES" -t nat -A PREROUTING -i nat -d 198.51.100.1 -p udp -j DNAT --to-destination 203.0.113.2
}

# Puts B behind a NAT that lets it call: it comes from 198.51.100.1 and another port.
b_calls_from_behind_nat() {
    in_ns inet "$IPTABLES" -t nat -A POSTROUTING -o nat -s 203.0.113.2 -p udp -j MASQUERADE --to-ports 30000-40000 --random
}

# A's NAT forwards two ports: who sends to 198.51.100.10 reaches A.
a_forwarded() {
    local port
    for port in 500 4500; do
        in_ns nat "$IPTABLES" -t nat -A PREROUTING -i wan -p udp --dport "$port" -j DNAT --to-destination 192.168.1.2
    done
}

# Gives a gateway another address outside in place of the one that it has, as another network would: the old one and all routes
# by it go first.
wan_address() { # NAMESPACE OLD/LENGTH NEW/LENGTH ROUTER
    batch_in "$1" <<BATCH
addr del $2 dev wan
addr add $3 dev wan
route add default via $4
BATCH
}

# Cuts the path between the sites: packets vanish, nobody is told.
path_cut() { in_ns inet "$IPTABLES" -A FORWARD -j DROP; in_ns inet "$IP6TABLES" -A FORWARD -j DROP; }

path_restore() { in_ns inet "$IPTABLES" -F FORWARD; in_ns inet "$IP6TABLES" -F FORWARD; }
