/* How sessions end: who says so, what still goes out first, and what both sides are told. */
#include "tests/support/world.h"
#include <string.h>

static const struct belay_reason bored = {.code = BELAY_REASON_GAME, .text = "bored"};

static void assert_ended_by(const struct world *world, enum world_side side, enum belay_who who,
                            uint32_t code) {
    const struct told *closed = told(world, side, 0, BELAY_EVENT_CLOSED);
    ck_assert_int_eq(closed->reason.who, who);
    ck_assert_uint_eq(closed->reason.code, code);
    ck_assert_uint_eq(told_count(world, side, 0, BELAY_EVENT_CLOSED), 1);
}

/* A55, R15: the reason of whoever closes reaches the other side; each knows who it was. */
START_TEST(a_client_that_leaves_tells_the_server_why) {
    struct world *world = world_create(NULL);
    world_open(world);
    belay_client_close(world->clients[0].it, _i == 0 ? NULL : &bored, 0);
    world_run(world, 100);
    uint32_t code = _i == 0 ? (uint32_t)BELAY_REASON_LEFT : (uint32_t)BELAY_REASON_GAME;
    assert_ended_by(world, CLIENT, BELAY_WHO_LOCAL, code);
    assert_ended_by(world, SERVER, BELAY_WHO_PEER, code);
    ck_assert_str_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->text, _i == 0 ? "left" : "bored");
    ck_assert_str_eq(told_states(world, SERVER, 0),
                     "TRANSPORT_CONNECTED LOGIN_PENDING LOGGED_IN DISCONNECTED");
    ck_assert_str_eq(told_states(world, CLIENT, 0),
                     "TRANSPORT_CONNECTED LOGIN_PENDING LOGGED_IN DISCONNECTED");
    world_destroy(world);
}
END_TEST

START_TEST(a_server_that_evicts_tells_the_client_why) {
    struct world *world = world_create(NULL);
    world_open(world);
    ck_assert_int_eq(
        belay_server_close(world->server, world->clients[0].session, _i == 0 ? NULL : &bored),
        BELAY_OK);
    world_run(world, 100);
    uint32_t code = _i == 0 ? (uint32_t)BELAY_REASON_KICKED : (uint32_t)BELAY_REASON_GAME;
    assert_ended_by(world, SERVER, BELAY_WHO_LOCAL, code);
    assert_ended_by(world, CLIENT, BELAY_WHO_PEER, code);
    ck_assert(!told(world, CLIENT, 0, BELAY_EVENT_CLOSED)->reason.come_back);
    world_destroy(world);
}
END_TEST

#define CODE(name, value, text) value,
static const uint32_t codes[] = {BELAY_REASONS(CODE) BELAY_REASON_GAME, BELAY_REASON_GAME + 1, 999,
                                 UINT32_MAX};

/* A33, A55: every code there is, the game's own and those of a later version, with all that goes
 * with it; R31: each of ours has a name of its own. */
START_TEST(every_code_reaches_the_other_side) {
    uint32_t code = codes[_i];
    const struct belay_reason reason = {
        .code = code, .come_back = _i % 2 != 0, .retry_ms = 1000 + code, .text = "as it is"};
    struct world *world = world_create(NULL);
    world_open(world);
    belay_server_close(world->server, world->clients[0].session, &reason);
    world_run(world, 100);
    const struct told *closed = told(world, CLIENT, 0, BELAY_EVENT_CLOSED);
    ck_assert_uint_eq(closed->reason.code, code);
    ck_assert_int_eq(closed->reason.come_back, reason.come_back);
    ck_assert_uint_eq(closed->reason.retry_ms, reason.retry_ms);
    ck_assert_str_eq(closed->text, "as it is");
    for (int other = 0; codes[other] != code && code < BELAY_REASON_GAME; other++) {
        ck_assert_str_ne(belay_reason_name(code), belay_reason_name(codes[other]));
    }
    world_destroy(world);
}
END_TEST

