# shellcheck shell=bash
# What `Scripts/demo --keep` leaves running, and how to reach it: one file with its process group and its directory.

KEPT=${TMPDIR:-/tmp}/culvert-demo.$(id -u)

kept_remember() { printf 'KEPT_PID=%s\nKEPT_DIR=%s\n' "$1" "$2" >"$KEPT"; } # PID DIRECTORY

# Sets KEPT_PID and KEPT_DIR; false when nothing is running.
kept_find() {
    [ -f "$KEPT" ] || return 1
    KEPT_PID=$(sed -n 's/^KEPT_PID=//p' "$KEPT")
    KEPT_DIR=$(sed -n 's/^KEPT_DIR=//p' "$KEPT")
    guest_running "$KEPT_PID"
}

kept_refuse() {
    if kept_find; then
        echo "demo: one is still running; end it with: Scripts/demo stop" >&2
        exit 1
    fi
}

# kept_run NAMESPACE COMMAND...: runs it there and prints what it printed.
kept_run() {
    local base status
    [ $# -ge 2 ] || { echo "usage: Scripts/demo in NAMESPACE COMMAND..." >&2; exit 2; }
    kept_find || { echo "demo: nothing is running; start it with: Scripts/demo --keep" >&2; exit 1; }
    base=$KEPT_DIR/commands/$$
    printf 'exec ip netns exec %s\n' "$(printf '%q ' "$@")" >"$base.new"
    mv "$base.new" "$base.run"
    until [ -e "$base.done" ]; do
        guest_running "$KEPT_PID" || { echo "demo: it has ended" >&2; exit 1; }
        sleep 0.1
    done
    status=$(cat "$base.done")
    cat "$base.out"
    rm -f "$base".*
    exit "$status"
}

kept_stop() {
    kept_find || { echo "demo: nothing is running"; rm -f "$KEPT"; exit 0; }
    : >"$KEPT_DIR/commands/stop"
    guest_wait "$KEPT_PID" 30 || echo "demo: it had to be killed"
    rm -rf "$KEPT_DIR" "$KEPT"
    echo "demo: stopped, nothing is left"
}

kept_instructions() {
    local tables="ip -s xfrm state"
    [ "$DATA_PLANE" = kernel ] || tables="ip route show table 17238"
    cat <<TEXT

It goes on running. Namespaces: hosta gwa nat inet gwb hostb. To play with it:
  Scripts/demo in gwb culvert status
  Scripts/demo in gwb culvert sa show site-a
  Scripts/demo in gwb $tables
  Scripts/demo in hosta ping -c 3 10.2.0.2
  Scripts/demo in gwa swanctl --rekey --child net
  Scripts/demo in nat conntrack -F                (the NAT forgets its mappings)
  Scripts/demo in inet tcpdump -n -c 10 -i gwb
  Scripts/demo stop
TEXT
}
