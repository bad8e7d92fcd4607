/* Who is alive: what counts as a sign of life, who is lost and when, and whom it must not hit. */
#include "tests/support/stranger.h"
#include "tests/support/world.h"
#include <string.h>

#define LOST_MS 2000

static struct world *create(uint32_t heartbeat_ms, uint32_t lost_ms) {
    struct world *world = world_create(&(struct world_opts){
        .link = {.delay_ms = 10}, .server = {.heartbeat_ms = heartbeat_ms, .lost_ms = lost_ms}});
    world_open(world);
    return world;
}

/* A8, A11, A12, R33: an idle session costs a ping and its answer per heartbeat, keeps its numbers
 * and its state. */
START_TEST(an_idle_session_lives_on_its_heartbeat) {
    struct world *world = create(1000, 6000);
    struct belay_session_info before = world_info(world, SERVER, 0);
    uint64_t sent =
        world_stats(world, SERVER, 0).datagrams_out + world_stats(world, CLIENT, 0).datagrams_out;
    world_run(world, 600000);
    sent = world_stats(world, SERVER, 0).datagrams_out +
           world_stats(world, CLIENT, 0).datagrams_out - sent;
    ck_assert_uint_ge(sent, 2 * 550);
    ck_assert_uint_le(sent, 2 * 620);
    struct belay_session_info after = world_info(world, SERVER, 0);
    ck_assert_int_eq(after.state, BELAY_LOGGED_IN);
    ck_assert_uint_eq(after.sequence_out, before.sequence_out);
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN OPEN");
    ck_assert_str_eq(told_events(world, CLIENT, 0), "OPEN");
    ledger_must_send(world, UP, 0, 0, 100); /* and all is as after the login */
    ledger_must_send(world, DOWN, 0, 0, 100);
    world_run(world, 100);
    ledger_check(world, UP, 0, 0);
    ledger_check(world, DOWN, 0, 0);
    ck_assert_mem_eq(after.user_id, before.user_id, sizeof after.user_id);
    world_destroy(world);
}
END_TEST

/* A5: BELAY_FOREVER means never: no ping goes out, and nobody is lost. */
START_TEST(without_a_heartbeat_nothing_is_sent_and_nobody_is_lost) {
    struct world *world = create(BELAY_FOREVER, BELAY_FOREVER);
    world_run(world, 1000); /* what is owed of the login has gone */
    uint64_t sent = world_stats(world, SERVER, 0).datagrams_out;
    world_run(world, 100000);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).datagrams_out, sent);
    world_cut(world, 0);
    world_run(world, 100000);
    ck_assert(world_is_open(world, 0));
    world_destroy(world);
}
END_TEST

/* W-A12: pings go out only when it is silent. */
START_TEST(who_is_busy_is_not_pinged) {
    struct world *world = create(500, 6000);
    struct stranger *stranger = stranger_create(world);
    stranger_login(stranger);
    for (uint32_t i = 1; i <= 100; i++) {
        stranger_say_piece(
            stranger,
            &(struct bl_piece){.type = BL_FRAME_DATAGRAM, .channel = 1, .sequence = i, .size = 8});
        stranger_run(stranger, 100);
    }
    ck_assert_uint_eq(stranger->heard[BL_FRAME_PING], 0);
    stranger_run(stranger, 700);
    ck_assert_uint_eq(stranger->heard[BL_FRAME_PING], 1);
    stranger_destroy(stranger);
    world_destroy(world);
}
END_TEST

static struct belay_session_info stranger_info(struct world *world) {
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    belay_session session = belay_server_next(world->server, world->clients[0].session);
    session = session != 0 ? session : belay_server_next(world->server, 0);
    ck_assert_int_eq(belay_server_info(world->server, session, &info), BELAY_OK);
    return info;
}

