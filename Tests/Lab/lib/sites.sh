# shellcheck shell=bash
# Sites A and C: strongSwan gateways behind the NAT that initiate. A scenario sets the variables below before a_start.

: "${A_ADDRESS:=192.168.1.2}" "${B_ADDRESS:=203.0.113.2}"
: "${IKE_PROPOSAL:=aes128gcm16-prfsha256-x25519}" "${ESP_PROPOSAL:=aes128gcm16}"
: "${PSK_A:=a secret that only A and B know}" "${PSK_C:=another one for C and B alone}"
: "${A_LOCAL_TS:=10.1.0.0/24}" "${A_REMOTE_TS:=10.2.0.0/24}"
# Settings of swanctl.conf to add to A's connection and to its child.
: "${A_CONNECTION:=}" "${A_CHILD:=}"

peer_config() { # SITE ID ADDRESS LOCAL_TS PSK
    cat <<CONF
connections {
    site-b {
        local_addrs = $3
        remote_addrs = ${A_REMOTE:-$B_ADDRESS}
        version = 2
        mobike = ${A_MOBIKE:-no}
        proposals = ${A_IKE_PROPOSAL:-$IKE_PROPOSAL}
        rekey_time = 0
        local { auth = psk
            id = "$2" }
        remote { auth = psk
            id = b.example.org }
        $A_CONNECTION
        children {
            net {
                local_ts = $4
                remote_ts = $A_REMOTE_TS
                esp_proposals = ${A_ESP_PROPOSAL:-$ESP_PROPOSAL}
                rekey_time = 0
                $A_CHILD
            }
            ${A_CHILDREN:-}
        }
    }
}
secrets {
    ike-b {
        id-1 = "$2"
        id-2 = b.example.org
        secret = "$5"
    }
}
CONF
}

a_config() {
    CHARON_EXTRA=${A_CHARON:-} swan_config gwa
    peer_config gwa "${A_ID:-a.example.org}" "$A_ADDRESS" "$A_LOCAL_TS" "${A_PSK:-$PSK_A}" >"$SITE_DIR/gwa/swanctl.conf"
}

a_start() { a_config; swan_start gwa; }

c_start() {
    CHARON_EXTRA=${A_CHARON:-} swan_config gwc
    peer_config gwc c.example.org 192.168.1.3 10.3.0.0/24 "$PSK_C" >"$SITE_DIR/gwc/swanctl.conf"
    swan_start gwc
}

# Culvert at site A, which is called.
a_start_culvert() {
    mkdir -p "$SITE_DIR/gwa"
    {
        printf 'retransmit_timeout = 1.0\nretransmit_base = 1.3\nretransmit_tries = 4\n'
        [ "$B_DATA_PLANE" = auto ] || echo "data_plane = $B_DATA_PLANE"
        cat <<CONF
connections {
    site-b {
        proposals = $IKE_PROPOSAL
        local { auth = psk
            id = a.example.org }
        remote { auth = psk
            id = b.example.org }
        children {
            net {
                local_ts = $A_LOCAL_TS
                remote_ts = $A_REMOTE_TS
                esp_proposals = $ESP_PROPOSAL
            }
        }
    }
}
secrets {
    ike-b {
        id = b.example.org
        secret = "$PSK_A"
    }
}
CONF
    } >"$SITE_DIR/gwa/culvert.conf"
    chmod 600 "$SITE_DIR/gwa/culvert.conf"
    ip netns exec gwa "$CULVERT_BIN/culvertd" --config "$SITE_DIR/gwa/culvert.conf" --socket "$SITE_DIR/gwa/culvert.sock" \
        --state "$SITE_DIR/gwa/state" \
        --log-level debug >>"$SITE_DIR/gwa/daemon.log" 2>&1 &
    echo $! >"$SITE_DIR/gwa/pid"
    track $!
    wait_until 20 "culvertd at A is ready" grep -q "is ready" "$SITE_DIR/gwa/daemon.log"
}

a_initiate() { swan_initiate gwa site-b net || fail "A could not bring its tunnel up"; }

c_initiate() { swan_initiate gwc site-b net || fail "C could not bring its tunnel up"; }

a_initiate_ike() { swan gwa --initiate --ike site-b --timeout 30; }
