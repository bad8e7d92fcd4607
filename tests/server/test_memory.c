/* Memory runs out at every single point: nothing crashes, nothing leaks, and what was promised
 * holds: a message that was taken arrives, or the session ends and says so. */
#include "tests/support/world.h"
#include <string.h>

static void fail_from(uint64_t call, bool on) {
    world_memory.fail_at = world_memory.calls + call;
    world_memory.fail_on = on;
}

static void no_more_failures(void) {
    world_memory.fail_at = 0;
    world_memory.fail_on = false;
}

static enum belay_result start_server(struct belay_server **out, struct belay_sim *sim) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    opts.hooks = &world_hooks;
    opts.sim = sim;
    opts.listen = sim != NULL ? WORLD_ADDRESS : "127.0.0.1:0";
    return belay_server_start(out, &opts);
}

static enum belay_result create_client(struct belay_client **out, struct belay_sim *sim) {
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    opts.hooks = &world_hooks;
    opts.sim = sim;
    return belay_client_create(out, &opts);
}

/* R16, G11: a start that fails rolls back everything, in a simulation and over sockets. */
START_TEST(a_failing_start_leaves_nothing_behind) {
    struct belay_sim *sim = _i == 0 ? belay_sim_create(1) : NULL;
    enum belay_result result = BELAY_E_NO_MEMORY;
    struct belay_server *server = NULL;
    uint64_t call = 0;
    while (result != BELAY_OK) {
        fail_from(++call, false);
        result = start_server(&server, sim);
        no_more_failures();
        if (result != BELAY_OK) {
            ck_assert_msg(result == BELAY_E_NO_MEMORY, "allocation %d: %s: %s", (int)call,
                          belay_result_name(result), belay_error());
            ck_assert_ptr_null(server);
            ck_assert_uint_eq(world_memory.live, 0);
        }
    }
    ck_assert_uint_gt(call, 5);
    belay_server_destroy(server);
    belay_sim_destroy(sim);
    ck_assert_uint_eq(world_memory.live, 0);
}
END_TEST

START_TEST(a_failing_create_leaves_nothing_behind) {
    struct belay_sim *sim = _i == 0 ? belay_sim_create(1) : NULL;
    enum belay_result result = BELAY_E_NO_MEMORY;
    struct belay_client *client = NULL;
    uint64_t call = 0;
    while (result != BELAY_OK) {
        fail_from(++call, false);
        result = create_client(&client, sim);
        no_more_failures();
        if (result != BELAY_OK) {
            ck_assert_msg(result == BELAY_E_NO_MEMORY, "allocation %d: %s: %s", (int)call,
                          belay_result_name(result), belay_error());
            ck_assert_ptr_null(client);
            ck_assert_uint_eq(world_memory.live, 0);
        }
    }
    ck_assert_uint_gt(call, 5);
    belay_client_destroy(client);
    belay_sim_destroy(sim);
    ck_assert_uint_eq(world_memory.live, 0);
}
END_TEST

/* A connect that fails leaves the client as it was: the next one works. */
START_TEST(a_failing_connect_can_be_tried_again) {
    struct world *world = world_create(NULL);
    struct belay_connect_opts opts = BELAY_CONNECT_OPTS_INIT;
    enum belay_result result = BELAY_E_NO_MEMORY;
    uint64_t call = 0;
    opts.invite = world->address;
    opts.login = "player 0";
    opts.login_size = 8;
    while (result != BELAY_OK) {
        fail_from(++call, false);
        result = belay_client_connect(world->clients[0].it, &opts);
        no_more_failures();
        ck_assert(result == BELAY_OK || result == BELAY_E_NO_MEMORY);
    }
    ck_assert_uint_gt(call, 1);
    world_until(world, world_is_open(world, 0), 1000);
    ck_assert_str_eq(told_events(world, CLIENT, 0), "OPEN");
    world_destroy(world);
}
END_TEST