static void answer(struct stranger *stranger, uint32_t nonce) {
    uint8_t frame[16];
    const struct bl_pong pong = {.nonce = nonce};
    stranger_say(stranger, frame, bl_pong_write(frame, sizeof frame, &pong), BL_UNSEQUENCED);
    stranger_run(stranger, 10);
}

/* A8, A10, W-A12: every ping has a nonce of its own; only its first answer is a measurement. */
START_TEST(only_the_first_answer_to_a_ping_is_a_sample) {
    struct world *world = create(100, 6000);
    struct stranger *stranger = stranger_create(world);
    uint32_t nonces[3], rtt_before;
    stranger_login(stranger);
    for (int i = 0; i < 3; i++) {
        uint32_t heard = stranger->heard[BL_FRAME_PING];
        while (stranger->heard[BL_FRAME_PING] == heard) {
            stranger_run(stranger, 5);
        }
        ck_assert(bl_ping_read(&nonces[i], stranger->last, stranger->last_size));
        ck_assert_uint_ne(nonces[i], 0);
    }
    ck_assert(nonces[0] != nonces[1] && nonces[1] != nonces[2] && nonces[0] != nonces[2]);
    rtt_before = stranger_info(world).rtt_ms;
    answer(stranger, nonces[0] ^ 0x55555555); /* not one of ours */
    answer(stranger, 0);
    ck_assert_uint_eq(stranger_info(world).rtt_ms, rtt_before);
    ck_assert_int_eq(stranger_info(world).clock_offset_us, 0);
    answer(stranger, nonces[0]); /* an old one still is: its answer came late */
    uint32_t rtt = stranger_info(world).rtt_ms;
    ck_assert_uint_gt(rtt, rtt_before + 10);
    ck_assert_int_lt(stranger_info(world).clock_offset_us, 0); /* its clock says 0 */
    answer(stranger, nonces[0]);
    ck_assert_uint_eq(stranger_info(world).rtt_ms, rtt);
    stranger_destroy(stranger);
    world_destroy(world);
}
END_TEST

/* A38: a ping is no message: it is answered each time, the same one too. */
START_TEST(every_ping_is_answered) {
    struct world *world = create(1000, 6000);
    struct stranger *stranger = stranger_create(world);
    struct bl_pong pong;
    uint8_t frame[8];
    stranger_login(stranger);
    for (uint32_t i = 1; i <= 3; i++) {
        stranger_say(stranger, frame, bl_ping_write(frame, sizeof frame, 77), BL_UNSEQUENCED);
        stranger_run(stranger, 20);
        ck_assert_uint_eq(stranger->heard[BL_FRAME_PONG], i);
        ck_assert(bl_pong_read(&pong, stranger->last, stranger->last_size));
        ck_assert_uint_eq(pong.nonce, 77);
    }
    ck_assert_uint_eq(world_stats(world, SERVER, 0).dropped[BELAY_DROP_DUPLICATE], 0);
    stranger_destroy(stranger);
    world_destroy(world);
}
END_TEST

/* A9, W-A12: lost when the time is up, not at some later tick; a moment earlier it lives. */
START_TEST(a_silent_peer_is_lost_when_the_time_is_up) {
    struct world *world = create(500, LOST_MS);
    world_until(world, world_info(world, SERVER, 0).idle_ms == 0, 2000);
    world_cut(world, 0);
    world_run(world, LOST_MS - 20);
    ck_assert_int_eq(world_info(world, SERVER, 0).state, BELAY_LOGGED_IN);
    world_run(world, 30);
    ck_assert_int_eq(world_info(world, SERVER, 0).state, BELAY_RECONNECT_PENDING);
    world_destroy(world);
}
END_TEST

