# shellcheck shell=bash
# ESP with fixed keys and no IKE: esp-tunnel (Benchmarks/esp) at B, and at A the kernel's own ESP or another esp-tunnel. There
# is no NAT on the path. A scenario may set the variables below before fixed_kernel or fixed_tunnel.
#   OUTER 4|6, the addresses of the gateways      ENCAP udp|bare      ESN yes|no
#   TUNNEL_OPTIONS, more for esp-tunnel           A_SEQUENCE, the sequence number that A's kernel used last

: "${OUTER:=4}" "${ENCAP:=udp}" "${ESN:=no}" "${TUNNEL_OPTIONS:=}" "${A_SEQUENCE:=0}"
SPI_TO_A=c0000001 SPI_TO_B=c0000002
TUNNEL_DEVICE=esp0

# fixed_begin: no NAT, and IPv6 inside as well: fd00:1::/64 at A, fd00:2::/64 at B.
fixed_begin() {
    [ "$RESPONDER" = strongswan ] || [ -x "$CULVERT_BIN/esp-tunnel" ] || fail "no esp-tunnel in $CULVERT_BIN: run 'swift build -c release'"
    mkdir -p "$SITE_DIR"
    nat_off
    inner_ipv6 hosta gwa 1
    inner_ipv6 hostb gwb 2
}

inner_ipv6() { # HOST GATEWAY NUMBER
    ip -n "$2" addr replace "fd00:$3::1/64" dev lan nodad
    ip -n "$1" addr replace "fd00:$3::2/64" dev eth0 nodad
    ip -n "$1" route replace default via "fd00:$3::1"
}

address_of() { # gwa|gwb: its outer address
    case $1$OUTER in
    gwa4) echo 192.168.1.2 ;;
    gwb4) echo 203.0.113.2 ;;
    gwa6) echo 2001:db8:a::2 ;;
    gwb6) echo 2001:db8:b::2 ;;
    esac
}

# key_bytes CIPHER: "encryption-key-with-salt integrity-key", in bytes (RFC 4106 §8.1, RFC 7634 §2, RFC 4868 §2.6).
key_bytes() {
    case $1 in
    aes128gcm16) echo 20 0 ;;
    aes256gcm16 | chacha20poly1305) echo 36 0 ;;
    aes128-sha256) echo 16 32 ;;
    aes256-sha256) echo 32 32 ;;
    aes256-sha384) echo 32 48 ;;
    aes256-sha512) echo 32 64 ;;
    esac
}

# The same key in all scenarios: 00 01 02 ...
key_hex() { # FIRST-BYTE COUNT
    local byte
    for ((byte = $1; byte < $1 + $2; byte++)); do printf '%02x' "$byte"; done
}

keymat() { # CIPHER
    local encryption integrity
    read -r encryption integrity < <(key_bytes "$1")
    key_hex 0 $((encryption + integrity))
}

# kernel_algorithm CIPHER: as ip xfrm wants it.
kernel_algorithm() {
    local encryption integrity icv
    read -r encryption integrity < <(key_bytes "$1")
    icv=$((integrity * 4))
    case $1 in
    *gcm16) echo "aead rfc4106(gcm(aes)) 0x$(key_hex 0 "$encryption") 128" ;;
    chacha*) echo "aead rfc7539esp(chacha20,poly1305) 0x$(key_hex 0 "$encryption") 128" ;;
    *) echo "enc cbc(aes) 0x$(key_hex 0 "$encryption")" \
        "auth-trunc hmac(sha$((integrity * 8))) 0x$(key_hex "$encryption" "$integrity") $icv" ;;
    esac
}

# The other end of the tunnel, seen from SITE.
far_end() { if [ "$1" = gwa ]; then echo gwb; else echo gwa; fi; }

site_number() { if [ "$1" = gwa ]; then echo 1; else echo 2; fi; }

