/* The simulation that both ends share, and what is read from the network into it. */
#include "examples/arena/script.h"
#include "examples/arena/wire.h"
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define LONG_RUN        20000 /* ticks */

/* ---- the step */

static struct arena_body run(uint64_t seed, int ticks, float speed) {
    const struct remote_view nobody = {0};
    struct arena_body body = {.at = room_spawn(0)};
    struct script script;
    script_init(&script, seed);
    for (int i = 0; i < ticks; i++) {
        const struct arena_input input = script_next(&script, &nobody, 0, body.at);
        arena_step(&body, &input, speed);
    }
    return body;
}

/* With every compiler and at every level of optimization: else two builds could not play together.
 */
START_TEST(a_run_ends_at_the_same_place_to_the_last_bit) {
    static const struct {
        uint64_t seed;
        struct point end;
    } runs[] = {
        {1, {0x1.622f86p+3F, 0x1.e42bd8p+3F}},
        {2, {0x1.8a35dp+3F, 0x1.08p+4F}},
        {3, {0x1.7f65d6p+2F, 0x1.3838ep+3F}},
    };
    for (size_t i = 0; i < COUNT_OF(runs); i++) {
        struct arena_body body = run(runs[i].seed, LONG_RUN, ARENA_SPEED);
        ck_assert_msg(body.at.x == runs[i].end.x && body.at.y == runs[i].end.y,
                      "seed %d ends at {%aF, %aF}", (int)runs[i].seed, (double)body.at.x,
                      (double)body.at.y);
    }
}
END_TEST

static bool touches_wall(struct point at) {
    for (int i = 0; i < 16; i++) {
        float angle = (float)i * 0.3927F, radius = ARENA_RADIUS * 0.99F;
        if (room_is_wall(
                (struct point){at.x + radius * cosf(angle), at.y + radius * sinf(angle)})) {
            return true;
        }
    }
    return false;
}

START_TEST(nobody_gets_into_a_wall) {
    const struct remote_view nobody = {0};
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct arena_body body = {.at = room_spawn((unsigned)seed)};
        struct script script;
        script_init(&script, seed);
        ck_assert(!touches_wall(body.at));
        for (int i = 0; i < LONG_RUN; i++) {
            const struct arena_input input = script_next(&script, &nobody, 0, body.at);
            arena_step(&body, &input, ARENA_SPEED);
            if (touches_wall(body.at)) {
                ck_abort_msg("seed %d, tick %d: (%f, %f)", (int)seed, i, (double)body.at.x,
                             (double)body.at.y);
            }
        }
    }
}
END_TEST

START_TEST(walls_stop_who_runs_into_them) {
    static const struct arena_input inputs[] = {{.x = 127}, {.x = -127}, {.y = 127}, {.y = -127}};
    for (size_t i = 0; i < COUNT_OF(inputs); i++) {
        struct arena_body body = {.at = {3, 3}}, before;
        for (int tick = 0; tick < 20 * ARENA_HZ; tick++) {
            before = body;
            arena_step(&body, &inputs[i], ARENA_SPEED);
        }
        ck_assert_msg(before.at.x == body.at.x && before.at.y == body.at.y, "input %d", (int)i);
    }
}
END_TEST

START_TEST(nobody_is_faster_across_than_along) {
    static const struct arena_input inputs[] = {
        {.x = 127}, {.x = 127, .y = 127}, {.x = -128, .y = -128}, {.x = -128, .y = 127}};
    for (size_t i = 0; i < COUNT_OF(inputs); i++) {
        struct arena_body body = {.at = {19, 6}};
        for (int tick = 0; tick < 30; tick++) {
            arena_step(&body, &inputs[i], ARENA_SPEED);
            ck_assert(hypotf(body.velocity.x, body.velocity.y) <= ARENA_SPEED * 1.0001F);
        }
    }
}
END_TEST

START_TEST(a_gun_takes_a_while_to_reload) {
    const struct arena_input firing = {.buttons = ARENA_FIRE};
    struct arena_body body = {.at = room_spawn(0)};
    int shots = 0;
    for (int tick = 0; tick < ARENA_HZ; tick++) {
        shots += arena_step(&body, &firing, ARENA_SPEED);
    }
    ck_assert_int_eq(shots, 4);
}
END_TEST