/* Section 3, liveness: suspect is only shown; it changes nothing else. */
START_TEST(a_suspect_that_speaks_again_is_good_again) {
    struct world *world = create(500, 6000);
    world_cut(world, 0);
    world_run(world, 2500);
    ck_assert(world_info(world, SERVER, 0).suspect);
    ck_assert(world_info(world, CLIENT, 0).suspect);
    ck_assert(told(world, SERVER, 0, BELAY_EVENT_LINK)->event.link.suspect);
    world_link(world, 0, NULL);
    world_run(world, 1000);
    ck_assert(!world_info(world, SERVER, 0).suspect);
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN OPEN LINK LINK");
    ck_assert_str_eq(told_events(world, CLIENT, 0), "OPEN LINK LINK");
    ck_assert(!told(world, CLIENT, 0, BELAY_EVENT_LINK)->event.link.suspect);
    ck_assert_str_eq(told_states(world, SERVER, 0), "TRANSPORT_CONNECTED LOGIN_PENDING LOGGED_IN");
    world_destroy(world);
}
END_TEST

/* A7: two clocks. What we send is no sign of the other side's life. */
START_TEST(what_goes_out_does_not_count_as_coming_in) {
    struct world *world = create(500, 6000);
    world_link(world, 0, &(struct belay_link){.cut_up = true});
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(world_say(world, DOWN, 0, 1, "hello?"), BELAY_OK);
        world_run(world, 100);
    }
    struct belay_session_info info = world_info(world, SERVER, 0);
    ck_assert_uint_ge(info.idle_ms, 1900);
    ck_assert_uint_le(info.idle_out_ms, 105);
    for (int i = 0; i < 45; i++) { /* nor does it put off the end */
        world_say(world, DOWN, 0, i % 2, "hello?");
        world_run(world, 100);
    }
    ck_assert_int_eq(world_info(world, SERVER, 0).state, BELAY_RECONNECT_PENDING);
    world_destroy(world);
}
END_TEST

static void send_garbage(struct stranger *stranger, unsigned kind) {
    uint8_t bytes[64] = {0};
    struct bl_binding *binding = stranger->peer->binding;
    size_t size = bl_binding_seal(binding, BL_DATAGRAM_DATA, bytes, 20, bl_net_now(stranger->net));
    switch (kind % 4) {
    case 0: /* over its own binding, and not authentic */
        bytes[size - 1] ^= 1;
        stranger_say_raw(stranger, bytes, size);
        break;
    case 1: /* authentic, with nothing that the filter lets pass */
        stranger_say_enet(stranger, "\x00\x00\x82\xff\x00\x01", 6);
        break;
    case 2: /* authentic and empty */
        stranger_say_enet(stranger, "", 0);
        break;
    default: /* of no known kind */
        stranger_say_raw(stranger, "\xee garbage", 9);
        break;
    }
}

/* W-A11, W-R3: garbage, authentic or not, does not keep a session alive. */
START_TEST(garbage_is_no_sign_of_life) {
    struct world *world = create(500, LOST_MS);
    struct stranger *stranger = stranger_create(world);
    stranger_login(stranger);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 2);
    for (unsigned i = 0; i < 100; i++) { /* it acknowledges nothing, and says nothing but this */
        send_garbage(stranger, i);
        world_run(world, 30);
    }
    struct belay_stats stats = world_stats(world, SERVER, 0);
    ck_assert_uint_eq(stats.held, 1);
    ck_assert_uint_ge(stats.dropped[BELAY_DROP_FORGED], 25);
    ck_assert_uint_ge(stats.dropped[BELAY_DROP_KIND], 25);
    ck_assert_uint_ge(stats.dropped[BELAY_DROP_COMMAND], 20);
    ck_assert(world_is_open(world, 0));
    stranger_destroy(stranger);
    world_destroy(world);
}
END_TEST

/* ---- after the loss */

