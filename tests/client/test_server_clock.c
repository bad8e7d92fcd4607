#include "client/server_clock.h"

#include "common/random.h"
#include "common/serial.h"
#include "tests/support/test.h"
#include <math.h>

#define HZ     60
#define START  (7 * BL_SECOND)
#define ORIGIN (UINT32_MAX - 600) /* the server's tick at START: 10 s later the numbers wrap */
#define EVERY  (50 * BL_MILLISECOND)
#define WRAP   4294967296.0

static struct bl_server_clock server_clock;
static struct bl_random luck;
static bl_time now;
static double faster;  /* the server's clock, by that share */
static double late_ms; /* jitter: up to so much */

static void setup(void) {
    now = START;
    faster = 0;
    late_ms = 0;
    bl_random_init_seeded(&luck, 1);
    bl_server_clock_init(&server_clock, HZ);
}

/** Ticks since ORIGIN at which the server is. */
static double server_at(bl_time time) {
    return (double)(time - START) / BL_SECOND * HZ * (1 + faster);
}

static void hear_at(double ticks) {
    double tick = floor(ticks);
    bl_duration age = (bl_duration)((ticks - tick) * BL_SECOND / HZ);
    bl_server_clock_hear(&server_clock, now, ORIGIN + (uint32_t)(int64_t)tick, age);
}

/** One sample each 50 ms; each comes up to late_ms later than it was said. */
static void run(unsigned samples) {
    for (unsigned i = 0; i < samples; i++) {
        now += EVERY;
        double late = late_ms * (double)bl_random_below(&luck, 1001) / 1000;
        hear_at(server_at(now) - late * HZ / 1000);
    }
}

/** How far the estimate is ahead of the server. */
static double error(void) {
    double is = ORIGIN + server_at(now);
    return remainder(bl_server_clock_read(&server_clock, now) - is, WRAP);
}

START_TEST(before_anything_is_heard_it_knows_nothing) {
    ck_assert(!bl_server_clock_begun(&server_clock));
    ck_assert_double_eq(bl_server_clock_read(&server_clock, now), 0);
    ck_assert_double_eq(bl_server_clock_render(&server_clock, now), 0);
    hear_at(0.5);
    ck_assert(bl_server_clock_begun(&server_clock));
    ck_assert_double_eq_tol(bl_server_clock_read(&server_clock, now), ORIGIN + 0.5, 1e-3);
}
END_TEST

START_TEST(it_goes_on_between_samples_and_over_the_wrap) {
    hear_at(0);
    for (unsigned i = 0; i < 400; i++) {
        run(1);
        double read = bl_server_clock_read(&server_clock, now);
        ck_assert(read >= 0 && read < WRAP);
        ck_assert_double_eq_tol(error(), 0, 0.01);
        now += EVERY / 3;
        ck_assert_double_eq_tol(error(), 0, 0.01);
        now -= EVERY / 3;
    }
    ck_assert_double_lt(bl_server_clock_read(&server_clock, now), 1000);
}
END_TEST

START_TEST(jitter_moves_it_by_little) {
    late_ms = 60;
    run(100);
    double worst = 0;
    for (unsigned i = 0; i < 2000; i++) {
        run(1);
        worst = fmax(worst, fabs(error() + 1.8)); /* 30 ms late, on average */
    }
    ck_assert_double_lt(worst, 0.9);
    ck_assert_double_eq_tol(server_clock.deviation, 0.9, 0.4);
}
END_TEST

START_TEST(another_clocks_drift_is_learnt_and_outlasts_a_silence) {
    faster = _i == 0 ? 200e-6 : -200e-6;
    late_ms = 2;
    run(20 * 120);
    ck_assert_double_eq_tol(server_clock.drift, faster, 100e-6);
    double before = error();
    now += 10 * BL_SECOND;
    ck_assert_double_eq_tol(error(), before, 0.06); /* 1 ms */
}
END_TEST

