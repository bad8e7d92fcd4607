/* From the first datagram to OPEN, or to the refusal: who may come in, who decides, and when. */
#include "tests/support/stranger.h"
#include "tests/support/world.h"
#include <string.h>

#define ONE_WAY_MS 50

static void leave_waiting(struct world *world, unsigned client, belay_session session) {
    (void)world, (void)client, (void)session;
}

static const char *closing_code(const struct world *world, enum world_side side) {
    return belay_reason_name(told(world, side, 0, BELAY_EVENT_CLOSED)->reason.code);
}

/* R22, A24: hello, accept, welcome; the payloads reach the other side whole, in OPEN at both. */
START_TEST(an_accepted_login_opens_both_sides) {
    struct world *world = world_create(NULL);
    uint8_t user_id[16];
    world_open(world);
    world_user_id(world, 0, user_id);
    ck_assert_str_eq(told(world, SERVER, 0, BELAY_EVENT_LOGIN)->text, "player 0");
    ck_assert_str_eq(told(world, CLIENT, 0, BELAY_EVENT_OPEN)->text, "welcome");
    ck_assert_mem_eq(told(world, CLIENT, 0, BELAY_EVENT_OPEN)->event.open.user_id, user_id, 16);
    ck_assert_mem_eq(told(world, SERVER, 0, BELAY_EVENT_OPEN)->event.open.user_id, user_id, 16);
    static const char states[] = "TRANSPORT_CONNECTED LOGIN_PENDING LOGGED_IN";
    ck_assert_str_eq(told_states(world, CLIENT, 0), states);
    ck_assert_str_eq(told_states(world, SERVER, 0), states);
    world_destroy(world);
}
END_TEST

/* The design's goal by key, which pays for its cookie: three round trips and a step per crossing.
 */
START_TEST(a_login_by_key_takes_three_round_trips) {
    struct world *world = world_create(&(struct world_opts){.link = {.delay_ms = ONE_WAY_MS}});
    world_connect(world, 0);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_OPEN) == 1,
                6 * ONE_WAY_MS + 7 * WORLD_STEP_MS);
    world_destroy(world);
}
END_TEST

START_TEST(a_login_may_be_accepted_later) {
    struct world *world = world_create(&(struct world_opts){.server = {.login_ms = 5000}});
    world->login = leave_waiting;
    world_connect(world, 0);
    world_run(world, 4500);
    ck_assert_int_eq(world_info(world, CLIENT, 0).state, BELAY_LOGIN_PENDING);
    ck_assert_int_eq(world_info(world, SERVER, 0).state, BELAY_LOGIN_PENDING);
    ck_assert_int_eq(belay_server_accept(world->server, world->clients[0].session, NULL, NULL, 0),
                     BELAY_OK);
    world_run(world, 100);
    ck_assert(world_is_open(world, 0));
    world_destroy(world);
}
END_TEST

/* W-A19, W-R3, R7: nobody decides, so the deadline does. */
START_TEST(a_login_that_nobody_decides_ends_at_the_deadline) {
    struct world *world = world_create(&(struct world_opts){.server = {.login_ms = 2000}});
    world->login = leave_waiting;
    world_connect(world, 0);
    world_run(world, 1900);
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN");
    world_run(world, 300);
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN CLOSED");
    ck_assert_str_eq(told_events(world, CLIENT, 0), "CLOSED");
    ck_assert_str_eq(closing_code(world, SERVER), "BELAY_REASON_LOGIN_DEADLINE");
    ck_assert_str_eq(closing_code(world, CLIENT), "BELAY_REASON_LOGIN_DEADLINE");
    ck_assert_str_eq(told_states(world, CLIENT, 0),
                     "TRANSPORT_CONNECTED LOGIN_PENDING LOGIN_FAILED");
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    world_destroy(world);
}
END_TEST

static void refuse_first(struct world *world, unsigned client, belay_session session) {
    static const struct belay_reason reason = {.code = BELAY_REASON_GAME + 7,
                                               .come_back = true,
                                               .retry_ms = 60000,
                                               .text = "your clan plays on Tuesdays"};
    if (client == 0) {
        ck_assert_int_eq(belay_server_close(world->server, session, &reason), BELAY_OK);
    } else {
        ck_assert_int_eq(belay_server_accept(world->server, session, NULL, NULL, 0), BELAY_OK);
    }
}

