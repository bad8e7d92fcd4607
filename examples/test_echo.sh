#!/bin/sh
# Two clients of an echo server at once: both get their message back and leave in good order.
# usage: test_echo.sh SERVER CLIENT STATUS      STATUS: what the server returns on SIGTERM
set -eu
server=$1
client=$2
status=$3
folder=$(mktemp -d)
pid=
trap 'test -z "$pid" || kill "$pid" 2>/dev/null || true; rm -r "$folder"' EXIT

fail() {
    echo "$1"
    head -n 20 "$folder"/*
    exit 1
}

# Somebody else may have the port: then the server ends at once, and another one is tried.
for try in 1 2 3 4 5; do
    address=127.0.0.1:$((20000 + ($$ * 7 + try * 1009) % 20000))
    "$server" "$address" >"$folder/server" 2>&1 &
    pid=$!
    "$client" "$address" >"$folder/first" 2>&1 &
    first=$!
    "$client" "$address" >"$folder/second" 2>&1 || true
    wait "$first" || true
    kill -0 "$pid" 2>/dev/null && break
    pid=
done
test -n "$pid" || fail "the server does not stay"

for name in first second; do
    printf 'hello\nleft\n' | cmp -s - "$folder/$name" || fail "the $name client heard otherwise"
done

kill "$pid"
ended=0
wait "$pid" || ended=$?
pid=
test "$ended" -eq "$status" || fail "the server returned $ended, not $status"
if [ "$status" -eq 0 ]; then # it ends by itself, and has told of each client that left
    test "$(grep -c ': left$' "$folder/server")" -eq 2 || fail "the server did not tell who left"
fi
