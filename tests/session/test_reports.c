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

/* What comes while a session closes is counted by messages, not by the pieces of a large one. */
START_TEST(a_large_message_that_comes_too_late_counts_as_one) {
    struct world *world = world_create(&(struct world_opts){.link = {.delay_ms = 50}});
    world_open(world);
    ledger_must_send(world, UP, 0, 0, 3000);
    ledger_must_send(world, UP, 0, 1, 5000);
    world_say(world, DOWN, 0, 0, "this has to drain first");
    world_run(world, 5);
    ck_assert_int_eq(belay_server_close(world->server, world->clients[0].session, NULL), BELAY_OK);
    world_run(world, 1000);
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->event.closed.undelivered, 2);
    world_destroy(world);
}
END_TEST

/** Both sides say something in each frame, so that nobody is idle and nobody pings. */
static void chatter_both_ways(struct world *world) {
    static unsigned once = 1;
    world->user = &once;
    chatter(world);
    must(belay_client_send(world->clients[0].it, 1, "chatter", 7) == BELAY_OK);
}

/** The server handles what has come, and its reports of it are lost. */
static void handle_unheard(struct world *world) {
    world_link(world, 0,
               &(struct belay_link){.struct_size = sizeof(struct belay_link), .cut_down = true});
    world->server_deaf = false;
    world_run(world, 50);
    world_link(world, 0, NULL);
}

static struct world *create_busy(unsigned messages) {
    struct world *world = world_create(NULL);
    world_open(world);
    world->each_step = chatter_both_ways;
    world->server_deaf = true;
    for (unsigned i = 0; i < messages; i++) {
        ledger_must_send(world, UP, 0, 0, 32);
    }
    world_run(world, 100);
    return world;
}

/* The last report before the credit ran out is lost, and both sides are too busy for pings. */
START_TEST(lost_credit_is_asked_for) {
    struct world *world = create_busy(BELAY_CREDIT_MESSAGES + 100);
    handle_unheard(world);
    ck_assert_uint_eq(ledger_of(world, UP, 0, 0).received, BELAY_CREDIT_MESSAGES);
    world_run(world, 500);
    ledger_check(world, UP, 0, 0);
    world->each_step = NULL;
    world_destroy(world);
}
END_TEST

/* With credit left nothing starves, but what was handled must not fill the send buffer for ever. */
START_TEST(a_lost_report_is_asked_for_though_there_is_credit) {
    struct world *world = create_busy(10);
    handle_unheard(world);
    ck_assert_uint_eq(ledger_of(world, UP, 0, 0).received, 10);
    ck_assert_uint_eq(world_info(world, CLIENT, 0).queued_messages, 10);
    world_run(world, 1500);
    ck_assert_uint_eq(world_info(world, CLIENT, 0).queued_messages, 0);
    world->each_step = NULL;
    world_destroy(world);
}
END_TEST

/* Reports wait for company; a goodbye does not leave without them. */
START_TEST(after_a_clean_goodbye_nothing_is_in_doubt) {
    struct world *world = world_create(&(struct world_opts){.link = {.delay_ms = 20}});
    world_open(world);
    for (int i = 0; i < 10; i++) {
        ledger_must_send(world, DOWN, 0, 0, 32);
    }
    world_until(world, ledger_of(world, DOWN, 0, 0).received == 10, 100);
    ck_assert_uint_eq(world_info(world, SERVER, 0).queued_messages, 10); /* as far as it knows */
    belay_client_close(world->clients[0].it, NULL, 0);
    world_run(world, 200);
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->event.closed.unacked, 0);
    ck_assert_uint_eq(told(world, CLIENT, 0, BELAY_EVENT_CLOSED)->event.closed.unacked, 0);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, unreliable_messages_do_not_crowd_out_reports, 0, COUNT_OF(counts));
    tcase_add_test(tests, what_a_close_discards_was_not_handled);
    tcase_add_test(tests, a_large_message_that_comes_too_late_counts_as_one);
    tcase_add_test(tests, lost_credit_is_asked_for);
    tcase_add_test(tests, a_lost_report_is_asked_for_though_there_is_credit);
    tcase_add_test(tests, after_a_clean_goodbye_nothing_is_in_doubt);
}

TEST_MAIN("session/reports", add_tests)
