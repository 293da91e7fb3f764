# shellcheck shell=bash
# What record/esp and record/libipsec make of captures: cases and files of vectors. Both need LAB_OUT.

# One packet in hex per line, from the IP header to the end that the header names.
packets() { # FILE FILTER
    tcpdump -n -x -r "$1" "$2" 2>/dev/null | awk '
        function digit(at) { return index("0123456789abcdef", substr(hex, at, 1)) - 1 }
        function length_() { return ((digit(5) * 16 + digit(6)) * 16 + digit(7)) * 16 + digit(8) }
        function flush() { if (hex != "") print substr(hex, 1, 2 * length_()) }
        /^\t0x/ { sub(/^[^:]*: */, ""); gsub(/ /, ""); hex = hex $0; next }
        { flush(); hex = "" }
        END { flush() }'
}

# "ESP-PACKET INNER-PACKET" per ping: IPv4 and UDP headers are 28 bytes.
pairs() { # OUTSIDE-FILE INSIDE-FILE
    paste -d ' ' <(packets "$1" 'udp dst port 4500' | cut -c57-) <(packets "$2" 'icmp[icmptype] == icmp-echo')
}

# One case of the vectors, on a line.
esp_case() { # NAME ALGORITHM KEY-BITS HASH ENCRYPTION-KEY INTEGRITY-KEY EXTENDED SEQUENCE-NUMBER PACKET INNER
    jq -cn --arg name "$1" --arg algorithm "$2" --argjson bits "$3" --arg hash "${4#-}" --arg key "$5" --arg integrity "$6" \
        --argjson extended "$7" --arg number "$8" --arg packet "$9" --arg inner "${10}" \
        '{name: $name, algorithm: $algorithm, keyLength: $bits, hash: $hash, encryptionKey: $key,
          integrityKey: $integrity, sequenceNumber: $number, extended: $extended, packet: $packet, inner: $inner}'
}

# Fails with the end of the guest's console unless $LAB_OUT/cases has as many whole cases as there were pings.
all_recorded() { # EXPECTED GUEST
    local found
    found=$(jq -s '[.[] | select(.packet != "" and .inner != "")] | length' "$LAB_OUT/cases")
    [ "$found" != "$1" ] || return 0
    echo "$found packets of $1 were recorded:"
    tail -n 20 "$LAB_OUT/$2.console"
    return 1
}

# The file of vectors from $LAB_OUT/cases.
write_vectors() { # FILE SOURCE
    {
        printf '{"source": "%s",\n "cases": [\n' "$2"
        sed '$!s/$/,/; s/^/  /' "$LAB_OUT/cases"
        printf ']}\n'
    } >"$1"
    echo "wrote $1"
}
