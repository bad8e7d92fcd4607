/* Flow control: who sends too much is told, and then stopped; who does not read makes nothing grow.
 */
#include "tests/support/stranger.h"
#include "tests/support/world.h"
#include <string.h>

static struct world *create_with(struct belay_server_opts server, unsigned clients) {
    struct world *world = world_create(
        &(struct world_opts){.clients = clients, .link = {.delay_ms = 10}, .server = server});
    world_open(world);
    return world;
}

static void send_many(struct world *world, enum world_way way, uint32_t count, size_t size) {
    for (uint32_t i = 0; i < count; i++) {
        ledger_must_send(world, way, 0, 0, size);
    }
}

/** The client's application handles so many messages; the report of it has its time. */
static void handle_exactly(struct world *world, uint32_t count) {
    struct belay_event event;
    for (uint32_t i = 0; i <= count; i++) { /* a message is handled at the poll after it */
        ck_assert(belay_client_poll(world->clients[0].it, &event));
    }
    world_run(world, 1000);
}

static uint32_t event_count(const struct world *world) {
    return told_count(world, SERVER, 0, BELAY_EVENT_BACKPRESSURE);
}

/* In messages and in bytes alike: 100 of the one or of the other. */
static const struct belay_server_opts caps[] = {
    {.send_messages_max = 100},
    {.send_bytes_max = 100000},
};

/* A18, A19, A20, A21, W-A15: on strictly above 75 %, off at or below 50 %, latched in between,
 * judged on send and on handled. */
START_TEST(back_pressure_has_two_marks_and_a_latch) {
    struct world *world = create_with(caps[_i], 1);
    world->clients[0].deaf = true;
    send_many(world, DOWN, 75, 1000);
    world_run(world, 50);
    ck_assert_uint_eq(event_count(world), 0);
    send_many(world, DOWN, 1, 1000);
    world_run(world, 50);
    ck_assert_uint_eq(event_count(world), 1);
    const struct belay_backpressure_event *said =
        &told(world, SERVER, 0, BELAY_EVENT_BACKPRESSURE)->event.backpressure;
    ck_assert(said->on);
    ck_assert_uint_eq(said->queued_messages, 76);
    ck_assert_uint_eq(said->queued_bytes, 76000);
    send_many(world, DOWN, 24, 1000);
    world_run(world, 50);
    ck_assert_uint_eq(event_count(world), 1);

    handle_exactly(world, 49); /* 51 are left */
    ck_assert_uint_eq(world_info(world, SERVER, 0).queued_messages, 51);
    ck_assert_uint_eq(event_count(world), 1);
    handle_exactly(world, 0); /* the poll that ended the last call has taken one */
    ck_assert_uint_eq(world_info(world, SERVER, 0).queued_messages, 50);
    ck_assert_uint_eq(event_count(world), 2);
    ck_assert(!told(world, SERVER, 0, BELAY_EVENT_BACKPRESSURE)->event.backpressure.on);

    send_many(world, DOWN, 25, 1000);
    world_run(world, 50);
    ck_assert_uint_eq(event_count(world), 2);
    send_many(world, DOWN, 1, 1000);
    world_run(world, 50);
    ck_assert_uint_eq(event_count(world), 3);
    ck_assert(told(world, SERVER, 0, BELAY_EVENT_BACKPRESSURE)->event.backpressure.on);
    world_destroy(world);
}
END_TEST

/* A26, W-A17: at the cap send() says so and takes nothing; when there is room it goes on. */
START_TEST(at_the_cap_send_would_block) {
    struct world *world = create_with(caps[_i], 1);
    world->clients[0].deaf = true;
    send_many(world, DOWN, 100, 1000);
    struct belay_session_info before = world_info(world, SERVER, 0);
    ck_assert_int_eq(ledger_send(world, DOWN, 0, 0, 1000), BELAY_E_WOULD_BLOCK);
    ck_assert_ptr_nonnull(strstr(belay_error(), "BACKPRESSURE"));
    struct belay_session_info after = world_info(world, SERVER, 0);
    ck_assert_uint_eq(after.queued_messages, before.queued_messages);
    ck_assert_uint_eq(after.sequence_out, before.sequence_out);
    world->clients[0].deaf = false;
    world_run(world, 1000);
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN OPEN BACKPRESSURE BACKPRESSURE");
    ledger_must_send(world, DOWN, 0, 0, 1000);
    world_run(world, 1000);
    ledger_check(world, DOWN, 0, 0);
    world_destroy(world);
}
END_TEST

