#include "common/histogram.h"
#include "common/random.h"
#include "tests/support/test.h"
#include <string.h>

#define SAMPLE_COUNT 20000

static int compare(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/** Values of every size, none more likely than another: latencies are spread like this. */
static uint64_t draw(struct bl_random *random, unsigned bits_max) {
    unsigned bits = (unsigned)bl_random_below(random, bits_max + 1);
    return bits == 0 ? 0 : bl_random_u64(random) >> (64 - bits);
}

/** The true percentile: the smallest sample that so many percent do not exceed. */
static uint64_t true_percentile(const uint64_t *sorted, double percent) {
    uint64_t rank = 1;
    while ((double)rank * 100.0 < percent * SAMPLE_COUNT) {
        rank++;
    }
    return sorted[rank - 1];
}

static const double percents[] = {0, 0.001, 1, 10, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100};
static const unsigned bits_max[] = {6, 10, 20, 40, 63, 64};

START_TEST(a_percentile_is_at_most_a_32nd_above_the_true_one_and_never_below) {
    static uint64_t samples[SAMPLE_COUNT];
    static struct bl_histogram histogram;
    struct bl_random random;
    uint64_t seed = 40 + (uint64_t)_i;
    bl_random_init_seeded(&random, seed);
    bl_histogram_init(&histogram);
    uint64_t sum = 0;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        samples[i] = draw(&random, bits_max[_i]);
        sum += samples[i];
        bl_histogram_add(&histogram, samples[i]);
    }
    qsort(samples, SAMPLE_COUNT, sizeof(samples[0]), compare);
    ck_assert_uint_eq(histogram.count, SAMPLE_COUNT);
    ck_assert_uint_eq(histogram.sum, sum);
    ck_assert_uint_eq(histogram.min, samples[0]);
    ck_assert_uint_eq(histogram.max, samples[SAMPLE_COUNT - 1]);
    for (size_t i = 0; i < COUNT_OF(percents); i++) {
        uint64_t expected = true_percentile(samples, percents[i]);
        uint64_t got = bl_histogram_percentile(&histogram, percents[i]);
        ck_assert_msg(got >= expected && got - expected <= expected / 32,
                      "seed %llu: p%g is %llu, not %llu", (unsigned long long)seed, percents[i],
                      (unsigned long long)got, (unsigned long long)expected);
    }
    ck_assert_uint_eq(bl_histogram_percentile(&histogram, 100), histogram.max);
}
END_TEST

START_TEST(values_below_64_are_exact) {
    static struct bl_histogram histogram;
    bl_histogram_init(&histogram);
    for (uint64_t value = 0; value < 64; value++) {
        bl_histogram_add(&histogram, value);
    }
    bl_histogram_add(&histogram, UINT64_MAX); /* so that no answer is cut by the maximum */
    for (uint64_t value = 0; value < 64; value++) {
        double percent = (double)(value + 1) * 100.0 / 65.0 - 0.1;
        ck_assert_uint_eq(bl_histogram_percentile(&histogram, percent), value);
    }
}
END_TEST

START_TEST(each_value_lies_in_a_bucket_of_its_own_size) {
    /* Around every power of two: one value alone, with the largest above it. */
    static struct bl_histogram histogram;
    uint64_t power = UINT64_C(1) << _i;
    const uint64_t values[] = {power - 1, power, power + 1, power + power / 2};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        bl_histogram_init(&histogram);
        bl_histogram_add(&histogram, values[i]);
        bl_histogram_add(&histogram, UINT64_MAX);
        uint64_t got = bl_histogram_percentile(&histogram, 50);
        ck_assert_uint_ge(got, values[i]);
        ck_assert_uint_le(got - values[i], values[i] / 32);
        ck_assert_uint_eq(bl_histogram_percentile(&histogram, 51), UINT64_MAX);
    }
}
END_TEST

START_TEST(a_percentage_that_is_no_whole_number_of_values_rounds_up) {
    static struct bl_histogram histogram;
    bl_histogram_init(&histogram);
    for (uint64_t value = 1; value <= 10; value++) {
        bl_histogram_add(&histogram, value);
    }
    static const struct {
        double percent;
        uint64_t value;
    } rows[] = {
        {-5, 1}, {0, 1}, {10, 1}, {10.1, 2}, {50, 5}, {59.9, 6}, {90, 9}, {90.1, 10}, {400, 10},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        ck_assert_msg(bl_histogram_percentile(&histogram, rows[i].percent) == rows[i].value, "p%g",
                      rows[i].percent);
    }
}
END_TEST

START_TEST(a_tail_percentile_is_not_rounded_past_its_rank) {
    /* 99.9 % of 1,000 is 999 values, which 0.999 * 1,000 in doubles is not quite. */
    static struct bl_histogram histogram;
    bl_histogram_init(&histogram);
    for (int i = 0; i < 999; i++) {
        bl_histogram_add(&histogram, 1);
    }
    bl_histogram_add(&histogram, 60);
    ck_assert_uint_eq(bl_histogram_percentile(&histogram, 99.9), 1);
    ck_assert_uint_eq(bl_histogram_percentile(&histogram, 99.91), 60);
}
END_TEST

START_TEST(an_empty_histogram_answers_zero) {
    static struct bl_histogram histogram;
    memset(&histogram, 0xFF, sizeof(histogram));
    bl_histogram_init(&histogram);
    ck_assert_uint_eq(bl_histogram_percentile(&histogram, 50), 0);
    ck_assert_uint_eq(histogram.min, 0);
    ck_assert_uint_eq(histogram.max, 0);
}
END_TEST

START_TEST(merged_halves_are_the_whole) {
    static struct bl_histogram whole, halves[2], merged;
    struct bl_random random;
    bl_random_init_seeded(&random, 77);
    bl_histogram_init(&whole);
    bl_histogram_init(&halves[0]);
    bl_histogram_init(&halves[1]);
    bl_histogram_init(&merged);
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        uint64_t value = 100 + draw(&random, 50);
        bl_histogram_add(&whole, value);
        bl_histogram_add(&halves[i % 2], value);
    }
    ck_assert_uint_ge(whole.min, 100);
    bl_histogram_merge(&merged, &halves[0]);
    bl_histogram_merge(&merged, &halves[1]);
    ck_assert_int_eq(memcmp(&merged, &whole, sizeof(whole)), 0);

    static const struct bl_histogram empty;
    bl_histogram_merge(&merged, &empty);
    ck_assert_int_eq(memcmp(&merged, &whole, sizeof(whole)), 0);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_percentile_is_at_most_a_32nd_above_the_true_one_and_never_below, 0,
                        COUNT_OF(bits_max));
    tcase_add_test(tests, values_below_64_are_exact);
    tcase_add_loop_test(tests, each_value_lies_in_a_bucket_of_its_own_size, 0, 64);
    tcase_add_test(tests, a_percentage_that_is_no_whole_number_of_values_rounds_up);
    tcase_add_test(tests, a_tail_percentile_is_not_rounded_past_its_rank);
    tcase_add_test(tests, an_empty_histogram_answers_zero);
    tcase_add_test(tests, merged_halves_are_the_whole);
}

TEST_MAIN("common/histogram", add_tests)
