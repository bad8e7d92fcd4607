/* Reports of what was handled, over the whole stack: who reads along is never left without credit.
 */
#include "tests/support/world.h"

#define MESSAGE_COUNT 2000

/** In each frame of the server, as many unreliable messages as a busy game may send. */
static void chatter(struct world *world) {
    unsigned count = *(unsigned *)world->user;
    for (unsigned i = 0; i < count; i++) {
        must(belay_server_send(world->server, world->clients[0].session, 1, "chatter", 7) ==
             BELAY_OK);
    }
}

static const unsigned counts[] = {0, 1, 63, 64, 65, 200};

/* A server that says much reports still how much it has handled. */
START_TEST(unreliable_messages_do_not_crowd_out_reports) {
    unsigned count = counts[_i];
    struct world *world = world_create(NULL);
    world_open(world);
    world->user = &count;
    world->each_step = chatter;
    for (int i = 0; i < MESSAGE_COUNT; i++) {
        ledger_must_send(world, UP, 0, 0, 32);
        world_step(world);
    }
    world_run(world, 1000);
    ledger_check(world, UP, 0, 0);
    ck_assert_uint_eq(world_info(world, CLIENT, 0).queued_messages, 0);
    world->each_step = NULL;
    world_destroy(world);
}
END_TEST

/* A close() drops what nobody has polled. The other side must not take it for handled. */
START_TEST(what_a_close_discards_was_not_handled) {
    struct world *world = world_create(NULL);
    world_open(world);
    world->server_deaf = true;
    for (int i = 0; i < 10; i++) {
        ledger_must_send(world, UP, 0, 0, 32);
    }
    world_run(world, 50);
    world_link(world, 0,
               &(struct belay_link){.struct_size = sizeof(struct belay_link), .delay_ms = 100});
    world_say(world, DOWN, 0, 0, "this has to drain first");
    ck_assert_int_eq(belay_server_close(world->server, world->clients[0].session, NULL), BELAY_OK);
    world_run(world, 2000);
    world->server_deaf = false;
    world_run(world, 100);
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->event.closed.undelivered, 10);
    ck_assert_uint_eq(told(world, CLIENT, 0, BELAY_EVENT_CLOSED)->event.closed.unacked, 10);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, unreliable_messages_do_not_crowd_out_reports, 0, COUNT_OF(counts));
    tcase_add_test(tests, what_a_close_discards_was_not_handled);
}

TEST_MAIN("session/reports", add_tests)
