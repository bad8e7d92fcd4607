#include "client/pacer.h"

#include "common/random.h"
#include "common/serial.h"
#include "tests/support/test.h"
#include <math.h>
#include <string.h>

#define HZ     60
#define START  (7 * BL_SECOND)
#define ORIGIN (UINT32_MAX - 200) /* the server's tick at START: soon the numbers wrap */
#define PING   (80 * BL_MILLISECOND)
#define LAG    32 /* samples under way */

/* A server and a way to it: an input sent at START arrives `ahead` ticks after ORIGIN. */
static struct bl_pacer pacer;
static bl_time now;
static double ahead;
static uint32_t newest; /* tick that was given out */
static unsigned count;  /* of them */
static unsigned starved;

static double margin_of(uint32_t tick) {
    double server = (double)(now - START) * HZ / BL_SECOND + ahead;
    return bl_serial_distance(tick, ORIGIN) - server;
}

static void setup(void) {
    now = START;
    ahead = (double)PING * HZ / BL_SECOND;
    count = 0;
    starved = 0;
    bl_pacer_init(&pacer, HZ);
    bl_pacer_begin(&pacer, now, ORIGIN + 4, 0.8);
}

static void hear(uint32_t tick, double margin) {
    bl_pacer_hear(&pacer, now,
                  &(struct bl_margin_sample){.tick = tick, .margin = margin, .starved = starved});
}

/** All that is due; strictly one after the other. */
static unsigned take_ticks(void) {
    unsigned taken = 0;
    uint32_t tick;
    while (bl_pacer_next(&pacer, now, &tick)) {
        ck_assert(count == 0 || bl_serial_after(tick, newest));
        newest = tick;
        count++;
        taken++;
    }
    return taken;
}

/** Goes on by a millisecond at a time; every third input's margin comes back after @p lag samples.
 */
static void run_with_lag(unsigned ms, unsigned lag) {
    static struct bl_margin_sample under_way[LAG];
    unsigned sent = 0;
    for (unsigned i = 0; i < ms; i++) {
        now += BL_MILLISECOND;
        if (take_ticks() == 0 || newest % 3 != 0) {
            continue;
        }
        under_way[sent % LAG] =
            (struct bl_margin_sample){.tick = newest, .margin = margin_of(newest)};
        if (sent >= lag) {
            const struct bl_margin_sample *sample = &under_way[(sent - lag) % LAG];
            hear(sample->tick, sample->margin);
        }
        sent++;
    }
}

static void run(unsigned ms) {
    run_with_lag(ms, 0);
}

START_TEST(the_first_tick_is_where_its_input_comes_with_the_target_to_spare) {
    uint32_t first = ORIGIN + (uint32_t)ceil(4.8 + pacer.target);
    ck_assert(!bl_pacer_next(&pacer, now, &newest));
    now = bl_pacer_due(&pacer);
    ck_assert(bl_pacer_next(&pacer, now, &newest));
    ck_assert_uint_eq(newest, first);
    ck_assert_double_eq_tol(margin_of(newest), pacer.target, 1e-3);
}
END_TEST

START_TEST(nothing_comes_before_the_beginning) {
    uint32_t tick;
    bl_pacer_init(&pacer, HZ);
    ck_assert(!bl_pacer_next(&pacer, now + BL_SECOND, &tick));
    ck_assert_int_eq(bl_pacer_due(&pacer), BL_TIME_NEVER);
    hear(0, 1);
    ck_assert_uint_eq(pacer.sample_count, 0);
}
END_TEST

START_TEST(without_news_ticks_come_at_their_rate_one_after_the_other) {
    for (unsigned ms = 0; ms < 10000; ms++) {
        uint32_t before = newest;
        now += BL_MILLISECOND;
        unsigned taken = take_ticks();
        ck_assert_uint_le(taken, 1);
        ck_assert(count == 1 || newest == before + taken);
    }
    ck_assert_uint_ge(count, 10 * HZ - 1);
    ck_assert_uint_le(count, 10 * HZ + 1);
}
END_TEST

