# shellcheck shell=bash
# Culvert's own word against the kernel's and the peer's. Every function here does nothing when strongSwan is the responder.

# The objects of `sa list --json` that are CHILD_SAs, wherever the document holds them.
culvert_children() { culvert sa list --json | jq -c '.. | objects | select(has("spi_in"))'; }

# SPIs and counters of `sa list --json` are right; `sa show` prints the SPIs. The kernel knows its own counters; Culvert's engine is
# compared with what the peer sent and received, packet by packet.
culvert_counts_right() { # NAME
    [ "$RESPONDER" = culvert ] || return 0
    local child spi_in spi_out
    child=$(culvert_children | head -n 1)
    [ -n "$child" ] || fail "culvert sa list --json shows no CHILD_SA"
    spi_in=$(jq -r .spi_in <<<"$child")
    spi_out=$(jq -r .spi_out <<<"$child")
    if [ "$DATA_PLANE" = kernel ]; then
        culvert_agrees_with_kernel "$child" "$spi_in" "$spi_out"
    else
        culvert_agrees_with_peer "$child" "$spi_in" "$spi_out"
    fi
    culvert sa show "$1" >"$LAB_TMP/sa-show.log" || fail "culvert sa show $1 failed"
    expect "culvert sa show prints the SPI $spi_in" grep -q "$spi_in" "$LAB_TMP/sa-show.log"
    expect "culvert sa show prints the SPI $spi_out" grep -q "$spi_out" "$LAB_TMP/sa-show.log"
}

culvert_agrees_with_kernel() { # CHILD SPI-IN SPI-OUT
    expect_equal "counters of the inbound state $2" \
        "$(jq -r '"\(.bytes_in) \(.packets_in)"' <<<"$1")" "$(state_counters gwb "$2")"
    expect_equal "counters of the outbound state $3" \
        "$(jq -r '"\(.bytes_out) \(.packets_out)"' <<<"$1")" "$(state_counters gwb "$3")"
}

culvert_agrees_with_peer() { # CHILD SPI-IN SPI-OUT
    expect_equal "packets of the inbound state $2, and sent by A" \
        "$(jq -r .packets_in <<<"$1")" "$(state_counters gwa "$2" | cut -d' ' -f2)"
    expect_equal "packets of the outbound state $3, and received by A" \
        "$(jq -r .packets_out <<<"$1")" "$(state_counters gwa "$3" | cut -d' ' -f2)"
}

# culvert_status_is STATUS "what it means"
culvert_status_is() {
    [ "$RESPONDER" = culvert ] || return 0
    local status=0
    culvert status >"$LAB_TMP/status.log" 2>&1 || status=$?
    expect_equal "exit status of culvert status ($2)" "$status" "$1"
}

# The remote endpoint that culvert shows for a connection.
culvert_remote() { culvert status --json | jq -r --arg name "$1" '.peers[] | select(.name == $name) | .path.remote'; }
