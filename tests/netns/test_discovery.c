/* Whoever asks the whole local network finds the server on the other machine, and gets in with what
 * it has found. */
#define _GNU_SOURCE
#include "tests/netns/network.h"

/** Asks until somebody answers: an interface's own address is of use only after a while. */
static void find(struct world *world, struct belay_found *found) {
    struct belay_client *client = world->clients[0].it;
    uint32_t ask_at = 0;
    while (!belay_client_poll_found(client, found)) {
        ck_assert_msg(world->ms < 20000, "nobody answers");
        if (world->ms >= ask_at) {
            ck_assert_msg(belay_client_query(client, "lan:7777") == BELAY_OK, "%s", belay_error());
            ask_at = world->ms + BELAY_QUERY_MS;
        }
        world_step(world);
    }
}

START_TEST(a_server_is_found_and_entered) {
    static const char *const addresses[2] = {"10.1.0.11", "fd00::11"};
    struct belay_connect_opts opts = BELAY_CONNECT_OPTS_INIT;
    struct belay_found found;
    bool ipv6 = _i == 1;
    struct world *world = world_apart(&(struct belay_server_opts){.session_max = 7});
    ck_assert_int_eq(belay_server_set_public_info(world->server, "den", 3), BELAY_OK);
    client_has(ipv6, addresses[ipv6]);
    find(world, &found);
    ck_assert_uint_eq(found.sessions, 0);
    ck_assert_uint_eq(found.session_max, 7);
    ck_assert_uint_eq(found.size, 3);
    ck_assert_mem_eq(found.data, "den", 3);
    const char *begin = ipv6 ? "belay://[" : "belay://" HERE_4 ":7777/";
    ck_assert_msg(strncmp(found.invite, begin, strlen(begin)) == 0, "%s", found.invite);
    opts.invite = found.invite;
    world_connect_with(world, 0, opts);
    world_until(world, world_is_open(world, 0), 5000);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, network_begin, network_end);
    tcase_add_loop_test(tests, a_server_is_found_and_entered, 0, 2);
}

TEST_MAIN("netns discovery", add_tests)
