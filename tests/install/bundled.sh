#!/bin/sh
# The bundled build passes the same tests. usage: bundled.sh source_dir build_dir enet_source meson...
# Without ENet's sources, here or from the wrap's address, there is nothing to test: exit status 77.
set -eu

cd "$1" # Meson takes the current folder for the source
build=$2
enet=$3
shift 3

if [ -z "$enet" ] && [ ! -f subprojects/enet/host.c ]; then
    echo "no sources of ENet at hand: asking the address in subprojects/enet.wrap"
    timeout 60 "$@" subprojects download enet || true
    if [ ! -f subprojects/enet/host.c ]; then
        echo "SKIPPED: no sources of ENet; name a folder that has them with -Denet_source=DIR"
        exit 77
    fi
fi

set_up=setup
if [ -f "$build/build.ninja" ]; then
    set_up=configure
fi
"$@" $set_up "$build" -Denet=bundled -Denet_source="$enet" -Dtests=enabled -Dexamples=disabled
exec "$@" test -C "$build" --suite unit --suite scenario --suite socket --suite install \
    --suite bundled --print-errorlogs