/* R41: what a session that is logged in and idle costs the server. */
START_TEST(an_idle_session_costs_less_than_four_kibibytes) {
    enum { SESSIONS = 100 };
    struct world *world = world_create(
        &(struct world_opts){.clients = SESSIONS + 1, .server = {.session_max = SESSIONS + 1}});
    world_connect(world, SESSIONS);
    world_until(world, world_is_open(world, SESSIONS), 1000);
    world_run(world, 2000);
    uint64_t before = world_stats(world, SERVER, 0).memory;
    for (unsigned i = 0; i < SESSIONS; i++) {
        world_connect(world, i);
    }
    world_until(world, world_stats(world, SERVER, 0).sessions == SESSIONS + 1, 2000);
    world_run(world, 2000);
    uint64_t each = (world_stats(world, SERVER, 0).memory - before) / SESSIONS;
    ck_assert_uint_gt(each, 500);
    ck_assert_uint_le(each, 4096);
    world_destroy(world);
}
END_TEST

static void refuse_when_accept_fails(struct world *world, unsigned client, belay_session session) {
    uint8_t user_id[16];
    world_user_id(world, client, user_id);
    if (belay_server_accept(world->server, session, user_id, "welcome", 7) == BELAY_E_NO_MEMORY) {
        belay_server_close(world->server, session, NULL);
    }
}

static void talk(struct world *world) {
    for (int i = 0; i < 10; i++) {
        static const size_t sizes[] = {20, 3000, 500, 20000};
        size_t size = sizes[i % 4];
        ledger_send(world, UP, 0, 0, size);
        ledger_send(world, DOWN, 0, 0, size);
        ledger_send(world, UP, 0, 1, size < 8000 ? size : 8000);
        world_run(world, 20);
    }
}

static void try_to_connect(struct world *world) {
    struct belay_connect_opts opts = BELAY_CONNECT_OPTS_INIT;
    opts.invite = world->address;
    opts.login = "player 0";
    opts.login_size = 8;
    world->clients[0].attempts = 1;
    while (belay_client_connect(world->clients[0].it, &opts) == BELAY_E_NO_MEMORY) {
        no_more_failures(); /* all of them were to fail */
    }
}

/** The same story with failures from one call on. @return calls it made */
static uint64_t live_through(uint64_t call, bool on) {
    struct world *world = world_create(&(struct world_opts){
        .link = {.delay_ms = 10},
        .server = {.heartbeat_ms = 300, .lost_ms = 1500},
        .client = {.connect_ms = 2500}, /* a refusal may not have found memory either */
    });
    world->login = refuse_when_accept_fails;
    uint64_t begin = world_memory.calls;
    if (call > 0) {
        fail_from(call, on);
    }
    try_to_connect(world);
    world_run(world, 100);
    talk(world);
    no_more_failures();
    uint64_t calls = world_memory.calls - begin;
    world_run(world, 4000);
    if (told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 0 && world_is_open(world, 0)) {
        ledger_check(world, UP, 0, 0);
        ledger_check(world, DOWN, 0, 0);
        ledger_send(world, UP, 0, 0, 100);
        ledger_send(world, DOWN, 0, 0, 100);
        world_run(world, 1000);
        ledger_check(world, UP, 0, 0);
        ledger_check(world, DOWN, 0, 0);
    } else { /* it ended, on both sides, once */
        uint32_t code = told(world, CLIENT, 0, BELAY_EVENT_CLOSED)->reason.code;
        ck_assert_msg(
            on || (code != BELAY_REASON_UNREACHABLE && code != BELAY_REASON_LOGIN_DEADLINE),
            "allocation %d: the client waited in vain: %s", (int)call, belay_reason_name(code));
        ck_assert_msg(told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 1,
                      "allocation %d: the client was told %s", (int)call,
                      told_events(world, CLIENT, 0));
        ck_assert_msg(told_count(world, SERVER, 0, BELAY_EVENT_CLOSED) <= 1,
                      "allocation %d: the server was told %s", (int)call,
                      told_events(world, SERVER, 0));
        world_connect(world, 0); /* and all is well again */
        world_until(world, world_is_open(world, 0), 2000);
    }
    world_destroy(world);
    return calls;
}

/* A27, W-A1, W-A2: one allocation fails, each in its turn. */
START_TEST(a_session_survives_or_ends_when_one_allocation_fails) {
    uint64_t calls = live_through(0, false);
    ck_assert_uint_gt(calls, 100);
    for (uint64_t call = 1; call <= calls; call++) {
        live_through(call, false);
    }
}
END_TEST

/* And all from there on, until the memory comes back. */
START_TEST(a_session_survives_or_ends_when_memory_is_out_for_a_while) {
    uint64_t calls = live_through(0, false);
    for (uint64_t call = 1; call <= calls; call += 3) {
        live_through(call, true);
    }
}
END_TEST

