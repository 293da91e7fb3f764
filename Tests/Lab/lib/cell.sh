# shellcheck shell=bash
# One cell of the matrix: Culvert against one other daemon, one of them beginning, with the NAT at one place. A scenario sets PEER
# and PEER_ROLE and calls run_cell; Tests/Lab/matrix sets the variables below for all of them.
#   CELL_NAT      none, theirs (A's), ours (B's) or both
#   CELL_CHECKS   of: tunnel rekey rebind peer-killed culvertd-killed loss
#   CELL_LENGTH   full as in the matrix, or short: the rekeyings of 18 s
# Each check is judged by itself, and its verdict is a line "CHECK VERDICT SECONDS REASON" in $CELL_RESULTS. A verdict is pass,
# fail, or fault: the check failed as known_fault says that this peer must.

: "${CELL_NAT:=theirs}" "${CELL_CHECKS:=tunnel rekey}" "${CELL_LENGTH:=short}"
CELL_RESULTS=$LAB_TMP/cell.out

# A request is repeated for 16 s: with every fifth packet lost on each way, one in 20,000 exchanges fails.
RETRANSMIT_BASE=1.1 RETRANSMIT_TRIES=9 GIVEN_UP_AFTER=16

# After how many seconds CHILD_SAs and IKE_SAs are renewed, for how long that is watched, and how many of each there must have been.
case $CELL_LENGTH in
full) SHORT_LIVES="20 45" REKEY_SECONDS=70 CHILD_SAS_AT_LEAST=3 IKE_SAS_AT_LEAST=2 ;;
short) SHORT_LIVES="4 3600" REKEY_SECONDS=18 CHILD_SAS_AT_LEAST=2 IKE_SAS_AT_LEAST=1 ;;
esac
# The same where packets are lost, since a rekeying may take longer then, and for a rebind, which a rekeying would set right.
LONG_LIVES="40 100"
B_SITES=a
ESP_PROPOSAL=aes128gcm16-x25519
# strongSwan keeps the inbound half of what was rekeyed for five seconds: longer than the short lifetimes.
B_CHARON="delete_rekeyed_delay = 1"

# What B's configuration says besides, from LIFE_CHILD and LIFE_IKE. Who begins renews keys first: if that is the peer, Culvert has
# its defaults, which are hours, and verify_rekey; if it is Culvert, the peer's lifetimes are longer. The daemon in B's place, when
# it is not Culvert (RESPONDER), calls in other words.
b_words() {
    B_CONNECTION="dpd_delay = ${DPD_DELAY}s" B_CHILD=""
    begins b || return 0
    B_CONNECTION+="
        rekey_time = ${LIFE_IKE}s
        over_time = 60s
        rand_time = 0s"
    B_CHILD="start_action = start
                rekey_time = ${LIFE_CHILD}s
                life_time = $((LIFE_CHILD + 60))s
                rand_time = 0s"
    LIFE_CHILD=$((LIFE_CHILD * 3 / 2)) LIFE_IKE=$((LIFE_IKE * 3 / 2))
    [ "$RESPONDER" = culvert ] || {
        B_CONNECTION+="
        keyingtries = 0"
        B_CHILD+="
                dpd_action = restart"
    }
}

# shellcheck source=Tests/Lab/lib/cell-nats.sh
. "$LAB_DIR/lib/cell-nats.sh"

# --- What counts as well

tunnel_works() { in_ns hosta ping -n -c 1 -W 1 10.2.0.2 && in_ns hostb ping -n -c 1 -W 1 10.1.0.2; }

# Seconds after which a tunnel that broke stands again: the side that is to notice asks after DPD_DELAY, gives up, and calls.
# OpenIKED on Linux cannot ask the kernel when an SA was last used, so it asks for a sign of life after 300 s without IKE; and it cannot
# be told how long to repeat a request (126 s) and how often to begin what does not stand (every 60 s).
recovery_time() {
    local unheard=$DPD_DELAY given_up=$GIVEN_UP_AFTER
    [ "$PEER:$PEER_ROLE" != openiked:initiator ] || unheard=300 given_up=$((126 + 60))
    echo $((unheard + given_up + 15))
}

