/* The scenarios of the multi-session lifecycle, over the simulated network, in their own words. */
#include "tests/support/world.h"
#include <string.h>

#define LOST_MS 1000

static struct world *two_players(bool no_resume) {
    struct world *world = world_create(&(struct world_opts){
        .clients = 2,
        .server = {.heartbeat_ms = 200, .lost_ms = LOST_MS, .no_resume = no_resume},
        .client = {.no_resume = no_resume},
    });
    world_open(world);
    return world;
}

static void assert_same_info(const struct belay_session_info *before,
                             const struct belay_session_info *after) {
    ck_assert_uint_eq(before->session, after->session);
    ck_assert_int_eq(before->state, after->state);
    ck_assert_mem_eq(before->user_id, after->user_id, sizeof before->user_id);
    ck_assert_ptr_eq(before->user, after->user);
    ck_assert_str_eq(before->address, after->address);
    ck_assert_uint_eq(before->messages_in, after->messages_in);
    ck_assert_uint_eq(before->messages_out, after->messages_out);
    ck_assert_uint_eq(before->queued_messages, after->queued_messages);
    ck_assert_uint_eq(before->sequence_out, after->sequence_out);
    ck_assert_uint_eq(before->features, after->features);
    ck_assert_uint_eq(before->resume_window_ms, after->resume_window_ms);
    ck_assert_int_eq(before->closing, after->closing);
    ck_assert_int_eq(before->suspect, after->suspect);
}

/** It works as before: messages both ways, exactly once. */
static void assert_lives(struct world *world, unsigned client) {
    for (int i = 0; i < 10; i++) {
        ledger_must_send(world, UP, client, 0, 100);
        ledger_must_send(world, DOWN, client, 0, 100);
    }
    world_run(world, 500);
    ledger_check(world, UP, client, 0);
    ledger_check(world, DOWN, client, 0);
    ck_assert(world_is_open(world, client));
}

/* R1, R2, R3, R4, R20, R29: Server tracks two peers independently. */
START_TEST(the_server_tracks_two_peers_independently) {
    /* WHEN a server accepts transport activity from two different peers */
    struct world *world = world_create(&(struct world_opts){.clients = 2});
    world_connect(world, 0);
    world_connect(world, 1);
    world_run(world, 100);
    /* THEN there are two distinct managed sessions, each with a user of its own */
    struct belay_session_info first = world_info(world, SERVER, 0);
    struct belay_session_info second = world_info(world, SERVER, 1);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 2);
    ck_assert_uint_ne(first.session, second.session);
    ck_assert_mem_ne(first.user_id, second.user_id, sizeof first.user_id);
    ck_assert_str_ne(first.address, second.address);
    /* AND more activity of the same peer resolves to the same session */
    ledger_must_send(world, UP, 0, 0, 100);
    world_run(world, 100);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 2);
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_OPEN)->event.session, first.session);
    /* THEN lifecycle changes of one do not overwrite or hide the state of the other */
    ck_assert_int_eq(belay_server_close(world->server, first.session, NULL), BELAY_OK);
    world_run(world, 100);
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN OPEN CLOSED");
    ck_assert_str_eq(told_events(world, SERVER, 1), "LOGIN OPEN");
    struct belay_session_info after = world_info(world, SERVER, 1);
    assert_same_info(&second, &after);
    assert_lives(world, 1);
    world_destroy(world);
}
END_TEST

static void leave_waiting(struct world *world, unsigned client, belay_session session) {
    (void)world, (void)client, (void)session;
}

/** After every single step: the other peer's snapshot is what it was. */
static void check_other(struct world *world) {
    struct belay_session_info now = world_info(world, SERVER, 1);
    assert_same_info(world->user, &now);
}

/* R4, R21, R23, R25: one peer goes through every state that a session can have; after each step the
 * other's snapshot is what it was. */
