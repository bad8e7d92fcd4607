/* Movement from end to end: each tick of each session gets one input, its own if that can be. */
#include "common/serial.h"
#include "lib/wire/move.h"
#include "server/parts.h"
#include "tests/support/players.h"
#include "tests/support/stranger.h"
#include <string.h>

#define SETTLE_MS 3000 /* for the pacers */
#define PLAY_MS   10000

static struct world *create(struct players *players, unsigned clients,
                            const struct belay_link *link, uint64_t seed) {
    struct world *world = world_create(&(struct world_opts){
        .seed = seed,
        .clients = clients,
        .link = *link,
        .server = {.move = players_move_opts(1), .move_events = true, .accept_gaps = true},
        .client = {.move = players_move_opts(1), .accept_gaps = true},
    });
    players_join(players, world, 1);
    world_open(world);
    return world;
}

static void settle(struct players *players) {
    world_run(players->world, SETTLE_MS);
    players_count_anew(players);
}

static uint32_t refused(const struct players *players, unsigned client) {
    uint32_t sum = 0;
    for (int i = 0; i < BELAY_MOVE_VERDICT_COUNT; i++) {
        sum += players->played[client].refused[i];
    }
    return sum;
}

/* G6, G8. */
START_TEST(every_tick_of_every_session_gets_the_input_that_was_sent_for_it) {
    struct players players;
    struct world *world = create(&players, 4, &(struct belay_link){.delay_ms = 40}, 1);
    settle(&players);
    world_run(world, PLAY_MS);
    for (unsigned i = 0; i < 4; i++) {
        const struct played *played = &players.played[i];
        ck_assert_uint_ge(played->ticks, PLAY_MS * PLAYERS_TICK_HZ / 1000 - 1);
        ck_assert_uint_eq(played->used, played->ticks);
        ck_assert_uint_eq(played->wrong, 0);
        ck_assert_uint_eq(refused(&players, i), 0);
    }
    world_destroy(world);
}
END_TEST

START_TEST(lanes_are_players_of_their_own) {
    struct players players;
    struct world *world = world_create(&(struct world_opts){
        .link = {.delay_ms = 20, .jitter_ms = 10, .loss = 0.05F},
        .server = {.move = players_move_opts(3)},
        .client = {.move = players_move_opts(3)},
    });
    players_join(&players, world, 3);
    world_open(world);
    settle(&players);
    world_run(world, PLAY_MS);
    ck_assert_uint_ge(players.played[0].ticks, 3 * (PLAY_MS * PLAYERS_TICK_HZ / 1000 - 1));
    ck_assert_uint_eq(players.played[0].wrong, 0);
    ck_assert_uint_le(players.played[0].substituted, players.played[0].ticks / 500);
    world_destroy(world);
}
END_TEST

static const struct {
    float loss;
    unsigned per_10_000_max; /* substituted */
} lossy[] = {{0.0F, 10}, {0.05F, 10}, {0.2F, 100}};

START_TEST(redundancy_outweighs_loss) {
    struct players players;
    struct belay_link link = {.delay_ms = 40, .jitter_ms = 20, .loss = lossy[_i].loss};
    struct world *world = create(&players, 8, &link, 7);
    uint32_t ticks = 0, substituted = 0, wrong = 0;
    settle(&players);
    world_run(world, 2 * PLAY_MS);
    for (unsigned i = 0; i < 8; i++) {
        ticks += players.played[i].ticks;
        substituted += players.played[i].substituted;
        wrong += players.played[i].wrong;
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_msg(substituted * 10000ULL <= (uint64_t)lossy[_i].per_10_000_max * ticks,
                  "%u of %u ticks substituted", substituted, ticks);
    world_destroy(world);
}
END_TEST

/* Two inputs leave at once, and none of them is missing where it should have been. */
START_TEST(slow_frames_of_the_game_are_no_loss) {
    struct players players;
    struct world *world = create(&players, 2, &(struct belay_link){.delay_ms = 40}, 1);
    players.frame_ms = 50;
    settle(&players);
    world_run(world, PLAY_MS);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_uint_eq(players.played[i].substituted, 0);
        ck_assert_uint_eq(refused(&players, i), 0);
        ck_assert(world_info(world, SERVER, i).margin_ticks < 4);
    }
    world_destroy(world);
}
END_TEST