# How many ESP packets came to B for an SPI whose keys it did not have yet, and to either for one that it did not know; Culvert's own ESP
# does not tell these apart.
# shellcheck disable=SC2016
stray_packets() {
    local words='$1 == "XfrmAcquireError" { early += $2 } $1 == "XfrmInNoStates" { unknown += $2 } END { print early + 0, unknown + 0 }'
    if [ "$(plane_of gwb)" = culvert ]; then
        { culvert status --json | jq -r '.data_plane.dropped.unknown_spi // 0 | "XfrmAcquireError \(.)\nXfrmInNoStates \(.)"'
            in_ns gwa grep XfrmInNoStates /proc/net/xfrm_stat; } | awk "$words"
    else
        { in_ns gwb cat /proc/net/xfrm_stat; in_ns gwa grep XfrmInNoStates /proc/net/xfrm_stat; } | awk "$words"
    fi
}

ike_spi_pairs() {
    if [ "$RESPONDER" = strongswan ]; then swan_ike_spis gwb; else
        culvert status --json | jq -r '.peers[] | select(.ike != null) | "\(.ike.spi_i) \(.ike.spi_r)"'
    fi
}

# watch_keys SECONDS: leaves how many CHILD_SAs and IKE_SAs B had in CHILD_SAS_SEEN and IKE_SAS_SEEN.
watch_keys() {
    local deadline=$((SECONDS + $1))
    : >"$LAB_TMP/esp-spis.out"
    : >"$LAB_TMP/ike-spis.out"
    while [ "$SECONDS" -lt "$deadline" ]; do
        state_spis gwb >>"$LAB_TMP/esp-spis.out"
        ike_spi_pairs >>"$LAB_TMP/ike-spis.out"
        sleep 2
    done
    CHILD_SAS_SEEN=$(($(sort -u "$LAB_TMP/esp-spis.out" | grep -c .) / 2))
    IKE_SAS_SEEN=$(sort -u "$LAB_TMP/ike-spis.out" | grep -c .)
}

# --- The checks. Each begins with a tunnel that stands and leaves one behind, if it passes.

# Hosts behind both gateways ping each other, with small packets and with such as need fragments.
check_tunnel() {
    ping_through hosta 10.2.0.2 3
    ping_through hostb 10.1.0.2 3
    ping_through hosta 10.2.0.2 2 -s 4000
    wait_until 10 "B has the states of one CHILD_SA" states_are gwb 2
}

# A ping, while either side renews keys as it likes: nothing is lost (RFC 7296 §2.8).
check_rekey() {
    local before
    before=$(stray_packets)
    ping_start hosta 10.2.0.2
    watch_keys "$REKEY_SECONDS"
    ping_stop
    echo "$PING_LOST $before $(stray_packets)" >"$LAB_TMP/rekey-losses.out"
    note "CHILD_SAs: $CHILD_SAS_SEEN, IKE_SAs: $IKE_SAS_SEEN"
    expect_equal "number of pings lost" "$PING_LOST" 0
    [ "$CHILD_SAS_SEEN" -ge "$CHILD_SAS_AT_LEAST" ] || fail "B had $CHILD_SAS_SEEN CHILD_SAs within $REKEY_SECONDS s: nobody renewed keys"
    [ "$IKE_SAS_SEEN" -ge "$IKE_SAS_AT_LEAST" ] || fail "the IKE_SA was never renewed within $REKEY_SECONDS s"
    ping_through hostb 10.1.0.2 3
    wait_until 20 "B has the states of one CHILD_SA" states_are gwb 2
}

