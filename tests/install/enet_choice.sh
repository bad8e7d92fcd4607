#!/bin/sh
# Which ENet is taken, and what is said when it is not there.
# usage: enet_choice.sh source_dir system|bundled meson...   (the ENet that "auto" has to find)
set -eu

cd "$1"
found=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# configure NAME OPTION...   what Meson says is in $work/NAME.out; nothing is fetched
configure() {
    name=$1
    shift
    "$@" "$work/$name" --wrap-mode=nodownload -Dtests=disabled -Dexamples=disabled \
        >"$work/$name.out" 2>&1
}

# must_say NAME TEXT
must_say() {
    if ! grep -q -e "$2" "$work/$1.out"; then
        echo "$1: does not say \"$2\""
        cat "$work/$1.out"
        exit 1
    fi
}

if [ "$found" = system ]; then
    configure auto "$@" setup -Denet=auto
    must_say auto 'ENet  *: system, '
fi

if configure elsewhere "$@" setup -Denet=bundled -Denet_source="$work"; then
    echo "configured without sources of ENet"
    exit 1
fi
must_say elsewhere "enet_source: no ENet 1.3.17 or newer in $work"

# An old one is refused at once, and not with errors of the compiler.
mkdir -p "$work/old/include/enet"
printf '%s\n' '#define ENET_VERSION_CREATE(a, b, c) (((a) << 16) | ((b) << 8) | (c))' \
    '#define ENET_VERSION ENET_VERSION_CREATE(1, 3, 16)' >"$work/old/include/enet/enet.h"
if configure aged "$@" setup -Denet=bundled -Denet_source="$work/old"; then
    echo "configured with an ENet that is too old"
    exit 1
fi
must_say aged "enet_source: no ENet 1.3.17 or newer in $work/old"

if [ -d subprojects/enet ]; then
    exit
fi
if configure bundled "$@" setup -Denet=bundled; then
    echo "configured without sources of ENet"
    exit 1
fi
must_say bundled 'name its folder with -Denet_source=DIR'