/* A21, W-A15: who was refused may wait for the event: it comes, though the buffer was not over its
 * mark. */
START_TEST(a_refused_send_is_followed_by_an_event_when_there_is_room) {
    struct world *world = create_with((struct belay_server_opts){.send_bytes_max = 100000}, 1);
    world->clients[0].deaf = true;
    send_many(world, DOWN, 70, 1000);
    world_run(world, 50);
    ck_assert_uint_eq(event_count(world), 0);
    ck_assert_int_eq(ledger_send(world, DOWN, 0, 0, 40000), BELAY_E_WOULD_BLOCK);
    world->clients[0].deaf = false;
    world_run(world, 1000);
    ck_assert_uint_ge(event_count(world), 1);
    ck_assert(!told(world, SERVER, 0, BELAY_EVENT_BACKPRESSURE)->event.backpressure.on);
    ledger_must_send(world, DOWN, 0, 0, 40000);
    world_run(world, 1000);
    ledger_check(world, DOWN, 0, 0);
    world_destroy(world);
}
END_TEST

/* What can never fit is too big, not for later. */
START_TEST(a_message_larger_than_the_whole_buffer_is_too_big) {
    struct world *world = create_with((struct belay_server_opts){.send_bytes_max = 10000}, 1);
    ledger_must_send(world, DOWN, 0, 0, 10000);
    world_run(world, 1000);
    ck_assert_int_eq(ledger_send(world, DOWN, 0, 0, 10001), BELAY_E_TOO_BIG);
    world_destroy(world);
}
END_TEST

/* Repeats merge while nobody polls: the application hears how it is now. */
START_TEST(back_pressure_that_was_not_polled_is_told_as_it_is_now) {
    struct world *world = create_with(caps[0], 1);
    world->server_deaf = true;
    for (int i = 0; i < 3; i++) {
        send_many(world, DOWN, 100, 100);
        world_run(world, 1000); /* the client handles them all */
    }
    world->server_deaf = false;
    world_run(world, 50);
    ck_assert_uint_eq(event_count(world), 1);
    ck_assert(!told(world, SERVER, 0, BELAY_EVENT_BACKPRESSURE)->event.backpressure.on);
    world_destroy(world);
}
END_TEST

static const struct belay_channel impatient[] = {{.name = "news", .when_full = BELAY_CLOSE}};

/* A26, A27, W-A17: a channel may rather end the session than wait, with a code of its own; the
 * others do not notice. */
START_TEST(a_full_buffer_may_close_the_session_as_its_channel_says) {
    struct world *world = world_create(&(struct world_opts){
        .clients = 2,
        .server = {.channels = impatient, .channel_count = 1, .send_messages_max = 10},
        .client = {.channels = impatient, .channel_count = 1},
    });
    world_open(world);
    world->clients[0].deaf = true;
    send_many(world, DOWN, 10, 100);
    ck_assert_int_eq(ledger_send(world, DOWN, 0, 0, 100), BELAY_E_GONE);
    world_run(world, 200);
    world->clients[0].deaf = false;
    world_run(world, 200);
    const struct told *here = told(world, SERVER, 0, BELAY_EVENT_CLOSED);
    ck_assert_uint_eq(here->reason.code, BELAY_REASON_BACKLOG);
    ck_assert_int_eq(here->reason.who, BELAY_WHO_LOCAL);
    ck_assert_uint_eq(here->event.closed.unacked, 10);
    const struct told *there = told(world, CLIENT, 0, BELAY_EVENT_CLOSED);
    ck_assert_uint_eq(there->reason.code, BELAY_REASON_BACKLOG);
    ck_assert_int_eq(there->reason.who, BELAY_WHO_PEER);
    ck_assert(world_is_open(world, 1));
    world_destroy(world);
}
END_TEST