/* R9, R21, W-R3: the client goes RECONNECTING, and keeps at it for the window. */
START_TEST(a_client_without_a_link_tries_for_the_window_and_then_ends) {
    struct world *world = world_create(&(struct world_opts){
        .server = {.heartbeat_ms = 500, .lost_ms = LOST_MS, .resume_window_ms = 5000}});
    world_open(world);
    world_cut(world, 0);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_DOWN) == 1, 2 * LOST_MS);
    ck_assert_uint_eq(told(world, CLIENT, 0, BELAY_EVENT_DOWN)->event.down.window_ms, 5000);
    ck_assert(world_info(world, CLIENT, 0).dialing);
    ck_assert_int_eq(world_info(world, CLIENT, 0).state, BELAY_RECONNECTING);
    for (int i = 0; i < 10; i++) { /* kept for when the link is back */
        ledger_must_send(world, UP, 0, 0, 100);
    }
    world_run(world, 4900);
    ck_assert_uint_eq(told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED), 0);
    world_run(world, 200);
    const struct told *closed = told(world, CLIENT, 0, BELAY_EVENT_CLOSED);
    ck_assert_uint_eq(closed->reason.code, BELAY_REASON_TIMEOUT);
    ck_assert_uint_eq(closed->event.closed.unacked, 10);
    ck_assert(closed->reason.come_back);
    ck_assert_str_eq(told_states(world, CLIENT, 0),
                     "TRANSPORT_CONNECTED LOGIN_PENDING LOGGED_IN TIMED_OUT RECONNECT_PENDING "
                     "RECONNECTING DISCONNECTED");
    world_destroy(world);
}
END_TEST

/* A server that has given a link up tells a client that still speaks at once: the client need not
 * wait for its own time-out. */
START_TEST(a_client_that_was_given_up_hears_it_with_its_next_datagram) {
    struct world *world = world_create(&(struct world_opts){
        .link = {.delay_ms = 10},
        .server = {.heartbeat_ms = 500, .lost_ms = LOST_MS},
        .client = {.lost_ms = 60000},
    });
    world_open(world);
    world_cut(world, 0);
    world_run(world, LOST_MS + 500);
    ck_assert_int_eq(world_info(world, SERVER, 0).state, BELAY_RECONNECT_PENDING);
    ck_assert_int_eq(world_info(world, CLIENT, 0).state, BELAY_LOGGED_IN);
    world_link(world, 0, &(struct belay_link){.delay_ms = 10});
    ck_assert_int_eq(world_say(world, UP, 0, 0, "are you there?"), BELAY_OK);
    world_run(world, 30);
    ck_assert_str_eq(told_events(world, CLIENT, 0), "OPEN LINK DOWN");
    ck_assert_str_eq(told(world, CLIENT, 0, BELAY_EVENT_DOWN)->text,
                     "the other side has given up the link");
    world_run(world, 50);
    ck_assert_str_eq(told_events(world, CLIENT, 0), "OPEN LINK DOWN RESUMED");
    ck_assert_str_eq(world->clients[0].last_text[UP], "are you there?");
    world_destroy(world);
}
END_TEST

/* ---- silence that is nobody's fault */

/* pause() is respected: a loading screen of 20 s with a limit of 2 s. */
START_TEST(an_announced_pause_is_no_silence) {
    struct world *world = create(500, LOST_MS);
    ck_assert_int_eq(belay_client_pause(world->clients[0].it, 20000), BELAY_OK);
    world_run(world, 50);
    world->clients[0].asleep = true;
    world_run(world, 19000);
    ck_assert_int_eq(world_info(world, SERVER, 0).state, BELAY_LOGGED_IN);
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN OPEN");
    world->clients[0].asleep = false;
    world_run(world, 3000);
    ck_assert(world_is_open(world, 0));
    world_destroy(world);
}
END_TEST

/* It is capped, at both ends: 30 s, then the silence counts. */
START_TEST(a_pause_is_capped) {
    struct world *world = create(500, LOST_MS);
    ck_assert_int_eq(belay_client_pause(world->clients[0].it, UINT32_MAX), BELAY_OK);
    world_run(world, 50);
    world->clients[0].asleep = true;
    world_run(world, BELAY_PAUSE_MS_MAX + LOST_MS - 200);
    ck_assert_int_eq(world_info(world, SERVER, 0).state, BELAY_LOGGED_IN);
    world_run(world, 300);
    ck_assert_int_eq(world_info(world, SERVER, 0).state, BELAY_RECONNECT_PENDING);
    world_destroy(world);
}
END_TEST