/* R22, A33: the application refuses one; that one hears why, and nobody else notices. */
START_TEST(a_refused_login_hears_why) {
    struct world *world = world_create(&(struct world_opts){.clients = 2});
    world->login = refuse_first;
    world_connect(world, 0);
    world_connect(world, 1);
    world_run(world, 200);
    const struct told *closed = told(world, CLIENT, 0, BELAY_EVENT_CLOSED);
    ck_assert_int_eq(closed->reason.who, BELAY_WHO_PEER);
    ck_assert_uint_eq(closed->reason.code, BELAY_REASON_GAME + 7);
    ck_assert_uint_eq(closed->reason.retry_ms, 60000);
    ck_assert(closed->reason.come_back);
    ck_assert_str_eq(closed->text, "your clan plays on Tuesdays");
    static const char states[] = "TRANSPORT_CONNECTED LOGIN_PENDING LOGIN_FAILED";
    ck_assert_str_eq(told_states(world, CLIENT, 0), states);
    ck_assert_str_eq(told_states(world, SERVER, 0), states);
    ck_assert_int_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->reason.who, BELAY_WHO_LOCAL);
    ck_assert(world_is_open(world, 1));
    world_destroy(world);
}
END_TEST

static void refuse_without_reason(struct world *world, unsigned client, belay_session session) {
    (void)client;
    ck_assert_int_eq(belay_server_close(world->server, session, NULL), BELAY_OK);
}

START_TEST(a_refusal_without_a_reason_is_a_kick) {
    struct world *world = world_create(NULL);
    world->login = refuse_without_reason;
    world_connect(world, 0);
    world_run(world, 100);
    const struct told *closed = told(world, CLIENT, 0, BELAY_EVENT_CLOSED);
    ck_assert_uint_eq(closed->reason.code, BELAY_REASON_KICKED);
    ck_assert_str_eq(closed->text, "removed by the server");
    ck_assert(!closed->reason.come_back);
    world_destroy(world);
}
END_TEST

/* The client may change its mind while the application still thinks. */
START_TEST(a_client_may_leave_before_it_is_let_in) {
    struct world *world = world_create(NULL);
    world->login = leave_waiting;
    world_connect(world, 0);
    world_run(world, 100);
    belay_client_close(world->clients[0].it, NULL, 0);
    world_run(world, 100);
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN CLOSED");
    ck_assert_str_eq(closing_code(world, SERVER), "BELAY_REASON_LEFT");
    ck_assert_int_eq(belay_server_accept(world->server, world->clients[0].session, NULL, NULL, 0),
                     BELAY_E_GONE);
    world_destroy(world);
}
END_TEST

static char large[BELAY_LOGIN_MAX + 1];

static void accept_at_the_limit(struct world *world, unsigned client, belay_session session) {
    (void)client;
    memset(large, 'w', sizeof large);
    ck_assert_int_eq(belay_server_accept(world->server, session, NULL, large, sizeof large),
                     BELAY_E_TOO_BIG);
    ck_assert_int_eq(belay_server_accept(world->server, session, NULL, NULL, 1), BELAY_E_INVALID);
    ck_assert_int_eq(belay_server_accept(world->server, session, NULL, large, sizeof large - 1),
                     BELAY_OK);
    ck_assert_int_eq(belay_server_accept(world->server, session, NULL, NULL, 0), BELAY_E_STATE);
}

static void watch_sizes(struct world *world, enum world_side side,
                        const struct belay_event *event) {
    size_t *sizes = world->user;
    if (side == SERVER && event->type == BELAY_EVENT_LOGIN) {
        sizes[0] = event->login.size;
    } else if (side == CLIENT && event->type == BELAY_EVENT_OPEN) {
        sizes[1] = event->open.size;
    }
}

