# shellcheck shell=bash
# The suites of record/esp and record/libipsec, for both of their sides.

# "NAME ALGORITHM KEY-BITS SALT-BYTES HASH INTEGRITY-BYTES", in the words of the vectors.
esp_suites() {
    cat <<'SUITES'
aes128gcm16 aesGCM16 128 4 - 0
aes256gcm16 aesGCM16 256 4 - 0
chacha20poly1305 chacha20Poly1305 256 4 - 0
aes128-sha256 aesCBC 128 0 sha256 32
aes128-sha384 aesCBC 128 0 sha384 48
aes256-sha512 aesCBC 256 0 sha512 64
SUITES
}

# How sequence numbers count: "KIND EXTENDED HIGH-HALF LAST-LOW-HALF", the last two of what was sent before. The third packet
# of the last kind has the next high half.
esp_numbers() {
    cat <<'NUMBERS'
short false 0 0
extended true 0 0
beyond true 0x89abcdef 0xfffffffd
NUMBERS
}

# key_hex FIRST COUNT: COUNT bytes that count up from FIRST.
key_hex() {
    local byte
    for ((byte = $1; byte < $1 + $2; byte++)); do printf '%02x' $((byte & 255)); done
}

encryption_key() { key_hex 16 $(($1 / 8 + $2)); } # KEY-BITS SALT-BYTES
integrity_key() { key_hex 160 "$1"; } # BYTES

# Data bytes of the pings of record/libipsec: AES-GCM has every length of padding, AES-CBC none and all of it.
libipsec_pings() { echo 16 18 19 101 1200; }