/* The text has 128 bytes at most; no character is cut in two, and no control character passes. */
static const struct odd_text {
    const char *given;
    size_t repeat;
    size_t length;
} odd_texts[] = {
    {"x", 128, 128},       {"x", 129, 128},           {"x", 500, 128},
    {"\xc3\xa9", 64, 128}, {"\xe2\x82\xac", 43, 126}, /* 129 bytes: the 43rd euro does not fit */
};

START_TEST(a_long_reason_is_cut_between_characters) {
    const struct odd_text *odd = &odd_texts[_i];
    char text[600] = "";
    for (size_t i = 0; i < odd->repeat; i++) {
        strcat(text, odd->given);
    }
    struct world *world = world_create(NULL);
    world_open(world);
    belay_client_close(world->clients[0].it,
                       &(struct belay_reason){.code = BELAY_REASON_GAME, .text = text}, 0);
    world_run(world, 100);
    const char *heard = told(world, SERVER, 0, BELAY_EVENT_CLOSED)->text;
    ck_assert_uint_eq(strlen(heard), odd->length);
    ck_assert_mem_eq(heard, text, odd->length);
    world_destroy(world);
}
END_TEST

START_TEST(control_characters_of_a_reason_do_not_pass) {
    struct world *world = world_create(NULL);
    world_open(world);
    belay_client_close(
        world->clients[0].it,
        &(struct belay_reason){.code = BELAY_REASON_GAME, .text = "a\x1b[31mred\n\xff"}, 0);
    world_run(world, 100);
    for (const char *at = told(world, SERVER, 0, BELAY_EVENT_CLOSED)->text; *at != '\0'; at++) {
        ck_assert_msg((unsigned char)*at >= 0x20, "byte %#x", (unsigned char)*at);
    }
    world_destroy(world);
}
END_TEST

/* W-A14: what was sent before close() goes out first, whoever closes, on a bad link too. */
START_TEST(what_was_sent_before_a_close_arrives_before_it) {
    enum world_way way = _i == 0 ? UP : DOWN;
    struct world *world = world_create(
        &(struct world_opts){.seed = 5, .link = {.delay_ms = 40, .jitter_ms = 20, .loss = 0.1F}});
    world_open(world);
    for (int i = 0; i < 100; i++) {
        ledger_must_send(world, way, 0, 0, 500);
    }
    ledger_must_send(world, way, 0, 0, 50000);
    if (way == UP) {
        belay_client_close(world->clients[0].it, &bored, 5000);
    } else {
        belay_server_close(world->server, world->clients[0].session, &bored);
    }
    ck_assert(world_info(world, way == UP ? CLIENT : SERVER, 0).closing);
    world_run(world, 5000);
    ledger_check(world, way, 0, 0);
    assert_ended_by(world, CLIENT, way == UP ? BELAY_WHO_LOCAL : BELAY_WHO_PEER, BELAY_REASON_GAME);
    assert_ended_by(world, SERVER, way == UP ? BELAY_WHO_PEER : BELAY_WHO_LOCAL, BELAY_REASON_GAME);
    world_destroy(world);
}
END_TEST

/* A22, A50, A53, W-A18: after close() nothing is sent and nothing is handed to the application;
 * once more is harmless. */
START_TEST(after_a_close_nothing_is_sent_or_received) {
    struct world *world = world_create(&(struct world_opts){.link = {.delay_ms = 50}});
    world_open(world);
    belay_session session = world->clients[0].session;
    ledger_must_send(world, DOWN, 0, 0, 100); /* so that it drains */
    ck_assert_int_eq(belay_server_close(world->server, session, &bored), BELAY_OK);
    ck_assert_int_eq(belay_server_close(world->server, session, NULL), BELAY_OK);
    ck_assert_int_eq(ledger_send(world, DOWN, 0, 0, 100), BELAY_E_GONE);
    ck_assert_int_eq(world_say(world, UP, 0, 0, "too late"), BELAY_OK);
    world_run(world, 1000);
    ck_assert_uint_eq(world->clients[0].messages[UP], 0);
    ck_assert_uint_eq(world->clients[0].messages[DOWN], 1); /* from before the close */
    assert_ended_by(world, SERVER, BELAY_WHO_LOCAL, BELAY_REASON_GAME);
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->event.closed.undelivered, 1);
    ck_assert_uint_eq(told(world, CLIENT, 0, BELAY_EVENT_CLOSED)->event.closed.unacked, 1);
    ck_assert_int_eq(belay_server_close(world->server, session, NULL), BELAY_E_GONE);
    ck_assert_int_eq(belay_server_send(world->server, session, 0, "x", 1), BELAY_E_GONE);
    ck_assert_int_eq(world_say(world, UP, 0, 0, "x"), BELAY_E_STATE);
    uint64_t sent = world_stats(world, SERVER, 0).datagrams_out;
    world_run(world, 10000);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).datagrams_out, sent);
    world_destroy(world);
}
END_TEST