static const struct belay_channel coalescing[] = {
    {.name = "positions", .when_full = BELAY_COALESCE, .life_ms = 0},
    {.name = "short-lived", .when_full = BELAY_COALESCE, .life_ms = 300},
};

static void note_last(struct world *world, enum world_side side, const struct belay_event *event) {
    if (side == CLIENT && event->type == BELAY_EVENT_MESSAGE) {
        memcpy(world->user, event->message.data, event->message.size);
    }
}

/* The newest of each key takes the place of the one that waits; nothing else is lost for it. */
START_TEST(a_full_buffer_may_keep_the_newest_of_each_key) {
    char last[64] = "";
    struct world *world = world_create(&(struct world_opts){
        .server = {.channels = coalescing, .channel_count = 2, .send_messages_max = 300},
        .client = {.channels = coalescing, .channel_count = 2},
    });
    world->watch = note_last;
    world->user = last;
    world_open(world);
    world->clients[0].deaf = true;
    send_many(world, DOWN, BELAY_CREDIT_MESSAGES, 20);
    world_run(world, 100); /* its credit is used up: all others wait */
    for (int i = 0; i < 300 - BELAY_CREDIT_MESSAGES; i++) {
        ck_assert_int_eq(world_say(world, DOWN, 0, 0, "player 1 at 0"), BELAY_OK);
    }
    ck_assert_int_eq(world_say(world, DOWN, 0, 0, "player 2 at 0"), BELAY_E_WOULD_BLOCK);
    ck_assert_int_eq(world_say(world, DOWN, 0, 0, "player 1 at 7"), BELAY_OK);
    ck_assert_uint_eq(world_info(world, SERVER, 0).queued_messages, 300);
    world->clients[0].deaf = false;
    world_run(world, 1000);
    ck_assert_uint_eq(world->clients[0].messages[DOWN], 300);
    ledger_check(world, DOWN, 0, 0);
    ck_assert_uint_eq(world_info(world, SERVER, 0).queued_bytes, 0);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).queued, 0);
    world_destroy(world);
}
END_TEST

/* What has expired and was given back is nobody's place to take. */
START_TEST(an_expired_message_is_not_coalesced_with) {
    struct world *world = world_create(&(struct world_opts){
        .server = {.channels = coalescing, .channel_count = 2, .send_messages_max = 300},
        .client = {.channels = coalescing, .channel_count = 2},
    });
    world_open(world);
    world->clients[0].deaf = true;
    send_many(world, DOWN, BELAY_CREDIT_MESSAGES, 20);
    world_run(world, 100);
    for (int i = 0; i < 300 - BELAY_CREDIT_MESSAGES; i++) {
        ck_assert_int_eq(world_say(world, DOWN, 0, 1, "player 1 at 0"), BELAY_OK);
    }
    world_run(world, 3000); /* a heartbeat later the first of them has been given back */
    uint32_t returned = told_count(world, SERVER, 0, BELAY_EVENT_RETURNED);
    ck_assert_uint_ge(returned, 1);
    enum belay_result result = world_say(world, DOWN, 0, 1, "player 1 at 7");
    world->clients[0].deaf = false;
    world_run(world, 2000);
    returned = told_count(world, SERVER, 0, BELAY_EVENT_RETURNED);
    uint32_t taken = 300 - BELAY_CREDIT_MESSAGES;
    ck_assert_msg(result == BELAY_OK || result == BELAY_E_WOULD_BLOCK, "%s", belay_error());
    ck_assert_uint_le(returned, taken);
    /* each was given back or delivered, never both */
    ck_assert_uint_eq(world->clients[0].messages[DOWN] - BELAY_CREDIT_MESSAGES + returned, taken);
    world_destroy(world);
}
END_TEST

/* ---- nobody reads */

static void send_all_it_takes(struct world *world, enum world_way way) {
    while (ledger_send(world, way, 0, 0, 1000) == BELAY_OK) {
    }
}

