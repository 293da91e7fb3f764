# shellcheck shell=bash
# Site B, the gateway under test. RESPONDER=culvert or strongswan: a scenario that strongSwan passes as well asks for nothing
# but IKEv2. Both read the same connections and secrets. A scenario sets the variables below before b_start.

: "${RESPONDER:=culvert}"
: "${B_LOCAL_TS:=10.2.0.0/24}" "${B_REMOTE_TS:=10.1.0.0/24}"
: "${B_CONNECTION:=}" "${B_CHILD:=}"          # added to both connections and to their children
: "${B_DATA_PLANE:=$([ "$DATA_PLANE" = kernel ] && echo auto || echo "$DATA_PLANE")}"     # auto finds out what the kernel can
: "${B_COOKIE_THRESHOLD:=}" "${B_SITES:=ac}" "${B_ID_A:=a.example.org}" "${B_CALLS:=}"

b_connection() { # NAME ID REMOTE_TS [REMOTE_ADDRS]
    cat <<CONF
    $1 {
        local_addrs = ${B_LOCAL:-$B_ADDRESS}
        remote_addrs = ${4:-%any}
        version = 2
        proposals = ${B_IKE_PROPOSAL:-$IKE_PROPOSAL}
        local {
            auth = psk
            id = b.example.org
        }
        remote {
            auth = psk
            id = "$2"
        }
        $B_CONNECTION
        children {
            net {
                local_ts = $B_LOCAL_TS
                remote_ts = $3
                esp_proposals = ${B_ESP_PROPOSAL:-$ESP_PROPOSAL}
                $B_CHILD
            }
            ${B_CHILDREN:-}
        }
    }
CONF
}

# B_CALLS: where B believes site A to be; empty for anywhere. With start_action = start in B_CHILD it calls there by itself.
# B_SITES: which of the two sites B has a connection for. B_ID_A: as what it knows site A.
b_connections() {
    echo "connections {"
    case $B_SITES in *a*) b_connection site-a "$B_ID_A" "$B_REMOTE_TS" "$B_CALLS" ;; esac
    case $B_SITES in *c*) b_connection site-c c.example.org 10.3.0.0/24 ;; esac
    cat <<CONF
}
secrets {
    ike-a {
        id-1 = "$B_ID_A"
        id-2 = b.example.org
        secret = "$PSK_A"
    }
    ike-c {
        id-1 = c.example.org
        id-2 = b.example.org
        secret = "$PSK_C"
    }
}
CONF
}

b_start() { "b_start_$RESPONDER"; note "B ($RESPONDER) is running"; }

b_pid() { cat "$SITE_DIR/gwb/pid"; }

b_log() { cat "$SITE_DIR/gwb/daemon.log"; }

b_kill() { stop KILL "$(b_pid)"; }

# Leaves the daemon's exit status in B_EXIT.
b_stop() {
    local pid
    pid=$(b_pid)
    stop TERM "$pid"
    B_EXIT=$STOPPED_WITH
}

# Reads the configuration again, after the scenario changed its variables.
b_reload() { "b_reload_$RESPONDER"; }

# B has called A by itself, and a tunnel stands.
b_has_called() { # SECONDS
    wait_until "$1" "a tunnel that B began stands" swan_child_installed gwa net
}

b_terminate() { "b_terminate_$RESPONDER"; }

# --- Culvert

CULVERT_CONF=$SITE_DIR/gwb/culvert.conf
CULVERT_SOCKET=$SITE_DIR/gwb/culvert.sock

culvert() { "$CULVERT_BIN/culvert" --socket "$CULVERT_SOCKET" "$@"; }

# Exit status 0 says all is up, 1 some is down, 2 the daemon cannot be reached.
culvert_answers() {
    local status=0
    culvert status >/dev/null 2>&1 || status=$?
    [ "$status" -lt 2 ]
}

# With the retransmission times that the lab gives to strongSwan too: a lost peer is noticed after 9 s.
culvert_config() {
    mkdir -p "$SITE_DIR/gwb"
    {
        printf '%s\n' 'retransmit_timeout = 1.0' "retransmit_base = $RETRANSMIT_BASE" "retransmit_tries = $RETRANSMIT_TRIES"
        [ "$B_DATA_PLANE" = auto ] || echo "data_plane = $B_DATA_PLANE"
        [ -z "$B_COOKIE_THRESHOLD" ] || echo "cookie_threshold = $B_COOKIE_THRESHOLD"
        b_connections
    } >"$CULVERT_CONF"
    chmod 600 "$CULVERT_CONF"
}

b_reload_culvert() {
    culvert_config
    culvert reload || fail "culvert reload failed"
}

b_start_culvert() {
    culvert_config
    ip netns exec gwb "$CULVERT_BIN/culvertd" --config "$CULVERT_CONF" --socket "$CULVERT_SOCKET" --log-level debug \
        --state "$SITE_DIR/gwb/state" >>"$SITE_DIR/gwb/daemon.log" 2>&1 &
    echo $! >"$SITE_DIR/gwb/pid"
    track $!
    wait_until 20 "culvertd answers" culvert_ready "$!"
}

culvert_ready() {
    running "$1" || fail "culvertd ended at once: $(tail -n 3 "$SITE_DIR/gwb/daemon.log")"
    culvert_answers
}

b_terminate_culvert() { culvert terminate site-a; }

# --- strongSwan

b_start_strongswan() {
    # strongSwan counts a threshold of 0 as none; what it calls 1 is "while one is half open".
    CHARON_EXTRA="${B_COOKIE_THRESHOLD:+cookie_threshold = $((B_COOKIE_THRESHOLD + 1))} ${B_CHARON:-}" swan_config gwb
    b_connections >"$SITE_DIR/gwb/swanctl.conf"
    # charon leaves this to its starter, which the lab does without.
    ip -n gwb xfrm state flush
    ip -n gwb xfrm policy flush
    swan_start gwb
}

b_reload_strongswan() {
    b_connections >"$SITE_DIR/gwb/swanctl.conf"
    swan_load gwb
}

b_terminate_strongswan() { swan gwb --terminate --ike site-a --timeout 10; }
