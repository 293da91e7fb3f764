# shellcheck shell=bash
# The ESP states of a gateway, in the same words whoever holds them: the kernel, culvertd's own engine, or strongSwan's
# libipsec. A CHILD_SA is two states, one for each direction. The kernel is asked itself; of the other two the daemon.

# What strongSwan and Culvert use for their routes.
LIBIPSEC_TABLE=220 CULVERT_TABLE=17238
# Culvert's rules that lead packets from its outer addresses past the table.
CULVERT_OUTSIDE=17237

# plane_of NAMESPACE: kernel, culvert or libipsec.
plane_of() {
    case $1:$DATA_PLANE:$RESPONDER in
    gwb:userspace:culvert) echo culvert ;;
    gwb:userspace:strongswan) echo libipsec ;;
    gwb:*) echo kernel ;;
    *) echo "$PEER_PLANE" ;;
    esac
}

# states NAMESPACE: one line each, "SPI SOURCE-PORT DESTINATION-PORT BYTES PACKETS"; the ports of UDP encapsulation are -
# without it.
states() { "states_$(plane_of "$1")" "$1"; }

# ip -s prints the counters on the line after "lifetime current:".
states_kernel() {
    ip -n "$1" -s xfrm state | awk '
        $1 == "proto"                        { spi = substr($4, 3, 8); from = to = "-" }
        $1 == "encap"                        { from = $5; to = $7 }
        counters                             { gsub(/\(bytes\),|\(packets\)/, ""); print spi, from, to, $1, $2; counters = 0 }
        /lifetime current:/                  { counters = 1 }'
}

# shellcheck disable=SC2016
states_culvert() {
    culvert status --json 2>/dev/null | jq -r '
        def line($spi; $from; $to; $bytes; $packets): "\($spi) \($from) \($to) \($bytes) \($packets)";
        .peers[] | .path as $path | .children[] | (.encap == "udp") as $udp |
        (if $udp then $path.local | split(":")[-1] else "-" end) as $ours |
        (if $udp then $path.remote | split(":")[-1] else "-" end) as $theirs |
        line(.spi_in; $theirs; $ours; .bytes_in; .packets_in), line(.spi_out; $ours; $theirs; .bytes_out; .packets_out)'
}

# Of an IKE_SA, `local` comes before `remote`; of a CHILD_SA, `in` before `out`.
states_libipsec() {
    [ -S "$SITE_DIR/$1/vici" ] || return 0
    swan "$1" --list-sas 2>/dev/null | awk '
        function port(word) { sub(/.*\[/, "", word); sub(/\].*/, "", word); return word }
        $1 == "local" && /@/                 { ours = port($NF) }
        $1 == "remote" && /@/                { theirs = port($NF) }
        $1 == "in"                           { print substr($2, 1, 8), theirs, ours, $3, $5 }
        $1 == "out"                          { print substr($2, 1, 8), ours, theirs, $3, $5 }'
}

state_count() { states "$1" | wc -l; }

state_spis() { states "$1" | cut -d' ' -f1 | sort; }

state_there() { states "$1" | grep -q "^$2 "; } # NAMESPACE SPI

states_are() { [ "$(state_count "$1")" = "$2" ]; }

# "bytes packets" of one state.
state_counters() { states "$1" | awk -v spi="$2" '$1 == spi { print $4, $5; exit }'; } # NAMESPACE SPI

# "source destination", the ports of UDP encapsulation, of each state that has it.
encap_ports() { states "$1" | awk '$2 != "-" { print $2, $3 }'; }

# The port that B sends a peer's ESP to.
encap_port_to_peer() { encap_ports gwb | awk '$1 == 4500 && $2 != 4500 { print $2; exit }'; }

# What leads packets into CHILD_SAs: policies in the kernel (three for each: in, out, fwd), else a route for each remote
# selector.
policy_count() { "policy_count_$(plane_of "$1")" "$1"; }

# Without the per-socket policies, which every IKE daemon has.
policy_count_kernel() { ip -n "$1" xfrm policy | grep -cE '^[[:space:]]*dir (in|out|fwd)' || true; }

# What Culvert keeps out of the tunnel has `throw` routes.
policy_count_culvert() { culvert_routes "$1" | grep -c ' dev ' || true; }

culvert_routes() { { ip -n "$1" route show table "$CULVERT_TABLE"; ip -n "$1" -6 route show table "$CULVERT_TABLE"; } 2>/dev/null; }

# rules_with NAMESPACE PATTERN: both families' rules.
rules_with() { { ip -n "$1" rule; ip -n "$1" -6 rule; } 2>/dev/null | grep -E "$2" || true; }

policy_count_libipsec() { ip -n "$1" route show table "$LIBIPSEC_TABLE" 2>/dev/null | grep -c . || true; }

# policies_for NAMESPACE NUMBER: as many as that number of CHILD_SAs needs.
policies_for() {
    local each=1
    [ "$(plane_of "$1")" != kernel ] || each=3
    [ "$(policy_count "$1")" = $((each * $2)) ]
}

nothing_left() {
    [ "$(state_count "$1")" = 0 ] && [ "$(policy_count "$1")" = 0 ] || return 1
    [ "$(plane_of "$1")" != culvert ] || [ -z "$(culvert_routes "$1"; rules_with "$1" "^$CULVERT_OUTSIDE:")" ]
}

# When the daemon has ended, its device and its rules are gone as well. (charon leaves its rule behind.)
nothing_left_of_daemon() {
    nothing_left "$1" || return 1
    [ "$(plane_of "$1")" = culvert ] || return 0
    [ -z "$(ip -n "$1" link show type tun)" ] && [ -z "$(rules_with "$1" "$CULVERT_TABLE")" ]
}

# selectors NAMESPACE: "OURS THEIRS" of each CHILD_SA.
selectors() { "selectors_$(plane_of "$1")" "$1"; }

selectors_kernel() { ip -n "$1" xfrm policy | awk '$1 == "src" && $3 == "dst" { pair = $2 " " $4 } $1 == "dir" && $2 == "out" { print pair }'; }

# shellcheck disable=SC2016
selectors_culvert() { culvert status --json | jq -r '.peers[].children[] | "\(.local_ts[]) \(.remote_ts[])"'; }

selectors_libipsec() {
    swan "$1" --list-sas | awk '$1 == "local" && !/@/ { ours = $2 } $1 == "remote" && !/@/ { print ours, $2 }'
}