/* G8: A stall of the server costs nobody more than the ticks in it. */
START_TEST(a_server_that_stalls_for_two_seconds_punishes_nobody) {
    struct players players;
    struct world *world = create(&players, 2, &(struct belay_link){.delay_ms = 40}, 1);
    settle(&players);
    uint64_t left_out = world_stats(world, SERVER, 0).ticks_left_out;
    world->server_asleep = true;
    world_run(world, 2000);
    world->server_asleep = false;
    world_run(world, PLAY_MS);
    left_out = world_stats(world, SERVER, 0).ticks_left_out - left_out;
    ck_assert_uint_ge(left_out, 2000 * PLAYERS_TICK_HZ / 1000 - BELAY_CATCH_UP_MAX - 1);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_uint_eq(players.played[i].substituted, 0);
        ck_assert_uint_eq(players.played[i].wrong, 0);
        ck_assert_uint_eq(refused(&players, i), 0);
    }
    world_destroy(world);
}
END_TEST

/** What one does, the other does not notice at all. */
static struct played play_beside(double speed, bool cut) {
    struct players players;
    struct world *world =
        create(&players, 2, &(struct belay_link){.delay_ms = 30, .jitter_ms = 20, .loss = 0.1F}, 3);
    settle(&players);
    players.speed[0] = speed;
    if (cut) {
        world_cut(world, 0);
    }
    world_run(world, PLAY_MS);
    struct played played = players.played[1];
    world_destroy(world);
    return played;
}

/* R11, R12. */
START_TEST(sessions_are_judged_alone) {
    const struct played alone = play_beside(0, false), beside_a_cheat = play_beside(9, false),
                        beside_a_lost_one = play_beside(0, true);
    ck_assert_uint_gt(alone.used, 0);
    ck_assert_uint_eq(alone.wrong + beside_a_cheat.wrong + beside_a_lost_one.wrong, 0);
    ck_assert_uint_le(beside_a_cheat.substituted, alone.ticks / 100);
    ck_assert_uint_le(beside_a_lost_one.substituted, alone.ticks / 100);
    ck_assert_uint_eq(beside_a_cheat.ticks, alone.ticks);
}
END_TEST

static const double speeds[] = {0.1, 0.5, 9};

START_TEST(who_runs_faster_gains_no_more_than_the_burst) {
    struct players players;
    struct world *world = create(&players, 2, &(struct belay_link){.delay_ms = 30}, 1);
    settle(&players);
    uint64_t accepted = world_info(world, SERVER, 0).moves_used;
    uint32_t from = players.server_tick;
    players.speed[0] = speeds[_i];
    world_run(world, 2 * PLAY_MS);
    accepted = world_info(world, SERVER, 0).moves_used - accepted;
    ck_assert_uint_le(accepted, players.server_tick - from); /* one for a tick, whatever it sends */
    ck_assert_uint_gt(players.played[0].refused[BELAY_MOVE_OVER_BUDGET] +
                          players.played[0].refused[BELAY_MOVE_FUTURE],
                      0);
    ck_assert_int_le(
        bl_serial_distance(world_info(world, SERVER, 0).tick_received, players.server_tick),
        20 * PLAY_MS); /* what it claims is shown, and gives it nothing */
    ck_assert_uint_eq(refused(&players, 1), 0);
    ck_assert_uint_eq(players.played[1].substituted, 0);
    world_destroy(world);
}
END_TEST

START_TEST(a_resumed_session_goes_on_at_its_tick) {
    struct players players;
    struct belay_link link = {.delay_ms = 40};
    struct world *world = create(&players, 1, &link, 1);
    settle(&players);
    uint32_t newest = players.newest_used[0];
    world_cut(world, 0);
    world_run(world, 9000);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_DOWN), 1);
    ck_assert_uint_ge(players.played[0].substituted, 8000 * PLAYERS_TICK_HZ / 1000);
    world_link(world, 0, &link);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_RESUMED) == 1, 3000);
    world_run(world, 1000);
    ck_assert_int_ge(bl_serial_distance(players.newest_used[0], newest), 9 * PLAYERS_TICK_HZ);
    players_count_anew(&players);
    world_run(world, PLAY_MS);
    ck_assert_uint_eq(players.played[0].substituted, 0);
    ck_assert_uint_eq(players.played[0].wrong, 0);
    ck_assert_uint_eq(refused(&players, 0), 0);
    world_destroy(world);
}
END_TEST

