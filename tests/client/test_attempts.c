/* Coming and going: whatever becomes of an attempt, there is one CLOSED, and then a next attempt.
 */
#include "tests/support/world.h"
#include <string.h>

static void hold(struct world *world, unsigned client, belay_session session) {
    (void)world, (void)client, (void)session;
}

static void refuse(struct world *world, unsigned client, belay_session session) {
    (void)client;
    ck_assert_int_eq(belay_server_close(world->server, session, NULL), BELAY_OK);
}

static void call_off_while_dialing(struct world *world) {
    world_cut(world, 0);
    world_connect(world, 0);
    world_run(world, 100);
    ck_assert(world_info(world, CLIENT, 0).dialing);
    belay_client_close(world->clients[0].it, NULL, 0);
}

static void call_off_while_logging_in(struct world *world) {
    world->login = hold;
    world_connect(world, 0);
    world_run(world, 100);
    belay_client_close(world->clients[0].it, NULL, 0);
}

static void find_nobody(struct world *world) {
    world_cut(world, 0);
    world_connect(world, 0);
    world_run(world, 1900);
    ck_assert_uint_eq(told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED), 0);
    world_run(world, 200);
}

static void be_denied(struct world *world) {
    ck_assert_int_eq(belay_server_drain(world->server, BELAY_FOREVER, NULL), BELAY_OK);
    world_connect(world, 0);
}

static void be_refused(struct world *world) {
    world->login = refuse;
    world_connect(world, 0);
}

static void wait_in_vain(struct world *world) {
    world->login = hold;
    world_connect(world, 0);
    world_run(world, 2100);
}

static void leave(struct world *world) {
    world_connect(world, 0);
    world_run(world, 100);
    belay_client_close(world->clients[0].it, NULL, 0);
}

static void be_evicted(struct world *world) {
    world_connect(world, 0);
    world_run(world, 100);
    belay_server_close(world->server, world->clients[0].session, NULL);
}

static void lose_the_link(struct world *world) {
    world_connect(world, 0);
    world_run(world, 100);
    world_cut(world, 0);
    world_run(world, 1500);
    belay_server_close(world->server, world->clients[0].session,
                       &(struct belay_reason){.code = BELAY_REASON_BANNED});
    world_link(world, 0, NULL); /* the resume is refused */
    world_run(world, 600);
}

static void leave_without_a_link(struct world *world) {
    world_connect(world, 0);
    world_run(world, 100);
    world_cut(world, 0);
    world_run(world, 1500);
    ck_assert_int_eq(world_info(world, CLIENT, 0).state, BELAY_RECONNECTING);
    belay_client_close(world->clients[0].it, NULL, 0);
}

static const struct ending {
    const char *name;
    void (*reach)(struct world *world);
    enum belay_who who;
    enum belay_reason_code code;
    enum belay_state state;
} endings[] = {
    {"called off while dialing", call_off_while_dialing, BELAY_WHO_LOCAL, BELAY_REASON_LEFT,
     BELAY_LOGIN_FAILED},
    {"called off while logging in", call_off_while_logging_in, BELAY_WHO_LOCAL, BELAY_REASON_LEFT,
     BELAY_DISCONNECTED},
    {"nobody answers", find_nobody, BELAY_WHO_NETWORK, BELAY_REASON_UNREACHABLE,
     BELAY_LOGIN_FAILED},
    {"denied at the door", be_denied, BELAY_WHO_PEER, BELAY_REASON_DRAINING, BELAY_LOGIN_FAILED},
    {"refused by the application", be_refused, BELAY_WHO_PEER, BELAY_REASON_KICKED,
     BELAY_LOGIN_FAILED},
    {"never let in", wait_in_vain, BELAY_WHO_LOCAL, BELAY_REASON_LOGIN_DEADLINE, BELAY_TIMED_OUT},
    {"left", leave, BELAY_WHO_LOCAL, BELAY_REASON_LEFT, BELAY_DISCONNECTED},
    {"evicted", be_evicted, BELAY_WHO_PEER, BELAY_REASON_KICKED, BELAY_DISCONNECTED},
    {"not resumed", lose_the_link, BELAY_WHO_PEER, BELAY_REASON_BANNED, BELAY_DISCONNECTED},
    {"left without a link", leave_without_a_link, BELAY_WHO_LOCAL, BELAY_REASON_LEFT,
     BELAY_DISCONNECTED},
};

static void count_connects(struct world *world, enum world_side side,
                           const struct belay_event *event) {
    struct belay_connect_opts opts = BELAY_CONNECT_OPTS_INIT;
    if (side == CLIENT && event->type == BELAY_EVENT_CLOSED) {
        /* legal at once, while CLOSED is being looked at */
        opts.invite = world->address;
        opts.login = "player 0";
        opts.login_size = 8;
        world->clients[0].attempts++;
        must(belay_client_connect(world->clients[0].it, &opts) == BELAY_OK);
    }
}