/* A50: the first close is the one that counts, whoever closes again and as often as he likes. */
START_TEST(a_second_close_changes_nothing) {
    static const struct belay_reason again = {.code = BELAY_REASON_BANNED, .come_back = true};
    struct world *world = world_create(NULL);
    bool by_client = _i == 0;
    world_open(world);
    world->server_deaf = world->clients[0].deaf = true; /* CLOSED waits to be polled */
    for (int i = 0; i < 3; i++) {
        const struct belay_reason *reason = i == 0 ? &bored : &again;
        if (by_client) {
            belay_client_close(world->clients[0].it, reason, 0);
        } else {
            belay_server_close(world->server, world->clients[0].session, reason);
        }
        world_run(world, 100);
        belay_client_close(world->clients[0].it, &again, 0); /* and the other side, too late */
        belay_server_close(world->server, world->clients[0].session, &again);
    }
    world->server_deaf = world->clients[0].deaf = false;
    world_run(world, 100);
    assert_ended_by(world, CLIENT, by_client ? BELAY_WHO_LOCAL : BELAY_WHO_PEER, BELAY_REASON_GAME);
    assert_ended_by(world, SERVER, by_client ? BELAY_WHO_PEER : BELAY_WHO_LOCAL, BELAY_REASON_GAME);
    ck_assert_str_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->text, "bored");
    world_destroy(world);
}
END_TEST

/* CLOSED tells how many messages had come in and were thrown away unpolled. */
START_TEST(a_close_counts_what_was_not_polled) {
    struct world *world = world_create(NULL);
    world_open(world);
    world->server_deaf = true;
    for (int i = 0; i < 7; i++) {
        ck_assert_int_eq(world_say(world, UP, 0, 0, "unheard"), BELAY_OK);
    }
    world_run(world, 100);
    ck_assert_int_eq(belay_server_close(world->server, world->clients[0].session, NULL), BELAY_OK);
    world->server_deaf = false;
    world_run(world, 100);
    ck_assert_uint_eq(world->clients[0].messages[UP], 0);
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->event.closed.undelivered, 7);
    ck_assert_uint_eq(told(world, CLIENT, 0, BELAY_EVENT_CLOSED)->event.closed.unacked, 7);
    world_destroy(world);
}
END_TEST

/* Draining has an end: a receiver that never takes the rest does not hold the session for ever. */
START_TEST(draining_has_an_end) {
    struct world *world = world_create(NULL);
    world_open(world);
    world->clients[0].deaf = true;
    for (int i = 0; i < BELAY_CREDIT_MESSAGES + 100; i++) { /* more than its credit */
        ledger_must_send(world, DOWN, 0, 0, 50);
    }
    belay_server_close(world->server, world->clients[0].session, &bored);
    world_run(world, 4900);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_CLOSED), 0);
    world_run(world, 200);
    assert_ended_by(world, SERVER, BELAY_WHO_LOCAL, BELAY_REASON_GAME);
    ck_assert_uint_ge(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->event.closed.unacked, 100);
    world->clients[0].deaf = false;
    world_run(world, 100);
    ck_assert_uint_eq(ledger_of(world, DOWN, 0, 0).received, BELAY_CREDIT_MESSAGES);
    assert_ended_by(world, CLIENT, BELAY_WHO_PEER, BELAY_REASON_GAME);
    world_destroy(world);
}
END_TEST

