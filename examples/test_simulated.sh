#!/bin/sh
# An example on a simulated network: it is content with itself, every run prints the same, and each
# pattern is found in that.
# usage: test_simulated.sh PROGRAM PATTERN...
set -eu
program=$1
shift
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
for pattern in "$@"; do
    grep -q "$pattern" "$folder/first" || fail "nothing says: $pattern"
done