# fixed_kernel SITE CIPHER: the kernel of gwa or gwb does ESP.
fixed_kernel() {
    local us them spi_in=$SPI_TO_B spi_out=$SPI_TO_A
    us=$(address_of "$1") them=$(address_of "$(far_end "$1")")
    [ "$1" = gwb ] || { spi_in=$SPI_TO_A spi_out=$SPI_TO_B; }
    [ "$ENCAP" = bare ] || kernel_takes_encapsulated "$1"
    {
        kernel_state "$2" "$us" "$them" "$spi_out" "replay-oseq $A_SEQUENCE"
        kernel_state "$2" "$them" "$us" "$spi_in"
        kernel_policies "$us" "$them" "10.$(site_number "$1").0.0/24" "10.$(site_number "$(far_end "$1")").0.0/24"
        kernel_policies "$us" "$them" "fd00:$(site_number "$1")::/64" "fd00:$(site_number "$(far_end "$1")")::/64"
    } >"$LAB_TMP/xfrm-$1.log"
    ip -n "$1" -batch "$LAB_TMP/xfrm-$1.log"
}

kernel_state() { # CIPHER SOURCE DESTINATION SPI [MORE]
    local encap="" esn=""
    [ "$ENCAP" = bare ] || encap="encap espinudp 4500 4500 0.0.0.0"
    [ "$ESN" = no ] || esn="flag esn"
    echo "xfrm state add src $2 dst $3 proto esp spi 0x$4 mode tunnel reqid 1 $(kernel_algorithm "$1") $encap" \
        "replay-window 128 ${5:-} $esn flag af-unspec"
}

kernel_policies() { # OUR-ADDRESS THEIR-ADDRESS OURS THEIRS
    echo "xfrm policy add src $3 dst $4 dir out tmpl src $1 dst $2 proto esp mode tunnel reqid 1"
    echo "xfrm policy add src $4 dst $3 dir in tmpl src $2 dst $1 proto esp mode tunnel reqid 1"
    echo "xfrm policy add src $4 dst $3 dir fwd tmpl src $2 dst $1 proto esp mode tunnel reqid 1"
}