START_TEST(no_drift_is_more_than_500_ppm) {
    faster = _i == 0 ? 0.1 : -0.1;
    run(20 * 600);
    ck_assert_double_le(fabs(server_clock.drift), 500e-6);
    ck_assert_double_gt(fabs(server_clock.drift), 450e-6);
}
END_TEST

START_TEST(samples_that_come_at_once_say_little_of_drift) {
    run(100);
    double drift = server_clock.drift;
    hear_at(server_at(now) + 1.5);
    ck_assert_double_eq(server_clock.drift, drift);
    now += BL_MICROSECOND;
    hear_at(server_at(now) + 2.5);
    ck_assert_double_eq_tol(server_clock.drift, drift, 5e-6);
}
END_TEST

START_TEST(an_age_is_a_second_at_most) {
    static const struct {
        bl_duration age;
        double ticks;
    } rows[] = {{BL_SECOND / 2, HZ / 2},
                {-BL_SECOND, 0},
                {INT64_MIN, 0},
                {2 * BL_SECOND, HZ},
                {INT64_MAX, HZ}};
    bl_server_clock_hear(&server_clock, now, 100, rows[_i].age);
    ck_assert_double_eq_tol(bl_server_clock_read(&server_clock, now), 100 + rows[_i].ticks, 1e-6);
}
END_TEST

START_TEST(what_is_drawn_at_the_wrap_is_from_before_it) {
    bl_server_clock_hear(&server_clock, now, 0, 0);
    double drawn = bl_server_clock_render(&server_clock, now);
    ck_assert(drawn < WRAP && drawn > WRAP - 20);
    ck_assert_double_eq(bl_server_clock_read(&server_clock, now), 0);
}
END_TEST

START_TEST(what_is_not_newer_is_rejected) {
    static const int32_t ahead[] = {0, -1, -1000, INT32_MIN};
    hear_at(0);
    run(20);
    const struct bl_server_clock before = server_clock;
    uint32_t newest = server_clock.base + (uint32_t)server_clock.newest;
    now += BL_MILLISECOND;
    bl_server_clock_hear(&server_clock, now, newest + (uint32_t)ahead[_i], 0);
    ck_assert_mem_eq(&server_clock, &before, sizeof before);
}
END_TEST

START_TEST(a_change_of_delay_is_followed_within_seconds) {
    late_ms = 10;
    run(200);
    for (unsigned i = 0; i < 60; i++) {
        now += EVERY;
        hear_at(server_at(now) - 6);
    }
    ck_assert_double_eq_tol(error(), -6, 0.3);
}
END_TEST

START_TEST(far_off_it_jumps) {
    run(100);
    now += EVERY;
    hear_at(server_at(now) + 10000);
    ck_assert_double_eq_tol(error(), 10000, 1e-3);
    double render = bl_server_clock_render(&server_clock, now);
    ck_assert_double_gt(remainder(render - ORIGIN - server_at(now), WRAP), 9900);
}
END_TEST

/* G10. */
START_TEST(what_is_drawn_has_come) {
    late_ms = 20 * (double)_i;
    run(100);
    unsigned missing = 0;
    for (unsigned i = 0; i < 1000; i++) {
        double heard = 0;
        for (unsigned ms = 0; ms < 50; ms++) {
            now += BL_MILLISECOND;
            double render = bl_server_clock_render(&server_clock, now);
            double ahead =
                remainder(render - server_clock.base, WRAP) - (double)server_clock.newest;
            heard = fmax(heard, ahead);
        }
        missing += heard > 1; /* beyond what the newest sample told of, and a tick */
        now -= EVERY;
        run(1);
    }
    ck_assert_uint_lt(missing, 20);
    double behind =
        remainder(ORIGIN + server_at(now) - bl_server_clock_render(&server_clock, now), WRAP);
    ck_assert_double_lt(behind, 6 + 0.1 * late_ms + 2);
    ck_assert_double_ge(behind, 5.99); /* two samples back: one may be lost */
}
END_TEST

