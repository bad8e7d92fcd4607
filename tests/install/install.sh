#!/bin/sh
# Installs into a folder of its own, then builds and runs programs that know nothing but pkg-config.
# usage: install.sh build_dir prefix libdir static|shared core.c game.c game.cc jobs.c meson...
set -eu

build=$1
prefix=$2
libdir=$3
kind=$4
core_c=$5
game_c=$6
game_cc=$7
jobs_c=$8
shift 8

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$@" install -C "$build" --no-rebuild --quiet --destdir "$work/root"

# Where the files are, as opposed to where they would be.
root=$work/root$prefix
for file in "$root/$libdir"/pkgconfig/belay*.pc; do
    sed "s|^prefix=.*|prefix=$root|" "$file" >"$work/${file##*/}"
done
export PKG_CONFIG_PATH="$work${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
export LD_LIBRARY_PATH="$root/$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"

# build_and_run NAME COMPILER SOURCE PACKAGE...
build_and_run() {
    name=$1
    compiler=$2
    source=$3
    shift 3
    if ! command -v "${compiler%% *}" >/dev/null; then
        echo "$name: no ${compiler%% *} here, left out"
        return
    fi
    if [ "$kind" = static ]; then
        # Ours from the archives, the system's as they come.
        libs=$(pkg-config --static --libs "$@" | sed 's/-l\(belay[-a-z]*\)/-l:lib\1.a/g')
    else
        libs=$(pkg-config --libs "$@")
    fi
    # shellcheck disable=SC2046,SC2086  # flags are words
    $compiler -Wall -Wextra -Wpedantic -Werror $(pkg-config --cflags "$@") \
        "$source" -o "$work/$name" $libs
    printf '%s, %s: ' "$name" "$kind"
    "$work/$name"
    if [ "$kind" = static ] && ldd "$work/$name" | grep libbelay; then
        echo "$name: linked with a shared libbelay after all"
        return 1
    fi
}

test "$(pkg-config --modversion belay)" = "$(pkg-config --modversion belay-server)"
build_and_run core "gcc -std=c17" "$core_c" belay
build_and_run game "gcc -std=c17" "$game_c" belay-client belay-server
build_and_run game-cc "g++ -std=c++17" "$game_cc" belay-client belay-server
build_and_run jobs "gcc -std=c17" "$jobs_c" belay-jobs
# Clients and servers of their own, in the other order.
build_and_run game-order "gcc -std=c17" "$game_c" belay-server belay-client