/* W-A19: the limits of both payloads: at them, and one past. */
START_TEST(login_and_welcome_payloads_have_a_limit) {
    struct world *world = world_create(NULL);
    struct belay_connect_opts opts = BELAY_CONNECT_OPTS_INIT;
    size_t sizes[2] = {0};
    world->login = accept_at_the_limit;
    world->watch = watch_sizes;
    world->user = sizes;
    opts.invite = world->address;
    opts.login = large;
    opts.login_size = sizeof large;
    ck_assert_int_eq(belay_client_connect(world->clients[0].it, &opts), BELAY_E_TOO_BIG);
    ck_assert_ptr_nonnull(strstr(belay_error(), "login_size"));
    opts.login_size--;
    ck_assert_int_eq(belay_client_connect(world->clients[0].it, &opts), BELAY_OK);
    world_run(world, 100);
    ck_assert_uint_eq(sizes[0], BELAY_LOGIN_MAX);
    ck_assert_uint_eq(sizes[1], BELAY_LOGIN_MAX);
    world_destroy(world);
}
END_TEST

/* ---- what does not fit together */

/* R45: another game is turned away at the door, before there is a session. */
START_TEST(a_client_of_another_game_is_denied) {
    struct world *world = world_create(
        &(struct world_opts){.server = {.game = "arena/3"}, .client = {.game = "arena/2"}});
    world_connect(world, 0);
    world_run(world, 100);
    ck_assert_str_eq(told_events(world, CLIENT, 0), "CLOSED");
    ck_assert_str_eq(closing_code(world, CLIENT), "BELAY_REASON_VERSION");
    const struct told *closed = told(world, CLIENT, 0, BELAY_EVENT_CLOSED);
    ck_assert_ptr_nonnull(strstr(closed->text, "game"));
    ck_assert(!closed->reason.come_back);
    ck_assert_str_eq(told_states(world, CLIENT, 0), "LOGIN_FAILED");
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).dropped[BELAY_DROP_VERSION], 1);
    world_destroy(world);
}
END_TEST

static const struct belay_channel ours[] = {{.name = "chat"},
                                            {.name = "moves", .mode = BELAY_SEQUENCED}};
static const struct mismatch {
    struct belay_channel channels[3];
    uint8_t count;
    const char *named; /* in the refusal */
} mismatches[] = {
    {{{.name = "chat"}}, 1, "2 channels here, 1 there"},
    {{{.name = "chat"}, {.name = "moves", .mode = BELAY_SEQUENCED}, {.name = "x"}},
     3,
     "2 channels here, 3 there"},
    {{{.name = "talk"}, {.name = "moves", .mode = BELAY_SEQUENCED}}, 2, "channel 0: called chat"},
    {{{.name = "chat"}, {.name = "moves", .mode = BELAY_UNRELIABLE}},
     2,
     "channel 1 (moves): sequenced here, unreliable there"},
};

/* A4: the first difference is named, to both. */
START_TEST(a_client_with_other_channels_is_refused_and_told_the_difference) {
    const struct mismatch *mismatch = &mismatches[_i];
    struct world *world = world_create(&(struct world_opts){
        .server = {.channels = ours, .channel_count = COUNT_OF(ours)},
        .client = {.channels = mismatch->channels, .channel_count = mismatch->count},
    });
    world_connect(world, 0);
    world_run(world, 100);
    ck_assert_str_eq(closing_code(world, CLIENT), "BELAY_REASON_CHANNELS");
    ck_assert_ptr_nonnull(
        strstr(told(world, CLIENT, 0, BELAY_EVENT_CLOSED)->text, mismatch->named));
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    world_destroy(world);
}
END_TEST

/* A4, A5: hellos that no client of ours says, and what each is told. */
static const struct odd_hello {
    uint16_t version;
    uint32_t features, required;
    uint32_t agreed; /* when code is NONE */
    enum belay_reason_code code;
    const char *named;
} odd_hellos[] = {
    {BL_WIRE_VERSION, 0, 0, 0, BELAY_REASON_NONE, ""},
    {BL_WIRE_VERSION, BL_FEATURE_PAUSE, 0, BL_FEATURE_PAUSE, BELAY_REASON_NONE, ""},
    {BL_WIRE_VERSION, BL_FEATURES_KNOWN, 0, BL_FEATURES_KNOWN, BELAY_REASON_NONE, ""},
    {BL_WIRE_VERSION, 0xFFFFFFFF, BL_FEATURE_EXPIRY, BL_FEATURES_KNOWN, BELAY_REASON_NONE, ""},
    {BL_WIRE_VERSION, 0xFFFFFFFF, 0x80000000, 0, BELAY_REASON_FEATURE, "0x80000000"},
    {BL_WIRE_VERSION + 1, 0, 0, 0, BELAY_REASON_VERSION, "protocol version"},
};