START_TEST(a_lifecycle_change_of_one_peer_leaves_the_other_as_it_was) {
    struct world *world = two_players(false);
    struct belay_session_info before = world_info(world, SERVER, 1);
    world->user = &before;
    world->each_step = check_other;
    world_cut(world, 0);
    world_run(world, 3 * LOST_MS); /* its link is lost, and it is held */
    world_link(world, 0, NULL);
    world_until(world, told_count(world, SERVER, 0, BELAY_EVENT_RESUMED) == 1, 1000);
    belay_server_close(world->server, world->clients[0].session, NULL);
    world_run(world, 100);
    world->login = leave_waiting;
    world_connect(world, 0);
    world_run(world, 100);
    belay_server_close(world->server, world->clients[0].session, NULL); /* refused */
    world_run(world, 100);
    world->login = NULL;
    world_connect(world, 0);
    world_until(world, world_is_open(world, 0), 1000);
    belay_client_close(world->clients[0].it, NULL, 0);
    world_run(world, 100);
    ck_assert_str_eq(told_states(world, SERVER, 0),
                     "TRANSPORT_CONNECTED LOGIN_PENDING LOGGED_IN TIMED_OUT RECONNECT_PENDING "
                     "RECONNECTING LOGGED_IN "
                     "DISCONNECTED TRANSPORT_CONNECTED LOGIN_PENDING LOGIN_FAILED "
                     "TRANSPORT_CONNECTED LOGIN_PENDING LOGGED_IN DISCONNECTED");
    ck_assert_str_eq(told_states(world, SERVER, 1), "TRANSPORT_CONNECTED LOGIN_PENDING LOGGED_IN");
    world->each_step = NULL;
    assert_lives(world, 1);
    world_destroy(world);
}
END_TEST

/* R7, R8, R21, W-A11: Timeout affects only one managed session. Heartbeats and messages are equally
 * signs of life. */
START_TEST(a_timeout_affects_only_one_managed_session) {
    struct world *world = world_create(
        &(struct world_opts){.clients = 3, .server = {.heartbeat_ms = 200, .lost_ms = LOST_MS}});
    world_open(world);
    /* WHEN one session gets no sign of life, another heartbeats and a third messages */
    world_cut(world, 0);
    for (uint32_t ms = 0; ms < 2 * LOST_MS; ms += 50) {
        ledger_must_send(world, UP, 2, 0, 50);
        world_run(world, 50);
    }
    /* THEN the silent one goes through timeout states according to policy */
    ck_assert_str_eq(told_states(world, SERVER, 0),
                     "TRANSPORT_CONNECTED LOGIN_PENDING LOGGED_IN TIMED_OUT RECONNECT_PENDING");
    const struct told *down = told(world, SERVER, 0, BELAY_EVENT_DOWN);
    ck_assert_int_eq(down->reason.who, BELAY_WHO_NETWORK);
    ck_assert_uint_eq(down->reason.code, BELAY_REASON_TIMEOUT);
    /* AND the others stay healthy */
    for (unsigned i = 1; i < 3; i++) {
        ck_assert_int_eq(world_info(world, SERVER, i).state, BELAY_LOGGED_IN);
        ck_assert_str_eq(told_events(world, SERVER, i), "LOGIN OPEN");
        assert_lives(world, i);
    }
    world_destroy(world);
}
END_TEST

/* R9, R31: the same silence, another policy: nothing is kept. */
START_TEST(a_timeout_follows_the_policy_of_the_session) {
    struct world *world = two_players(true);
    world_cut(world, 0);
    world_until(world, told_count(world, SERVER, 0, BELAY_EVENT_CLOSED) == 1, 2 * LOST_MS);
    ck_assert_str_eq(told_states(world, SERVER, 0),
                     "TRANSPORT_CONNECTED LOGIN_PENDING LOGGED_IN TIMED_OUT");
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN OPEN CLOSED");
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->reason.code,
                      BELAY_REASON_TIMEOUT);
    assert_lives(world, 1);
    world_destroy(world);
}
END_TEST

/* R5, R6, R10, R48, A49: Host can inspect current managed sessions. */
START_TEST(a_host_can_inspect_the_current_managed_sessions) {
    struct world *world =
        world_create(&(struct world_opts){.clients = 3,
                                          .link = {.delay_ms = 20},
                                          .server = {.lost_ms = LOST_MS, .heartbeat_ms = 200}});
    world_open(world);
    world_cut(world, 2);
    world_run(world, 2 * LOST_MS);
    /* WHEN the host enumerates, THEN each session comes once, with the state of its peer */
    unsigned seen[3] = {0};
    belay_session session = 0;
    while ((session = belay_server_next(world->server, session)) != 0) {
        for (unsigned i = 0; i < 3; i++) {
            seen[i] += world->clients[i].session == session;
        }
    }
    ck_assert(seen[0] == 1 && seen[1] == 1 && seen[2] == 1);
    ck_assert_int_eq(world_info(world, SERVER, 0).state, BELAY_LOGGED_IN);
    ck_assert_int_eq(world_info(world, SERVER, 2).state, BELAY_RECONNECT_PENDING);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).held, 1);
    /* AND an entry tells how its peer is */
    struct belay_session_info info = world_info(world, SERVER, 0);
    ck_assert_uint_ge(info.rtt_ms, 40);
    ck_assert_uint_le(info.rtt_ms, 60);
    ck_assert_uint_le(info.idle_ms, 500);
    ck_assert_str_ne(info.address, "");
    /* AND look-up by user finds it; a stranger's name finds nothing and makes nothing */
    uint8_t user_id[16], nobody[16] = {99};
    world_user_id(world, 1, user_id);
    ck_assert_uint_eq(belay_server_find(world->server, user_id), world->clients[1].session);
    ck_assert_uint_eq(belay_server_find(world->server, nobody), 0);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 3);
    world_destroy(world);
}
END_TEST

