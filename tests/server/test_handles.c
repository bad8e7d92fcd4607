/* Handles, look-ups and snapshots: a name that is stale names nobody. */
#include "tests/support/world.h"
#include <stdio.h>
#include <string.h>

/* R5, R42, A54: a handle of a session that is gone is refused everywhere, and never another's. */
START_TEST(a_stale_handle_is_refused_everywhere) {
    struct world *world = world_create(NULL);
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    uint8_t user_id[16];
    world_open(world);
    belay_session stale = world->clients[0].session;
    world_user_id(world, 0, user_id);
    ck_assert_uint_eq(belay_server_find(world->server, user_id), stale);
    belay_client_close(world->clients[0].it, NULL, 0);
    world_run(world, 100);
    world_connect(world, 0);
    world_until(world, world_is_open(world, 0), 1000);
    belay_session fresh = world->clients[0].session;
    const belay_session bad[] = {stale, 0, UINT64_MAX, fresh + 1, fresh ^ UINT64_C(1) << 32};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        ck_assert_uint_ne(bad[i], fresh);
        ck_assert_int_eq(belay_server_accept(world->server, bad[i], NULL, NULL, 0), BELAY_E_GONE);
        ck_assert_int_eq(belay_server_send(world->server, bad[i], 0, "x", 1), BELAY_E_GONE);
        ck_assert_int_eq(belay_server_close(world->server, bad[i], NULL), BELAY_E_GONE);
        ck_assert_int_eq(belay_server_info(world->server, bad[i], &info), BELAY_E_GONE);
        belay_server_set_user(world->server, bad[i], &info); /* ignored */
    }
    ck_assert_uint_eq(belay_server_find(world->server, user_id), 0);
    ck_assert_ptr_null(world_info(world, SERVER, 0).user);
    ck_assert(world_is_open(world, 0));
    world_destroy(world);
}
END_TEST

/* D8: slots are used again and again, handles never. */
START_TEST(no_handle_is_ever_used_twice) {
    enum { ROUNDS = 300 };
    static belay_session seen[ROUNDS];
    struct world *world = world_create(&(struct world_opts){.server = {.session_max = 1}});
    for (int i = 0; i < ROUNDS; i++) {
        world_connect(world, 0);
        world_until(world, world_is_open(world, 0), 1000);
        seen[i] = world->clients[0].session;
        for (int j = 0; j < i; j++) {
            must(seen[j] != seen[i]);
        }
        belay_client_close(world->clients[0].it, NULL, 0);
        world_run(world, 50);
    }
    world_destroy(world);
}
END_TEST

struct player {
    int logins, opens, messages, closes;
};

static void count_by_user(struct world *world, enum world_side side,
                          const struct belay_event *event) {
    struct player *player = world->user;
    if (side != SERVER) {
        return;
    }
    if (event->type == BELAY_EVENT_LOGIN) {
        ck_assert_ptr_null(event->user);
        belay_server_set_user(world->server, event->session, player);
        player->logins++;
        return;
    }
    if (event->user == NULL) {
        return;
    }
    ck_assert_ptr_eq(event->user, player);
    player->opens += event->type == BELAY_EVENT_OPEN;
    player->messages += event->type == BELAY_EVENT_MESSAGE;
    player->closes += event->type == BELAY_EVENT_CLOSED;
}

/* The application's own pointer comes with every event, CLOSED included. */
START_TEST(events_carry_the_users_pointer) {
    struct player player = {0};
    struct world *world = world_create(NULL);
    world->watch = count_by_user;
    world->user = &player;
    world_open(world);
    ck_assert_int_eq(world_say(world, UP, 0, 0, "hello"), BELAY_OK);
    world_run(world, 50);
    ck_assert_ptr_eq(world_info(world, SERVER, 0).user, &player);
    belay_client_close(world->clients[0].it, NULL, 0);
    world_run(world, 50);
    ck_assert_int_eq(player.logins, 1);
    ck_assert_int_eq(player.opens, 1);
    ck_assert_int_eq(player.messages, 1);
    ck_assert_int_eq(player.closes, 1);
    ck_assert_ptr_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->info.user, &player);
    world_destroy(world);
}
END_TEST

