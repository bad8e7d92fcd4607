/* Memory runs out while a session with movement begins, at every single allocation: it ends
 * cleanly, nothing leaks, and the next one plays. */
#include "server/parts.h"
#include "tests/support/players.h"

#define LANES     BELAY_LANES_MAX
#define SETTLE_MS 1500
#define PLAY_MS   500

static uint64_t failing; /* allocation of accept(); 0 = none */
static enum belay_result first_result;

static void fail_at(uint64_t call) {
    world_memory.fail_at = call > 0 ? world_memory.calls + call : 0;
}

static enum belay_result accept_failing(struct world *world, unsigned client,
                                        belay_session session) {
    uint8_t user_id[16];
    world_user_id(world, client, user_id);
    fail_at(failing);
    enum belay_result result = belay_server_accept(world->server, session, user_id, "welcome", 7);
    fail_at(0);
    ck_assert_msg(result == BELAY_OK || result == BELAY_E_NO_MEMORY, "allocation %d: %s",
                  (int)failing, belay_error());
    failing = 0;
    return result;
}

static void try_to_accept(struct world *world, unsigned client, belay_session session) {
    first_result = accept_failing(world, client, session);
}

static void refuse_when_accept_fails(struct world *world, unsigned client, belay_session session) {
    if (accept_failing(world, client, session) != BELAY_OK) {
        ck_assert_int_eq(belay_server_close(world->server, session, NULL), BELAY_OK);
    }
}

static struct world *create(struct players *players) {
    struct world *world = world_create(&(struct world_opts){
        .link = {.delay_ms = 10},
        .server = {.move = players_move_opts(LANES)},
        .client = {.move = players_move_opts(LANES), .connect_ms = 2500},
    });
    players_join(players, world, LANES);
    return world;
}

static void must_play(struct players *players) {
    world_run(players->world, SETTLE_MS);
    players_count_anew(players);
    world_run(players->world, PLAY_MS);
    ck_assert_uint_ge(players->played[0].used, LANES * (PLAY_MS * PLAYERS_TICK_HZ / 1000 - 1));
    ck_assert_uint_eq(players->played[0].substituted, 0);
    ck_assert_uint_eq(players->played[0].wrong, 0);
}

/** As if nothing had been tried. */
static void accept_again(struct players *players) {
    struct world *world = players->world;
    world_run(world, 200);
    ck_assert_uint_gt(players->server_tick, 0);
    ck_assert_uint_eq(players->played[0].ticks, 0); /* a session that is not open has none */
    ck_assert_int_eq(accept_failing(world, 0, world->clients[0].session), BELAY_OK);
}

static void refuse_and_log_in_again(struct players *players) {
    struct world *world = players->world;
    ck_assert_int_eq(belay_server_close(world->server, world->clients[0].session, NULL), BELAY_OK);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 1, 2000);
    ck_assert_uint_eq(told(world, CLIENT, 0, BELAY_EVENT_CLOSED)->reason.code, BELAY_REASON_KICKED);
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN CLOSED");
    world_connect(world, 0);
}

static void (*const ways_on[])(struct players *players) = {accept_again, refuse_and_log_in_again};

START_TEST(an_accept_that_fails_can_be_made_again_or_refused) {
    uint64_t call = 0;
    do {
        struct players players;
        struct world *world = create(&players);
        world->login = try_to_accept;
        failing = ++call;
        world_connect(world, 0);
        world_until(world, told_count(world, SERVER, 0, BELAY_EVENT_LOGIN) == 1, 2000);
        enum belay_result result = first_result;
        if (result != BELAY_OK) {
            ways_on[_i](&players);
        }
        world_until(world, world_is_open(world, 0), 2000);
        must_play(&players);
        world_destroy(world);
        first_result = result;
    } while (first_result != BELAY_OK);
    ck_assert_uint_gt(call, 3); /* what names the session, the filters, the answer */
}
END_TEST

/** A login in which one allocation of either side fails. @return how many there were */
static uint64_t log_in_without(uint64_t call) {
    struct players players;
    struct world *world = create(&players);
    world->login = refuse_when_accept_fails;
    uint64_t begin = world_memory.calls;
    fail_at(call);
    struct belay_connect_opts opts = BELAY_CONNECT_OPTS_INIT;
    opts.invite = world->address;
    opts.login = "player 0";
    opts.login_size = 8;
    world->clients[0].attempts = 1;
    while (belay_client_connect(world->clients[0].it, &opts) == BELAY_E_NO_MEMORY) {
    }
    world_run(world, 300);
    uint64_t calls = world_memory.calls - begin;
    fail_at(0);
    for (int i = 0; i < 800 && !world_is_open(world, 0) &&
                    told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 0;
         i++) {
        world_step(world);
    }
    if (told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 1) {
        world_connect(world, 0);
        world_until(world, world_is_open(world, 0), 2000);
    }
    must_play(&players);
    world_destroy(world);
    return calls;
}

START_TEST(whichever_allocation_of_a_login_fails_the_client_comes_to_play) {
    uint64_t calls = log_in_without(0);
    ck_assert_uint_gt(calls, 30);
    for (uint64_t call = 1; call <= calls; call++) {
        log_in_without(call);
    }
}
END_TEST

START_TEST(a_client_with_movement_that_cannot_be_created_leaves_nothing_behind) {
    struct belay_sim *sim = belay_sim_create(1);
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_client *client = NULL;
    enum belay_result result = BELAY_E_NO_MEMORY;
    uint64_t call = 0;
    opts.hooks = &world_hooks;
    opts.sim = sim;
    opts.move = players_move_opts(LANES);
    while (result != BELAY_OK) {
        fail_at(++call);
        result = belay_client_create(&client, &opts);
        fail_at(0);
        ck_assert(result == BELAY_OK || result == BELAY_E_NO_MEMORY);
        ck_assert(result == BELAY_OK || world_memory.live == 0);
    }
    ck_assert_uint_gt(call, 2 * LANES); /* each lane has something of its own */
    belay_client_destroy(client);
    belay_sim_destroy(sim);
    ck_assert_uint_eq(world_memory.live, 0);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, an_accept_that_fails_can_be_made_again_or_refused, 0, 2);
    tcase_add_test(tests, whichever_allocation_of_a_login_fails_the_client_comes_to_play);
    tcase_add_test(tests, a_client_with_movement_that_cannot_be_created_leaves_nothing_behind);
}

TEST_MAIN("scenario moves_memory", add_tests)
