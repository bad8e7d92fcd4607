#!/bin/sh
# Every run prints the same; the cut is noticed at both ends, and the client comes back.
# usage: test_in_process.sh PROGRAM
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
for who in client server; do
    grep -q "$who  *suspect" "$folder/first" || fail "the $who did not suspect anything"
    grep -q "$who  *down" "$folder/first" || fail "the $who did not notice the cut"
done
grep -q ' 0 out of place' "$folder/first" || fail "messages are out of place"