static struct world *create(void) {
    return world_create(&(struct world_opts){
        .server = {.heartbeat_ms = 200, .lost_ms = 1000},
        .client = {.connect_ms = 2000},
    });
}

/* R19, R30, R31, W-R3: exactly one CLOSED, and then everything from the beginning. */
START_TEST(every_attempt_has_one_end_and_there_is_a_next_one) {
    const struct ending *ending = &endings[_i];
    struct world *world = create();
    ending->reach(world);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) > 0, 1000);
    const struct told *closed = told(world, CLIENT, 0, BELAY_EVENT_CLOSED);
    ck_assert_msg(closed->reason.code == ending->code && closed->reason.who == ending->who,
                  "%s: %s by %d", ending->name, belay_reason_name(closed->reason.code),
                  closed->reason.who);
    ck_assert_msg(closed->info.state == ending->state, "%s: ended %s", ending->name,
                  belay_state_name(closed->info.state));
    world_link(world, 0, NULL);
    world->login = NULL;
    if (ending->reach == be_denied) { /* that server takes nobody any more */
        struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
        opts.sim = world->sim;
        opts.listen = world->address;
        belay_server_destroy(world->server);
        ck_assert_int_eq(belay_server_start(&world->server, &opts), BELAY_OK);
    }
    world_run(world, 3000);
    ck_assert_uint_eq(told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED), 1);
    told_clear(world);
    world_connect(world, 0);
    world_until(world, world_is_open(world, 0), 1000);
    ck_assert_int_eq(world_say(world, UP, 0, 0, "hello again"), BELAY_OK);
    world_run(world, 100);
    ck_assert_str_eq(world->clients[0].last_text[UP], "hello again");
    ck_assert_str_eq(told_events(world, CLIENT, 0), "OPEN");
    world_destroy(world);
}
END_TEST

START_TEST(connect_is_legal_while_closed_is_being_looked_at) {
    struct world *world = create();
    world_open(world);
    world->watch = count_connects;
    for (int i = 0; i < 5; i++) {
        belay_server_close(world->server, world->clients[0].session, NULL);
        world_run(world, 200);
        ck_assert(world_is_open(world, 0));
    }
    ck_assert_str_eq(told_events(world, CLIENT, 0),
                     "OPEN CLOSED OPEN CLOSED OPEN CLOSED OPEN CLOSED OPEN CLOSED OPEN");
    world->watch = NULL;
    world_destroy(world);
}
END_TEST

START_TEST(there_is_one_session_at_a_time) {
    struct world *world = create();
    struct belay_connect_opts opts = BELAY_CONNECT_OPTS_INIT;
    struct belay_client *client = world->clients[0].it;
    opts.invite = world->address;
    world_connect(world, 0);
    ck_assert_int_eq(belay_client_connect(client, &opts), BELAY_E_STATE); /* dialing */
    world_run(world, 100);
    ck_assert_int_eq(belay_client_connect(client, &opts), BELAY_E_STATE); /* open */
    world->clients[0].deaf = true;
    belay_client_close(client, NULL, 0);
    world_run(world, 100);
    ck_assert_int_eq(belay_client_connect(client, &opts), BELAY_E_STATE); /* CLOSED not polled */
    ck_assert_ptr_nonnull(strstr(belay_error(), "CLOSED"));
    world_destroy(world);
}
END_TEST

START_TEST(a_client_without_a_session_has_nothing_to_close) {
    struct world *world = create();
    struct belay_client *client = world->clients[0].it;
    struct belay_session_info info = world_info(world, CLIENT, 0);
    ck_assert_int_eq(info.state, BELAY_DISCONNECTED);
    ck_assert_uint_eq(info.session, 0);
    belay_client_close(client, NULL, 1000);
    belay_client_flush(client);
    world_run(world, 100);
    ck_assert_str_eq(told_events(world, CLIENT, 0), "");
    ck_assert_uint_eq(world_stats(world, CLIENT, 0).datagrams_out, 0);
    ck_assert_int_eq(belay_client_wait_ns(client), -1);
    ck_assert_int_eq(belay_client_fd(client), -1); /* in a simulation */
    world_destroy(world);
}
END_TEST