/* W-A4, W-A15: a receiver that does not poll stops the sender, and nothing grows anywhere. */
START_TEST(a_receiver_that_does_not_poll_stops_the_sender) {
    enum world_way way = (enum world_way)_i;
    struct world *world = create_with((struct belay_server_opts){0}, 1);
    world->clients[0].deaf = way == DOWN;
    world->server_deaf = way == UP;
    for (int i = 0; i < 10; i++) {
        send_all_it_takes(world, way);
        world_run(world, 100);
    }
    size_t live = world_memory.live;
    enum world_side sender = way == DOWN ? SERVER : CLIENT;
    enum world_side receiver = way == DOWN ? CLIENT : SERVER;
    uint64_t queued_here = world_stats(world, sender, 0).queued;
    uint64_t queued_there = world_stats(world, receiver, 0).queued;
    uint64_t memory = world_stats(world, receiver, 0).memory;
    ck_assert_uint_eq(queued_here, 1000 * BELAY_SEND_MESSAGES_DEFAULT);
    ck_assert_uint_eq(queued_there, 1000 * BELAY_CREDIT_MESSAGES);
    for (int i = 0; i < 600; i++) {
        send_all_it_takes(world, way);
        world_run(world, 100);
    }
    ck_assert_uint_eq(world_stats(world, sender, 0).queued, queued_here);
    ck_assert_uint_eq(world_stats(world, receiver, 0).queued, queued_there);
    ck_assert_uint_eq(world_stats(world, receiver, 0).memory, memory);
    ck_assert_uint_le(world_memory.live, live + 1000);
    ck_assert(world_is_open(world, 0)); /* it is slow, not dead */
    world->clients[0].deaf = world->server_deaf = false;
    world_run(world, 3000);
    ledger_check(world, way, 0, 0);
    ck_assert_uint_eq(world_stats(world, sender, 0).queued, 0);
    world_destroy(world);
}
END_TEST

/* W-A4: the cap is on what waits, not on what was ever sent. */
START_TEST(a_session_may_send_any_amount_in_its_life) {
    struct world *world = create_with((struct belay_server_opts){.send_messages_max = 50}, 1);
    for (int i = 0; i < 500; i++) {
        send_many(world, DOWN, 25, 100);
        world_run(world, 50);
    }
    world_run(world, 500);
    ledger_check(world, DOWN, 0, 0);
    ck_assert_uint_eq(ledger_of(world, DOWN, 0, 0).sent, 12500);
    world_destroy(world);
}
END_TEST

START_TEST(unreliable_messages_that_nobody_polls_are_dropped_and_counted) {
    struct world *world = create_with((struct belay_server_opts){0}, 1);
    world->server_deaf = true;
    for (int i = 0; i < 100; i++) {
        for (int j = 0; j < 10; j++) {
            ledger_must_send(world, UP, 0, 1, 100);
        }
        world_run(world, 20);
    }
    struct belay_stats stats = world_stats(world, SERVER, 0);
    ck_assert_uint_gt(stats.dropped[BELAY_DROP_UNREAD], 0);
    ck_assert_uint_le(stats.queued, 256 * 1024);
    world->server_deaf = false;
    world_run(world, 100);
    ck_assert_uint_eq(ledger_of(world, UP, 0, 1).received + stats.dropped[BELAY_DROP_UNREAD], 1000);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).queued, 0);
    world_destroy(world);
}
END_TEST

/* One that does not read holds up neither the server nor the others. */
START_TEST(a_slow_client_does_not_slow_the_others) {
    struct world *world = create_with((struct belay_server_opts){0}, 3);
    world->clients[0].deaf = true;
    for (int i = 0; i < 100; i++) {
        send_all_it_takes(world, DOWN);
        ledger_must_send(world, DOWN, 1, 0, 1000);
        ledger_must_send(world, DOWN, 2, 0, 1000);
        world_run(world, 20);
        ck_assert_uint_eq(ledger_of(world, DOWN, 1, 0).received, i + 1);
        ck_assert_uint_eq(ledger_of(world, DOWN, 2, 0).received, i + 1);
    }
    ck_assert_str_eq(told_events(world, SERVER, 1), "LOGIN OPEN");
    world_destroy(world);
}
END_TEST