/* ---- shooting */

/** Two players, the second so far to the right of the first; the first fires and waits. */
static size_t shoot(struct arena *arena, float distance) {
    struct arena_hit hits[ARENA_HITS_MAX];
    const struct arena_input firing = {.buttons = ARENA_FIRE};
    size_t count = 0;
    arena->players[1].body.at.x = arena->players[0].body.at.x + distance;
    arena->players[1].body.at.y = arena->players[0].body.at.y;
    arena->players[0].body.reload = 0;
    arena_move(arena, 0, &firing);
    for (int tick = 0; tick < 2 * ARENA_HZ; tick++) {
        count += arena_fly(arena, hits);
    }
    return count;
}

START_TEST(three_hits_kill_and_the_dead_begin_anew_elsewhere) {
    struct arena arena = {0};
    arena_enter(&arena, 0);
    arena_enter(&arena, 1);
    ck_assert_uint_eq(shoot(&arena, 4), 1);
    ck_assert_uint_eq(shoot(&arena, 4), 1);
    ck_assert_uint_eq(arena.players[1].life, 0);
    ck_assert_uint_eq(shoot(&arena, 4), 1);
    ck_assert_uint_eq(arena.players[1].life, 1);
    ck_assert_uint_eq(arena.players[1].health, ARENA_HEALTH);
    ck_assert_uint_eq(arena.players[0].score, 1);
    ck_assert(arena.players[1].body.at.x != arena.players[0].body.at.x + 4);
}
END_TEST

START_TEST(walls_stop_bullets_and_who_is_away_is_spared) {
    struct arena arena = {0};
    arena_enter(&arena, 0);
    arena_enter(&arena, 1);
    arena.players[0].body.at = (struct point){3, 6};
    ck_assert_uint_eq(shoot(&arena, 3), 1);
    ck_assert_uint_eq(shoot(&arena, 7), 0); /* behind the wall from 7 to 8 */
    arena.players[1].is_away = true;
    ck_assert_uint_eq(shoot(&arena, 3), 0);
    arena_leave(&arena, 1);
    arena.players[1].is_away = false;
    ck_assert_uint_eq(shoot(&arena, 3), 0);
}
END_TEST

/* ---- what comes from the network */

START_TEST(an_input_comes_back_as_it_was_written) {
    static const float aims[] = {0, -0.0F, 3.25F, -3.25F, FLT_MAX, FLT_MIN, FLT_TRUE_MIN};
    uint8_t data[WIRE_INPUT_SIZE];
    struct arena_input got;
    for (size_t i = 0; i < COUNT_OF(aims); i++) {
        const struct arena_input input = {-128, 127, ARENA_FIRE, aims[i]};
        wire_write_input(data, &input);
        ck_assert(wire_read_input(&got, data));
        ck_assert(got.x == -128 && got.y == 127 && got.buttons == ARENA_FIRE);
        ck_assert_mem_eq(&got.aim, &aims[i], sizeof got.aim);
    }
}
END_TEST

START_TEST(a_number_that_is_not_finite_never_gets_in) {
    const float wrong[] = {NAN, -NAN, INFINITY, -INFINITY};
    const struct arena_input nothing = {0};
    uint8_t data[WIRE_INPUT_SIZE];
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        const struct arena_input input = {100, 100, ARENA_FIRE, wrong[i]};
        struct arena_input got = input;
        wire_write_input(data, &input);
        ck_assert(!wire_read_input(&got, data));
        ck_assert(got.x == nothing.x && got.y == nothing.y && got.buttons == nothing.buttons);
        ck_assert(got.aim == 0);
    }
}
END_TEST

static const struct state full_state = {
    .tick = 0xFFFFFFFE,
    .missed = 7,
    .who = 63,
    .life = 255,
    .health = 3,
    .score = 60000,
    .body = {{1.7F, 2.3F}, {-6, 0.001F}, 9},
    .other_count = 2,
    .others = {{1, 3, false, {4.125F, 5.5F}}, {63, 2, true, {30, 17}}},
    .bullet_count = 1,
    .bullets = {{8.25F, 9}},
};