/* Silence is not overload: OPEN repeats steadily until the connect deadline. */
START_TEST(a_dial_gets_through_when_the_network_comes_back) {
    struct world *world = world_create(&(struct world_opts){.client = {.connect_ms = 10000}});
    world_cut(world, 0);
    world_connect(world, 0);
    world_run(world, 8000);
    ck_assert_uint_eq(world_stats(world, CLIENT, 0).datagrams_out,
                      13 + 10); /* each 250 ms up to 3 s, then each 500 ms */
    world_link(world, 0, NULL);
    world_until(world, world_is_open(world, 0), 600);
    world_destroy(world);
}
END_TEST

/* Between two sessions nobody need call service(): that time is not added to the next attempt's. */
START_TEST(time_between_attempts_is_not_given_to_the_next_one) {
    struct world *world = world_create(&(struct world_opts){.client = {.connect_ms = 2000}});
    world_open(world);
    belay_client_close(world->clients[0].it, NULL, 0);
    world_run(world, 20);
    world->clients[0].asleep = true; /* in the menu */
    world_run(world, 60000);
    world->clients[0].asleep = false;
    told_clear(world);
    world_cut(world, 0);
    world_connect(world, 0);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 1, 2100);
    world_destroy(world);
}
END_TEST

/* Every datagram of the way in may be lost, one after another. */
START_TEST(a_login_gets_through_at_half_the_datagrams_lost) {
    struct world *world = world_create(&(struct world_opts){
        .seed = 100 + (uint64_t)_i, .clients = 20, .link = {.delay_ms = 20, .loss = 0.5F}});
    for (unsigned i = 0; i < 20; i++) {
        world_connect(world, i);
    }
    world_run(world, 10000);
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_msg(world_is_open(world, i), "client %u, seed %d: %s", i, 100 + _i,
                      told_events(world, CLIENT, i));
        ck_assert_uint_eq(told_count(world, SERVER, i, BELAY_EVENT_LOGIN), 1);
    }
    world_destroy(world);
}
END_TEST

/* R39: nothing is told but through poll(), in order, one at a time. */
START_TEST(nothing_happens_in_the_application_before_it_polls) {
    struct world *world = create();
    struct belay_event event;
    world->clients[0].deaf = true;
    world_connect(world, 0);
    world_run(world, 100);
    for (int i = 1; i <= 3; i++) {
        char text[2] = {(char)('0' + i), '\0'};
        ck_assert_int_eq(world_say(world, DOWN, 0, 0, text), BELAY_OK);
    }
    world_run(world, 100);
    belay_server_close(world->server, world->clients[0].session, NULL);
    world_run(world, 100);
    static const enum belay_event_type types[] = {BELAY_EVENT_OPEN,    BELAY_EVENT_TICKET,
                                                  BELAY_EVENT_MESSAGE, BELAY_EVENT_MESSAGE,
                                                  BELAY_EVENT_MESSAGE, BELAY_EVENT_CLOSED};
    char expected = '1';
    for (size_t i = 0; i < COUNT_OF(types);) {
        ck_assert(belay_client_poll(world->clients[0].it, &event));
        if (event.type == BELAY_EVENT_STATE) {
            continue;
        }
        ck_assert_str_eq(belay_event_name(event.type), belay_event_name(types[i]));
        if (event.type == BELAY_EVENT_MESSAGE) {
            ck_assert_int_eq(*(const char *)event.message.data, expected++);
        }
        i++;
    }
    ck_assert(!belay_client_poll(world->clients[0].it, &event));
    world_destroy(world);
}
END_TEST

/* D8: no handle names two sessions of one client. */
START_TEST(each_attempt_has_a_handle_of_its_own) {
    struct world *world = create();
    belay_session last = 0;
    for (int i = 0; i < 5; i++) {
        world_connect(world, 0);
        belay_session session = world_info(world, CLIENT, 0).session;
        ck_assert_uint_gt(session, last);
        last = session;
        belay_client_close(world->clients[0].it, NULL, 0);
        world_run(world, 20);
        ck_assert_uint_eq(told(world, CLIENT, 0, BELAY_EVENT_CLOSED)->event.session, session);
    }
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, every_attempt_has_one_end_and_there_is_a_next_one, 0,
                        COUNT_OF(endings));
    tcase_add_test(tests, connect_is_legal_while_closed_is_being_looked_at);
    tcase_add_test(tests, there_is_one_session_at_a_time);
    tcase_add_test(tests, a_client_without_a_session_has_nothing_to_close);
    tcase_add_test(tests, a_dial_gets_through_when_the_network_comes_back);
    tcase_add_test(tests, time_between_attempts_is_not_given_to_the_next_one);
    tcase_add_test(tests, each_attempt_has_a_handle_of_its_own);
    tcase_add_loop_test(tests, a_login_gets_through_at_half_the_datagrams_lost, 0, 3);
    tcase_add_test(tests, nothing_happens_in_the_application_before_it_polls);
}

TEST_MAIN("attempts", add_tests)