static void client_leaves(struct world *world) {
    belay_client_close(world->clients[0].it, NULL, 50);
}

static void server_evicts(struct world *world) {
    belay_session session = 0;
    while ((session = belay_server_next(world->server, session)) != 0) {
        belay_server_close(world->server, session, NULL);
    }
}

static void server_drains(struct world *world) {
    ck_assert_int_eq(belay_server_drain(world->server, 20, "elsewhere"), BELAY_OK);
}

static void server_stops(struct world *world) {
    belay_server_stop(world->server, 50);
    belay_server_stop(world->server, 0);
}

static void everybody_pauses_and_stops(struct world *world) {
    belay_client_pause(world->clients[0].it, 1000);
    belay_client_flush(world->clients[0].it);
    belay_server_stop(world->server, 0);
}

static void (*const ends[])(struct world *world) = {
    client_leaves, server_evicts, server_drains, server_stops, everybody_pauses_and_stops,
};

/** A short life, its end included, in which one allocation fails. @return calls it made */
static uint64_t live_and_end(void (*end)(struct world *world), uint64_t call) {
    struct world *world = world_create(&(struct world_opts){
        .link = {.delay_ms = 10},
        .server = {.heartbeat_ms = 300, .lost_ms = 1000, .no_resume = true},
        .client = {.connect_ms = 2500, .no_resume = true},
    });
    world->login = refuse_when_accept_fails;
    uint64_t begin = world_memory.calls;
    if (call > 0) {
        fail_from(call, false);
    }
    try_to_connect(world);
    for (int i = 0; i < 600 && !world_is_open(world, 0); i++) {
        world_step(world);
    }
    ledger_send(world, UP, 0, 0, 3000);
    ledger_send(world, DOWN, 0, 0, 3000);
    world_run(world, 20);
    ledger_send(world, UP, 0, 0, 300);
    ledger_send(world, DOWN, 0, 0, 300); /* is still to drain */
    end(world);
    world_run(world, 500);
    uint64_t calls = world_memory.calls - begin;
    no_more_failures();
    world_run(world, 7000);
    for (int side = CLIENT; side <= SERVER; side++) {
        uint32_t closed = told_count(world, (enum world_side)side, 0, BELAY_EVENT_CLOSED);
        uint32_t open = told_count(world, (enum world_side)side, 0, BELAY_EVENT_OPEN);
        ck_assert_msg(closed == 1 || (side == SERVER && open == 0 && closed == 0),
                      "allocation %d: %s", (int)call, told_events(world, (enum world_side)side, 0));
    }
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).queued, 0);
    ck_assert_uint_eq(world_stats(world, CLIENT, 0).queued, 0);
    world_destroy(world);
    return calls;
}

/* Each session that was opened has one end, however it came. */
START_TEST(a_session_ends_once_though_an_allocation_fails_at_its_end) {
    uint64_t calls = live_and_end(ends[_i], 0);
    ck_assert_uint_gt(calls, 30);
    for (uint64_t call = 1; call <= calls; call++) {
        live_and_end(ends[_i], call);
    }
}
END_TEST

/* A pause that cannot be said is not announced, and the caller knows. */
START_TEST(a_pause_without_memory_says_so) {
    struct world *world = world_create(NULL);
    world_open(world);
    fail_from(1, true);
    ck_assert_int_eq(belay_client_pause(world->clients[0].it, 1000), BELAY_E_NO_MEMORY);
    no_more_failures();
    ck_assert_int_eq(belay_client_pause(world->clients[0].it, 1000), BELAY_OK);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_failing_start_leaves_nothing_behind, 0, 2);
    tcase_add_loop_test(tests, a_failing_create_leaves_nothing_behind, 0, 2);
    tcase_add_test(tests, a_failing_connect_can_be_tried_again);
    tcase_add_test(tests, an_idle_session_costs_less_than_four_kibibytes);
    tcase_add_test(tests, a_session_survives_or_ends_when_one_allocation_fails);
    tcase_add_test(tests, a_session_survives_or_ends_when_memory_is_out_for_a_while);
    tcase_add_loop_test(tests, a_session_ends_once_though_an_allocation_fails_at_its_end, 0,
                        COUNT_OF(ends));
    tcase_add_test(tests, a_pause_without_memory_says_so);
}

TEST_MAIN("memory", add_tests)
