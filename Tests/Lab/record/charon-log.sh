# shellcheck shell=bash
# Reading charon's log.

# "LABEL <tab> HEX" for every dump in a charon log, in its order.
dumps() { # FILE
    awk '
        match($0, / => [0-9]+ bytes/) {
            want = substr($0, RSTART + 4) + 0
            label = substr($0, 1, RSTART - 1); sub(/^[^]]*\] */, "", label)
            hex = ""
            if (!want) print label "\t"
            next
        }
        want && /\] +[0-9]+: / {
            line = $0; sub(/^[^]]*\] +[0-9]+: /, "", line)
            for (i = 0; i < 16 && want; i++) { hex = hex substr(line, i * 3 + 1, 2); want-- }
            if (!want) print label "\t" tolower(hex)
        }' "$1"
}