START_TEST(a_tick_comes_at_the_very_time_it_was_said_to) {
    static const uint16_t rates[] = {1, 7, 60, 128, 240};
    bl_pacer_init(&pacer, rates[_i]);
    bl_pacer_begin(&pacer, now, ORIGIN, 0.3);
    for (unsigned i = 0; i < 500; i++) {
        uint32_t tick;
        bl_time due = bl_pacer_due(&pacer);
        ck_assert_int_gt(due, now);
        ck_assert(!bl_pacer_next(&pacer, due - BL_MICROSECOND * 240 / rates[_i], &tick));
        ck_assert(bl_pacer_next(&pacer, due, &tick));
        ck_assert(!bl_pacer_next(&pacer, due, &tick));
        now = due;
        /* Corrections begin and end on the way. */
        if (i % 10 == 0) {
            hear(tick, i % 20 == 0 ? pacer.target - 2 : pacer.target + 2);
        }
    }
}
END_TEST

START_TEST(after_a_stall_a_few_ticks_come_at_once_and_the_others_never) {
    static const struct {
        uint16_t hz;
        unsigned at_once;
    } rows[] = {{2, 1}, {20, 5}, {60, 15}, {240, 16}};
    bl_pacer_init(&pacer, rows[_i].hz);
    bl_pacer_begin(&pacer, now, ORIGIN, 0);
    now += 3 * BL_SECOND;
    take_ticks();
    now += 20 * BL_SECOND;
    ck_assert_uint_eq(take_ticks(), rows[_i].at_once);
    double due = 23 * rows[_i].hz + pacer.phase;
    ck_assert_int_eq(bl_serial_distance(newest, ORIGIN), (int)due);
}
END_TEST

START_TEST(beginning_anew_gives_no_tick_twice) {
    static const int arrivals[] = {-300, -1, 0, 2, 300};
    run(5000);
    uint32_t last = newest;
    bl_pacer_begin(&pacer, now, last + (uint32_t)arrivals[_i], 0.5);
    hear(last, 1);
    ck_assert_uint_eq(pacer.sample_count, 0); /* what is under way was another path's */
    bl_time before = now;
    while (newest == last) {
        now = bl_pacer_due(&pacer);
        take_ticks();
    }
    int expected = arrivals[_i] + (int)ceil(0.5 + pacer.target);
    ck_assert_int_eq(bl_serial_distance(newest, last), expected > 1 ? expected : 1);
    double waited = (double)(now - before) * HZ / BL_SECOND;
    ck_assert_double_le(waited, expected > 1 ? 1 : 2 - expected);
}
END_TEST

START_TEST(who_is_off_comes_to_the_target_and_stays_there) {
    static const double off[] = {-9, -5, -1, 1, 5, 9};
    run(5000);
    ahead -= off[_i];
    run(3500);
    for (unsigned i = 0; i < 5000; i++) {
        run(1);
        ck_assert_double_lt(fabs(bl_pacer_margin(&pacer) - pacer.target), 0.5);
    }
    ck_assert_double_lt(fabs(margin_of(newest) - pacer.target), 1.5); /* what comes of a whole ms */
}
END_TEST

START_TEST(it_never_is_more_than_5_percent_faster_or_slower) {
    run(5000);
    ahead += _i == 0 ? 9 : -9;
    double least = 2, most = 0;
    for (unsigned i = 0; i < 50; i++) {
        double before = pacer.phase;
        run(100);
        double rate = 1 + (pacer.phase - before) / (0.1 * HZ);
        least = fmin(least, rate);
        most = fmax(most, rate);
    }
    ck_assert_double_ge(least, 0.95 - 1e-9);
    ck_assert_double_le(most, 1.05 + 1e-9);
    ck_assert_double_lt(_i == 0 ? 1.04 : least, _i == 0 ? most : 0.96); /* and that it uses */
}
END_TEST