START_TEST(another_process_of_the_client_starts_clean) {
    struct players players;
    struct world *world =
        create(&players, 1, &(struct belay_link){.delay_ms = 100, .jitter_ms = 40}, 1);
    settle(&players);
    world_revive(world, 0);
    players.sent_any[0] = false;
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_RESUMED) == 1, 3000);
    uint32_t conflicts = players.played[0].refused[BELAY_MOVE_CONFLICT];
    settle(&players);
    world_run(world, PLAY_MS);
    ck_assert_uint_eq(conflicts + players.played[0].refused[BELAY_MOVE_CONFLICT], 0);
    ck_assert_uint_eq(players.played[0].wrong, 0);
    ck_assert_uint_le(players.played[0].substituted, 1);
    world_destroy(world);
}
END_TEST

static void nothing_is_left_of_the_session(struct players *players) {
    struct belay_client *client = players->world->clients[0].it;
    uint32_t tick;
    ck_assert(!belay_client_next_tick(client, &tick));
    ck_assert_ptr_null(belay_client_move_at(client, 0, players->newest_sent[0]));
    ck_assert_double_eq(belay_client_render_tick(client), 0);
}

/* The ticks of another server are other ones. */
START_TEST(a_client_that_logs_in_again_starts_clean) {
    bool another_server = _i == 1;
    struct players players;
    struct world *world = create(&players, 1, &(struct belay_link){.delay_ms = 40}, 1);
    settle(&players);
    world_run(world, PLAY_MS);
    belay_client_close(world->clients[0].it, NULL, 0);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 1, 3000);
    if (another_server) {
        world_restart(world);
        players.server_tick = 0;
    }
    nothing_is_left_of_the_session(&players);
    world_connect(world, 0);
    nothing_is_left_of_the_session(&players);
    world_until(world, world_is_open(world, 0), 3000);
    settle(&players);
    uint64_t before = world_info(world, CLIENT, 0).moves_used;
    ck_assert_uint_le(before, SETTLE_MS * PLAYERS_TICK_HZ / 1000);
    world_run(world, PLAY_MS);
    ck_assert_uint_ge(players.played[0].used, PLAY_MS * PLAYERS_TICK_HZ / 1000 - 1);
    ck_assert_uint_eq(players.played[0].substituted, 0);
    ck_assert_uint_eq(players.played[0].wrong, 0);
    ck_assert_uint_eq(refused(&players, 0), 0);
    world_destroy(world);
}
END_TEST

START_TEST(a_client_that_stood_still_comes_back_in_time) {
    struct players players;
    struct world *world = create(&players, 2, &(struct belay_link){.delay_ms = 40}, 1);
    settle(&players);
    world->clients[0].asleep = true;
    world_run(world, 2000);
    world->clients[0].asleep = false;
    settle(&players);
    world_run(world, PLAY_MS);
    ck_assert_uint_eq(players.played[0].substituted, 0);
    ck_assert_uint_eq(refused(&players, 0), 0);
    world_destroy(world);
}
END_TEST

/* W-R2. */
START_TEST(ticks_may_wrap) {
    struct players players;
    struct world *world = create(&players, 2, &(struct belay_link){.delay_ms = 40}, 1);
    world_destroy(world);
    world = world_create(&(struct world_opts){
        .clients = 2,
        .link = {.delay_ms = 40, .jitter_ms = 10},
        .server = {.move = players_move_opts(1)},
        .client = {.move = players_move_opts(1)},
    });
    players_join(&players, world, 1);
    bl_server_moves_start_at(&world->server->moves, UINT32_MAX - 6 * PLAYERS_TICK_HZ,
                             world->server->loop.shared.now);
    world_open(world);
    settle(&players);
    world_run(world, PLAY_MS);
    ck_assert_uint_lt(players.server_tick, PLAY_MS);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_uint_eq(players.played[i].substituted, 0);
        ck_assert_uint_eq(players.played[i].wrong, 0);
    }
    world_destroy(world);
}
END_TEST

