#!/bin/sh
# A host and a guest play to the end and see the same game; a line on stdin calls a game off.
# usage: test_listen_server.sh PROGRAM
set -eu
program=$1
folder=$(mktemp -d)
pid=
trap 'test -z "$pid" || kill "$pid" 2>/dev/null || true; rm -r "$folder"' EXIT

fail() {
    echo "$1"
    head -n 20 "$folder"/*
    exit 1
}

# Somebody else may have the port: then the host ends with an error, and another one is tried.
for try in 1 2 3 4 5; do
    address=127.0.0.1:$((20000 + ($$ * 7 + try * 1013) % 20000))
    "$program" "$address" </dev/null >"$folder/host" 2>&1 &
    pid=$!
    "$program" join "$address" >"$folder/guest" 2>&1 || true
    ended=0
    wait "$pid" || ended=$?
    pid=
    test "$ended" -ne 0 || break
done
test "$ended" -eq 0 || fail "the host returned $ended"

for name in host guest; do # from the first stone to the winner
    grep -q '^you are player [12]$' "$folder/$name" || fail "the $name does not play"
    sed -n '/stones/,$p' "$folder/$name" >"$folder/$name.game"
done
cmp -s "$folder/host.game" "$folder/guest.game" || fail "they have seen different games"
grep -q '^11\. player 1 takes 3,  0 left$' "$folder/guest" || fail "the game has no end"
tail -n 1 "$folder/guest" | grep -q '^player 1 wins$' || fail "the guest was not told who won"

echo 'no more' | "$program" "$address" >"$folder/alone" || fail "calling it off failed"
