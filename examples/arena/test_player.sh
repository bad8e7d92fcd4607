#!/bin/sh
# The player's client in a terminal: it runs where the keys say, comes back from a cut network, says when
# the terminal is too small, and leaves in good order on Ctrl-C.
# usage: test_player.sh SERVER PLAYER BOT
set -eu
server=$1
player=$2
bot=$3
command -v tmux >/dev/null || exit 77
folder=$(mktemp -d)
pid=

terminal() {
    tmux -S "$folder/tmux" -f /dev/null "$@"
}

clean_up() {
    terminal kill-server 2>/dev/null || true
    test -z "$pid" || kill "$pid" 2>/dev/null || true
    rm -r "$folder"
}
trap clean_up EXIT

look() {
    terminal capture-pane -p >"$folder/screen"
}

fail() {
    echo "$1"
    cat "$folder/screen" "$folder/server" || true
    exit 1
}

# see PATTERN SECONDS   waits until the screen shows it
see() {
    tries=$(($2 * 10))
    while [ $tries -gt 0 ]; do
        look
        if grep -q -e "$1" "$folder/screen"; then
            return
        fi
        sleep 0.1
        tries=$((tries - 1))
    done
    fail "the screen does not show: $1"
}

# The player's own sign: its column and its line.
place() {
    look
    awk '{ at = index($0, "@"); if (at > 0) { print at, NR; exit } }' "$folder/screen"
}

"$server" 127.0.0.1:0 >"$folder/server" 2>&1 &
pid=$!
tries=50
until port=$(sed -n 's/.*on port \([0-9]*\)\..*/\1/p' "$folder/server" 2>/dev/null) && [ -n "$port" ]; do
    tries=$((tries - 1))
    test $tries -gt 0 || fail "the server does not say where it is"
    sleep 0.1
done
"$bot" --server "127.0.0.1:$port" --name rival --seconds 60 >/dev/null 2>&1 &

terminal new-session -d -x 80 -y 24 \
    "$player --server 127.0.0.1:$port --loss 2 --delay 10; echo status \$?; sleep 60"
see '^##* *$' 10
see 'online' 10
see '@' 10
see 'rtt [0-9]* ms' 5
see 'rival' 20

# To the left or the right, wherever there is more room, then down or up.
before=$(place)
if [ "${before% *}" -gt 38 ]; then key=a; else key=d; fi
for _ in 1 2 3 4 5 6; do
    terminal send-keys $key
    sleep 0.1
done
sleep 0.3
after=$(place)
test "${before% *}" -ne "${after% *}" || fail "the player did not run: $before, then $after"
terminal send-keys Space

terminal send-keys c
see 'network is cut' 5
see 'DOWN' 20
see 'RESUMED' 30
see 'Nothing reliable was lost' 5
terminal send-keys q
see 'BELAY_REASON_LEFT. Events: .* 0 missing, 0 repeated' 10
see 'status 0' 5

# The shell around it hears Ctrl-C as well, and must go on.
terminal new-window "trap : INT; $player --server 127.0.0.1:$port; echo status \$?; sleep 60"
see 'online' 10
terminal resize-window -x 60 -y 20
see 'needs 76 by 24' 5
terminal resize-window -x 80 -y 24
see 'online' 5
terminal send-keys C-c
see 'BELAY_REASON_LEFT. Events: .* 0 missing, 0 repeated' 3
see 'status 0' 5
