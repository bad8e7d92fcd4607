/*
 * Full buffers, over the whole stack. Of memory_max, of which each session has a share of its own
 * and all have a pool: whoever is refused hears when to go on. Of a channel that coalesces: the
 * newest of each key arrives.
 */
#include "tests/support/world.h"
#include <string.h>

#define SHARE      10000
#define POOL       50000
#define CLIENTS    5
#define MEMORY_MAX (CLIENTS * SHARE + POOL)

static struct world *create_with(unsigned clients) {
    struct world *world = world_create(&(struct world_opts){
        .clients = clients, .server = {.memory_max = MEMORY_MAX, .session_max = CLIENTS}});
    world_open(world);
    return world;
}

/** Messages to client 0, who does not poll, take its share and the whole pool. */
static struct world *create_full(unsigned clients) {
    struct world *world = create_with(clients);
    world->clients[0].deaf = true;
    for (int i = 0; i < (SHARE + POOL) / 1000; i++) {
        ledger_must_send(world, DOWN, 0, 0, 1000);
    }
    world_run(world, 50);
    return world;
}

/** Send refused for want of memory alone: nothing of this client's own is queued. */
static void refuse(struct world *world, unsigned client, size_t size) {
    ck_assert_int_eq(ledger_send(world, DOWN, client, 0, size), BELAY_E_WOULD_BLOCK);
    ck_assert_uint_eq(world_info(world, SERVER, client).queued_messages, 0);
}

static bool was_told_to_go_on(const struct world *world, unsigned client) {
    return !told(world, SERVER, client, BELAY_EVENT_BACKPRESSURE)->event.backpressure.on;
}

START_TEST(who_is_refused_for_the_memory_of_others_hears_when_to_go_on) {
    struct world *world = create_full(2);
    refuse(world, 1, SHARE + 1);
    world_run(world, 1000);
    ck_assert(!was_told_to_go_on(world, 1));
    world->clients[0].deaf = false;
    world_run(world, 1000);
    ck_assert_str_eq(told_events(world, SERVER, 1), "LOGIN OPEN BACKPRESSURE BACKPRESSURE");
    ck_assert(was_told_to_go_on(world, 1));
    ledger_must_send(world, DOWN, 1, 0, 1000);
    world_run(world, 100);
    ledger_check(world, DOWN, 1, 0);
    world_destroy(world);
}
END_TEST

/* The memory comes back when the session that had it ends, too. */
START_TEST(the_end_of_a_session_makes_room_for_others) {
    struct world *world = create_full(2);
    refuse(world, 1, SHARE + 1);
    world_kill(world, 0);
    ck_assert_int_eq(belay_server_close(world->server, world->clients[0].session, NULL), BELAY_OK);
    world_run(world, 6000);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_CLOSED), 1);
    ck_assert(was_told_to_go_on(world, 1));
    world_destroy(world);
}
END_TEST

/* What has come in and was not polled takes memory as well. */
START_TEST(polling_makes_room_for_sends) {
    struct world *world = create_with(2);
    world->server_deaf = true;
    for (int i = 0; i < (SHARE + POOL) / 1000; i++) {
        ledger_must_send(world, UP, 0, 0, 1000);
    }
    world_run(world, 200);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).queued, SHARE + POOL);
    refuse(world, 1, SHARE + 1);
    world->server_deaf = false;
    world_step(world);
    ck_assert_int_eq(belay_server_wait_ns(world->server), 0); /* a loop of one's own comes back */
    world_step(world);
    ck_assert(was_told_to_go_on(world, 1));
    world_destroy(world);
}
END_TEST

/* In their turn, and only as many as there is room for: a crowd does not come for each message that
 * leaves. Those who make no use of it hold up nobody. */
START_TEST(those_who_were_refused_go_on_in_their_turn) {
    struct world *world = create_full(5);
    for (unsigned i = 1; i < 5; i++) {
        refuse(world, i, 30000);
    }
    world_kill(world, 0);
    ck_assert_int_eq(belay_server_close(world->server, world->clients[0].session, NULL), BELAY_OK);
    world_until(world, world_stats(world, SERVER, 0).queued == 0, 6000);
    world_step(world);
    for (unsigned i = 1; i < 5; i++) {
        ck_assert_int_eq(was_told_to_go_on(world, i), i <= 2);
    }
    world_step(world);
    for (unsigned i = 1; i < 5; i++) {
        ck_assert(was_told_to_go_on(world, i));
    }
    world_destroy(world);
}
END_TEST

/* R3: what one session has waiting, in or out, takes nothing from another's share. */
START_TEST(who_keeps_to_its_share_is_never_refused_for_others) {
    struct world *world = create_with(CLIENTS);
    world->server_deaf = true;
    for (unsigned i = 0; i < 2; i++) { /* one fills the pool from here, one from there */
        world->clients[i].deaf = true;
        for (int j = 0; j < (SHARE + POOL / 2) / 1000; j++) {
            ledger_must_send(world, i == 0 ? UP : DOWN, i, 0, 1000);
        }
    }
    world_run(world, 200);
    for (unsigned i = 2; i < CLIENTS; i++) {
        for (int j = 0; j < SHARE / 1000; j++) {
            ledger_must_send(world, i % 2 == 0 ? UP : DOWN, i, 0, 1000);
        }
    }
    world_run(world, 200);
    ck_assert_int_eq(ledger_send(world, DOWN, 2, 0, 1000), BELAY_E_WOULD_BLOCK);
    world->server_deaf = false;
    world_run(world, 500);
    for (unsigned i = 2; i < CLIENTS; i++) {
        ck_assert(world_is_open(world, i));
        ledger_check(world, i % 2 == 0 ? UP : DOWN, i, 0);
    }
    world_destroy(world);
}
END_TEST

