/* The scenarios of the multi-session lifecycle that are a host's, once more over real sockets. */
#define _GNU_SOURCE
#include "tests/support/world.h"
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOST_MS 300

static struct world *create(unsigned clients, bool no_resume) {
    return world_create(&(struct world_opts){
        .sockets = true,
        .clients = clients,
        .server = {.heartbeat_ms = 100, .lost_ms = LOST_MS, .no_resume = no_resume},
    });
}

static void assert_lives(struct world *world, unsigned client) {
    for (int i = 0; i < 10; i++) {
        ledger_must_send(world, UP, client, 0, 100);
        ledger_must_send(world, DOWN, client, 0, 2000);
    }
    world_until(world,
                ledger_of(world, UP, client, 0).received == ledger_of(world, UP, client, 0).sent &&
                    ledger_of(world, DOWN, client, 0).received ==
                        ledger_of(world, DOWN, client, 0).sent,
                5000);
    ledger_check(world, UP, client, 0);
    ledger_check(world, DOWN, client, 0);
    ck_assert(world_is_open(world, client));
}

/* R2, R3: Server tracks two peers independently. */
START_TEST(the_server_tracks_two_peers_independently) {
    struct world *world = create(2, true);
    world_open(world);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 2);
    struct belay_session_info first = world_info(world, SERVER, 0);
    struct belay_session_info second = world_info(world, SERVER, 1);
    ck_assert_uint_ne(first.session, second.session);
    ck_assert_str_ne(first.address, second.address);
    ck_assert_int_eq(belay_server_close(world->server, first.session, NULL), BELAY_OK);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 1, 2000);
    ck_assert_str_eq(told_events(world, SERVER, 1), "LOGIN OPEN");
    ck_assert_uint_eq(world_info(world, SERVER, 1).session, second.session);
    assert_lives(world, 1);
    world_destroy(world);
}
END_TEST

/* R7, R8: Timeout affects only one managed session. */
START_TEST(a_timeout_affects_only_one_managed_session) {
    struct world *world = create(3, false);
    world_open(world);
    world->clients[0].asleep = true; /* stops receiving liveness updates */
    uint32_t end = world->ms + 3 * LOST_MS;
    while (world->ms < end) { /* 1 lives on heartbeats alone, 2 on messages */
        ck_assert_int_eq(world_say(world, UP, 2, 1, "message"), BELAY_OK);
        world_run(world, 20);
    }
    world_until(world, told_count(world, SERVER, 0, BELAY_EVENT_DOWN) == 1, 3000);
    ck_assert_str_eq(told_states(world, SERVER, 0),
                     "TRANSPORT_CONNECTED LOGIN_PENDING LOGGED_IN TIMED_OUT RECONNECT_PENDING");
    ck_assert_str_eq(told_events(world, SERVER, 1), "LOGIN OPEN");
    ck_assert_str_eq(told_events(world, SERVER, 2), "LOGIN OPEN");
    assert_lives(world, 1);
    assert_lives(world, 2);
    world_destroy(world);
}
END_TEST

/* R5, R6, R10: Host can inspect current managed sessions. */
START_TEST(a_host_can_inspect_the_current_managed_sessions) {
    struct world *world = create(3, false);
    unsigned listed = 0;
    world_open(world);
    world->clients[2].asleep = true;
    world_until(world, told_count(world, SERVER, 2, BELAY_EVENT_DOWN) == 1, 3000);
    for (belay_session session = 0; (session = belay_server_next(world->server, session)) != 0;) {
        listed++;
    }
    ck_assert_uint_eq(listed, 3);
    ck_assert_int_eq(world_info(world, SERVER, 0).state, BELAY_LOGGED_IN);
    ck_assert_int_eq(world_info(world, SERVER, 1).state, BELAY_LOGGED_IN);
    ck_assert_int_eq(world_info(world, SERVER, 2).state, BELAY_RECONNECT_PENDING);
    ck_assert_ptr_nonnull(strstr(world_info(world, SERVER, 0).address, "127.0.0.1:"));
    ck_assert_uint_lt(world_info(world, SERVER, 0).idle_ms, LOST_MS);
    world_destroy(world);
}
END_TEST