/* Section 9: an ended session can be looked at until the poll after its CLOSED, then it is gone. */
START_TEST(an_ended_session_can_be_seen_until_its_end_was_polled) {
    struct world *world = world_create(NULL);
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    struct belay_event event = {0};
    world_open(world);
    belay_session session = world->clients[0].session;
    world->server_deaf = true;
    belay_client_close(world->clients[0].it, NULL, 0);
    world_run(world, 100);
    ck_assert_int_eq(belay_server_info(world->server, session, &info), BELAY_OK);
    ck_assert_int_eq(info.state, BELAY_DISCONNECTED);
    ck_assert_uint_eq(belay_server_next(world->server, 0), session);
    ck_assert_uint_eq(belay_server_find(world->server, info.user_id), 0);
    while (event.type != BELAY_EVENT_CLOSED) {
        ck_assert(belay_server_poll(world->server, &event));
    }
    ck_assert_int_eq(belay_server_info(world->server, session, &info), BELAY_OK);
    ck_assert_mem_eq(event.closed.info->user_id, info.user_id, 16);
    ck_assert(!belay_server_poll(world->server, &event));
    ck_assert_int_eq(event.type, BELAY_EVENT_NONE);
    ck_assert_int_eq(belay_server_info(world->server, session, &info), BELAY_E_GONE);
    ck_assert_uint_eq(belay_server_next(world->server, 0), 0);
    world_destroy(world);
}
END_TEST

static void look_at_stranger(struct world *world, unsigned client, belay_session session) {
    static const uint8_t nobody[16];
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    (void)client;
    ck_assert_int_eq(belay_server_info(world->server, session, &info), BELAY_OK);
    ck_assert_mem_eq(info.user_id, nobody, sizeof nobody);
    ck_assert_int_eq(belay_client_info(world->clients[0].it, &info), BELAY_OK);
    ck_assert_mem_eq(info.user_id, nobody, sizeof nobody);
    *(int *)world->user += 1;
}

/* What a stranger chose for its handshake is no user: there is none before accept(). */
START_TEST(info_names_no_user_before_accept) {
    int looked = 0;
    struct world *world = world_create(NULL);
    world->login = look_at_stranger;
    world->user = &looked;
    world_connect(world, 0);
    world_run(world, 100);
    ck_assert_int_eq(looked, 1);
    world_destroy(world);
}
END_TEST

/* A49, R10: the snapshot counts what was sent and received; it is a copy. */
START_TEST(info_counts_messages_and_bytes) {
    struct world *world = world_create(&(struct world_opts){.link = {.delay_ms = 25}});
    world_open(world);
    for (int i = 0; i < 10; i++) {
        ledger_must_send(world, UP, 0, 0, 100);
        ledger_must_send(world, DOWN, 0, 1, 50);
    }
    struct belay_session_info queued = world_info(world, CLIENT, 0);
    ck_assert_uint_eq(queued.queued_messages, 10);
    ck_assert_uint_eq(queued.queued_bytes, 1000);
    ck_assert_uint_eq(queued.sequence_out, 10);
    ck_assert_uint_eq(queued.handled_out, 0);
    world_run(world, 1000);
    struct belay_session_info here = world_info(world, CLIENT, 0);
    struct belay_session_info there = world_info(world, SERVER, 0);
    ck_assert_uint_eq(here.messages_out, 10);
    ck_assert_uint_eq(here.bytes_out, 1000);
    ck_assert_uint_eq(here.messages_in, 10);
    ck_assert_uint_eq(here.bytes_in, 500);
    ck_assert_uint_eq(there.messages_in, 10);
    ck_assert_uint_eq(there.bytes_in, 1000);
    ck_assert_uint_eq(there.messages_out, 10);
    ck_assert_uint_eq(there.bytes_out, 500);
    ck_assert_uint_eq(here.handled_out, 10);
    ck_assert_uint_eq(here.queued_messages, 0);
    ck_assert_uint_eq(here.resent, 0);
    ck_assert_uint_eq(queued.queued_messages, 10);
    ck_assert_uint_ge(there.rtt_ms, 50);
    ck_assert_uint_le(there.rtt_ms, 60);
    world_destroy(world);
}
END_TEST

START_TEST(info_shows_what_had_to_be_repeated) {
    struct world *world =
        world_create(&(struct world_opts){.link = {.delay_ms = 25, .loss = 0.3F}});
    world_open(world);
    for (int i = 0; i < 500; i++) {
        ledger_must_send(world, UP, 0, 0, 100);
        world_run(world, 50);
        ck_assert(i < 99 || world_info(world, CLIENT, 0).loss > 0); /* as soon as it can be told */
    }
    world_run(world, 2000);
    struct belay_session_info info = world_info(world, CLIENT, 0);
    ck_assert_uint_ge(info.resent, 100);
    ck_assert(info.loss > 0.1F && info.loss < 0.9F);
    ledger_check(world, UP, 0, 0);
    world_destroy(world);
}
END_TEST

