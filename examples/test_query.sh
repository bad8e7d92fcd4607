#!/bin/sh
# Who is there, from end to end: what belay-query prints of an echo server, and that its invite
# connects.
# usage: test_query.sh QUERY SERVER CLIENT
set -eu
query=$1
server=$2
client=$3
folder=$(mktemp -d)
pid=
trap 'test -z "$pid" || kill "$pid" 2>/dev/null || true; rm -r "$folder"' EXIT

fail() {
    echo "$1"
    head -n 20 "$folder"/*
    exit 1
}

# gives STATUS WORDS ARGUMENT...   runs it: the status, and the words in what it says
gives() {
    wanted=$1
    words=$2
    shift 2
    status=0
    "$query" "$@" >"$folder/out" 2>"$folder/err" || status=$?
    test "$status" -eq "$wanted" || fail "belay-query $*: status $status, not $wanted"
    grep -q -- "$words" "$folder/out" "$folder/err" || fail "belay-query $*: does not say \"$words\""
}

gives 0 'usage:' --help
gives 2 'see belay-query --help'
gives 2 'see belay-query --help' --table
gives 1 'no port' 127.0.0.1:99999
gives 1 'no port' lan:x
gives 1 'no host name has' 'a b'

# Somebody else may have the port: then the server ends at once, and another one is tried.
for try in 1 2 3 4 5; do
    address=127.0.0.1:$((20000 + ($$ * 7 + try * 1013) % 20000))
    "$server" "$address" >"$folder/server" 2>&1 &
    pid=$!
    "$query" "$address" >"$folder/table" 2>&1 || true
    kill -0 "$pid" 2>/dev/null && break
    pid=
done
test -n "$pid" || fail "the server does not stay"

grep -q '^NAME  *PLAYERS  *PING  *INVITE$' "$folder/table" || fail "the table has no head"
grep -q "^ *0/64  *[0-9][0-9]* ms  belay://$address/[-_A-Za-z0-9]\{43\}\$" \
    "$folder/table" || fail "the table has no such server"
"$client" "$(sed -n 's/.*\(belay:\)/\1/p' "$folder/table")" >"$folder/client" 2>&1 || true
printf 'hello\nleft\n' | cmp -s - "$folder/client" || fail "the invite does not connect"

kill "$pid"
wait "$pid" || true
pid=
gives 1 'nobody has answered' "$address"