/* Section 3, closing: the tombstone tells who comes late that nobody is there, at once. */
START_TEST(a_close_that_got_lost_is_learnt_from_the_next_datagram) {
    struct world *world = world_create(&(struct world_opts){.client = {.no_resume = true}});
    world_open(world);
    world_cut(world, 0);
    belay_server_close(world->server, world->clients[0].session, NULL);
    world_run(world, 1000); /* three time-outs are over: nobody repeats it any more */
    world_link(world, 0, NULL);
    ck_assert_int_eq(world_say(world, UP, 0, 0, "still there?"), BELAY_OK);
    world_run(world, 50);
    assert_ended_by(world, CLIENT, BELAY_WHO_NETWORK, BELAY_REASON_TIMEOUT);
    world_destroy(world);
}
END_TEST

START_TEST(a_close_is_repeated_until_it_is_heard) {
    struct world *world = world_create(&(struct world_opts){.link = {.delay_ms = 20}});
    world_open(world);
    world_cut(world, 0);
    belay_server_close(world->server, world->clients[0].session, &bored);
    world_run(world, 150); /* the first one is lost */
    world_link(world, 0, &(struct belay_link){.delay_ms = 20});
    world_run(world, 300);
    assert_ended_by(world, CLIENT, BELAY_WHO_PEER, BELAY_REASON_GAME);
    world_destroy(world);
}
END_TEST

/* ---- the server ends */

START_TEST(a_drain_is_announced_and_ends_at_its_deadline) {
    struct world *world = world_create(&(struct world_opts){.clients = 3});
    world_open(world);
    ck_assert_int_eq(belay_server_drain(world->server, 2000, "eu2.example:7777"), BELAY_OK);
    world_run(world, 100);
    for (unsigned i = 0; i < 3; i++) {
        const struct told *drain = told(world, CLIENT, i, BELAY_EVENT_DRAIN);
        ck_assert_uint_eq(drain->event.drain.deadline_ms, 2000);
        ck_assert_str_eq(drain->text, "eu2.example:7777");
        ledger_must_send(world, UP, i, 0, 100); /* all works until then */
        ledger_must_send(world, DOWN, i, 0, 100);
    }
    world_run(world, 1800);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(world_is_open(world, i));
        ledger_check(world, UP, i, 0);
        ledger_check(world, DOWN, i, 0);
    }
    world_run(world, 200);
    for (unsigned i = 0; i < 3; i++) {
        const struct told *closed = told(world, CLIENT, i, BELAY_EVENT_CLOSED);
        ck_assert_uint_eq(closed->reason.code, BELAY_REASON_SERVER_STOPPED);
        ck_assert(closed->reason.come_back);
        ck_assert_str_eq(told_events(world, SERVER, i), "LOGIN OPEN CLOSED");
    }
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    world_destroy(world);
}
END_TEST

START_TEST(a_second_drain_moves_the_deadline) {
    struct world *world = world_create(NULL);
    world_open(world);
    ck_assert_int_eq(belay_server_drain(world->server, 500, NULL), BELAY_OK);
    ck_assert_int_eq(belay_server_drain(world->server, BELAY_FOREVER, NULL), BELAY_OK);
    world_run(world, 60000);
    ck_assert(world_is_open(world, 0));
    ck_assert_str_eq(told(world, CLIENT, 0, BELAY_EVENT_DRAIN)->text, "");
    ck_assert_int_eq(belay_server_drain(world->server, 500, NULL), BELAY_OK);
    world_run(world, 600);
    ck_assert_str_eq(told_events(world, CLIENT, 0), "OPEN DRAIN DRAIN CLOSED");
    world_destroy(world);
}
END_TEST

static void hold(struct world *world, unsigned client, belay_session session) {
    (void)world, (void)client, (void)session;
}