START_TEST(features_are_negotiated_and_the_first_mismatch_is_named) {
    const struct odd_hello *odd = &odd_hellos[_i];
    struct world *world = world_create(NULL);
    struct stranger *stranger = stranger_create(world);
    struct bl_hello hello = stranger_hello();
    uint8_t frame[BL_FRAME_SIZE_MAX];
    hello.version = odd->version;
    hello.features = odd->features;
    hello.required = odd->required;
    stranger_knock(stranger);
    stranger_say(stranger, frame, bl_hello_write(frame, sizeof frame, &hello), BL_ORDERED);
    stranger_run(stranger, 100);
    if (odd->code == BELAY_REASON_NONE) {
        struct bl_welcome welcome;
        ck_assert_uint_eq(stranger->heard[BL_FRAME_WELCOME], 1);
        ck_assert(bl_welcome_read(&welcome, stranger->last, stranger->last_size));
        ck_assert_uint_eq(welcome.features, odd->agreed);
    } else {
        ck_assert_uint_eq(stranger->heard[BL_FRAME_REFUSE], 1);
        ck_assert_uint_eq(stranger->code, odd->code);
        ck_assert_ptr_nonnull(strstr(stranger->text, odd->named));
    }
    stranger_destroy(stranger);
    world_destroy(world);
}
END_TEST

/* ---- frames out of turn */

/* A2, A35, A36: before acceptance nothing but hello is looked at or answered; hello still works. */
START_TEST(nothing_but_hello_is_looked_at_before_acceptance) {
    struct world *world = world_create(NULL);
    struct stranger *stranger = stranger_create(world);
    struct bl_hello hello = stranger_hello();
    uint8_t frame[BL_FRAME_SIZE_MAX];
    stranger_knock(stranger);
    stranger_say(stranger, frame, bl_ping_write(frame, sizeof frame, 7), BL_UNSEQUENCED);
    stranger_say(stranger, frame, bl_pause_write(frame, sizeof frame, 1000), BL_ORDERED);
    stranger_say_piece(stranger,
                       &(struct bl_piece){.type = BL_FRAME_MESSAGE, .sequence = 1, .size = 9});
    stranger_say(stranger, "\x7f", 1, BL_ORDERED); /* an unknown core frame */
    stranger_run(stranger, 100);
    for (int type = 0; type < 256; type++) {
        ck_assert_msg(stranger->heard[type] == 0, "it was answered with frame %d", type);
    }
    struct belay_stats stats = world_stats(world, SERVER, 0);
    ck_assert_uint_eq(stats.dropped[BELAY_DROP_STATE], 3);
    ck_assert_uint_eq(stats.dropped[BELAY_DROP_UNKNOWN], 1);
    ck_assert_uint_eq(world->stranger_messages, 0);
    stranger_say(stranger, frame, bl_hello_write(frame, sizeof frame, &hello), BL_ORDERED);
    stranger_run(stranger, 100);
    ck_assert_uint_eq(stranger->heard[BL_FRAME_WELCOME], 1);
    stranger_destroy(stranger);
    world_destroy(world);
}
END_TEST

/* A3: a second hello is answered with a coded error, and costs the session nothing. */
START_TEST(a_second_hello_is_an_error_that_the_session_survives) {
    struct world *world = world_create(NULL);
    struct stranger *stranger = stranger_create(world);
    struct bl_hello hello = stranger_hello();
    struct bl_error_frame error;
    uint8_t frame[BL_FRAME_SIZE_MAX];
    stranger_login(stranger);
    stranger_say(stranger, frame, bl_hello_write(frame, sizeof frame, &hello), BL_ORDERED);
    stranger_run(stranger, 100);
    ck_assert_uint_eq(stranger->heard[BL_FRAME_ERROR], 1);
    ck_assert(bl_error_read(&error, stranger->last, stranger->last_size));
    ck_assert_uint_eq(error.frame, BL_FRAME_HELLO);
    ck_assert_uint_eq(error.verdict, BL_FRAME_ILLEGAL);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).errors_out, 1);
    stranger_say_piece(stranger,
                       &(struct bl_piece){.type = BL_FRAME_MESSAGE, .sequence = 1, .size = 9});
    stranger_run(stranger, 100);
    ck_assert_uint_eq(world->stranger_messages, 1);
    stranger_destroy(stranger);
    world_destroy(world);
}
END_TEST

