# shellcheck shell=bash
# Site A by another daemon: PEER is strongswan, libreswan or openiked, PEER_ROLE says whether it begins (initiator) or Culvert
# does (responder). Of libreswan and OpenIKED there is one at a time, at gwa. Each has in its file
#
#   NAME_start, NAME_stop, NAME_established, NAME_status

: "${PEER:=strongswan}" "${PEER_ROLE:=initiator}"
# Seconds: the lifetimes after which the peer renews keys, and the silence after which both ask for a sign of life.
: "${LIFE_CHILD:=3600}" "${LIFE_IKE:=14400}" "${DPD_DELAY:=5}"

peer_start() { "${PEER}_start"; }

peer_stop() { "${PEER}_stop"; }

peer_established() { "${PEER}_established"; }

peer_status() { "${PEER}_status"; }

peer_pid() { cat "$SITE_DIR/gwa/pid"; }

# peer_is_ready COMMAND...: once that succeeds. Fails at once when the daemon has ended.
peer_is_ready() {
    wait_until 20 "$PEER is ready" ready_or_ended "$@"
    running "$(peer_pid)" || fail "$PEER ended at once: $(tail -n 3 "$SITE_DIR/gwa/daemon.log")"
}

ready_or_ended() { ! running "$(peer_pid)" || "$@"; }

# A site that loses its power: its kernel forgets as well. iked is several processes, and the others end with the first.
peer_crash() {
    stop KILL "$(peer_pid)"
    ip -n gwa xfrm state flush
    ip -n gwa xfrm policy flush
}

# --- strongSwan, by what lib/sites.sh has for it

strongswan_start() {
    A_CONNECTION="dpd_delay = ${DPD_DELAY}s
        rekey_time = ${LIFE_IKE}s
        over_time = 60s
        rand_time = 0s"
    A_CHILD="rekey_time = ${LIFE_CHILD}s
        life_time = $((LIFE_CHILD + 60))s
        rand_time = 0s"
    if [ "$PEER_ROLE" = initiator ]; then
        A_CONNECTION+="
        keyingtries = 0"
        A_CHILD+="
        start_action = start
        dpd_action = restart"
    fi
    a_start
}

strongswan_stop() { stop TERM "$(peer_pid)"; }

strongswan_established() { swan_child_installed gwa net; }

strongswan_status() { swan gwa --list-sas; }
