/* Sequences, what waits, and what is shown of both: numbers that an application may rely on. */
#include "tests/support/world.h"
#include <string.h>

static const struct belay_channel lanes[] = {
    {.name = "events"}, {.name = "chat"}, {.name = "moves", .mode = BELAY_SEQUENCED}};

static struct world *create(struct belay_server_opts server) {
    server.channels = lanes;
    server.channel_count = COUNT_OF(lanes);
    struct world *world = world_create(&(struct world_opts){
        .link = {.delay_ms = 10},
        .server = server,
        .client = {.channels = lanes, .channel_count = COUNT_OF(lanes)},
    });
    world_open(world);
    return world;
}

/* The newest sequence polled, by receiving side and channel. */
struct newest {
    uint32_t of[2][COUNT_OF(lanes)];
};

static void check_sequence(struct world *world, enum world_side side,
                           const struct belay_event *event) {
    struct newest *newest = world->user;
    if (event->type == BELAY_EVENT_MESSAGE && event->message.channel < 2) {
        must(event->message.sequence == newest->of[side][event->message.channel] + 1);
        newest->of[side][event->message.channel]++;
    }
}

/** Everything that is no reliable message: pings, pauses, what is loose, what was not taken. */
static void say_what_has_no_number(struct world *world) {
    struct belay_client *client = world->clients[0].it;
    static const uint8_t too_large[BELAY_UNRELIABLE_MAX + 1];
    ck_assert_int_eq(world_say(world, UP, 0, 2, "here I am"), BELAY_OK);
    ck_assert_int_eq(world_say(world, DOWN, 0, 2, "there you are"), BELAY_OK);
    ck_assert_int_eq(belay_client_send(client, 2, too_large, sizeof too_large), BELAY_E_TOO_BIG);
    ck_assert_int_eq(belay_client_send(client, 0, NULL, 1), BELAY_E_INVALID);
    ck_assert_int_eq(belay_client_pause(client, 1), BELAY_OK);
    ck_assert_int_eq(belay_server_drain(world->server, BELAY_FOREVER, "elsewhere"), BELAY_OK);
    world_run(world, 2500); /* and two heartbeats */
}

/* A14, A16: from 1 and without a hole, on each channel and each way; nothing else takes a number.
 */
START_TEST(only_reliable_messages_are_counted_each_channel_by_itself) {
    struct newest newest = {0};
    struct world *world = create((struct belay_server_opts){0});
    world->watch = check_sequence;
    world->user = &newest;
    for (uint32_t i = 1; i <= 20; i++) {
        ledger_must_send(world, UP, 0, 0, 100);
        ledger_must_send(world, DOWN, 0, 0, 5000);
        if (i % 2 == 0) { /* half as many there */
            ledger_must_send(world, UP, 0, 1, 100);
            ledger_must_send(world, DOWN, 0, 1, 100);
        }
        say_what_has_no_number(world);
        ck_assert_uint_eq(world_info(world, CLIENT, 0).sequence_out, i + i / 2);
        ck_assert_uint_eq(world_info(world, SERVER, 0).sequence_out, i + i / 2);
    }
    for (int side = CLIENT; side <= SERVER; side++) {
        ck_assert_uint_eq(newest.of[side][0], 20);
        ck_assert_uint_eq(newest.of[side][1], 10);
    }
    world_destroy(world);
}
END_TEST

static void check_growth(struct world *world) {
    struct belay_session_info *newest = world->user;
    struct belay_session_info now = world_info(world, SERVER, 0);
    must(now.sequence_out >= newest->sequence_out && now.handled_out >= newest->handled_out);
    must(now.handled_out <= now.sequence_out);
    must(now.sequence_out - now.handled_out == now.queued_messages);
    *newest = now;
}

/* A15, A18: what can be seen of them only grows, with a link and without one, and tells what waits;
 * a session that is held goes on counting where it was. */
