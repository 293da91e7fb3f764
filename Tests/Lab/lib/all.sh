# shellcheck shell=bash
for part in basic topology states ping capture strongswan sites responder culvert rekey; do
    # shellcheck disable=SC1090
    . "$LAB_DIR/lib/$part.sh"
done
unset part