static const struct {
    struct belay_move_opts client;
    const char *text;
} mismatches[] = {
    {{.size = 4}, "move.size: 8 here, 4 there"},
    {{.size = 0}, "move.size: 8 here, 0 there"},
    {{.size = 8, .tick_hz = 30}, "move.tick_hz: 60 here, 30 there"},
    {{.size = 8, .lanes = 2}, "move.lanes: 1 here, 2 there"},
};

START_TEST(a_login_with_other_movement_is_refused_by_name) {
    struct world *world = world_create(&(struct world_opts){
        .server = {.move = players_move_opts(1)}, .client = {.move = mismatches[_i].client}});
    world_connect(world, 0);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 1, 3000);
    const struct told *closed = told(world, CLIENT, 0, BELAY_EVENT_CLOSED);
    ck_assert_uint_eq(closed->reason.code, BELAY_REASON_FEATURE);
    ck_assert_str_eq(closed->text, mismatches[_i].text);
    world_destroy(world);
}
END_TEST

/* G9. */
START_TEST(calls_that_make_no_sense_say_why) {
    struct players players;
    static const uint64_t input = 1;
    struct belay_move move;
    uint32_t tick;
    struct world *world = create(&players, 1, &(struct belay_link){0}, 1);
    struct belay_client *client = world->clients[0].it;
    belay_session session = world->clients[0].session;
    settle(&players);
    tick = players.newest_sent[0];
    ck_assert_int_eq(belay_client_send_move(client, 0, tick, &input), BELAY_E_STATE);
    ck_assert_int_eq(belay_client_send_move(client, 1, tick + 1, &input), BELAY_E_INVALID);
    ck_assert_int_eq(belay_client_send_move(client, 0, tick + 1, NULL), BELAY_E_INVALID);
    ck_assert_ptr_null(belay_client_move_at(client, 1, tick));
    ck_assert_ptr_null(belay_client_move_at(client, 0, tick + 1));
    ck_assert_ptr_nonnull(belay_client_move_at(client, 0, tick));
    tick = players.server_tick;
    ck_assert_int_eq(belay_server_take_move(world->server, session, 0, tick, &move), BELAY_E_STATE);
    ck_assert_int_eq(belay_server_take_move(world->server, session, 0, tick + 9, &move),
                     BELAY_E_STATE);
    ck_assert_int_eq(belay_server_take_move(world->server, session, 1, tick, &move),
                     BELAY_E_INVALID);
    ck_assert_int_eq(belay_server_take_move(world->server, session + 7, 0, tick, &move),
                     BELAY_E_GONE);
    belay_client_close(client, NULL, 0);
    ck_assert_int_eq(belay_client_send_move(client, 0, tick + 100, &input), BELAY_E_STATE);
    ck_assert(!belay_client_next_tick(client, &tick));
    world_destroy(world);
}
END_TEST

/* What is due is as of the last service(): else a game too slow for its ticks would never come back
 * to the network, and all of its players be lost. */
START_TEST(a_loop_over_ticks_ends_however_long_each_takes) {
    struct players players;
    struct world *world = create(&players, 1, &(struct belay_link){0}, 1);
    struct belay_client *client = world->clients[0].it;
    uint32_t tick, server_ticks = 0, client_ticks = 0;
    settle(&players);
    world->each_step = NULL;
    world_run(world, 100);
    while (belay_server_next_tick(world->server, &tick) && server_ticks <= BELAY_CATCH_UP_MAX) {
        belay_sim_advance(world->sim, 1000);
        belay_server_flush(world->server);
        server_ticks++;
    }
    world_run(world, 100);
    while (belay_client_next_tick(client, &tick) && client_ticks <= BELAY_CATCH_UP_MAX) {
        belay_sim_advance(world->sim, 1000);
        belay_client_render_tick(client);
        belay_client_flush(client);
        client_ticks++;
    }
    ck_assert(server_ticks > 0 && server_ticks <= BELAY_CATCH_UP_MAX);
    ck_assert(client_ticks > 0 && client_ticks <= BELAY_CATCH_UP_MAX);
    world_destroy(world);
}
END_TEST

