# shellcheck shell=bash
# strongSwan as a gateway, with ESP of the kernel or in user space: one charon per site, in the site's namespace, with a /run of
# its own (charon's PID file has a fixed path), driven by swanctl. SITE is gwa, gwb or gwc, which are namespaces as well.

CHARON=/usr/lib/ipsec/charon
: "${RETRANSMIT_BASE:=1.3}" "${RETRANSMIT_TRIES:=4}"

# swan_config SITE: writes strongswan.conf. CHARON_EXTRA adds settings; CHARON_LOG sets the log levels.
# The retransmission times make a lost peer noticed after 9 s instead of 165 s.
swan_config() {
    mkdir -p "$SITE_DIR/$1/run"
    cat >"$SITE_DIR/$1/strongswan.conf" <<CONF
charon {
    load = random nonce openssl kdf $(swan_kernel_plugins "$1") socket-default vici updown
    install_routes = $([ "$(plane_of "$1")" = libipsec ] && echo yes || echo no)
    plugins { vici { socket = unix://$SITE_DIR/$1/vici } }
    retransmit_timeout = 1.0
    retransmit_base = $RETRANSMIT_BASE
    retransmit_tries = $RETRANSMIT_TRIES
    filelog { log { path = $SITE_DIR/$1/daemon.log
        flush_line = yes
        append = yes
        time_format = %H:%M:%S
        ${CHARON_LOG:-default = 1
        cfg = 2
        ike = 2
        chd = 2
        knl = 2}
    } }
    ${CHARON_EXTRA:-}
}
swanctl { load = openssl random }
CONF
}

# kernel-libipsec is strongSwan's ESP in user space: its own TUN device, always in UDP, routes in table 220.
swan_kernel_plugins() {
    if [ "$(plane_of "$1")" = libipsec ]; then echo "kernel-libipsec kernel-netlink"; else echo "kernel-netlink"; fi
}

# swan_start SITE: starts charon and loads SITE's swanctl.conf.
swan_start() {
    local dir=$SITE_DIR/$1
    rm -f "$dir/vici" "$dir/run/charon.pid"
    # shellcheck disable=SC2016
    STRONGSWAN_CONF=$dir/strongswan.conf ip netns exec "$1" \
        bash -c 'mount --bind "$1/run" /run && exec "$2"' - "$dir" "$CHARON" >>"$dir/stdout" 2>&1 &
    echo $! >"$dir/pid"
    track $!
    wait_until 20 "charon of $1 listens" test -S "$dir/vici"
    swan_load "$1"
}

swan_load() { swan "$1" --load-all --file "$SITE_DIR/$1/swanctl.conf" --noprompt >>"$SITE_DIR/$1/stdout" 2>&1 ||
    fail "swanctl of $1 could not load its configuration: $(tail -n 3 "$SITE_DIR/$1/stdout")"; }

swan_pid() { cat "$SITE_DIR/$1/pid"; }

swan() { # SITE swanctl-arguments
    local dir=$SITE_DIR/$1
    shift
    STRONGSWAN_CONF=$dir/strongswan.conf swanctl "$@" --uri "unix://$dir/vici"
}

swan_initiate() { # SITE CONNECTION CHILD
    swan "$1" --initiate --ike "$2" --child "$3" --timeout 30
}

swan_established() { swan "$1" --list-sas --ike "$2" | grep -q "^$2: .*ESTABLISHED"; }

swan_child_installed() { swan "$1" --list-sas | grep -q "^ *$2: .*INSTALLED"; }

# "SPI-i SPI-r" of the established IKE_SAs, one line each.
swan_ike_spis() { swan "$1" --list-sas | sed -n 's/.*ESTABLISHED, IKEv2, \([0-9a-f]*\)_i\*\{0,1\} \([0-9a-f]*\)_r.*/\1 \2/p'; }

# "inbound outbound" SPI of the installed CHILD_SAs, one line each.
swan_child_spis() {
    swan "$1" --list-sas | awk '
        /, reqid /    { installed = /INSTALLED/ }
        $1 == "in"    { spi = substr($2, 1, 8) }
        $1 == "out" && installed { print spi, substr($2, 1, 8) }'
}

swan_log() { cat "$SITE_DIR/$1/daemon.log"; }

swan_logged() { grep -qE -- "$2" "$SITE_DIR/$1/daemon.log"; }

swan_log_count() { grep -cE -- "$2" "$SITE_DIR/$1/daemon.log" || true; }
