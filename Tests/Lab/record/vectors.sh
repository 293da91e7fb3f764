#!/bin/bash
# Turns one recording (NAME.pcap and NAME.initiator.log) into a vector in JSON, on standard output:
#   vectors.sh DIR NAME SOURCE PSK IDI IDR
# The wire comes from the capture, keys and plain text from the initiator's log, nonces from the messages themselves.
set -eu
. "$(dirname "$0")/charon-log.sh"

# "SOURCE-ADDRESS SOURCE-PORT DESTINATION-PORT UDP-PAYLOAD-IN-HEX" for every UDP packet over IPv4 in a capture.
datagrams() {
    tcpdump -n -x -r "$1" 'ip and udp' 2>/dev/null | awk '
        function flush() { if (hex != "") print address(), port(40), port(44), substr(hex, 57) }
        function byte(at) { return digit(at) * 16 + digit(at + 1) }
        function digit(at) { return index("0123456789abcdef", substr(hex, at + 1, 1)) - 1 }
        function address() { return byte(24) "." byte(26) "." byte(28) "." byte(30) }
        function port(at) { return byte(at) * 256 + byte(at + 2) }
        /^\t0x/ { sub(/^[^:]*: */, ""); gsub(/ /, ""); hex = hex $0; next }
        { flush(); hex = "" }
        END { flush() }'
}

# The IKE messages among them, without the non-ESP marker, retransmissions left out: "DIRECTION PORT HEX".
ike_messages() {
    datagrams "$1" | while read -r source sport dport payload; do
        if [ "$sport" = 4500 ] || [ "$dport" = 4500 ]; then
            [ "${payload:0:8}" = 00000000 ] || continue
            payload=${payload:8}
        fi
        if [ "$source" = "$RESPONDER_ADDRESS" ]; then echo "r->i $sport $payload"; else echo "i->r $dport $payload"; fi
    done | awk '!seen[$1 $3]++'
}

number() { echo $((16#$1)); } # HEX

# nonce FIRST-PAYLOAD-TYPE PAYLOADS-IN-HEX: the contents of the Nonce payload (type 40).
nonce() {
    local type=$1 rest=$2 length
    while [ -n "$rest" ] && [ "$type" != 0 ]; do
        length=$(number "${rest:4:4}")
        if [ "$type" = 40 ]; then
            echo "${rest:8:$((length * 2 - 8))}"
            return
        fi
        type=$(number "${rest:0:2}")
        rest=${rest:$((length * 2))}
    done
}

exchange_name() {
    case $1 in
    22) echo IKE_SA_INIT ;; 23) echo IKE_AUTH ;; 24) echo CREATE_CHILD_SA ;; 25) echo INFORMATIONAL ;;
    *) echo "unknown 0x$1" ;;
    esac
}

# What was encrypted in each message: "CIPHERTEXT-AND-ICV <tab> PLAIN". When it encrypts, charon logs the plain text first
# and the ICV by itself; when it decrypts, the plain text last and the ICV also as the end of the ciphertext.
plaintexts() {
    awk -F'\t' '
        function done() {
            if (!plain_seen || icv == "") return
            if (substr(encrypted, length(encrypted) - length(icv) + 1) != icv) encrypted = encrypted icv
            print encrypted "\t" plain
            icv = ""; plain_seen = 0
        }
        $1 == "IV" { icv = ""; plain = ""; plain_seen = 0 }
        $1 == "plain" { plain = $2; plain_seen = 1 }
        $1 == "encrypted" { encrypted = $2 }
        $1 == "ICV" { icv = $2 }
        $1 == "padding" || $1 == "ICV" { done() }' "$1"
}

# Prints "found" before the plain text, which may be empty.
plaintext_of() { # MESSAGE-HEX PLAINTEXTS-FILE
    awk -F'\t' -v message="$1" '
        substr(message, length(message) - length($1) + 1) == $1 { print "found" $2; exit }' "$2"
}

# One JSON object per message, with the nonce it carries (which the caller pulls out again).
message_objects() {
    local direction port hex plain first payloads
    while read -r direction port hex; do
        plain="" first=$(number "${hex:32:2}")
        case $first in
        46) plain=$(plaintext_of "$hex" "$1") first=$(number "${hex:56:2}") ;;
        53) plain=$(plaintext_of "$hex" "$1") first=0 ;;
        esac
        payloads=${plain#found}
        [ -n "$plain" ] || payloads=${hex:56}
        jq -cn --arg direction "$direction" --argjson port "$port" --arg hex "$hex" --arg plain "$plain" \
            --arg exchange "$(exchange_name "${hex:36:2}")" --argjson id "$(number "${hex:40:8}")" \
            --arg spi_i "${hex:0:16}" --arg spi_r "${hex:16:16}" \
            --arg nonce "$(nonce "$first" "$payloads")" \
            '{direction: $direction, exchange: $exchange, message_id: $id, udp_port: $port,
              spi_i: $spi_i, spi_r: $spi_r, hex: $hex, nonce: $nonce}
             + (if $plain == "" then {} else {plaintext_hex: ($plain | ltrimstr("found"))} end)'
    done
}

# One JSON object per key derivation, in the order of the log, of IKE_SAs ("kind": "ike") and CHILD_SAs ("kind": "child").
derivations() {
    awk -F'\t' '
        function put(name, value) { body = body (body == "" ? "" : ",") "\"" name "\":\"" value "\"" }
        function flush() { if (body != "") print "{" body "}"; body = "" }
        $1 == "shared Diffie Hellman secret" { flush(); put("kind", "ike"); put("dh_shared_secret", $2) }
        $1 == "SKEYSEED" { put("skeyseed", $2) }
        $1 ~ /^Sk_/ { name = tolower($1); sub(/ .*/, "", name); put(name, $2) }
        $1 == "DH secret" { dh = $2 }
        $1 == "seed" { flush(); put("kind", "child"); if (dh != "") put("dh_shared_secret", dh); dh = "" }
        $1 ~ /^(encryption|integrity) (initiator|responder) key$/ {
            name = $1; sub(/ key$/, "", name); gsub(/ /, "_", name); put(name, $2) }
        END { flush() }' "$1"
}

main() {
    local dir=$1 name=$2 work
    work=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT
    dumps "$dir/$name.initiator.log" >"$work/dumps"
    plaintexts "$work/dumps" >"$work/plain"
    ike_messages "$dir/$name.pcap" | message_objects "$work/plain" >"$work/messages"
    derivations "$work/dumps" >"$work/derivations"
    jq -n --arg source "$3" --arg psk "$4" --arg idi "$5" --arg idr "$6" \
        --slurpfile messages "$work/messages" --slurpfile derivations "$work/derivations" -f "$(dirname "$0")/vector.jq"
}

RESPONDER_ADDRESS=${RESPONDER_ADDRESS:-203.0.113.2}
main "$@"
