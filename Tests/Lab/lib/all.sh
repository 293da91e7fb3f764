# shellcheck shell=bash
for part in basic topology states ping transfer capture strongswan sites responder culvert rekey fixed peers libreswan openiked; do
    # shellcheck disable=SC1090
    . "$LAB_DIR/lib/$part.sh"
done
unset part