/* R6: removing the current session, or any other, in the middle of an enumeration is safe. */
START_TEST(sessions_may_be_closed_while_they_are_enumerated) {
    struct world *world = world_create(&(struct world_opts){.clients = 8});
    world_open(world);
    unsigned visited = 0;
    belay_session session = 0;
    while ((session = belay_server_next(world->server, session)) != 0) {
        visited++;
        belay_server_close(world->server, session, NULL);
        belay_server_close(world->server, world->clients[7 - visited % 8].session, NULL);
    }
    ck_assert_uint_eq(visited, 8); /* ended ones are listed until their end was polled */
    world_run(world, 100);
    ck_assert_uint_eq(belay_server_next(world->server, 0), 0);
    for (unsigned i = 0; i < 8; i++) {
        ck_assert_uint_eq(told_count(world, SERVER, i, BELAY_EVENT_CLOSED), 1);
    }
    world_destroy(world);
}
END_TEST

enum departure { LEAVES, EVICTED, KILLED };

/* R14, R15, A54, A55: Disconnect removes one session only: it leaves, is evicted, or is killed. */
START_TEST(a_disconnect_removes_one_session_only) {
    struct world *world = two_players(true);
    struct belay_session_info before = world_info(world, SERVER, 1);
    const struct belay_reason banned = {
        .code = BELAY_REASON_BANNED, .retry_ms = 1234, .text = "enough of you"};
    belay_session gone = world->clients[0].session;
    switch ((enum departure)_i) {
    case LEAVES:
        belay_client_close(world->clients[0].it, NULL, 0);
        break;
    case EVICTED:
        ck_assert_int_eq(belay_server_close(world->server, gone, &banned), BELAY_OK);
        break;
    case KILLED:
        world_kill(world, 0);
        break;
    }
    world_run(world, 2 * LOST_MS);
    /* THEN that peer's session is gone, with its own reason */
    const struct told *closed = told(world, SERVER, 0, BELAY_EVENT_CLOSED);
    static const uint32_t codes[] = {[LEAVES] = BELAY_REASON_LEFT,
                                     [EVICTED] = BELAY_REASON_BANNED,
                                     [KILLED] = BELAY_REASON_TIMEOUT};
    ck_assert_uint_eq(closed->reason.code, codes[_i]);
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    ck_assert_int_eq(belay_server_info(world->server, gone, &info), BELAY_E_GONE);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 1);
    if (_i == EVICTED) {
        const struct told *heard = told(world, CLIENT, 0, BELAY_EVENT_CLOSED);
        ck_assert_int_eq(heard->reason.who, BELAY_WHO_PEER);
        ck_assert_uint_eq(heard->reason.code, BELAY_REASON_BANNED);
        ck_assert_uint_eq(heard->reason.retry_ms, 1234);
        ck_assert(!heard->reason.come_back);
        ck_assert_str_eq(heard->text, "enough of you");
    }
    /* AND the other remains queryable and keeps its own lifecycle state */
    struct belay_session_info after = world_info(world, SERVER, 1);
    assert_same_info(&before, &after);
    assert_lives(world, 1);
    world_destroy(world);
}
END_TEST

/* R16, R17: Entry point startup exposes multi-session lifecycle ownership. */
START_TEST(a_server_that_has_started_shows_its_sessions_at_once) {
    struct world *world = world_create(NULL);
    uint8_t nobody[16] = {1};
    ck_assert_uint_eq(belay_server_next(world->server, 0), 0);
    ck_assert_uint_eq(belay_server_find(world->server, nobody), 0);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    world_open(world);
    ck_assert_uint_eq(belay_server_next(world->server, 0), world->clients[0].session);
    world_destroy(world);
}
END_TEST

