# shellcheck shell=bash
# libreswan as site A: pluto in gwa's namespace, with a /run of its own, from the tree that Scripts/install-deps unpacks. It
# reads the same variables as strongSwan in its place (lib/sites.sh), and those of lib/peers.sh.

PLUTO_DIR=$LAB_PEERS/libreswan/usr/libexec/ipsec

# libreswan_algorithms PROPOSAL: its words for a proposal of swanctl.conf.
libreswan_algorithms() {
    local word words=()
    for word in ${1//-/ }; do
        case $word in
        aes128gcm16) words+=(aes_gcm128) ;;
        aes256gcm16) words+=(aes_gcm256) ;;
        aes128 | aes256) words+=("$word") ;;
        sha256 | prfsha256) words+=(sha2_256) ;;
        sha512 | prfsha512) words+=(sha2_512) ;;
        x25519) words+=(dh31) ;;
        *) fail "lib/libreswan.sh does not know what libreswan calls $word" ;;
        esac
    done
    local IFS=-
    echo "${words[*]}"
}

# An AEAD has no integrity algorithm, and libreswan wants that said when a group follows.
libreswan_esp() {
    local algorithms
    algorithms=$(libreswan_algorithms "$ESP_PROPOSAL")
    case $algorithms in aes_gcm*-dh*) algorithms=${algorithms/-dh/-none-dh} ;; esac
    echo "$algorithms"
}

# The first wait of a retransmission is half a second, and each is twice as long as the one before. rekeymargin is what is left
# of a lifetime when the rekeying begins.
libreswan_config() {
    local dir=$SITE_DIR/gwa auto=add
    [ "$PEER_ROLE" = responder ] || auto=start
    mkdir -p "$dir/run/pluto" "$dir/nss"
    [ -f "$dir/nss/cert9.db" ] || certutil -N -d "sql:$dir/nss" --empty-password
    cat >"$dir/ipsec.conf" <<CONF
config setup
    uniqueids=yes
    dnssec-enable=no

conn site-b
    auto=$auto
    authby=secret
    ikev2=insist
    left=$A_ADDRESS
    leftid=@a.example.org
    leftsubnet=$A_LOCAL_TS
    leftupdown=%disabled
    right=${A_REMOTE:-$B_ADDRESS}
    rightid=@b.example.org
    rightsubnet=$A_REMOTE_TS
    ike=$(libreswan_algorithms "$IKE_PROPOSAL")
    esp=$(libreswan_esp)
    ikelifetime=$((LIFE_IKE + 20))s
    salifetime=$((LIFE_CHILD + 20))s
    rekeymargin=20s
    rekeyfuzz=0%
    dpddelay=${DPD_DELAY}s
    dpdtimeout=$((DPD_DELAY * 3))s
    dpdaction=$([ "$auto" = start ] && echo restart || echo clear)
    retransmit-timeout=15s
CONF
    echo "@a.example.org @b.example.org : PSK \"$PSK_A\"" >"$dir/ipsec.secrets"
}

# pluto starts a helper from where its package installs it, and that loads the connections and begins those with auto=start. The
# guest's root is thrown away.
libreswan_start() {
    local dir=$SITE_DIR/gwa
    libreswan_config
    ln -sfn "$PLUTO_DIR" /usr/libexec/ipsec
    rm -rf "$dir/run/pluto"
    mkdir "$dir/run/pluto"
    # shellcheck disable=SC2016
    ip netns exec gwa bash -c 'mount --bind "$1/run" /run && exec "$2/pluto" --nofork --stderrlog --rundir /run/pluto \
        --config "$1/ipsec.conf" --secretsfile "$1/ipsec.secrets" --nssdir "$1/nss"' - "$dir" "$PLUTO_DIR" >>"$dir/daemon.log" 2>&1 &
    echo $! >"$dir/pid"
    track $!
    peer_is_ready libreswan_loaded
}

libreswan_loaded() { whack --status | grep -q '"site-b"'; }

whack() { "$PLUTO_DIR/whack" --ctlsocket "$SITE_DIR/gwa/run/pluto/pluto.ctl" "$@"; }

libreswan_stop() { stop TERM "$(peer_pid)"; }

libreswan_established() { whack --trafficstatus | grep -q 'site-b'; }

# The states that it has, for a diagnosis.
libreswan_status() { whack --showstates; whack --trafficstatus; }