START_TEST(what_was_corrected_already_is_not_corrected_again) {
    run_with_lag(5000, 20); /* a second under way */
    double before = pacer.phase, target = pacer.target;
    ahead += 5;
    for (unsigned i = 0; i < 8; i++) {
        run_with_lag(1000, 10);
        ck_assert_double_lt(pacer.phase - before, 5.5 + fabs(pacer.target - target));
    }
    ck_assert_double_gt(pacer.phase - before, 4.5 - fabs(pacer.target - target));
}
END_TEST

/* G10. */
START_TEST(a_small_error_is_left_alone) {
    run(5000);
    double phase = pacer.phase;
    ahead += 0.15;
    run(5000);
    ck_assert_double_eq_tol(pacer.phase, phase, 0.2);
    unsigned corrections = 0;
    for (unsigned i = 0; i < 100; i++) {
        run(50);
        corrections += pacer.correcting;
    }
    ck_assert_uint_lt(corrections, 10);
}
END_TEST

START_TEST(a_correction_ends_by_itself_when_nothing_more_is_heard) {
    run(5000);
    ahead += 3;
    run(300);
    ck_assert_double_gt(pacer.speed, 0);
    double goal = pacer.goal;
    now += 60 * BL_SECOND;
    take_ticks();
    ck_assert_double_eq_tol(pacer.phase, goal, 1e-9);
}
END_TEST

START_TEST(far_behind_it_leaves_ticks_out) {
    run(5000);
    ahead += 40;
    unsigned before = count;
    uint32_t last = newest;
    run(1000);
    ck_assert_double_gt(bl_pacer_margin(&pacer), pacer.target - 1);
    ck_assert_uint_le(count - before, HZ + 5);
    ck_assert_int_ge(bl_serial_distance(newest, last), HZ + 38);
}
END_TEST

START_TEST(far_ahead_it_stands_still) {
    run(5000);
    ahead -= 40;
    unsigned before = count;
    run(1000);
    ck_assert_double_lt(bl_pacer_margin(&pacer), pacer.target + 1);
    ck_assert_uint_le(count - before, HZ - 38);
    ck_assert_uint_gt(count, before);
}
END_TEST

START_TEST(one_late_input_is_neither_jitter_nor_another_network) {
    run(10000);
    double phase = pacer.phase, target = pacer.target, path = pacer.path;
    now += BL_SECOND / HZ;
    take_ticks();
    hear(newest, -30);
    ck_assert_double_eq_tol(pacer.path, path, 0.1);
    ck_assert_double_eq_tol(pacer.target, target, 0.2);
    run(2000);
    ck_assert_double_eq_tol(pacer.phase, phase, 0.3);
    ck_assert_double_eq_tol(pacer.target, target, 0.3);
}
END_TEST

START_TEST(another_network_is_taken_for_one_at_once) {
    run(10000);
    double target = pacer.target;
    ahead += 6;
    run(250);
    ck_assert_double_lt(fabs(bl_pacer_margin(&pacer) - margin_of(newest)), 1.0);
    ck_assert_double_eq_tol(pacer.target, target, 0.3); /* and not for jitter */
}
END_TEST

START_TEST(only_news_of_ticks_that_were_given_out_lately_counts) {
    run(5000);
    now += 20 * BL_SECOND; /* leaves ticks out */
    take_ticks();
    hear(newest - 2, margin_of(newest - 2));
    const struct bl_pacer before = pacer;
    const uint32_t ticks[] = {
        newest - 2,   newest - 3,    newest - 14,        newest - 15,         newest - 256,
        newest - 257, newest + 1,    newest + 255,       newest + 256,        newest + 512,
        ORIGIN,       newest + 1000, newest + INT32_MAX, newest + (1U << 31), 0,
    };
    hear(ticks[_i], -100);
    ck_assert_mem_eq(&pacer, &before, sizeof pacer);
    hear(newest, margin_of(newest));
    ck_assert_uint_eq(pacer.sample_count, before.sample_count + 1);
}
END_TEST