START_TEST(a_state_comes_back_and_its_own_player_exactly) {
    uint8_t data[WIRE_STATE_SIZE_MAX];
    struct state got = {0};
    ck_assert(wire_read_state(&got, data, wire_write_state(data, &full_state)));
    ck_assert_uint_eq(got.tick, full_state.tick);
    ck_assert_uint_eq(got.missed, 7);
    ck_assert(got.who == 63 && got.life == 255 && got.health == 3 && got.score == 60000);
    ck_assert_mem_eq(&got.body.at, &full_state.body.at, sizeof got.body.at);
    ck_assert_mem_eq(&got.body.velocity, &full_state.body.velocity, sizeof got.body.velocity);
    ck_assert_uint_eq(got.body.reload, 9);
    ck_assert(got.other_count == 2 && got.bullet_count == 1);
    ck_assert(got.others[1].who == 63 && got.others[1].is_away && !got.others[0].is_away);
    ck_assert(fabsf(got.others[0].at.x - 4.125F) < 0.001F && got.bullets[0].x == 8.25F);
}
END_TEST

START_TEST(a_state_that_is_cut_short_too_long_or_not_finite_is_refused) {
    uint8_t data[WIRE_STATE_SIZE_MAX + 1] = {0};
    struct state got;
    size_t size = wire_write_state(data, &full_state);
    for (size_t i = 0; i < size; i++) {
        uint8_t *exact = malloc(i + 1); /* so that reading on is seen */
        memcpy(exact, data, i);
        ck_assert(!wire_read_state(&got, exact, i));
        free(exact);
    }
    ck_assert(!wire_read_state(&got, data, size + 1));
    struct state infinite = full_state;
    infinite.body.velocity.y = INFINITY;
    size = wire_write_state(data, &infinite);
    ck_assert(!wire_read_state(&got, data, size));
}
END_TEST

START_TEST(an_event_comes_back_with_text_that_is_safe_to_print) {
    uint8_t data[WIRE_EVENT_SIZE_MAX];
    const struct event event = {EVENT_SAY, 0x01000002, 3, 4, 500, "red\033[31m"};
    struct event got;
    size_t size = wire_write_event(data, &event);
    ck_assert(wire_read_event(&got, data, size));
    ck_assert(got.kind == EVENT_SAY && got.number == 0x01000002 && got.score == 500);
    ck_assert(got.who == 3 && got.whom == 4);
    ck_assert_str_eq(got.text, "red?[31m");
    ck_assert(!wire_read_event(&got, data, size - 1));
    data[0] = EVENT_KIND_COUNT;
    ck_assert(!wire_read_event(&got, data, size));
    data[0] = EVENT_SAY;
    data[5] = ARENA_PLAYERS_MAX;
    ck_assert(!wire_read_event(&got, data, size));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("arena");
    TCase *tests = tcase_create("game");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, a_run_ends_at_the_same_place_to_the_last_bit);
    tcase_add_test(tests, nobody_gets_into_a_wall);
    tcase_add_test(tests, walls_stop_who_runs_into_them);
    tcase_add_test(tests, nobody_is_faster_across_than_along);
    tcase_add_test(tests, a_gun_takes_a_while_to_reload);
    tcase_add_test(tests, three_hits_kill_and_the_dead_begin_anew_elsewhere);
    tcase_add_test(tests, walls_stop_bullets_and_who_is_away_is_spared);
    tcase_add_test(tests, an_input_comes_back_as_it_was_written);
    tcase_add_test(tests, a_number_that_is_not_finite_never_gets_in);
    tcase_add_test(tests, a_state_comes_back_and_its_own_player_exactly);
    tcase_add_test(tests, a_state_that_is_cut_short_too_long_or_not_finite_is_refused);
    tcase_add_test(tests, an_event_comes_back_with_text_that_is_safe_to_print);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