/* Whoever is owed an answer may end before it comes, and so may everybody. */
START_TEST(who_is_owed_may_leave) {
    struct world *world = create_full(4);
    for (unsigned i = 1; i < 4; i++) {
        refuse(world, i, SHARE + 1);
    }
    for (unsigned i = 1; i < 4; i += 2) {
        belay_client_close(world->clients[i].it, NULL, 0);
    }
    world_run(world, 100);
    world->clients[0].deaf = false;
    world_run(world, 1000);
    ck_assert_str_eq(told_events(world, SERVER, 1), "LOGIN OPEN BACKPRESSURE CLOSED");
    ck_assert(was_told_to_go_on(world, 2));
    ck_assert_str_eq(told_events(world, SERVER, 3), "LOGIN OPEN BACKPRESSURE CLOSED");
    world_destroy(world);
}
END_TEST

/* ---- COALESCE */

static const struct belay_channel coalescing[] = {
    {.name = "positions", .when_full = BELAY_COALESCE},
};

/** A client that hears nothing, and more for it than may be in flight. */
static struct world *create_coalescing(struct belay_server_opts server) {
    server.channels = coalescing;
    server.channel_count = 1;
    struct world *world = world_create(&(struct world_opts){
        .server = server, .client = {.channels = coalescing, .channel_count = 1}});
    world_open(world);
    world->clients[0].deaf = true;
    return world;
}

/* What comes last is what was said last: the newest of a key goes where its newest waited. */
START_TEST(the_newest_of_a_key_is_the_last_to_come) {
    struct world *world = create_coalescing(
        (struct belay_server_opts){.send_messages_max = 2 * BELAY_CREDIT_MESSAGES});
    for (int i = 0; i < BELAY_CREDIT_MESSAGES; i++) {
        ck_assert_int_eq(world_say(world, DOWN, 0, 0, "player 2 at 0"), BELAY_OK);
    }
    world_run(world, 100); /* the credit is used up: all others wait */
    for (int i = 0; i < BELAY_CREDIT_MESSAGES; i++) {
        ck_assert_int_eq(world_say(world, DOWN, 0, 0, "player 1 at 0"), BELAY_OK);
    }
    ck_assert_int_eq(world_say(world, DOWN, 0, 0, "player 1 at 6"), BELAY_OK);
    ck_assert_int_eq(world_say(world, DOWN, 0, 0, "player 1 at 7"), BELAY_OK);
    ck_assert_int_eq(world_say(world, DOWN, 0, 0, "player 3 at 7"), BELAY_E_WOULD_BLOCK);
    world->clients[0].deaf = false;
    world_run(world, 1000);
    ck_assert_uint_eq(world->clients[0].messages[DOWN], 2 * BELAY_CREDIT_MESSAGES);
    ck_assert_str_eq(world->clients[0].last_text[DOWN], "player 1 at 7");
    world_destroy(world);
}
END_TEST

/* A buffer may be full by bytes, its own or everybody's: what is replaced makes room. */
static const struct belay_server_opts byte_caps[] = {
    {.send_bytes_max = 100000},
    {.memory_max = 100000, .session_max = 1},
};

START_TEST(what_is_replaced_makes_room_in_bytes) {
    static char text[10000];
    struct world *world = create_coalescing(byte_caps[_i]);
    world_cut(world, 0);
    memset(text, 'x', sizeof text);
    for (char key = '0'; key < '0' + 10; key++) {
        text[0] = key;
        ck_assert_int_eq(
            belay_server_send(world->server, world->clients[0].session, 0, text, sizeof text),
            BELAY_OK);
    }
    world_run(world, 50);
    belay_session session = world->clients[0].session;
    ck_assert_int_eq(belay_server_send(world->server, session, 0, text, sizeof text), BELAY_OK);
    ck_assert_int_eq(belay_server_send(world->server, session, 0, text, 100), BELAY_OK);
    ck_assert_uint_eq(world_info(world, SERVER, 0).queued_bytes, 90100);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).queued, 90100);
    ck_assert_int_eq(belay_server_send(world->server, session, 0, text, sizeof text), BELAY_OK);
    ck_assert_uint_eq(world_info(world, SERVER, 0).queued_messages, 10);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, who_is_refused_for_the_memory_of_others_hears_when_to_go_on);
    tcase_add_test(tests, the_end_of_a_session_makes_room_for_others);
    tcase_add_test(tests, polling_makes_room_for_sends);
    tcase_add_test(tests, those_who_were_refused_go_on_in_their_turn);
    tcase_add_test(tests, who_keeps_to_its_share_is_never_refused_for_others);
    tcase_add_test(tests, who_is_owed_may_leave);
    tcase_add_test(tests, the_newest_of_a_key_is_the_last_to_come);
    tcase_add_loop_test(tests, what_is_replaced_makes_room_in_bytes, 0, COUNT_OF(byte_caps));
}

TEST_MAIN("session/pressure", add_tests)
