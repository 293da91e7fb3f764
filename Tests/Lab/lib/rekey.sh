# shellcheck shell=bash
# Steps that several scenarios share.

# A rekeys its CHILD_SA by itself, three times or more, under ping.
rekey_child_under_ping() {
    local first spi
    first=$(state_spis gwb)
    ping_start hosta 10.2.0.2
    wait_until 40 "the CHILD_SA was rekeyed three times" children_closed 3
    ping_stop
    expect_equal "number of pings lost" "$PING_LOST" 0
    # A gateway may keep receiving on an old CHILD_SA for a while, but not for ever: the peer goes on rekeying.
    for spi in $first; do
        wait_until 20 "the first SPI $spi is gone from B" not state_there gwb "$spi"
    done
    [ "$(state_count gwb)" -le 8 ] || fail "B collects states: $(state_count gwb)"
    expect_equal "number of IKE_SAs that A ever established" "$(swan_log_count gwa 'IKE_SA site-b\[[0-9]+\] established')" 1
    ping_through hostb 10.1.0.2
    swan gwa --terminate --ike site-b --timeout 10
    wait_until 15 "B has no states and policies" nothing_left gwb
}

children_closed() { [ "$(swan_log_count gwa 'CHILD_SA closed')" -ge "$1" ]; }

# The CHILD_SA, then the IKE_SA, once each, and the tunnel still works.
rekey_once() {
    local before
    before=$(state_spis gwb)
    swan gwa --rekey --child net || fail "A could not rekey its CHILD_SA"
    wait_until 15 "the old CHILD_SA is closed" children_closed 1
    wait_until 20 "B has deleted the old states" states_are gwb 2
    expect_equal "SPIs of B that outlived the rekey" "$(comm -12 <(echo "$before") <(state_spis gwb))" ""
    ping_through hosta 10.2.0.2
    swan gwa --rekey --ike site-b || fail "A could not rekey its IKE_SA"
    wait_until 15 "the old IKE_SA is deleted" swan_logged gwa 'IKE_SA deleted'
    ping_through hosta 10.2.0.2
}

# After a child that failed: the IKE_SA is up, answers liveness checks (A needs dpd_delay), and no states.
childless_ike_stays_up() {
    expect "the IKE_SA is up" swan_established gwa site-b
    wait_until 10 "the childless IKE_SA answers a liveness check" swan_logged gwa 'parsed INFORMATIONAL response [0-9]+ \[ \]'
    expect "the IKE_SA is still up" swan_established gwa site-b
    expect "B has no states and no policies" nothing_left gwb
}