START_TEST(without_movement_there_are_ticks_and_no_moves) {
    static const uint8_t input = 1;
    struct belay_move move;
    uint32_t tick;
    struct world *world = world_create(NULL);
    world_open(world);
    world_run(world, 100);
    ck_assert(belay_server_next_tick(world->server, &tick));
    ck_assert_int_eq(
        belay_server_take_move(world->server, world->clients[0].session, 0, tick, &move),
        BELAY_E_STATE);
    ck_assert(!belay_client_next_tick(world->clients[0].it, &tick));
    ck_assert_int_eq(belay_client_send_move(world->clients[0].it, 0, 1, &input), BELAY_E_STATE);
    ck_assert_ptr_null(belay_client_move_at(world->clients[0].it, 0, 1));
    ck_assert_double_eq(belay_client_render_tick(world->clients[0].it), 0);
    world_destroy(world);
}
END_TEST

/* G9: Skipped ticks have what stands for them, so that a replay does not end at a hole. */
START_TEST(a_tick_that_was_skipped_can_be_stepped_through) {
    struct players players;
    struct world *world = create(&players, 1, &(struct belay_link){0}, 1);
    struct belay_client *client = world->clients[0].it;
    uint64_t input = 5, seen;
    settle(&players);
    uint32_t tick = players.newest_sent[0];
    belay_client_send_move(client, 0, tick + 1, &input);
    input = 6;
    belay_client_send_move(client, 0, tick + 7, &input);
    for (uint32_t i = 1; i <= 7; i++) {
        memcpy(&seen, belay_client_move_at(client, 0, tick + i), sizeof seen);
        ck_assert_uint_eq(seen, i <= 4 ? 5 : i < 7 ? 0 : 6); /* held for three ticks, then zeros */
    }
    players.newest_sent[0] = tick + 7;
    world->each_step = NULL;
    world_destroy(world);
}
END_TEST

/* W-R8, G10: Others are drawn by the server's clock: evenly, and never back. */
START_TEST(remote_players_are_drawn_evenly_in_spite_of_jitter) {
    struct players players;
    struct world *world =
        create(&players, 1, &(struct belay_link){.delay_ms = 50, .jitter_ms = 30}, 1);
    settle(&players);
    double last = belay_client_render_tick(world->clients[0].it);
    for (int i = 0; i < 400; i++) {
        world_step(world);
        double now = belay_client_render_tick(world->clients[0].it);
        double steps = (now - last) / (WORLD_STEP_MS * PLAYERS_TICK_HZ / 1000.0);
        ck_assert_msg(steps >= 0 && steps < 3, "a step of %.2f", steps);
        ck_assert_double_le(now, players.server_tick); /* it has come by then */
        ck_assert_double_ge(now, players.server_tick - 20.0);
        last = now;
    }
    world_destroy(world);
}
END_TEST

/* Whoever watches, or waits in a lobby. */
START_TEST(the_servers_clock_is_followed_though_no_moves_are_taken) {
    struct players players;
    struct world *world = create(&players, 1, &(struct belay_link){.delay_ms = 400}, 1);
    players.lanes = 0; /* from here on neither sent nor taken */
    settle(&players);
    world_link(world, 0, &(struct belay_link){.delay_ms = 20});
    settle(&players);
    double tick = belay_client_render_tick(world->clients[0].it);
    ck_assert_double_le(tick, players.server_tick);
    ck_assert_double_ge(tick, players.server_tick - 20.0);
    world_destroy(world);
}
END_TEST

static void say_moves(struct stranger *stranger, uint8_t lane, uint32_t tick, uint16_t size) {
    uint8_t frame[BL_FRAME_SIZE_MAX];
    const struct bl_moves moves = {.lane = lane, .newest = tick, .present = 1};
    stranger_say(stranger, frame, bl_moves_write(frame, sizeof frame, &moves, size),
                 BL_UNSEQUENCED);
    stranger_run(stranger, 50);
}