START_TEST(what_is_drawn_never_goes_back) {
    double last = -100;
    late_ms = 60;
    run(2);
    for (unsigned i = 0; i < 3000; i++) {
        now += EVERY;
        for (unsigned late = 0; late < 2; late++) { /* before a sample, and after it */
            double drawn = remainder(bl_server_clock_render(&server_clock, now) - ORIGIN, WRAP);
            ck_assert(drawn >= last);
            last = drawn;
            hear_at(server_at(now) - (double)bl_random_below(&luck, 12));
        }
    }
    ck_assert_double_gt(last, 2000);
}
END_TEST

START_TEST(the_server_is_a_round_trip_farther_when_an_answer_comes) {
    uint32_t tick;
    double fraction;
    hear_at(590.25);
    bl_server_clock_arrival(&server_clock, now, 225 * BL_MILLISECOND, &tick, &fraction);
    ck_assert_uint_eq(tick, ORIGIN + 603); /* over the wrap */
    ck_assert_double_eq_tol(fraction, 0.75, 1e-3);
}
END_TEST

START_TEST(whatever_the_server_says_numbers_stay_finite) {
    static const bl_duration ages[] = {0, 1, -1, BL_SECOND, 4295 * BL_SECOND, INT64_MAX, INT64_MIN};
    for (unsigned i = 0; i < 5000; i++) {
        now += bl_random_chance(&luck, 0.2) ? 0 : (bl_duration)bl_random_below(&luck, EVERY);
        uint32_t tick = server_clock.base + (uint32_t)server_clock.newest;
        tick += (uint32_t)bl_random_below(&luck, bl_random_chance(&luck, 0.01) ? 1U << 31 : 8);
        bl_server_clock_hear(&server_clock, now, tick,
                             ages[bl_random_below(&luck, COUNT_OF(ages))]);
        double read = bl_server_clock_read(&server_clock, now);
        double drawn = bl_server_clock_render(&server_clock, now);
        ck_assert(read >= 0 && read < WRAP);
        ck_assert(drawn >= 0 && drawn < WRAP);
        ck_assert(remainder(read - drawn, WRAP) <= HZ + 1e-3);
        ck_assert(fabs(server_clock.drift) <= 500e-6);
        ck_assert(server_clock.deviation >= 0 && server_clock.deviation <= HZ);
        ck_assert(server_clock.interval > 0 && server_clock.interval <= HZ);
    }
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, before_anything_is_heard_it_knows_nothing);
    tcase_add_test(tests, it_goes_on_between_samples_and_over_the_wrap);
    tcase_add_test(tests, jitter_moves_it_by_little);
    tcase_add_loop_test(tests, another_clocks_drift_is_learnt_and_outlasts_a_silence, 0, 2);
    tcase_add_loop_test(tests, no_drift_is_more_than_500_ppm, 0, 2);
    tcase_add_test(tests, samples_that_come_at_once_say_little_of_drift);
    tcase_add_loop_test(tests, an_age_is_a_second_at_most, 0, 5);
    tcase_add_test(tests, what_is_drawn_at_the_wrap_is_from_before_it);
    tcase_add_loop_test(tests, what_is_not_newer_is_rejected, 0, 4);
    tcase_add_test(tests, a_change_of_delay_is_followed_within_seconds);
    tcase_add_test(tests, far_off_it_jumps);
    tcase_add_loop_test(tests, what_is_drawn_has_come, 0, 4);
    tcase_add_test(tests, what_is_drawn_never_goes_back);
    tcase_add_test(tests, the_server_is_a_round_trip_farther_when_an_answer_comes);
    tcase_add_test(tests, whatever_the_server_says_numbers_stay_finite);
}

TEST_MAIN("client server_clock", add_tests)
