# shellcheck shell=bash
# Culvert's own word against the kernel's. Every function here does nothing when strongSwan is the responder.

# The objects of `sa list --json` that are CHILD_SAs, wherever the document holds them.
culvert_children() { culvert sa list --json | jq -c '.. | objects | select(has("spi_in"))'; }

# SPIs and counters of `sa list --json` are those of `ip -s xfrm state`; `sa show` prints the SPIs.
culvert_agrees_with_kernel() { # NAME
    [ "$RESPONDER" = culvert ] || return 0
    local child spi_in spi_out
    child=$(culvert_children | head -n 1)
    [ -n "$child" ] || fail "culvert sa list --json shows no CHILD_SA"
    spi_in=$(jq -r .spi_in <<<"$child")
    spi_out=$(jq -r .spi_out <<<"$child")
    expect_equal "counters of the inbound state $spi_in" \
        "$(jq -r '"\(.bytes_in) \(.packets_in)"' <<<"$child")" "$(state_counters gwb "$spi_in")"
    expect_equal "counters of the outbound state $spi_out" \
        "$(jq -r '"\(.bytes_out) \(.packets_out)"' <<<"$child")" "$(state_counters gwb "$spi_out")"
    culvert sa show "$1" >"$LAB_TMP/sa-show.log" || fail "culvert sa show $1 failed"
    expect "culvert sa show prints the SPI $spi_in" grep -q "$spi_in" "$LAB_TMP/sa-show.log"
    expect "culvert sa show prints the SPI $spi_out" grep -q "$spi_out" "$LAB_TMP/sa-show.log"
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
