#!/bin/sh
# The program belay-token from end to end: keys, tokens, what it shows, and how it refuses.
# usage: test_belay_token.sh PROGRAM
set -eu
program=$(cd "$(dirname "$1")" && pwd)/${1##*/}
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
cd "$folder"

fail() {
    echo "$1"
    tail -n 20 out err
    exit 1
}

# gives STATUS WORDS ARGUMENT...   runs it: the status, and the words in what it says
gives() {
    wanted=$1
    words=$2
    shift 2
    status=0
    "$program" "$@" >out 2>err || status=$?
    test "$status" -eq "$wanted" || fail "belay-token $*: status $status, not $wanted"
    test -z "$words" || grep -q -- "$words" out err || fail "belay-token $*: does not say \"$words\""
}

gives 0 'usage:' --help
gives 0 'examples:' issue --help
gives 2 'see belay-token --help'
gives 2 'keygen, add, issue or inspect' dance
gives 2 'name one FILE' keygen
gives 2 'name one FILE' inspect a b
gives 2 'takes options only' issue --key keys --user eve more
gives 2 'needs --key FILE and --user' issue --key keys
gives 2 'unknown' issue --keys keys
gives 2 'lacks its value' issue --key
gives 2 'only issue takes' inspect --out file token
gives 2 '1 to 120 seconds' issue --key keys --user eve --life 121
gives 2 '1 to 120 seconds' issue --key keys --user eve --life 1m

gives 1 'check the path' issue --key keys --user eve
gives 0 'is made' keygen keys
test "$(stat -c %a keys)" = 600 || fail "others may read the keys"
cp keys before
gives 1 'remove it first' keygen keys
cmp -s keys before || fail "keygen has overwritten a file"
gives 0 'a new key on top' add keys
test "$(grep -c '^[0-9a-f]' keys)" -eq 2 || fail "add has not added one key"

gives 0 '' issue --key keys --user eve --audience eu-1 --addresses 'play.example.org:7777,[::1]:1' \
    --life 30 --game arena/3 --data 'team red' --out token
test "$(stat -c %a token)" = 600 || fail "others may read the token"
gives 0 '^valid$' inspect token --key keys
gives 0 '^audience: "eu-1"$' inspect --key keys token
gives 0 '^places: play.example.org:7777 \[::1\]:1$' inspect token --key keys
gives 0 '^data: "team red"$' inspect token --key keys
gives 0 '^user id: b682cf7af68e3ecefc1af187ca927174$' inspect token --key keys
gives 0 'as far as can be seen' inspect token

# To standard output; a user named by digits; a key that has gone.
gives 0 '' issue --key before --user 000102030405060708090A0B0C0D0E0F
mv out token
gives 0 '^user id: 000102030405060708090a0b0c0d0e0f$' inspect token --key keys
gives 0 'is made' keygen other
gives 1 'a key that the key file does not have' inspect token --key other
head -c 100 token >short
gives 1 'truncated' inspect short --key keys
gives 1 'not inspected' inspect token --key short
gives 1 'check the path' inspect nothing
head -c 2000 /dev/zero >large
gives 1 'more than 1024 bytes' inspect large
gives 1 'write "play.example.org:7777"' issue --key keys --user eve --addresses nowhere

if "$program" issue --key keys --user eve >/dev/full 2>err; then
    fail "a token that was not written went unnoticed"
fi
