/* A server that stops over real sockets, with clients that do not listen any more. */
#include "tests/support/world.h"

/* R15, R18, W-R7: who does not answer is waited for as long as was said, and ends all the same. */
START_TEST(stop_ends_those_who_do_not_answer_too) {
    struct world *world = world_create(&(struct world_opts){.sockets = true, .clients = 3});
    world_open(world);
    world->clients[0].asleep = world->clients[1].asleep = world->clients[2].asleep = true;
    ledger_must_send(world, DOWN, 0, 0, 100000); /* this one has much to drain */
    world_run(world, 20);
    belay_server_stop(world->server, 50);
    world_run(world, 50);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    ck_assert_uint_eq(belay_server_next(world->server, 0), 0);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_str_eq(told_events(world, SERVER, i), "LOGIN OPEN CLOSED");
        ck_assert_uint_eq(told(world, SERVER, i, BELAY_EVENT_CLOSED)->reason.code,
                          BELAY_REASON_SERVER_STOPPED);
    }
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->event.closed.unacked, 1);
    /* AND the port is free: the same clients come to the next server in its place */
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    opts.listen = world->address;
    struct belay_server *next;
    ck_assert_msg(belay_server_start(&next, &opts) == BELAY_OK, "%s", belay_error());
    belay_server_destroy(next);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, stop_ends_those_who_do_not_answer_too);
}

TEST_MAIN("stopping", add_tests)
