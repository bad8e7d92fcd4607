/*
 * Two machines and a cable between them: network namespaces, which a test is in by turns. What it
 * opens stays where it was opened. Include it with _GNU_SOURCE defined; see inside.sh.
 */
#ifndef BL_TESTS_NETNS_NETWORK_H
#define BL_TESTS_NETNS_NETWORK_H

#include "tests/support/world.h"
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HERE_4 "10.1.0.1" /* where the server is */
#define HERE_6 "fd00::1"

static int machines[2]; /* by enum world_side */

/** Runs ip(8) on the machine that the test is on. */
static inline void network(const char *format, ...) {
    char command[512] = "ip ";
    va_list rest;
    va_start(rest, format);
    vsnprintf(command + strlen(command), sizeof command - strlen(command), format, rest);
    va_end(rest);
    ck_assert_msg(system(command) == 0, "%s", command);
}

static inline void go_to(enum world_side side) {
    ck_assert_int_eq(setns(machines[side], CLONE_NEWNET), 0);
}

/** A fixture. The cable's end is called "wire" on both; the client's has no address yet. */
static inline void network_begin(void) {
    for (int side = 0; side < 2; side++) {
        ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
        machines[side] = open("/proc/self/ns/net", O_RDONLY);
        ck_assert_int_ge(machines[side], 0);
        network("link set lo up");
    }
    network("link add wire type veth peer name wire netns /proc/%d/fd/%d", (int)getpid(),
            machines[CLIENT]);
    network("link set wire up");
    network("address add " HERE_4 "/16 broadcast + dev wire");
    network("-6 address add " HERE_6 "/64 dev wire nodad");
    go_to(CLIENT);
    network("link set wire up");
}

static inline void network_end(void) {
    close(machines[0]);
    close(machines[1]);
}

/** The client's only address of a family from now on; NULL = none. */
static inline void client_has(bool ipv6, const char *address) {
    network("%s address flush dev wire scope global", ipv6 ? "-6" : "-4");
    if (address != NULL && ipv6) {
        network("-6 address add %s/64 dev wire nodad", address);
    } else if (address != NULL) {
        network("address add %s/16 broadcast + dev wire", address);
    }
}

/** A world with the server on its machine and one client on the other, where the test is then. */
static inline struct world *world_apart(const struct belay_server_opts *server) {
    struct world_opts opts = {.sockets = true, .server = *server};
    struct belay_client_opts client = BELAY_CLIENT_OPTS_INIT;
    opts.server.listen = "*:7777";
    go_to(SERVER);
    struct world *world = world_create(&opts);
    belay_client_destroy(world->clients[0].it);
    go_to(CLIENT);
    client.hooks = &world_hooks;
    ck_assert_int_eq(belay_client_create(&world->clients[0].it, &client), BELAY_OK);
    return world;
}

#endif