/* R43, W-A19, W-R4: who links up and never says hello holds no session beyond the deadline. */
START_TEST(a_link_without_a_hello_ends_at_the_login_deadline) {
    struct world *world = world_create(&(struct world_opts){.server = {.login_ms = 1000}});
    struct stranger *stranger = stranger_create(world);
    stranger_knock(stranger);
    stranger_say(stranger, "\x7f", 1, BL_ORDERED); /* the first datagram proves the link */
    stranger_run(stranger, 100);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 1);
    for (int i = 0; i < 20; i++) { /* activity does not put the deadline off */
        stranger_say(stranger, "\x7f", 1, BL_ORDERED);
        stranger_run(stranger, 100);
    }
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    ck_assert(stranger->gone);
    stranger_destroy(stranger);
    world_destroy(world);
}
END_TEST

/* W-R4, R15: nor can it not be got rid of: it is listed, and can be evicted, before it says hello.
 */
START_TEST(a_link_without_a_hello_can_be_evicted) {
    struct world *world = world_create(NULL);
    struct stranger *stranger = stranger_create(world);
    stranger_knock(stranger);
    stranger_say(stranger, "\x7f", 1, BL_ORDERED);
    stranger_run(stranger, 100);
    belay_session session = belay_server_next(world->server, 0);
    ck_assert_uint_ne(session, 0);
    ck_assert_int_eq(belay_server_close(world->server, session, NULL), BELAY_OK);
    stranger_run(stranger, 1000);
    ck_assert_uint_eq(stranger->heard[BL_FRAME_CLOSE] + stranger->heard[BL_FRAME_REFUSE], 1);
    ck_assert_uint_eq(stranger->code, BELAY_REASON_KICKED);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    stranger_destroy(stranger);
    world_destroy(world);
}
END_TEST

/* W-R4: asking for a link alone makes no session and no peer. */
START_TEST(a_handshake_alone_makes_no_session) {
    struct world *world = world_create(NULL);
    struct stranger *stranger = stranger_create(world);
    stranger_knock(stranger);
    stranger_run(stranger, 100);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    ck_assert_uint_eq(belay_server_next(world->server, 0), 0);
    stranger_destroy(stranger);
    world_destroy(world);
}
END_TEST

/* ---- no room */

/* R22, W-A19: a full server refuses within one round trip (of its cookie's), and says so. */
START_TEST(a_full_server_refuses_at_once) {
    struct world *world = world_create(&(struct world_opts){
        .clients = 3, .link = {.delay_ms = ONE_WAY_MS}, .server = {.session_max = 2}});
    world_connect(world, 1);
    world_connect(world, 2);
    world_until(world, world_is_open(world, 1) && world_is_open(world, 2), 1000);
    world_connect(world, 0);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 1,
                4 * ONE_WAY_MS + 5 * WORLD_STEP_MS);
    const struct told *closed = told(world, CLIENT, 0, BELAY_EVENT_CLOSED);
    ck_assert_str_eq(closing_code(world, CLIENT), "BELAY_REASON_FULL");
    ck_assert(closed->reason.come_back);
    ck_assert_uint_gt(closed->reason.retry_ms, 0);
    /* somebody leaves, and there is room */
    belay_client_close(world->clients[1].it, NULL, 0);
    world_run(world, 200);
    world_connect(world, 0);
    world_until(world, world_is_open(world, 0), 1000);
    world_destroy(world);
}
END_TEST

START_TEST(a_draining_server_refuses_newcomers_at_once) {
    struct world *world = world_create(&(struct world_opts){.link = {.delay_ms = ONE_WAY_MS}});
    ck_assert_int_eq(belay_server_drain(world->server, 60000, NULL), BELAY_OK);
    world_connect(world, 0);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 1,
                4 * ONE_WAY_MS + 5 * WORLD_STEP_MS);
    ck_assert_str_eq(closing_code(world, CLIENT), "BELAY_REASON_DRAINING");
    ck_assert(told(world, CLIENT, 0, BELAY_EVENT_CLOSED)->reason.come_back);
    world_destroy(world);
}
END_TEST

