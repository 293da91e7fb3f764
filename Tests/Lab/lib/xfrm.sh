# shellcheck shell=bash
# What the kernel of a gateway says, which is the same for every IKE daemon.

state_count() { ip -n "$1" xfrm state | grep -c '^src' || true; }

# Without the per-socket policies, which every IKE daemon has.
policy_count() { ip -n "$1" xfrm policy | grep -cE '^[[:space:]]*dir (in|out|fwd)' || true; }

state_spis() { ip -n "$1" xfrm state | sed -n 's/.*spi 0x\([0-9a-f]*\).*/\1/p' | sort; }

state_there() { ip -n "$1" xfrm state | grep -q "spi 0x$2"; } # NAMESPACE SPI

states_are() { [ "$(state_count "$1")" = "$2" ]; }

nothing_left() { [ "$(state_count "$1")" = 0 ] && [ "$(policy_count "$1")" = 0 ]; }

# "bytes packets" of one state. ip -s prints them after "lifetime current:".
state_counters() { # NAMESPACE SPI
    ip -n "$1" -s xfrm state | awk -v spi="0x$2" '
        $1 == "proto" && $2 == "esp" { found = $4 ~ "^" spi }
        /lifetime current:/ && found { getline; gsub(/\(bytes\),|\(packets\)/, ""); print $1, $2; exit }'
}

# The port that the state towards the peer encapsulates to.
encap_ports() { ip -n "$1" xfrm state | sed -n 's/.*encap type espinudp sport \([0-9]*\) dport \([0-9]*\).*/\1 \2/p'; }
