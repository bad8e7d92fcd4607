/* A program that links the client's library and no server's: what of the core comes with it. */
#include "tests/support/test.h"
#include <belay/client.h>
#include <belay/sim.h>

/* Weak: it is there only if the client needs it. */
extern void bl_coordinator_init(void) __attribute__((weak));
extern void belay_server_start(void) __attribute__((weak));

/* R19, R40: a client has one session, and nothing of what a server has for its many. */
START_TEST(a_client_brings_neither_coordinator_nor_server) {
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct belay_event event = {0};
    struct belay_client *client;
    opts.sim = belay_sim_create(1);
    opts.connect_ms = 1000;
    to.invite = "10.0.0.1:7777";
    ck_assert_int_eq(belay_client_create(&client, &opts), BELAY_OK);
    ck_assert_int_eq(belay_client_connect(client, &to), BELAY_OK);
    for (int i = 0; i < 300 && !belay_client_poll(client, &event); i++) {
        belay_sim_advance(opts.sim, 5);
        ck_assert_int_eq(belay_client_service(client, 0), BELAY_OK);
    }
    ck_assert_int_eq(event.type, BELAY_EVENT_CLOSED);
    ck_assert_uint_eq(event.closed.reason->code, BELAY_REASON_UNREACHABLE);
    belay_client_destroy(client);
    belay_sim_destroy(opts.sim);
    ck_assert(bl_coordinator_init == NULL);
    ck_assert(belay_server_start == NULL);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, a_client_brings_neither_coordinator_nor_server);
}

TEST_MAIN("client alone", add_tests)