# The NAT forgets its mappings and uses other ports from then on: one ping in a row may be lost (RFC 7296 §2.23). The ping comes
# from behind the NAT, and if there are two from the side that can reach the other one.
check_rebind() {
    local from=hosta to=10.2.0.2
    case $CELL_NAT in
    ours) from=hostb to=10.1.0.2 ;;
    both) begins a || from=hostb to=10.1.0.2 ;;
    esac
    ping_start "$from" "$to" 1
    wait_until 10 "pings are answered" ping_answers_beyond 1
    rebind
    sleep 2
    a_sends_to_ports >"$LAB_TMP/rebind-ports.out"
    sleep 8
    ping_stop
    note "ports that A sent ESP to after two seconds: $(cat "$LAB_TMP/rebind-ports.out")"
    [ "$PING_GAP" -le 1 ] || fail "$PING_GAP pings in a row were lost"
    wait_until 5 "pings pass both ways" tunnel_works
}

# back_within SECONDS "what happened": the pings that ping_start began are answered again, and so are those of the other side.
back_within() {
    local before since=$SECONDS
    before=$(ping_received)
    wait_until "$1" "pings are answered after $2" ping_answers_beyond "$before"
    note "pings are answered $((SECONDS - since)) s after $2"
    ping_stop
    wait_until 5 "pings pass both ways" tunnel_works
    ping_through hosta 10.2.0.2 3
    wait_until $((DPD_DELAY + GIVEN_UP_AFTER + 10)) "B has the states of one CHILD_SA" states_are gwb 2
}

# The peer dies without a word and is started again.
check_peer_killed() {
    ping_start hosta 10.2.0.2
    peer_crash
    peer_start
    back_within "$(recovery_time)" "the peer was killed"
}

# culvertd is killed and started again: what it left in the kernel is of no use to anybody.
check_culvertd_killed() {
    ping_start hosta 10.2.0.2
    b_kill
    b_start
    back_within "$(recovery_time)" "culvertd was killed"
}

# Two minutes in which every fifth packet of either direction is lost. Of the pings, 64 % are answered when all else is well: once in
# 150,000 runs fewer than half are, and once in 80,000 more than fifteen in a row are not.
check_loss() {
    local before
    before=$(stray_packets)
    in_ns inet tc qdisc add dev nat root netem loss 20%
    in_ns inet tc qdisc add dev gwb root netem loss 20%
    ping_start hosta 10.2.0.2 0.5
    sleep 120
    ping_stop
    echo "$PING_GAP $before $(stray_packets) $PING_SENT $PING_LOST" >"$LAB_TMP/gap.out"
    in_ns inet tc qdisc del dev nat root
    in_ns inet tc qdisc del dev gwb root
    [ $((PING_LOST * 2)) -le "$PING_SENT" ] || fail "of $PING_SENT pings $PING_LOST were lost, which the path did not do alone"
    [ "$PING_GAP" -le 15 ] || fail "$PING_GAP pings in a row were lost, which the path did not do alone"
    wait_until "$(recovery_time)" "pings pass both ways after the loss" tunnel_works
    ping_through hosta 10.2.0.2 10
    ping_through hostb 10.1.0.2 10
    wait_until $((GIVEN_UP_AFTER + 10)) "B has the states of one CHILD_SA" states_are gwb 2
}

# --- Running them

# Every ping that was lost came for a CHILD_SA whose keys B did not have yet; for one that was deleted already.
answered_early() { awk '{ exit !($1 > 0 && $1 <= $4 - $2) }' "$LAB_TMP/rekey-losses.out" 2>/dev/null; }
sent_late() { awk '{ exit !($1 > 0 && $1 <= $5 - $3) }' "$LAB_TMP/rekey-losses.out" 2>/dev/null; }

# The same where packets are lost: while the answer to a rekeying is repeated, all that the peer sends is early.
outage_was_early() { awk '{ early = $4 - $2; exit !(early > 0 && $1 - early <= 15 && ($7 - early) * 2 <= $6) }' "$LAB_TMP/gap.out" 2>/dev/null; }