/* R13, W-R1: refused, counted, and nothing else is touched. */
START_TEST(bad_moves_are_counted_and_change_nothing) {
    struct players players;
    struct world *world = world_create(&(struct world_opts){
        .server = {.session_max = 2, .move = players_move_opts(1), .move_events = true},
        .client = {.move = players_move_opts(1)},
    });
    players_join(&players, world, 1);
    world_open(world);
    struct stranger *stranger = stranger_create(world);
    struct bl_hello hello = stranger_hello();
    uint8_t frame[BL_FRAME_SIZE_MAX];
    settle(&players);
    stranger_knock(stranger);
    uint64_t illegal = world_stats(world, SERVER, 0).dropped[BELAY_DROP_STATE];
    say_moves(stranger, 0, players.server_tick + 2, 8); /* before its login */
    ck_assert_uint_eq(world_stats(world, SERVER, 0).dropped[BELAY_DROP_STATE], illegal + 1);
    hello.move_size = 8;
    hello.tick_hz = PLAYERS_TICK_HZ;
    hello.lanes = 1;
    stranger_say(stranger, frame, bl_hello_write(frame, sizeof frame, &hello), BL_ORDERED);
    stranger_run(stranger, 200);
    uint64_t malformed = world_stats(world, SERVER, 0).dropped[BELAY_DROP_FRAME];
    say_moves(stranger, 0, players.server_tick + 2, 7);
    say_moves(stranger, 0, players.server_tick + 2, 9);
    say_moves(stranger, 1, players.server_tick + 2, 8);
    say_moves(stranger, 15, players.server_tick + 2, 8);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).dropped[BELAY_DROP_FRAME], malformed + 4);
    say_moves(stranger, 0, players.server_tick + INT32_MAX, 8);
    say_moves(stranger, 0, players.server_tick + (UINT32_C(1) << 31), 8);
    ck_assert_uint_gt(stranger->heard[BL_FRAME_MOVE_ACK], 0);
    ck_assert(!stranger->gone);
    ck_assert_uint_eq(players.played[0].wrong, 0);
    ck_assert_uint_eq(players.played[0].substituted, 0);
    ck_assert_uint_eq(refused(&players, 0), 0);
    stranger_destroy(stranger);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, every_tick_of_every_session_gets_the_input_that_was_sent_for_it);
    tcase_add_test(tests, lanes_are_players_of_their_own);
    tcase_add_loop_test(tests, redundancy_outweighs_loss, 0, COUNT_OF(lossy));
    tcase_add_test(tests, slow_frames_of_the_game_are_no_loss);
    tcase_add_test(tests, a_server_that_stalls_for_two_seconds_punishes_nobody);
    tcase_add_test(tests, sessions_are_judged_alone);
    tcase_add_loop_test(tests, who_runs_faster_gains_no_more_than_the_burst, 0, COUNT_OF(speeds));
    tcase_add_test(tests, a_resumed_session_goes_on_at_its_tick);
    tcase_add_test(tests, another_process_of_the_client_starts_clean);
    tcase_add_loop_test(tests, a_client_that_logs_in_again_starts_clean, 0, 2);
    tcase_add_test(tests, a_client_that_stood_still_comes_back_in_time);
    tcase_add_test(tests, ticks_may_wrap);
    tcase_add_loop_test(tests, a_login_with_other_movement_is_refused_by_name, 0,
                        COUNT_OF(mismatches));
    tcase_add_test(tests, calls_that_make_no_sense_say_why);
    tcase_add_test(tests, a_loop_over_ticks_ends_however_long_each_takes);
    tcase_add_test(tests, without_movement_there_are_ticks_and_no_moves);
    tcase_add_test(tests, a_tick_that_was_skipped_can_be_stepped_through);
    tcase_add_test(tests, remote_players_are_drawn_evenly_in_spite_of_jitter);
    tcase_add_test(tests, the_servers_clock_is_followed_though_no_moves_are_taken);
    tcase_add_test(tests, bad_moves_are_counted_and_change_nothing);
}

TEST_MAIN("scenario moves", add_tests)