START_TEST(a_tick_that_was_left_out_has_no_margin) {
    bl_pacer_begin(&pacer, now, UINT32_MAX - 10, 0);
    now += 100 * BL_MILLISECOND;
    take_ticks();
    now += BL_SECOND;
    take_ticks();
    ck_assert_int_gt(bl_serial_distance(newest, 15), 0);
    hear(0, 0);
    ck_assert_uint_eq(pacer.sample_count, 0);
}
END_TEST

START_TEST(a_tick_of_long_ago_has_no_margin_any_more) {
    now = bl_pacer_due(&pacer);
    take_ticks();
    uint32_t old = newest;
    now += 20 * BL_SECOND; /* so many ticks are left out that its slot is still its own */
    take_ticks();
    hear(old, 0);
    ck_assert_uint_eq(pacer.sample_count, 0);
}
END_TEST

static double target_after(double loss, double jitter) {
    struct bl_random random;
    bl_random_init_seeded(&random, 1);
    for (unsigned i = 0; i < 60 * HZ; i++) {
        now = bl_pacer_due(&pacer);
        if (take_ticks() > 0 && newest % 3 == 0) {
            double late = jitter * (double)bl_random_below(&random, 1001) / 1000;
            bl_pacer_hear(&pacer, now,
                          &(struct bl_margin_sample){
                              .tick = newest, .margin = margin_of(newest) - late, .loss = loss});
        }
    }
    return pacer.target;
}

START_TEST(the_target_follows_loss_and_jitter_within_bounds) {
    static const struct {
        double loss, jitter, min, max;
    } rows[] = {
        {0, 0, 1, 1.3},    {0, 2, 2.2, 3.2},  {0, 4, 3.5, 5.5}, {0.0004, 0, 1, 1.3},
        {0.01, 0, 1.5, 2}, {0.05, 0, 2.2, 3}, {0.3, 0, 6, 7},   {1, 0, 8.9, 9.4},
        {-1, 0, 1, 1.3},   {7, 0, 8.9, 9.4},  {NAN, 0, 1, 9.4}, {INFINITY, 0, 8.9, 9.4},
    };
    double target = target_after(rows[_i].loss, rows[_i].jitter);
    ck_assert_double_ge(target, rows[_i].min);
    ck_assert_double_le(target, rows[_i].max);
}
END_TEST

START_TEST(ticks_that_starve_at_the_right_margin_ask_for_more_for_a_while) {
    run(10000);
    double target = pacer.target;
    starved = 1;
    run(1000);
    starved = 0;
    ck_assert_double_gt(pacer.target, target + 1);
    run(100 * 1000);
    ck_assert_double_lt(pacer.target, target + 0.1);
    starved = 1;
    run(5 * 1000);
    ck_assert_double_lt(pacer.target, target + 4.5);
}
END_TEST

START_TEST(ticks_that_starve_in_another_network_ask_for_nothing) {
    run(10000);
    double target = pacer.target;
    ahead += 9;
    starved = 1;
    run(1000); /* it is still on its way */
    ck_assert_double_lt(pacer.target, target + 0.5);
}
END_TEST

static double pick(struct bl_random *random) {
    static const double wild[] = {-128, 128, 0, NAN, INFINITY, -INFINITY, 1e300, -1e300, 1e-300, 5};
    return wild[bl_random_below(random, COUNT_OF(wild))];
}