# The limit of a peer that failed a check here, with where it is described, if that is what was seen; nothing if it must pass.
known_fault() { # CHECK
    case $PEER:$PEER_ROLE:$CELL_NAT:$1 in
    openiked:responder:ours:rebind | openiked:responder:both:rebind)
        ! follows_not || echo "OpenIKED answers IKE at our new port and goes on sending ESP to the old one" ;;
    libreswan:responder:ours:rebind | libreswan:responder:both:rebind)
        ! follows_not || echo "libreswan goes on sending ESP to our old port: libreswan#1645" ;;
    libreswan:responder:*:rekey | openiked:responder:*:rekey)
        ! answered_early || echo "sends on a new CHILD_SA before we can have its answer, as RFC 7296 §2.8 permits at the cost of packets" ;;
    libreswan:*:loss | openiked:*:loss)
        ! outage_was_early || echo "sends on a new CHILD_SA before we can have its answer, as RFC 7296 §2.8 permits at the cost of packets" ;;
    openiked:initiator:*:rekey)
        ! sent_late || echo "deletes the old CHILD_SA before it sends on the new one, and forgets it before we have answered" ;;
    esac
}

applies() { [ "$1" != rebind ] || [ "$CELL_NAT" != none ]; } # CHECK

# Both begin anew when the lifetimes change.
lifetimes_for() { # CHECK
    local before=$LIFE_CHILD
    case $1 in
    tunnel | rekey) read -r LIFE_CHILD LIFE_IKE <<<"$SHORT_LIVES" ;;
    *) read -r LIFE_CHILD LIFE_IKE <<<"$LONG_LIVES" ;;
    esac
    b_words
    [ "$TUNNEL_STANDS" = yes ] && [ "$LIFE_CHILD" != "$before" ] || return 0
    cell_end
    TUNNEL_STANDS=no
}

# Both anew: for the first check, and after one that failed.
cell_begin() {
    local first second
    if begins a; then first=b_start second=peer_start; else first=peer_start second=b_start; fi
    "$first"
    "$second"
    wait_until 30 "a tunnel stands" tunnel_works
}

cell_end() {
    ! running "$(peer_pid)" || peer_crash
    ! running "$(b_pid)" || b_kill
    ip -n gwa xfrm state flush
    ip -n gwa xfrm policy flush
    in_ns inet tc qdisc del dev nat root 2>/dev/null || true
    in_ns inet tc qdisc del dev gwb root 2>/dev/null || true
    mappings_forgotten
}

# A shell of its own, in the background: there a failure ends the check and not the cell, which it would not in a condition.
judge() { # CHECK
    local since=$SECONDS verdict=pass reason fault status=0
    note "check $1"
    { [ "$TUNNEL_STANDS" = yes ] || cell_begin; "check_${1//-/_}"; } 2>"$LAB_TMP/check.out" &
    wait $! || status=$?
    cat "$LAB_TMP/check.out" >&2
    reason=$(sed -n 's/^FAILED: //p' "$LAB_TMP/check.out" | head -n 1)
    TUNNEL_STANDS=yes
    if [ "$status" != 0 ]; then
        TUNNEL_STANDS=no verdict=fail reason=${reason:-it ended with status $status}
        fault=$(known_fault "$1")
        [ -z "$fault" ] || verdict=fault reason="$fault ($reason)"
        peer_status || true
        cell_end
    fi
    echo "$1 $verdict $((SECONDS - since)) $reason" | tee -a "$CELL_RESULTS"
}

run_cell() {
    local check
    : >"$CELL_RESULTS"
    TUNNEL_STANDS=no
    cell_network
    for check in $CELL_CHECKS; do
        if applies "$check"; then
            lifetimes_for "$check"
            judge "$check"
        else
            echo "$check none 0 there is no NAT" >>"$CELL_RESULTS"
        fi
    done
    ! grep -q '^[^ ]* fail ' "$CELL_RESULTS" || fail "$(grep -c '^[^ ]* fail ' "$CELL_RESULTS") checks of this cell failed"
}