START_TEST(numbers_that_are_shown_never_go_back) {
    struct belay_session_info newest = {0};
    struct world *world = create((struct belay_server_opts){.heartbeat_ms = 200, .lost_ms = 1000});
    world->each_step = check_growth;
    world->user = &newest;
    for (int i = 0; i < 50; i++) {
        ledger_must_send(world, DOWN, 0, 0, 100);
        world_run(world, 20);
    }
    world_run(world, 1000);
    ck_assert_uint_eq(newest.handled_out, 50);
    world_cut(world, 0);
    for (int i = 0; i < 30; i++) {
        ledger_must_send(world, DOWN, 0, 1, 100);
        world_run(world, 50);
    }
    ck_assert_int_eq(newest.state, BELAY_RECONNECT_PENDING);
    ck_assert_uint_eq(newest.sequence_out, 80);
    ck_assert_uint_eq(newest.handled_out, 50);
    ck_assert_uint_eq(newest.queued_messages, 30);
    ck_assert_uint_eq(newest.queued_bytes, 3000);
    world_destroy(world);
}
END_TEST

/** The client's application takes one message, and the one before it counts as handled. */
static void handle_one(struct world *world) {
    struct belay_event event = {0};
    while (event.type != BELAY_EVENT_MESSAGE) {
        if (!belay_client_poll(world->clients[0].it, &event)) {
            break;
        }
    }
    world_run(world, 1000);
}

/* A18, A25: messages and bytes that wait are the sum of what was not handled, to the byte, whatever
 * their sizes: empty, in one piece, in many. */
START_TEST(what_waits_is_counted_to_the_byte) {
    static const uint32_t sizes[] = {8, 0, 1140, 1141, 0, 65536, 20000, 9};
    static const uint8_t data[65536];
    struct world *world = create((struct belay_server_opts){0});
    uint32_t messages = 0, bytes = 0;
    world->clients[0].deaf = true;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        ck_assert_int_eq(belay_server_send(world->server, world->clients[0].session,
                                           (uint8_t)(i % 2), data, sizes[i]),
                         BELAY_OK);
        struct belay_session_info info = world_info(world, SERVER, 0);
        bytes += sizes[i];
        ck_assert_uint_eq(info.queued_messages, ++messages);
        ck_assert_uint_eq(info.queued_bytes, bytes);
        ck_assert_uint_eq(world_stats(world, SERVER, 0).queued, bytes);
    }
    world_run(world, 1000); /* all has arrived, and nothing is handled */
    ck_assert_uint_eq(world_info(world, SERVER, 0).queued_bytes, bytes);
    handle_one(world);
    for (; messages > 0; messages--) {
        struct belay_session_info before = world_info(world, SERVER, 0);
        ck_assert_uint_eq(before.queued_messages, messages);
        handle_one(world);
        ck_assert_uint_eq(world_info(world, SERVER, 0).queued_messages, messages - 1);
        ck_assert_uint_le(world_info(world, SERVER, 0).queued_bytes, before.queued_bytes);
    }
    ck_assert_uint_eq(world_info(world, SERVER, 0).queued_bytes, 0);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).queued, 0);
    world_destroy(world);
}
END_TEST

/* A23: a message is in the buffer before anything of it leaves, and until it is handled. */
START_TEST(what_was_taken_is_kept_before_it_is_sent) {
    struct world *world = create((struct belay_server_opts){0});
    world_run(world, 1000); /* all is said */
    uint64_t sent = world_stats(world, SERVER, 0).datagrams_out;
    ledger_must_send(world, DOWN, 0, 0, 100);
    ck_assert_uint_eq(world_info(world, SERVER, 0).queued_messages, 1);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).datagrams_out, sent);
    world_cut(world, 0);
    belay_server_flush(world->server);
    ck_assert_uint_gt(world_stats(world, SERVER, 0).datagrams_out, sent);
    world_run(world, 500); /* what was sent of it got lost */
    ck_assert_uint_eq(world_info(world, SERVER, 0).queued_messages, 1);
    world_link(world, 0, &(struct belay_link){.delay_ms = 10});
    world_run(world, 1500);
    ledger_check(world, DOWN, 0, 0);
    ck_assert_uint_eq(world_info(world, SERVER, 0).queued_messages, 0);
    world_destroy(world);
}
END_TEST

static void leave_waiting(struct world *world, unsigned client, belay_session session) {
    (void)world, (void)client, (void)session;
}