/* Who was still logging in is told too: when it is let in, or by a refusal. */
START_TEST(a_drain_reaches_who_is_still_logging_in) {
    struct world *world = world_create(&(struct world_opts){.clients = 2});
    world->login = hold;
    world_connect(world, 0);
    world_connect(world, 1);
    world_run(world, 100);
    ck_assert_int_eq(belay_server_drain(world->server, 1000, "elsewhere"), BELAY_OK);
    ck_assert_int_eq(belay_server_accept(world->server, world->clients[0].session, NULL, NULL, 0),
                     BELAY_OK);
    world_run(world, 500);
    ck_assert_str_eq(told(world, CLIENT, 0, BELAY_EVENT_DRAIN)->text, "elsewhere");
    ck_assert_uint_le(told(world, CLIENT, 0, BELAY_EVENT_DRAIN)->event.drain.deadline_ms, 1000);
    world_run(world, 600);
    ck_assert_str_eq(told_events(world, CLIENT, 1), "CLOSED");
    ck_assert_uint_eq(told(world, CLIENT, 1, BELAY_EVENT_CLOSED)->reason.code,
                      BELAY_REASON_SERVER_STOPPED);
    world_destroy(world);
}
END_TEST

/* R16, R18, A50: stop notifies everybody, twice is harmless, and CLOSED can still be polled. */
START_TEST(a_stopped_server_can_be_polled_to_its_end) {
    struct world *world = world_create(&(struct world_opts){.clients = 4});
    struct belay_event event;
    unsigned closed = 0;
    world_open(world);
    belay_server_stop(world->server, 1000); /* which does not wait in a simulation */
    belay_server_stop(world->server, 0);
    ck_assert_int_eq(belay_server_service(world->server, 0), BELAY_E_STATE);
    ck_assert_int_eq(belay_server_drain(world->server, 0, NULL), BELAY_E_STATE);
    ck_assert_int_eq(world_say(world, DOWN, 0, 0, "x"), BELAY_E_GONE);
    ck_assert_int_eq(belay_server_accept(world->server, world->clients[0].session, NULL, NULL, 0),
                     BELAY_E_GONE);
    ck_assert_int_eq(belay_server_wait_ns(world->server), -1);
    ck_assert_int_eq(belay_server_fd(world->server), -1);
    belay_server_flush(world->server);
    while (belay_server_poll(world->server, &event)) {
        if (event.type == BELAY_EVENT_CLOSED) {
            closed++;
            ck_assert_uint_eq(event.closed.reason->code, BELAY_REASON_SERVER_STOPPED);
            ck_assert_int_eq(event.closed.reason->who, BELAY_WHO_LOCAL);
        }
    }
    ck_assert_uint_eq(closed, 4);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_client_that_leaves_tells_the_server_why, 0, 2);
    tcase_add_loop_test(tests, a_server_that_evicts_tells_the_client_why, 0, 2);
    tcase_add_loop_test(tests, every_code_reaches_the_other_side, 0, COUNT_OF(codes));
    tcase_add_loop_test(tests, a_long_reason_is_cut_between_characters, 0, COUNT_OF(odd_texts));
    tcase_add_test(tests, control_characters_of_a_reason_do_not_pass);
    tcase_add_loop_test(tests, what_was_sent_before_a_close_arrives_before_it, 0, 2);
    tcase_add_test(tests, after_a_close_nothing_is_sent_or_received);
    tcase_add_loop_test(tests, a_second_close_changes_nothing, 0, 2);
    tcase_add_test(tests, a_close_counts_what_was_not_polled);
    tcase_add_test(tests, draining_has_an_end);
    tcase_add_test(tests, a_close_that_got_lost_is_learnt_from_the_next_datagram);
    tcase_add_test(tests, a_close_is_repeated_until_it_is_heard);
    tcase_add_test(tests, a_drain_is_announced_and_ends_at_its_deadline);
    tcase_add_test(tests, a_second_drain_moves_the_deadline);
    tcase_add_test(tests, a_drain_reaches_who_is_still_logging_in);
    tcase_add_test(tests, a_stopped_server_can_be_polled_to_its_end);
}

TEST_MAIN("closing", add_tests)