/* R16, R18, W-R7: Entry point shutdown clears all managed peers, each with a goodbye. */
START_TEST(a_server_that_stops_clears_all_managed_sessions) {
    struct world *world = world_create(&(struct world_opts){.clients = 8});
    world_open(world);
    belay_server_stop(world->server, 0);
    world_run(world, 100);
    for (unsigned i = 0; i < 8; i++) {
        ck_assert_str_eq(told_events(world, SERVER, i), "LOGIN OPEN CLOSED");
        ck_assert_str_eq(told_events(world, CLIENT, i), "OPEN CLOSED");
        const struct told *closed = told(world, CLIENT, i, BELAY_EVENT_CLOSED);
        ck_assert_uint_eq(closed->reason.code, BELAY_REASON_SERVER_STOPPED);
        ck_assert_int_eq(closed->reason.who, BELAY_WHO_PEER);
        ck_assert(closed->reason.come_back);
        ck_assert_str_eq(told_states(world, SERVER, i),
                         "TRANSPORT_CONNECTED LOGIN_PENDING LOGGED_IN DISCONNECTED");
    }
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    ck_assert_uint_eq(belay_server_next(world->server, 0), 0);
    /* AND nothing else needs to be cleaned up: the next one starts in its place */
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    opts.sim = world->sim;
    opts.listen = WORLD_ADDRESS;
    opts.hooks = &world_hooks;
    struct belay_server *stopped = world->server;
    ck_assert_msg(belay_server_start(&world->server, &opts) == BELAY_OK, "%s", belay_error());
    belay_server_destroy(stopped);
    world_connect(world, 0);
    world_until(world, world_is_open(world, 0), 1000);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 1);
    world_destroy(world);
}
END_TEST

/* R43, W-R4: a session without a link is reaped after its window, and nothing is left of it. */
START_TEST(a_held_session_is_reaped_when_its_window_ends) {
    struct world *world = world_create(&(struct world_opts){
        .clients = 2,
        .server = {.heartbeat_ms = 200, .lost_ms = LOST_MS, .resume_window_ms = 3000}});
    world_open(world);
    world_kill(world, 0);
    world_until(world, told_count(world, SERVER, 0, BELAY_EVENT_DOWN) == 1, 2 * LOST_MS);
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_DOWN)->event.down.window_ms, 3000);
    uint32_t down_at = world->ms;
    world_until(world, told_count(world, SERVER, 0, BELAY_EVENT_CLOSED) == 1, 4000);
    ck_assert_uint_ge(world->ms - down_at, 3000);
    ck_assert_uint_le(world->ms - down_at, 3020);
    ck_assert_str_eq(told_states(world, SERVER, 0),
                     "TRANSPORT_CONNECTED LOGIN_PENDING LOGGED_IN TIMED_OUT RECONNECT_PENDING "
                     "DISCONNECTED");
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN OPEN DOWN CLOSED");
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 1);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).held, 0);
    assert_lives(world, 1);
    world_destroy(world);
}
END_TEST

/* R37, D7: lifecycles are the coordinator's: they go on though the application handles nothing. */
START_TEST(lifecycles_go_on_though_nobody_polls) {
    struct world *world = two_players(false);
    world->server_deaf = true;
    world_cut(world, 0);
    for (uint32_t ms = 0; ms < 3 * LOST_MS; ms += 50) {
        ledger_must_send(world, UP, 1, 0, 50);
        world_run(world, 50);
    }
    ck_assert_int_eq(world_info(world, SERVER, 0).state, BELAY_RECONNECT_PENDING);
    ck_assert_int_eq(world_info(world, SERVER, 1).state, BELAY_LOGGED_IN);
    world->server_deaf = false;
    world_run(world, 100);
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN OPEN DOWN");
    assert_lives(world, 1);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, the_server_tracks_two_peers_independently);
    tcase_add_test(tests, a_lifecycle_change_of_one_peer_leaves_the_other_as_it_was);
    tcase_add_test(tests, a_timeout_affects_only_one_managed_session);
    tcase_add_test(tests, a_timeout_follows_the_policy_of_the_session);
    tcase_add_test(tests, a_host_can_inspect_the_current_managed_sessions);
    tcase_add_test(tests, sessions_may_be_closed_while_they_are_enumerated);
    tcase_add_loop_test(tests, a_disconnect_removes_one_session_only, LEAVES, KILLED + 1);
    tcase_add_test(tests, a_server_that_has_started_shows_its_sessions_at_once);
    tcase_add_test(tests, a_server_that_stops_clears_all_managed_sessions);
    tcase_add_test(tests, lifecycles_go_on_though_nobody_polls);
    tcase_add_test(tests, a_held_session_is_reaped_when_its_window_ends);
}

TEST_MAIN("multi-session", add_tests)
