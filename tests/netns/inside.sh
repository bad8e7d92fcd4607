#!/bin/sh
# Runs a program that makes network namespaces of its own, in one to begin with.
# usage: inside.sh PROGRAM
#
# Where that cannot be had the test is skipped, or with BELAY_REQUIRE_NETNS=1 it fails.
set -eu

# can OPTION   whether there can be one, with links and addresses of both families
can() {
    unshare "$1" sh -c 'ip link add v0 type veth peer name v1 && ip link set lo up &&
        ip -6 address add fd00::1/128 dev lo' >/dev/null 2>&1
}

if can -n; then
    exec unshare -n "$1"
elif can -rn; then
    exec unshare -rn "$1"
fi
echo "no network namespace with IPv4 and IPv6 here: it needs unshare, ip, and root or user namespaces"
test "${BELAY_REQUIRE_NETNS:-0}" != 1 || exit 1
exit 77