START_TEST(whatever_the_server_says_numbers_stay_finite_and_ticks_in_order) {
    struct bl_random random;
    bl_random_init_seeded(&random, (uint64_t)_i);
    for (unsigned i = 0; i < 5000; i++) {
        now += (bl_duration)bl_random_below(&random, 20 * BL_MILLISECOND);
        ck_assert_uint_le(take_ticks(), HZ / 4);
        uint32_t tick = newest - (uint32_t)bl_random_below(&random, 4);
        tick = bl_random_chance(&random, 0.1) ? (uint32_t)bl_random_u64(&random) : tick;
        bl_pacer_hear(&pacer, now,
                      &(struct bl_margin_sample){.tick = tick,
                                                 .margin = pick(&random),
                                                 .loss = pick(&random),
                                                 .starved = (uint32_t)bl_random_u64(&random)});
        double moved = pacer.phase + pacer.goal + pacer.path + pacer.deviation + pacer.loss;
        ck_assert(isfinite(moved + bl_pacer_margin(&pacer)));
        ck_assert(pacer.target >= 1 && pacer.target < 1 + 8 + 4 + 4 * 256);
        ck_assert(fabs(pacer.speed) <= BL_PACER_SPEED_MAX);
        ck_assert_int_ge(bl_pacer_due(&pacer), pacer.moved_at);
        ck_assert_int_lt(bl_pacer_due(&pacer), now + 3600 * BL_SECOND);
    }
    ck_assert_uint_gt(count, 100);
}
END_TEST

START_TEST(time_that_stands_still_or_goes_back_changes_nothing) {
    run(1000);
    uint32_t tick;
    const struct bl_pacer before = pacer;
    ck_assert(!bl_pacer_next(&pacer, now, &tick));
    ck_assert(!bl_pacer_next(&pacer, now - BL_SECOND, &tick));
    ck_assert_mem_eq(&pacer, &before, sizeof pacer);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, the_first_tick_is_where_its_input_comes_with_the_target_to_spare);
    tcase_add_test(tests, nothing_comes_before_the_beginning);
    tcase_add_test(tests, without_news_ticks_come_at_their_rate_one_after_the_other);
    tcase_add_loop_test(tests, a_tick_comes_at_the_very_time_it_was_said_to, 0, 5);
    tcase_add_loop_test(tests, after_a_stall_a_few_ticks_come_at_once_and_the_others_never, 0, 4);
    tcase_add_loop_test(tests, beginning_anew_gives_no_tick_twice, 0, 5);
    tcase_add_loop_test(tests, who_is_off_comes_to_the_target_and_stays_there, 0, 6);
    tcase_add_loop_test(tests, it_never_is_more_than_5_percent_faster_or_slower, 0, 2);
    tcase_add_test(tests, what_was_corrected_already_is_not_corrected_again);
    tcase_add_test(tests, a_small_error_is_left_alone);
    tcase_add_test(tests, a_correction_ends_by_itself_when_nothing_more_is_heard);
    tcase_add_test(tests, far_behind_it_leaves_ticks_out);
    tcase_add_test(tests, far_ahead_it_stands_still);
    tcase_add_test(tests, one_late_input_is_neither_jitter_nor_another_network);
    tcase_add_test(tests, another_network_is_taken_for_one_at_once);
    tcase_add_loop_test(tests, only_news_of_ticks_that_were_given_out_lately_counts, 0, 15);
    tcase_add_test(tests, a_tick_that_was_left_out_has_no_margin);
    tcase_add_test(tests, a_tick_of_long_ago_has_no_margin_any_more);
    tcase_add_loop_test(tests, the_target_follows_loss_and_jitter_within_bounds, 0, 12);
    tcase_add_test(tests, ticks_that_starve_at_the_right_margin_ask_for_more_for_a_while);
    tcase_add_test(tests, ticks_that_starve_in_another_network_ask_for_nothing);
    tcase_add_loop_test(tests, whatever_the_server_says_numbers_stay_finite_and_ticks_in_order, 1,
                        5);
    tcase_add_test(tests, time_that_stands_still_or_goes_back_changes_nothing);
}

TEST_MAIN("client pacer", add_tests)
