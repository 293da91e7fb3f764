# shellcheck shell=bash
# OpenIKED as site A: iked in gwa's namespace, from the tree that Scripts/install-deps unpacks. It reads the same variables as
# strongSwan in its place (lib/sites.sh), and those of lib/peers.sh. On Linux it speaks PF_KEY, and of the algorithms
# that we have in common it can install AES-CBC with HMAC-SHA-512 only; AEAD proposals it leaves out without a word.

IKED=$LAB_PEERS/openiked/usr/sbin

# openiked_algorithms ikesa|childsa PROPOSAL: its words for a proposal of swanctl.conf.
openiked_algorithms() {
    local word words=("$1") hash=auth
    for word in ${2//-/ }; do
        case $word in
        aes128gcm16) words+=(enc aes-128-gcm) hash=prf ;;
        aes256gcm16) words+=(enc aes-256-gcm) hash=prf ;;
        aes128) words+=(enc aes-128) ;;
        aes256) words+=(enc aes-256) ;;
        sha256) words+=("$hash" hmac-sha2-256) ;;
        sha512) words+=("$hash" hmac-sha2-512) ;;
        prfsha256) words+=(prf hmac-sha2-256) ;;
        prfsha512) words+=(prf hmac-sha2-512) ;;
        x25519) words+=(group curve25519) ;;
        *) fail "lib/openiked.sh does not know what OpenIKED calls $word" ;;
        esac
    done
    echo "${words[*]}"
}

# Its times are seconds without a letter.
openiked_config() {
    local dir=$SITE_DIR/gwa mode=active peer=${A_REMOTE:-$B_ADDRESS}
    [ "$PEER_ROLE" = initiator ] || mode=passive
    [ "$peer" != %any ] || peer=any
    mkdir -p "$dir/run" "$dir/empty"
    cat >"$dir/iked.conf" <<CONF
set dpd_check_interval $DPD_DELAY
set enforcesingleikesa
set nomobike
set fragmentation
ikev2 "site-b" $mode esp from $A_LOCAL_TS to $A_REMOTE_TS local $A_ADDRESS peer $peer \\
    $(openiked_algorithms ikesa "$IKE_PROPOSAL") \\
    $(openiked_algorithms childsa "$ESP_PROPOSAL") \\
    srcid a.example.org dstid b.example.org \\
    ikelifetime $LIFE_IKE lifetime $LIFE_CHILD \\
    psk "$PSK_A"
CONF
    chmod 600 "$dir/iked.conf"
    openiked_user "$dir"
}

# Its processes change to the user _iked, whom the package would make, and to that user's home as root directory. The guest's
# own /etc stays as it is.
openiked_user() { # DIRECTORY
    { cat /etc/passwd; echo "_iked:x:64001:64001::$1/empty:/usr/sbin/nologin"; } >"$1/passwd"
    { cat /etc/group; echo "_iked:x:64001:"; } >"$1/group"
    # It does not start without its directories and a key pair, though it needs none of it; the guest's root is thrown away.
    cp -R "$LAB_PEERS/openiked/etc/iked" /etc
    [ -e /etc/iked/private/local.key ] || openssl ecparam -genkey -name prime256v1 -noout -out /etc/iked/private/local.key
}

openiked_start() {
    local dir=$SITE_DIR/gwa
    openiked_config
    # shellcheck disable=SC2016
    ip netns exec gwa bash -c 'mount --bind "$1/run" /run && mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/group" /etc/group &&
        exec "$2/iked" -d -v -f "$1/iked.conf" -s "$1/run/iked.sock"' - "$dir" "$IKED" >>"$dir/daemon.log" 2>&1 &
    echo $! >"$dir/pid"
    track $!
    peer_is_ready iked_control show sa
}

iked_control() { "$IKED/ikectl" -s "$SITE_DIR/gwa/run/iked.sock" "$@"; }

openiked_stop() { stop TERM "$(peer_pid)"; }

openiked_established() { iked_control show sa | grep -q 'ESTABLISHED'; }

openiked_status() { iked_control show sa; }