# The kernel takes ESP in UDP only from a socket with UDP_ENCAP (100) = UDP_ENCAP_ESPINUDP (2).
kernel_takes_encapsulated() { # SITE
    [ ! -e "$LAB_TMP/encap-$1.log" ] || return 0
    ip netns exec "$1" python3 -c "import socket, time
sockets = [socket.socket(family, socket.SOCK_DGRAM) for family in (socket.AF_INET, socket.AF_INET6)]
sockets[1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
for each in sockets:
    each.bind(('', 4500)); each.setsockopt(socket.IPPROTO_UDP, 100, 2)
print('listening', flush=True); time.sleep(3600)" >"$LAB_TMP/encap-$1.log" 2>&1 &
    track "$!"
    wait_until 20 "$1 takes ESP in UDP" grep -q listening "$LAB_TMP/encap-$1.log"
}

kernel_forgets() { # SITE
    ip -n "$1" xfrm state flush
    ip -n "$1" xfrm policy flush
}

# fixed_ours SITE CIPHER, fixed_ours_end SITE: esp-tunnel, or with RESPONDER=strongswan the kernel in its place: shows that
# what the scenario asks for is ESP and nothing else.
fixed_ours() { if [ "$RESPONDER" = culvert ]; then fixed_tunnel "$@"; else fixed_kernel "$@"; fi; }

fixed_ours_end() { if [ "$RESPONDER" = culvert ]; then tunnel_stop "$@"; else kernel_forgets "$@"; fi; }

# fixed_tunnel SITE CIPHER: esp-tunnel at gwa or gwb; it routes what is behind the other into its device.
fixed_tunnel() {
    local site=$1 cipher=$2 other ours theirs spi_in=$SPI_TO_B spi_out=$SPI_TO_A options=$TUNNEL_OPTIONS
    other=$(far_end "$site") ours=$(site_number "$site") theirs=$(site_number "$(far_end "$site")")
    [ "$site" = gwb ] || { spi_in=$SPI_TO_A spi_out=$SPI_TO_B; }
    [ "$ENCAP" = udp ] || options+=" --bare"
    [ "$ESN" = no ] || options+=" --esn"
    # What an earlier one said must not count.
    rm -f "$LAB_TMP/tunnel-$site.log"
    # shellcheck disable=SC2086
    ip netns exec "$site" stdbuf -oL "$CULVERT_BIN/esp-tunnel" "$TUNNEL_DEVICE" "$(address_of "$site")" "$(address_of "$other")" 4500 "$cipher" \
        --key "$(keymat "$cipher")" --spi-in "$spi_in" --spi-out "$spi_out" \
        --local-ts "10.$ours.0.0/24" --local-ts "fd00:$ours::/64" --remote-ts "10.$theirs.0.0/24" --remote-ts "fd00:$theirs::/64" \
        $options >"$LAB_TMP/tunnel-$site.log" 2>&1 &
    echo $! >"$SITE_DIR/tunnel-$site.pid"
    track $!
    wait_until 10 "esp-tunnel of $site is ready" tunnel_ready "$site" "$!"
}

tunnel_ready() { # SITE PID
    running "$2" || fail "esp-tunnel of $1 ended at once: $(tail -n 3 "$LAB_TMP/tunnel-$1.log")"
    [ -e "$LAB_TMP/tunnel-$1.log" ] && grep -q '^ready' "$LAB_TMP/tunnel-$1.log"
}

tunnel_pid() { cat "$SITE_DIR/tunnel-$1.pid"; }

# tunnel_counter SITE KEY: one number of what esp-tunnel prints on SIGUSR1; 0 if it is not there.
tunnel_counter() {
    local log=$LAB_TMP/tunnel-$1.log before
    before=$(grep -c 'packets_in=' "$log" || true)
    kill -USR1 "$(tunnel_pid "$1")"
    wait_until 5 "esp-tunnel of $1 prints its counters" eval "[ \"\$(grep -c packets_in= '$log')\" -gt $before ]"
    grep 'packets_in=' "$log" | tail -n 1 | grep -o "\b$2=[0-9]*" | cut -d= -f2 | grep . || echo 0
}

tunnel_stop() { # SITE
    stop TERM "$(tunnel_pid "$1")"
    expect_equal "exit status of esp-tunnel at $1" "$STOPPED_WITH" 0
}

learn_mtu() { in_ns "$1" ping -n -c 1 -W 1 -s 4000 "$2" >/dev/null || true; } # FROM ADDRESS

# Small and large pings, of which the large ones must be fragmented, and a TCP transfer each way (echo_serve at both hosts).
fixed_try() { # 4|6: the inner addresses
    local a=10.1.0.2 b=10.2.0.2
    [ "$1" = 4 ] || { a=fd00:1::2 b=fd00:2::2; }
    # IPv6 hosts do not fragment before they were told to: "packet too big" costs the first one.
    [ "$1" = 4 ] || { learn_mtu hosta "$b"; learn_mtu hostb "$a"; }
    ping_through hosta "$b" 3
    ping_through hostb "$a" 3
    ping_through hosta "$b" 2 -s 4000
    ping_through hostb "$a" 2 -s 4000
    transfer hosta "$b" 300000
}

# Each cipher against A's kernel, with and without ESN.
fixed_ciphers() { # CIPHER...
    local cipher
    fixed_begin
    echo_serve hostb
    for cipher in "$@"; do
        for ESN in no yes; do
            note "$cipher, ESN $ESN"
            fixed_kernel gwa "$cipher"
            fixed_ours gwb "$cipher"
            fixed_try 4
            fixed_ours_end gwb
            kernel_forgets gwa
        done
    done
}