START_TEST(the_server_caps_a_pause_whatever_the_client_asks_for) {
    struct world *world = create(500, LOST_MS);
    struct stranger *stranger = stranger_create(world);
    uint8_t frame[8];
    stranger_login(stranger);
    stranger_say(stranger, frame, bl_pause_write(frame, sizeof frame, UINT32_MAX), BL_ORDERED);
    stranger_run(stranger, 50);
    world_run(world, BELAY_PAUSE_MS_MAX + LOST_MS + 100);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).held, 1);
    stranger_destroy(stranger);
    world_destroy(world);
}
END_TEST

START_TEST(a_pause_needs_a_session) {
    struct world *world = world_create(NULL);
    ck_assert_int_eq(belay_client_pause(world->clients[0].it, 1000), BELAY_E_STATE);
    world_connect(world, 0);
    ck_assert_int_eq(belay_client_pause(world->clients[0].it, 1000), BELAY_E_STATE);
    world_destroy(world);
}
END_TEST

/* Section 3: time that this process was stopped is never held against a peer. */
START_TEST(a_stall_of_the_whole_process_drops_nobody) {
    struct world *world = world_create(
        &(struct world_opts){.clients = 4, .server = {.heartbeat_ms = 500, .lost_ms = LOST_MS}});
    world_open(world);
    for (unsigned i = 0; i < 4; i++) {
        ledger_must_send(world, UP, i, 0, 100);
    }
    belay_sim_advance(world->sim, 10000);
    world_run(world, 3000);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert(world_is_open(world, i));
        ck_assert_str_eq(told_events(world, SERVER, i), "LOGIN OPEN");
        ck_assert_str_eq(told_events(world, CLIENT, i), "OPEN");
        ledger_check(world, UP, i, 0);
    }
    /* and who is really dead afterwards is lost in its time */
    world_cut(world, 0);
    world_run(world, LOST_MS + 600);
    ck_assert_int_eq(world_info(world, SERVER, 0).state, BELAY_RECONNECT_PENDING);
    ck_assert(world_is_open(world, 1));
    world_destroy(world);
}
END_TEST

/* What had arrived meanwhile is read before anybody is judged. */
START_TEST(a_stall_of_the_server_alone_drops_nobody) {
    struct world *world = world_create(&(struct world_opts){
        .clients = 4,
        .server = {.heartbeat_ms = 500, .lost_ms = LOST_MS},
        .client = {.lost_ms = 60000},
    });
    world_open(world);
    world->server_asleep = true;
    world_run(world, 10000);
    world->server_asleep = false;
    world_run(world, 3000);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert(world_is_open(world, i));
        ck_assert_str_eq(told_events(world, SERVER, i), "LOGIN OPEN");
    }
    world_destroy(world);
}
END_TEST

static void accept_only_the_second(struct world *world, unsigned client, belay_session session) {
    if (client == 1) {
        ck_assert_int_eq(belay_server_accept(world->server, session, NULL, NULL, 0), BELAY_OK);
    }
}

/* A stall is what a round comes later than the loop had asked for: here, for a heartbeat. */
START_TEST(a_stall_does_not_eat_up_the_login_deadline) {
    struct world *world = world_create(&(struct world_opts){
        .clients = 2, .server = {.login_ms = 3000, .heartbeat_ms = 200, .lost_ms = LOST_MS}});
    world->login = accept_only_the_second;
    world_connect(world, 0);
    world_connect(world, 1);
    world_run(world, 100);
    belay_sim_advance(world->sim, 60000);
    world_run(world, 2000);
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN");
    ck_assert_int_eq(belay_server_accept(world->server, world->clients[0].session, NULL, NULL, 0),
                     BELAY_OK);
    world_run(world, 100);
    ck_assert(world_is_open(world, 0));
    world_destroy(world);
}
END_TEST