/* A24: to who has not been let in nothing is sent, and so nothing is kept. */
START_TEST(before_the_login_nothing_is_kept) {
    struct world *world = world_create(NULL);
    world->login = leave_waiting;
    world_connect(world, 0);
    world_run(world, 100);
    ck_assert_int_eq(world_say(world, UP, 0, 0, "too early"), BELAY_E_STATE);
    ck_assert_int_eq(world_say(world, DOWN, 0, 0, "too early"), BELAY_E_STATE);
    ck_assert_int_eq(world_say(world, DOWN, 0, 1, "too early"), BELAY_E_STATE);
    for (enum world_side side = CLIENT; side <= SERVER; side++) {
        ck_assert_uint_eq(world_info(world, side, 0).sequence_out, 0);
        ck_assert_uint_eq(world_info(world, side, 0).queued_messages, 0);
    }
    belay_server_close(world->server, world->clients[0].session, NULL);
    world_run(world, 100);
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->event.closed.unacked, 0);
    ck_assert_uint_eq(told(world, CLIENT, 0, BELAY_EVENT_CLOSED)->event.closed.unacked, 0);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).queued, 0);
    world_destroy(world);
}
END_TEST

/* ---- defaults */

/** Sends until it would block; what the last send said. */
static enum belay_result fill(struct world *world, size_t size) {
    enum belay_result result = BELAY_OK;
    while (result == BELAY_OK) {
        result = ledger_send(world, DOWN, 0, 0, size);
    }
    return result;
}

/* A56: every limit that was left zero is what limits.h says, and not none. */
START_TEST(a_zero_option_is_its_default) {
    struct world *world = world_create(NULL);
    world_open(world);
    struct belay_session_info info = world_info(world, SERVER, 0);
    ck_assert_uint_eq(info.resume_window_ms, BELAY_RESUME_WINDOW_MS_DEFAULT);
    world->clients[0].deaf = true;
    ck_assert_int_eq(fill(world, 8), BELAY_E_WOULD_BLOCK);
    ck_assert_uint_eq(ledger_of(world, DOWN, 0, 0).sent, BELAY_SEND_MESSAGES_DEFAULT);
    world->clients[0].deaf = false;
    world_run(world, 2000);
    ck_assert_int_eq(fill(world, 65536), BELAY_E_WOULD_BLOCK);
    ck_assert_uint_eq(ledger_of(world, DOWN, 0, 0).sent,
                      BELAY_SEND_MESSAGES_DEFAULT + BELAY_SEND_BYTES_DEFAULT / 65536);
    world_run(world, 5000);
    uint64_t sent = world_stats(world, SERVER, 0).datagrams_out;
    world_run(world, 20 * BELAY_HEARTBEAT_MS_DEFAULT);
    sent = world_stats(world, SERVER, 0).datagrams_out - sent;
    ck_assert_uint_ge(sent, 15);
    ck_assert_uint_le(sent, 25);
    world_cut(world, 0);
    world_run(world, BELAY_LOST_MS_DEFAULT - BELAY_HEARTBEAT_MS_DEFAULT - 50);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_DOWN), 0);
    world_run(world, BELAY_HEARTBEAT_MS_DEFAULT + 100);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_DOWN), 1);
    world_run(world, BELAY_RESUME_WINDOW_MS_DEFAULT - 1200);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_CLOSED), 0);
    world_run(world, 1300);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_CLOSED), 1);
    world_destroy(world);
}
END_TEST

START_TEST(a_login_has_its_default_deadline) {
    struct world *world = world_create(NULL);
    world->login = leave_waiting;
    world_connect(world, 0);
    world_run(world, BELAY_LOGIN_MS_DEFAULT - 10);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_CLOSED), 0);
    world_run(world, 50);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_CLOSED), 1);
    world_destroy(world);
}
END_TEST

START_TEST(a_server_has_room_for_its_default_of_sessions) {
    struct world *world = world_create(&(struct world_opts){.clients = BELAY_SESSIONS_DEFAULT + 1});
    for (unsigned i = 1; i <= BELAY_SESSIONS_DEFAULT; i++) {
        world_connect(world, i);
    }
    world_run(world, 500);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, BELAY_SESSIONS_DEFAULT);
    world_connect(world, 0);
    world_run(world, 500);
    ck_assert_uint_eq(told(world, CLIENT, 0, BELAY_EVENT_CLOSED)->reason.code, BELAY_REASON_FULL);
    world_destroy(world);
}
END_TEST

/* ---- what it costs */