/* Both sides may be asked with a smaller struct, of an older header. */
START_TEST(info_may_be_asked_for_by_an_older_program) {
    struct world *world = world_create(NULL);
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    world_open(world);
    info.struct_size = offsetof(struct belay_session_info, user_id);
    info.rtt_ms = 1234;
    ck_assert_int_eq(belay_server_info(world->server, world->clients[0].session, &info), BELAY_OK);
    ck_assert_int_eq(info.state, BELAY_LOGGED_IN);
    ck_assert_uint_eq(info.rtt_ms, 1234);
    ck_assert_uint_eq(info.struct_size, offsetof(struct belay_session_info, user_id));
    static const size_t sizes[] = {0, sizeof(size_t) - 1, sizeof info + 1};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        info.struct_size = sizes[i];
        ck_assert_int_eq(belay_client_info(world->clients[0].it, &info), BELAY_E_INVALID);
        ck_assert_int_eq(belay_server_info(world->server, world->clients[0].session, &info),
                         BELAY_E_INVALID);
        ck_assert_ptr_nonnull(strstr(belay_error(), "info"));
    }
    world_destroy(world);
}
END_TEST

/* Counters of the whole server. */
START_TEST(stats_count_datagrams_and_sessions) {
    struct world *world =
        world_create(&(struct world_opts){.clients = 3, .server = {.heartbeat_ms = BELAY_FOREVER}});
    world_open(world);
    world_run(world, 1000); /* all is said */
    struct belay_stats there = world_stats(world, SERVER, 0);
    uint64_t out = 0, in = 0, bytes_out = 0;
    for (unsigned i = 0; i < 3; i++) {
        struct belay_stats here = world_stats(world, CLIENT, i);
        ck_assert_uint_eq(here.sessions, 1);
        out += here.datagrams_out;
        bytes_out += here.bytes_out;
        in += here.datagrams_in;
    }
    ck_assert_uint_eq(there.sessions, 3);
    ck_assert_uint_eq(there.port, 7777);
    ck_assert_uint_eq(there.datagrams_in, out);
    ck_assert_uint_eq(there.bytes_in, bytes_out);
    ck_assert_uint_eq(there.datagrams_out, in);
    ck_assert_uint_gt(there.memory, 0);
    for (int i = 0; i < BELAY_DROP_COUNT; i++) {
        ck_assert_msg(there.dropped[i] == 0, "%s", belay_drop_meaning((enum belay_drop)i));
    }
    world_destroy(world);
}
END_TEST

/* Two sessions that have something to say take turns: none waits for the other's backlog. */
START_TEST(sessions_are_polled_in_turn) {
    struct world *world = world_create(&(struct world_opts){.clients = 3});
    struct belay_event event;
    belay_session last = 0;
    world_open(world);
    world->server_deaf = true;
    for (int i = 0; i < 20; i++) {
        for (unsigned j = 0; j < 3; j++) {
            ck_assert_int_eq(world_say(world, UP, j, 0, "x"), BELAY_OK);
        }
    }
    world_run(world, 100);
    for (int i = 0; i < 60; i++) {
        ck_assert(belay_server_poll(world->server, &event));
        ck_assert_int_eq(event.type, BELAY_EVENT_MESSAGE);
        ck_assert_uint_ne(event.session, last);
        last = event.session;
    }
    ck_assert(!belay_server_poll(world->server, &event));
    world_destroy(world);
}
END_TEST

struct heard {
    belay_session session;
    int lines, others;
    char closing[256];
};

static void hear(int level, uint64_t session, const char *line, void *user) {
    struct heard *heard = user;
    if (session != heard->session) {
        heard->others++;
        return;
    }
    heard->lines++;
    if (level == BELAY_LOG_INFO && strstr(line, "closed") != NULL) {
        snprintf(heard->closing, sizeof heard->closing, "%s", line);
    }
}

/* A6: what is logged of a session names it. */
START_TEST(log_lines_name_their_session) {
    struct heard heard = {0};
    const struct belay_hooks hooks = {.log = hear, .hook_user = &heard};
    struct world *world =
        world_create(&(struct world_opts){.clients = 2, .server = {.hooks = &hooks}});
    world_open(world);
    heard = (struct heard){.session = world->clients[0].session};
    belay_server_close(world->server, world->clients[0].session,
                       &(struct belay_reason){.code = BELAY_REASON_BANNED, .text = "cheats"});
    world_run(world, 100);
    ck_assert_int_ge(heard.lines, 1);
    ck_assert_int_eq(heard.others, 0);
    ck_assert_ptr_nonnull(strstr(heard.closing, "cheats"));
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, a_stale_handle_is_refused_everywhere);
    tcase_add_test(tests, no_handle_is_ever_used_twice);
    tcase_add_test(tests, events_carry_the_users_pointer);
    tcase_add_test(tests, an_ended_session_can_be_seen_until_its_end_was_polled);
    tcase_add_test(tests, info_names_no_user_before_accept);
    tcase_add_test(tests, info_counts_messages_and_bytes);
    tcase_add_test(tests, info_shows_what_had_to_be_repeated);
    tcase_add_test(tests, info_may_be_asked_for_by_an_older_program);
    tcase_add_test(tests, stats_count_datagrams_and_sessions);
    tcase_add_test(tests, sessions_are_polled_in_turn);
    tcase_add_test(tests, log_lines_name_their_session);
}

TEST_MAIN("handles", add_tests)
