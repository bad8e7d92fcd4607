#!/bin/sh
# An example that checks itself, on a simulated network: it is content, and every run prints the same.
# usage: test_simulated.sh PROGRAM
set -eu
program=$1
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT

fail() {
    echo "$1"
    cat "$folder/first"
    exit 1
}

"$program" >"$folder/first" || fail "it returned $?"
"$program" >"$folder/second"
cmp -s "$folder/first" "$folder/second" || fail "two runs differ"
grep -q 'no link; kept' "$folder/first" || fail "nobody noticed the cut"
grep -q 'back after' "$folder/first" || fail "nobody came back"