/* A1: however a session ends, nothing of it stays. */
START_TEST(a_session_leaves_nothing_behind) {
    struct world *world =
        world_create(&(struct world_opts){.server = {.lost_ms = 400, .no_resume = true}});
    uint64_t memory = 0;
    size_t live = 0;
    for (int i = 0; i < 30; i++) {
        world_link(world, 0, NULL);
        world_connect(world, 0);
        world_until(world, world_is_open(world, 0), 1000);
        ledger_must_send(world, UP, 0, 0, 5000);
        ledger_must_send(world, DOWN, 0, 0, 5000);
        if (i % 3 == 0) {
            belay_server_close(world->server, world->clients[0].session, NULL);
        } else if (i % 3 == 1) {
            world_cut(world, 0);
        }
        world_run(world, 1000);
        belay_client_close(world->clients[0].it, NULL, 0);
        world_run(world, 8000); /* tombstones too have gone */
        ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
        if (i < 6) { /* each way twice: what is kept for the next ones */
            memory = world_stats(world, SERVER, 0).memory;
            live = world_memory.live;
        }
        ck_assert_uint_eq(world_stats(world, SERVER, 0).memory, memory);
        ck_assert_uint_eq(world_memory.live, live);
    }
    world_destroy(world);
}
END_TEST

/* W-R6: to look at all sessions copies none of them. */
START_TEST(looking_at_sessions_asks_for_no_memory) {
    struct world *world =
        world_create(&(struct world_opts){.clients = 100, .server = {.session_max = 100}});
    uint32_t seen = 0;
    world_open(world);
    uint64_t calls = world_memory.calls;
    for (belay_session session = 0; (session = belay_server_next(world->server, session)) != 0;) {
        struct belay_session_info info = BELAY_SESSION_INFO_INIT;
        ck_assert_int_eq(belay_server_info(world->server, session, &info), BELAY_OK);
        ck_assert_uint_eq(belay_server_find(world->server, info.user_id), session);
        seen++;
    }
    ck_assert_uint_eq(seen, 100);
    ck_assert_uint_eq(world_memory.calls, calls);
    world_destroy(world);
}
END_TEST

/** Datagrams of the server in ten idle seconds. */
static uint64_t idle_traffic(unsigned clients) {
    struct world *world = world_create(&(struct world_opts){.clients = clients});
    world_open(world);
    world_run(world, 2000);
    uint64_t sent = world_stats(world, SERVER, 0).datagrams_out;
    world_run(world, 10000);
    sent = world_stats(world, SERVER, 0).datagrams_out - sent;
    world_destroy(world);
    return sent;
}

/* W-R6: what a session says does not grow with how many others there are. */
START_TEST(traffic_grows_with_the_sessions_and_no_faster) {
    uint64_t few = idle_traffic(4), many = idle_traffic(64);
    ck_assert_uint_ge(few, 4 * 8);
    ck_assert_uint_le(many, few * 64 / 4 + 64);
}
END_TEST

/* W-R6: ten minutes in which nothing ran are not made up for. */
START_TEST(a_long_stall_is_not_caught_up_with) {
    struct world *world = world_create(&(struct world_opts){.clients = 8});
    world_open(world);
    world_run(world, 1500); /* between two heartbeats: nothing is on its way */
    uint64_t sent = world_stats(world, SERVER, 0).datagrams_out;
    belay_sim_advance(world->sim, 600000);
    world_run(world, 500);
    ck_assert_uint_le(world_stats(world, SERVER, 0).datagrams_out - sent, 3 * 8);
    for (unsigned i = 0; i < 8; i++) {
        ck_assert(world_is_open(world, i));
    }
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, only_reliable_messages_are_counted_each_channel_by_itself);
    tcase_add_test(tests, numbers_that_are_shown_never_go_back);
    tcase_add_test(tests, what_waits_is_counted_to_the_byte);
    tcase_add_test(tests, what_was_taken_is_kept_before_it_is_sent);
    tcase_add_test(tests, before_the_login_nothing_is_kept);
    tcase_add_test(tests, a_zero_option_is_its_default);
    tcase_add_test(tests, a_login_has_its_default_deadline);
    tcase_add_test(tests, a_server_has_room_for_its_default_of_sessions);
    tcase_add_test(tests, a_session_leaves_nothing_behind);
    tcase_add_test(tests, looking_at_sessions_asks_for_no_memory);
    tcase_add_test(tests, traffic_grows_with_the_sessions_and_no_faster);
    tcase_add_test(tests, a_long_stall_is_not_caught_up_with);
}

TEST_MAIN("numbers", add_tests)
