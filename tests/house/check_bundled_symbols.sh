#!/bin/sh
# A bundled ENet stays ours: a program with an ENet of its own must neither clash with it nor reach
# it. usage: check_bundled_symbols.sh library...   (static and shared ones)
set -eu

status=0
for library in "$@"; do
    case $library in
    *.a) symbols=$(nm -g "$library") ;;
    *) symbols=$(nm -D "$library") ;;
    esac
    if ! printf '%s\n' "$symbols" | grep -q ' T belay_error'; then
        echo "$library: does not look like libbelay"
        status=1
    fi
    # Neither defined, nor wanted from outside: a wanted one would run a stranger's ENet.
    if printf '%s\n' "$symbols" | grep ' enet_'; then
        echo "$library: names functions of ENet; add them to lib/peer/enet_rename.h"
        status=1
    fi
done
exit $status