/* W-R5: what heartbeats measure: the round trip, and the other side's clock. */
START_TEST(heartbeats_measure_round_trip_and_clock) {
    struct world *world = world_create(&(struct world_opts){
        .link = {.delay_ms = 40, .jitter_ms = 20}, .server = {.heartbeat_ms = 200}});
    world_open(world);
    world_run(world, 20000);
    for (enum world_side side = CLIENT; side <= SERVER; side++) {
        struct belay_session_info info = world_info(world, side, 0);
        ck_assert_uint_ge(info.rtt_ms, 80);
        ck_assert_uint_le(info.rtt_ms, 130);
        ck_assert_int_le(llabs(info.clock_offset_us), 15000); /* one clock, half the jitter */
    }
    world_destroy(world);
}
END_TEST

/** Answers each ping at once, with a clock that is so far from the server's. */
static void answer_with_offset(struct world *world, struct stranger *stranger, int64_t offset_us) {
    for (int i = 0; i < 40; i++) {
        uint32_t heard = stranger->heard[BL_FRAME_PING], nonce;
        uint8_t frame[16];
        while (stranger->heard[BL_FRAME_PING] == heard) {
            stranger_run(stranger, 5);
        }
        ck_assert(bl_ping_read(&nonce, stranger->last, stranger->last_size));
        const struct bl_pong pong = {
            .nonce = nonce,
            .time_us = (uint64_t)(bl_net_now(stranger->net) / BL_MICROSECOND + offset_us)};
        stranger_say(stranger, frame, bl_pong_write(frame, sizeof frame, &pong), BL_UNSEQUENCED);
        stranger_run(stranger, 5);
    }
    ck_assert_int_le(llabs(stranger_info(world).clock_offset_us - offset_us), 20000);
}

/* W-R5: the estimate follows the other side's clock forwards and backwards. */
START_TEST(the_clock_offset_goes_both_ways) {
    struct world *world = create(100, 6000);
    struct stranger *stranger = stranger_create(world);
    stranger_login(stranger);
    answer_with_offset(world, stranger, 3000000);
    answer_with_offset(world, stranger, -2000000);
    answer_with_offset(world, stranger, 0);
    stranger_destroy(stranger);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, an_idle_session_lives_on_its_heartbeat);
    tcase_add_test(tests, without_a_heartbeat_nothing_is_sent_and_nobody_is_lost);
    tcase_add_test(tests, who_is_busy_is_not_pinged);
    tcase_add_test(tests, only_the_first_answer_to_a_ping_is_a_sample);
    tcase_add_test(tests, every_ping_is_answered);
    tcase_add_test(tests, a_silent_peer_is_lost_when_the_time_is_up);
    tcase_add_test(tests, a_suspect_that_speaks_again_is_good_again);
    tcase_add_test(tests, what_goes_out_does_not_count_as_coming_in);
    tcase_add_test(tests, garbage_is_no_sign_of_life);
    tcase_add_test(tests, a_client_without_a_link_tries_for_the_window_and_then_ends);
    tcase_add_test(tests, a_client_that_was_given_up_hears_it_with_its_next_datagram);
    tcase_add_test(tests, an_announced_pause_is_no_silence);
    tcase_add_test(tests, a_pause_is_capped);
    tcase_add_test(tests, the_server_caps_a_pause_whatever_the_client_asks_for);
    tcase_add_test(tests, a_pause_needs_a_session);
    tcase_add_test(tests, a_stall_of_the_whole_process_drops_nobody);
    tcase_add_test(tests, a_stall_of_the_server_alone_drops_nobody);
    tcase_add_test(tests, a_stall_does_not_eat_up_the_login_deadline);
    tcase_add_test(tests, heartbeats_measure_round_trip_and_clock);
    tcase_add_test(tests, the_clock_offset_goes_both_ways);
}

TEST_MAIN("liveness", add_tests)
