/* The round trip estimator against the arithmetic of RFC 6298 2, worked out by hand. */
#include "common/random.h"
#include "lib/peer/rtt.h"
#include "tests/support/test.h"
#include <math.h>

#define MS   BL_MILLISECOND
#define SEED UINT64_C(0x727474)

START_TEST(before_a_sample_the_timeout_is_the_first_guess) {
    struct bl_rtt rtt = {0};
    ck_assert_int_eq(bl_rtt_timeout(&rtt), 500 * MS);
}
END_TEST

START_TEST(the_first_sample_is_the_estimate_and_half_of_it_the_variation) {
    struct bl_rtt rtt = {0};
    bl_rtt_sample(&rtt, 80 * MS);
    ck_assert_int_eq(rtt.smoothed, 80 * MS);
    ck_assert_int_eq(rtt.variation, 40 * MS);
}
END_TEST

/* Each row follows the one before. variation' = 3/4 variation + 1/4 |smoothed - sample|, with the
 * old estimate, and then smoothed' = 7/8 smoothed + 1/8 sample. */
static const struct step {
    bl_duration sample, smoothed, variation;
} steps[] = {
    {80 * MS, 80 * MS, 40 * MS},       /* the first */
    {160 * MS, 90 * MS, 50 * MS},      /* 30 + 20; 70 + 20 */
    {10 * MS, 80 * MS, 57500000},      /* 37.5 + 20; 78.75 + 1.25 */
    {80 * MS, 80 * MS, 43125000},      /* 43.125 + 0 */
    {240 * MS, 100 * MS, 72343750},    /* 32.34375 + 40; 70 + 30 */
    {100 * MS, 100 * MS, 54257813},    /* 54.2578125, cut in our favour */
    {1000 * MS, 212500000, 265693360}, /* 40.693359 + 225; 87.5 + 125 */
};

START_TEST(samples_are_smoothed_as_in_rfc_6298) {
    struct bl_rtt rtt = {0};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        bl_rtt_sample(&rtt, steps[i].sample);
        ck_assert_msg(rtt.smoothed == steps[i].smoothed, "step %zu: %lld", i,
                      (long long)rtt.smoothed);
        ck_assert_msg(llabs(rtt.variation - steps[i].variation) <= 1, "step %zu: %lld", i,
                      (long long)rtt.variation); /* of a nanosecond that integers cannot halve */
    }
}
END_TEST

START_TEST(a_sample_below_a_millisecond_counts_as_one) {
    static const bl_duration samples[] = {INT64_MIN / 2, -1, 0, 1, MS - 1, MS};
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct bl_rtt rtt = {0};
        bl_rtt_sample(&rtt, samples[i]);
        ck_assert_int_eq(rtt.smoothed, MS);
    }
}
END_TEST

/* max(smoothed + max(2 variation, 25 ms), 100 ms), and 3 s at most */
static const struct timeout {
    bl_duration smoothed, variation, timeout;
} timeouts[] = {
    {1 * MS, 0, 100 * MS},
    {74 * MS, 0, 100 * MS},
    {75 * MS, 0, 100 * MS},
    {76 * MS, 0, 101 * MS},
    {100 * MS, 12 * MS, 125 * MS},
    {100 * MS, 13 * MS, 126 * MS},
    {50 * MS, 25 * MS, 100 * MS},
    {50 * MS, 26 * MS, 102 * MS},
    {300 * MS, 200 * MS, 700 * MS},
    {2 * BL_SECOND, 499 * MS, 2998 * MS},
    {2 * BL_SECOND, 500 * MS, 3 * BL_SECOND},
    {2 * BL_SECOND, 501 * MS, 3 * BL_SECOND},
    {10 * BL_SECOND, 5 * BL_SECOND, 3 * BL_SECOND},
};

START_TEST(the_timeout_has_a_margin_a_floor_and_a_ceiling) {
    const struct timeout *row = &timeouts[_i];
    const struct bl_rtt rtt = {.smoothed = row->smoothed, .variation = row->variation};
    ck_assert_int_eq(bl_rtt_timeout(&rtt), row->timeout);
}
END_TEST

/** The same estimator in floating point. */
START_TEST(ten_thousand_samples_stay_beside_the_exact_arithmetic) {
    struct bl_random random;
    struct bl_rtt rtt = {0};
    double smoothed = 0, variation = 0;
    bl_random_init_seeded(&random, SEED);
    for (int i = 0; i < 10000; i++) {
        bl_duration sample = MS + (bl_duration)bl_random_below(&random, 2 * BL_SECOND);
        double exact = (double)sample;
        bl_rtt_sample(&rtt, sample);
        variation = i == 0 ? exact / 2 : 0.75 * variation + 0.25 * fabs(smoothed - exact);
        smoothed = i == 0 ? exact : 0.875 * smoothed + 0.125 * exact;
        ck_assert_msg(fabs((double)rtt.smoothed - smoothed) < 20 &&
                          fabs((double)rtt.variation - variation) < 20,
                      "seed %llx sample %d", (unsigned long long)SEED, i);
    }
}
END_TEST

START_TEST(a_steady_link_loses_its_variation) {
    struct bl_rtt rtt = {0};
    for (int i = 0; i < 100; i++) {
        bl_rtt_sample(&rtt, 200 * MS);
    }
    ck_assert_int_eq(rtt.smoothed, 200 * MS);
    ck_assert_int_eq(bl_rtt_timeout(&rtt), 225 * MS);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, before_a_sample_the_timeout_is_the_first_guess);
    tcase_add_test(tests, the_first_sample_is_the_estimate_and_half_of_it_the_variation);
    tcase_add_test(tests, samples_are_smoothed_as_in_rfc_6298);
    tcase_add_test(tests, a_sample_below_a_millisecond_counts_as_one);
    tcase_add_loop_test(tests, the_timeout_has_a_margin_a_floor_and_a_ceiling, 0,
                        COUNT_OF(timeouts));
    tcase_add_test(tests, ten_thousand_samples_stay_beside_the_exact_arithmetic);
    tcase_add_test(tests, a_steady_link_loses_its_variation);
}

TEST_MAIN("session/rtt", add_tests)