/** Another process with a client in it, that says it is player 0. */
static pid_t spawn_client(const struct world *world) {
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child > 0) {
        return child;
    }
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct belay_client *client;
    struct belay_event event;
    to.invite = world->address;
    to.login = "player 0";
    to.login_size = 8;
    if (belay_client_create(&client, &opts) != BELAY_OK ||
        belay_client_connect(client, &to) != BELAY_OK) {
        _exit(1);
    }
    for (int i = 0; i < 10000; i++) { /* it does not outlive a test that failed */
        belay_client_service(client, 20);
        while (belay_client_poll(client, &event)) {
        }
    }
    _exit(0);
}

enum departure { LEAVES, EVICTED, KILLED };

/* R14, R15: Disconnect removes one session only: it leaves, is evicted, or its process is killed.
 */
START_TEST(a_disconnect_removes_one_session_only) {
    static const uint32_t codes[] = {[LEAVES] = BELAY_REASON_LEFT,
                                     [EVICTED] = BELAY_REASON_BANNED,
                                     [KILLED] = BELAY_REASON_TIMEOUT};
    struct world *world = create(2, true);
    world_connect(world, 1);
    pid_t child = 0;
    if (_i == KILLED) {
        child = spawn_client(world);
    } else {
        world_connect(world, 0);
    }
    world_until(world,
                world_is_open(world, 1) && told_count(world, SERVER, 0, BELAY_EVENT_OPEN) == 1,
                5000);
    struct belay_session_info before = world_info(world, SERVER, 1);
    switch ((enum departure)_i) {
    case LEAVES:
        belay_client_close(world->clients[0].it, NULL, 100);
        break;
    case EVICTED:
        belay_server_close(world->server, world->clients[0].session,
                           &(struct belay_reason){.code = BELAY_REASON_BANNED});
        break;
    case KILLED:
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        break;
    }
    world_until(world, told_count(world, SERVER, 0, BELAY_EVENT_CLOSED) == 1, 5000);
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->reason.code, codes[_i]);
    if (_i == EVICTED) {
        world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 1, 5000);
        ck_assert_uint_eq(told(world, CLIENT, 0, BELAY_EVENT_CLOSED)->reason.code,
                          BELAY_REASON_BANNED);
    }
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 1);
    struct belay_session_info after = world_info(world, SERVER, 1);
    ck_assert_uint_eq(after.session, before.session);
    ck_assert_int_eq(after.state, BELAY_LOGGED_IN);
    assert_lives(world, 1);
    world_destroy(world);
}
END_TEST

/* R16, R17: Entry point startup exposes multi-session lifecycle ownership. */
START_TEST(a_server_that_has_started_shows_its_sessions_at_once) {
    struct world *world = create(1, true);
    ck_assert_uint_eq(belay_server_next(world->server, 0), 0);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    world_open(world);
    ck_assert_uint_eq(belay_server_next(world->server, 0), world->clients[0].session);
    world_destroy(world);
}
END_TEST

/* R18: Entry point shutdown clears all managed peers. */
START_TEST(a_server_that_stops_clears_all_managed_sessions) {
    struct world *world = create(8, true);
    world_open(world);
    belay_server_stop(world->server, 500);
    for (unsigned i = 0; i < 8; i++) {
        world_until(world, told_count(world, CLIENT, i, BELAY_EVENT_CLOSED) == 1, 2000);
        ck_assert_str_eq(told_events(world, SERVER, i), "LOGIN OPEN CLOSED");
        ck_assert_uint_eq(told(world, CLIENT, i, BELAY_EVENT_CLOSED)->reason.code,
                          BELAY_REASON_SERVER_STOPPED);
    }
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, the_server_tracks_two_peers_independently);
    tcase_add_test(tests, a_timeout_affects_only_one_managed_session);
    tcase_add_test(tests, a_host_can_inspect_the_current_managed_sessions);
    tcase_add_loop_test(tests, a_disconnect_removes_one_session_only, LEAVES, KILLED + 1);
    tcase_add_test(tests, a_server_that_has_started_shows_its_sessions_at_once);
    tcase_add_test(tests, a_server_that_stops_clears_all_managed_sessions);
}

TEST_MAIN("host", add_tests)