/* ---- who is who */

static void accept_as_one_user(struct world *world, unsigned client, belay_session session) {
    static const uint8_t user_id[16] = "the one and only";
    enum belay_result *results = world->user;
    results[client] = belay_server_accept(world->server, session, user_id, NULL, 0);
}

/* Where the policy says so, a user has one open session, and a second login is refused. */
START_TEST(a_user_has_one_session_at_a_time) {
    struct world *world =
        world_create(&(struct world_opts){.clients = 2, .server = {.replace = 1}});
    enum belay_result results[2] = {BELAY_E_SYSTEM, BELAY_E_SYSTEM};
    world->login = accept_as_one_user;
    world->user = results;
    world_connect(world, 0);
    world_run(world, 100);
    world_connect(world, 1);
    world_run(world, 100);
    ck_assert_int_eq(results[0], BELAY_OK);
    ck_assert_int_eq(results[1], BELAY_E_STATE);
    ck_assert_str_eq(told_events(world, CLIENT, 1), "CLOSED");
    ck_assert_uint_eq(told(world, CLIENT, 1, BELAY_EVENT_CLOSED)->reason.code,
                      BELAY_REASON_BAD_LOGIN);
    ck_assert(told(world, CLIENT, 1, BELAY_EVENT_CLOSED)->reason.come_back);
    ck_assert_int_eq(world_info(world, CLIENT, 0).state, BELAY_LOGGED_IN);
    /* once the first has left, the user may come again */
    belay_client_close(world->clients[0].it, NULL, 0);
    world_run(world, 100);
    world_connect(world, 1);
    world_run(world, 100);
    ck_assert_int_eq(results[1], BELAY_OK);
    world_destroy(world);
}
END_TEST

/* R46: without a name of the application's, the user gets a random one, never the address. */
START_TEST(a_user_whom_nobody_names_gets_a_name_of_its_own) {
    struct world *world = world_create(&(struct world_opts){.clients = 2});
    world->login = refuse_first; /* accepts the other without naming it */
    world_connect(world, 1);
    world_run(world, 100);
    struct belay_session_info here = world_info(world, CLIENT, 1);
    struct belay_session_info there = world_info(world, SERVER, 1);
    static const uint8_t zeros[16];
    ck_assert_mem_ne(there.user_id, zeros, 16);
    ck_assert_mem_eq(here.user_id, there.user_id, 16);
    ck_assert_uint_eq(belay_server_find(world->server, there.user_id), there.session);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, an_accepted_login_opens_both_sides);
    tcase_add_test(tests, a_login_by_key_takes_three_round_trips);
    tcase_add_test(tests, a_login_may_be_accepted_later);
    tcase_add_test(tests, a_login_that_nobody_decides_ends_at_the_deadline);
    tcase_add_test(tests, a_refused_login_hears_why);
    tcase_add_test(tests, a_refusal_without_a_reason_is_a_kick);
    tcase_add_test(tests, a_client_may_leave_before_it_is_let_in);
    tcase_add_test(tests, login_and_welcome_payloads_have_a_limit);
    tcase_add_test(tests, a_client_of_another_game_is_denied);
    tcase_add_loop_test(tests, a_client_with_other_channels_is_refused_and_told_the_difference, 0,
                        COUNT_OF(mismatches));
    tcase_add_loop_test(tests, features_are_negotiated_and_the_first_mismatch_is_named, 0,
                        COUNT_OF(odd_hellos));
    tcase_add_test(tests, nothing_but_hello_is_looked_at_before_acceptance);
    tcase_add_test(tests, a_second_hello_is_an_error_that_the_session_survives);
    tcase_add_test(tests, a_link_without_a_hello_ends_at_the_login_deadline);
    tcase_add_test(tests, a_link_without_a_hello_can_be_evicted);
    tcase_add_test(tests, a_handshake_alone_makes_no_session);
    tcase_add_test(tests, a_full_server_refuses_at_once);
    tcase_add_test(tests, a_draining_server_refuses_newcomers_at_once);
    tcase_add_test(tests, a_user_has_one_session_at_a_time);
    tcase_add_test(tests, a_user_whom_nobody_names_gets_a_name_of_its_own);
}

TEST_MAIN("login", add_tests)
