/* Waiting for ticks on real sockets: a service() that waits comes back for each, and only for them.
 */
#include "lib/clock/clock.h"
#include "server/parts.h"
#include "tests/support/world.h"

#define LONG_MS 3000 /* far more than a tick */

static const struct belay_move_opts movement = {.size = 1};

static int64_t now_ms(void) {
    return bl_clock_monotonic() / BL_MILLISECOND;
}

/** Nothing but a tick can end a wait here. */
static struct world *create_quiet(void) {
    struct world *world = world_create(&(struct world_opts){
        .sockets = true,
        .server = {.heartbeat_ms = BELAY_FOREVER, .lost_ms = BELAY_FOREVER, .move = movement},
        .client = {.move = movement},
    });
    world_open(world);
    world_run(world, 600); /* what is owed of the login has gone */
    return world;
}

static void run_all_that_is_due(struct world *world) {
    uint32_t tick;
    while (belay_server_next_tick(world->server, &tick)) {
    }
}

START_TEST(a_server_that_waits_comes_back_for_each_tick) {
    struct world *world = create_quiet();
    uint32_t tick;
    run_all_that_is_due(world);
    int64_t began = now_ms();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_le(belay_server_wait_ns(world->server), BL_SECOND / BELAY_TICK_HZ_DEFAULT);
        ck_assert_int_eq(belay_server_service(world->server, LONG_MS), BELAY_OK);
        ck_assert(belay_server_next_tick(world->server, &tick));
        run_all_that_is_due(world);
    }
    ck_assert_int_lt(now_ms() - began, LONG_MS / 2);
    world_destroy(world);
}
END_TEST

/* It could not know of that tick when it began to wait. */
START_TEST(a_client_that_waits_comes_back_for_its_first_tick) {
    struct world *world = create_quiet();
    struct belay_client *client = world->clients[0].it;
    uint32_t tick;
    ck_assert(!belay_client_next_tick(client, &tick));
    run_all_that_is_due(world);
    belay_server_flush(world->server); /* tells of the ticks */
    int64_t began = now_ms();
    ck_assert_int_eq(belay_client_service(client, LONG_MS), BELAY_OK);
    ck_assert(belay_client_next_tick(client, &tick));
    ck_assert_int_lt(now_ms() - began, LONG_MS / 2);
    world_destroy(world);
}
END_TEST

START_TEST(who_asks_for_no_more_ticks_waits_as_long_as_it_wants) {
    struct world *world = create_quiet();
    run_all_that_is_due(world);
    ck_assert_int_eq(belay_server_service(world->server, LONG_MS), BELAY_OK);
    int64_t began = now_ms(), wait_ns = belay_server_wait_ns(world->server);
    ck_assert(wait_ns < 0 || wait_ns > BL_SECOND / BELAY_TICK_HZ_DEFAULT);
    ck_assert_int_eq(belay_server_service(world->server, 200), BELAY_OK);
    ck_assert_int_ge(now_ms() - began, 199);
    world_destroy(world);
}
END_TEST

/* Ticks that nobody asks for meanwhile are no stall, by which deadlines would be put off. */
START_TEST(a_server_that_stops_does_not_wait_for_ticks) {
    struct world *world = create_quiet();
    run_all_that_is_due(world);
    ledger_must_send(world, DOWN, 0, 0, 1000); /* to a client that is not serviced */
    int64_t began = now_ms();
    belay_server_stop(world->server, 600);
    ck_assert_int_ge(now_ms() - began, 599);
    ck_assert_int_le(world->server->loop.shared.stalled, BL_SECOND);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, a_server_that_waits_comes_back_for_each_tick);
    tcase_add_test(tests, a_client_that_waits_comes_back_for_its_first_tick);
    tcase_add_test(tests, who_asks_for_no_more_ticks_waits_as_long_as_it_wants);
    tcase_add_test(tests, a_server_that_stops_does_not_wait_for_ticks);
}

TEST_MAIN("scenario tick_waits", add_tests)