/* ---- the limit of the whole process */

/* memory_max is over all sessions and both ways, half of it in even shares: the next message waits.
 */
START_TEST(the_memory_limit_holds_over_all_sessions) {
    struct world *world =
        create_with((struct belay_server_opts){.memory_max = 100000, .session_max = 4}, 4);
    enum belay_result result = BELAY_OK;
    for (unsigned i = 0; i < 4; i++) {
        world->clients[i].deaf = true;
    }
    for (int i = 0; i < 60; i++) {
        for (unsigned j = 0; j < 4; j++) {
            result = ledger_send(world, DOWN, j, 0, 1000);
        }
    }
    ck_assert_int_eq(result, BELAY_E_WOULD_BLOCK);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).queued, 100000);
    for (unsigned i = 0; i < 4; i++) {
        world->clients[i].deaf = false;
    }
    world_run(world, 2000);
    for (unsigned i = 0; i < 4; i++) { /* each that was refused hears of it */
        ck_assert(!told(world, SERVER, i, BELAY_EVENT_BACKPRESSURE)->event.backpressure.on);
    }
    ck_assert_uint_eq(world_stats(world, SERVER, 0).queued, 0);
    for (unsigned i = 0; i < 4; i++) {
        ledger_check(world, DOWN, i, 0);
    }
    world_destroy(world);
}
END_TEST

/* It also holds for large messages of which only a beginning has come. */
START_TEST(the_memory_limit_holds_for_messages_that_have_only_begun) {
    enum { STRANGERS = 8 };
    struct world *world = create_with((struct belay_server_opts){.memory_max = 2 * 1024 * 1024}, 1);
    struct stranger *strangers[STRANGERS];
    for (int i = 0; i < STRANGERS; i++) {
        strangers[i] = stranger_create(world);
        stranger_login(strangers[i]);
    }
    uint64_t memory = world_stats(world, SERVER, 0).memory;
    for (int i = 0; i < STRANGERS; i++) {
        stranger_say_piece(strangers[i], &(struct bl_piece){.type = BL_FRAME_SEGMENT,
                                                            .sequence = 1,
                                                            .total = BELAY_MESSAGE_MAX,
                                                            .size = BL_SEGMENT_DATA_MAX});
        stranger_run(strangers[i], 20);
    }
    memory = world_stats(world, SERVER, 0).memory - memory;
    ck_assert_uint_le(memory, 2 * 1024 * 1024 + 100 * 1024);
    ck_assert(world_is_open(world, 0));
    for (int i = 0; i < STRANGERS; i++) {
        stranger_destroy(strangers[i]);
    }
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, back_pressure_has_two_marks_and_a_latch, 0, COUNT_OF(caps));
    tcase_add_loop_test(tests, at_the_cap_send_would_block, 0, COUNT_OF(caps));
    tcase_add_test(tests, a_refused_send_is_followed_by_an_event_when_there_is_room);
    tcase_add_test(tests, a_message_larger_than_the_whole_buffer_is_too_big);
    tcase_add_test(tests, back_pressure_that_was_not_polled_is_told_as_it_is_now);
    tcase_add_test(tests, a_full_buffer_may_close_the_session_as_its_channel_says);
    tcase_add_test(tests, a_full_buffer_may_keep_the_newest_of_each_key);
    tcase_add_test(tests, an_expired_message_is_not_coalesced_with);
    tcase_add_loop_test(tests, a_receiver_that_does_not_poll_stops_the_sender, UP, DOWN + 1);
    tcase_add_test(tests, a_session_may_send_any_amount_in_its_life);
    tcase_add_test(tests, unreliable_messages_that_nobody_polls_are_dropped_and_counted);
    tcase_add_test(tests, a_slow_client_does_not_slow_the_others);
    tcase_add_test(tests, the_memory_limit_holds_over_all_sessions);
    tcase_add_test(tests, the_memory_limit_holds_for_messages_that_have_only_begun);
}

TEST_MAIN("back-pressure", add_tests)
