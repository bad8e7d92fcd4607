/* Token buckets: what passes over time, and who shares with whom. */
#include "lib/secure/rate.h"

#include "tests/support/test.h"
#include <belay/limits.h>
#include <stdio.h>
#include <string.h>

#define YEAR (INT64_C(365) * 24 * 3600 * BL_SECOND)

static struct bl_memory memory;
static struct bl_random random;
static struct bl_rate_table table;

static void start_with(struct bl_rate narrow, struct bl_rate wide) {
    bl_rate_table_finish(&table);
    ck_assert_int_eq(bl_rate_table_init(&table, &memory, &random, narrow, wide), BELAY_OK);
}

static void start(void) {
    bl_memory_init(&memory, NULL, 0);
    bl_random_init_seeded(&random, 5);
    start_with((struct bl_rate){10, 5}, (struct bl_rate){100, 1000});
}

static void finish(void) {
    bl_rate_table_finish(&table);
    ck_assert_uint_eq(memory.used, 0);
}

static bool take_at(const char *text, bl_time now) {
    struct bl_address address;
    ck_assert_int_eq(bl_address_parse(&address, text, false), BELAY_OK);
    return bl_rate_table_take(&table, &address, now);
}

/** How many of @p tries pass at one time. */
static unsigned passed(const char *text, unsigned tries, bl_time now) {
    unsigned count = 0;
    for (unsigned i = 0; i < tries; i++) {
        count += take_at(text, now);
    }
    return count;
}

START_TEST(a_bucket_gives_its_burst_and_then_its_rate) {
    const struct bl_rate rate = {10, 5};
    struct bl_bucket bucket = {0};
    for (int i = 0; i < 5; i++) {
        ck_assert(bl_bucket_take(&bucket, &rate, 1, BL_SECOND));
    }
    ck_assert(!bl_bucket_take(&bucket, &rate, 1, BL_SECOND));
    ck_assert(!bl_bucket_take(&bucket, &rate, 1, BL_SECOND + BL_SECOND / 10 - 1));
    ck_assert(bl_bucket_take(&bucket, &rate, 1, BL_SECOND + BL_SECOND / 10));
    ck_assert(!bl_bucket_take(&bucket, &rate, 1, BL_SECOND + BL_SECOND / 10));
}
END_TEST

START_TEST(an_idle_bucket_holds_its_burst_and_no_more) {
    const struct bl_rate rate = {1000, 3};
    struct bl_bucket bucket = {0};
    ck_assert(bl_bucket_take(&bucket, &rate, 3, 0));
    ck_assert(!bl_bucket_take(&bucket, &rate, 4, YEAR));
    ck_assert(bl_bucket_take(&bucket, &rate, 3, YEAR));
    ck_assert(!bl_bucket_take(&bucket, &rate, 1, YEAR));
}
END_TEST

/* 2^33 nanoseconds at 2^31 a second: a product of 64 bits would be 0. */
START_TEST(a_long_pause_at_a_high_rate_does_not_overflow) {
    const struct bl_rate rate = {UINT32_C(1) << 31, UINT32_C(1) << 31};
    struct bl_bucket bucket = {0};
    ck_assert(bl_bucket_take(&bucket, &rate, rate.burst, 0));
    ck_assert(bl_bucket_take(&bucket, &rate, rate.burst, INT64_C(1) << 33));
    ck_assert(bl_bucket_take(&bucket, &rate, rate.burst, INT64_MAX));
}
END_TEST

START_TEST(what_is_refused_costs_nothing) {
    const struct bl_rate rate = {1, 10};
    struct bl_bucket bucket = {0};
    ck_assert(bl_bucket_take(&bucket, &rate, 4, 0));
    ck_assert(!bl_bucket_take(&bucket, &rate, 7, 0));
    ck_assert(bl_bucket_take(&bucket, &rate, 6, 0));
    ck_assert(bl_bucket_take(&bucket, &rate, 0, 0));
}
END_TEST

/* Rates that do not divide a second, asked at intervals that divide nothing. */
static const struct drift {
    uint32_t per_second, burst, amount;
    bl_duration interval;
    uint32_t seconds;
} drifts[] = {
    {3, 1, 1, 1000003, 1000},
    {7, 20, 1, 999, 1},
    {1000000007, 1500, 1200, 997, 1},
    {999983, 3000, 1200, 100003, 100},
    {UINT32_MAX - 1, UINT32_MAX, 1199, 101, 1},
    {1, 1, 1, 777777777, 3000000},
};

START_TEST(over_any_time_exactly_the_rate_passes) {
    const struct drift *drift = &drifts[_i];
    const struct bl_rate rate = {drift->per_second, drift->burst};
    const bl_time began = 40 * YEAR;
    const bl_time end = began + drift->seconds * BL_SECOND;
    struct bl_bucket bucket = {.at = began};
    uint64_t given = 0;
    uint64_t asked = 0;
    bl_time now = began;
    for (; now < end; now += drift->interval, asked += drift->amount) {
        given += bl_bucket_take(&bucket, &rate, drift->amount, now) ? drift->amount : 0;
    }
    /* All that flowed in is given, or still there: less than one more would have taken. */
    uint64_t seconds = (uint64_t)(now - drift->interval - began) / (uint64_t)BL_SECOND;
    uint64_t rest = (uint64_t)(now - drift->interval - began) % (uint64_t)BL_SECOND;
    uint64_t most =
        drift->burst + seconds * drift->per_second + rest * drift->per_second / (uint64_t)BL_SECOND;
    most = asked < most ? asked : most;
    ck_assert_msg(given <= most, "%llu of %llu", (unsigned long long)given,
                  (unsigned long long)most);
    ck_assert_msg(given + drift->amount >= most || drift->burst < 2 * drift->amount, "%llu of %llu",
                  (unsigned long long)given, (unsigned long long)most);
}
END_TEST

/* The bucket against one that computes what has flowed in as a whole. */
START_TEST(a_bucket_agrees_with_the_sum_of_what_flowed) {
    struct bl_random chance;
    bl_random_init_seeded(&chance, (uint64_t)_i);
    const struct bl_rate rate = {1 + (uint32_t)bl_random_below(&chance, 100000),
                                 1 + (uint32_t)bl_random_below(&chance, 5000)};
    struct bl_bucket bucket = {0};
    bl_time now = (bl_time)bl_random_below(&chance, YEAR);
    bl_time full_at = now; /* when the model was full last, or since */
    uint64_t taken = 0;    /* since then */
    for (int i = 0; i < 20000; i++) {
        now += (bl_time)bl_random_below(&chance, bl_random_chance(&chance, 0.01) ? BL_SECOND
                                                                                 : BL_MILLISECOND);
        uint64_t flowed = (uint64_t)(now - full_at) * rate.per_second;
        if (flowed >= taken * UINT64_C(1000000000)) {
            full_at = now;
            taken = 0;
            flowed = 0;
        }
        uint32_t amount = (uint32_t)bl_random_below(&chance, rate.burst + 1);
        bool wanted =
            (taken + amount) * UINT64_C(1000000000) <= rate.burst * UINT64_C(1000000000) + flowed;
        ck_assert_msg(bl_bucket_take(&bucket, &rate, amount, now) == wanted, "seed %d, step %d", _i,
                      i);
        taken += wanted ? amount : 0;
    }
}
END_TEST

START_TEST(no_limit_is_none) {
    const struct bl_rate rate = {BELAY_FOREVER, 0};
    struct bl_bucket bucket = {0};
    for (int i = 0; i < 100; i++) {
        ck_assert(bl_bucket_take(&bucket, &rate, UINT32_MAX, 0));
    }
}
END_TEST

START_TEST(a_rate_of_zero_gives_its_burst_once) {
    const struct bl_rate rate = {0, 2};
    struct bl_bucket bucket = {0};
    ck_assert(bl_bucket_take(&bucket, &rate, 2, 0));
    ck_assert(!bl_bucket_take(&bucket, &rate, 1, BL_TIME_NEVER));
}
END_TEST

START_TEST(a_clock_that_stands_refills_nothing) {
    const struct bl_rate rate = {1000, 1};
    struct bl_bucket bucket = {0};
    ck_assert(bl_bucket_take(&bucket, &rate, 1, BL_SECOND));
    ck_assert(!bl_bucket_take(&bucket, &rate, 1, BL_SECOND));
    ck_assert(!bl_bucket_take(&bucket, &rate, 1, BL_SECOND / 2));
    ck_assert(!bl_bucket_take(&bucket, &rate, 1, BL_SECOND));
    ck_assert(bl_bucket_take(&bucket, &rate, 1, BL_SECOND + BL_MILLISECOND));
}
END_TEST

/* Whether the second address is out of tokens once the first has used up the narrow rate. */
static const struct neighbours {
    const char *first, *second;
    bool narrow, wide; /* which prefixes they share */
} neighbours[] = {
    {"192.0.2.1:1000", "192.0.2.1:2000", true, true},
    {"192.0.2.1:1000", "192.0.2.254:1000", false, true},
    {"192.0.2.1:1000", "192.0.3.1:1000", false, false},
    {"192.0.2.1:1000", "193.0.2.1:1000", false, false},
    {"[2001:db8:1:2::1]:1", "[2001:db8:1:2:ffff:ffff:ffff:ffff]:1", true, true},
    {"[2001:db8:1:2::1]:1", "[2001:db8:1:3::1]:1", false, true},
    {"[2001:db8:1:2::1]:1", "[2001:db8:1:ffff::1]:1", false, true},
    {"[2001:db8:1:2::1]:1", "[2001:db8:2:2::1]:1", false, false},
    {"192.0.2.1:1000", "[c000:201::]:1000", false, false},
};

START_TEST(sources_share_the_narrow_rate_by_prefix) {
    const struct neighbours *row = &neighbours[_i];
    ck_assert_uint_eq(passed(row->first, 20, 0), 5);
    ck_assert_msg(take_at(row->second, 0) == !row->narrow, "%s and %s", row->first, row->second);
}
END_TEST

START_TEST(sources_share_the_wide_rate_by_prefix) {
    const struct neighbours *row = &neighbours[_i];
    start_with((struct bl_rate){10, 100}, (struct bl_rate){10, 7});
    ck_assert_uint_eq(passed(row->first, 20, 0), 7);
    ck_assert_msg(take_at(row->second, 0) == !row->wide, "%s and %s", row->first, row->second);
}
END_TEST

START_TEST(a_source_over_its_rate_costs_its_neighbours_nothing) {
    start_with((struct bl_rate){10, 5}, (struct bl_rate){10, 8});
    ck_assert_uint_eq(passed("192.0.2.1:1", 1000, 0), 5);
    ck_assert_uint_eq(passed("192.0.2.2:1", 1000, 0), 3);
    ck_assert_uint_eq(passed("192.0.2.1:1", 1000, BL_SECOND / 5), 2);
}
END_TEST

START_TEST(neighbours_over_the_wide_rate_keep_what_is_their_own) {
    start_with((struct bl_rate){0, 5}, (struct bl_rate){10, 1});
    ck_assert_uint_eq(passed("192.0.2.1:1", 1000, 0), 1);
    for (int i = 1; i <= 4; i++) { /* its own four more are still there when the wide one refills */
        ck_assert_uint_eq(passed("192.0.2.1:1", 1000, i * BL_SECOND), 1);
    }
    ck_assert_uint_eq(passed("192.0.2.1:1", 1000, 5 * BL_SECOND), 0);
}
END_TEST

START_TEST(either_limit_can_be_left_out) {
    start_with((struct bl_rate){BELAY_FOREVER, 0}, (struct bl_rate){10, 7});
    ck_assert_uint_eq(passed("192.0.2.1:1", 100, 0), 7);
    start_with((struct bl_rate){10, 7}, (struct bl_rate){BELAY_FOREVER, 0});
    ck_assert_uint_eq(passed("192.0.2.1:1", 100, 0), 7);
    start_with((struct bl_rate){BELAY_FOREVER, 0}, (struct bl_rate){BELAY_FOREVER, 0});
    ck_assert_uint_eq(passed("192.0.2.1:1", 100, 0), 100);
}
END_TEST

START_TEST(no_number_of_sources_costs_memory) {
    size_t before = memory.used;
    struct bl_address address = {.ip = {0x20, 0x01}};
    unsigned count = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        memcpy(address.ip + 2, &i, sizeof i);
        count += bl_rate_table_take(&table, &address, 0);
    }
    ck_assert_uint_eq(memory.used, before);
    /* Each bucket gives its burst of 5, whoever comes. */
    ck_assert_uint_le(count, 5 * BL_RATE_BUCKETS);
    ck_assert_uint_ge(count, 5 * BL_RATE_BUCKETS * 9 / 10);
}
END_TEST

/** Whether two addresses share a bucket under the secret that this table has drawn. */
static bool share(const char *a, const char *b) {
    start_with((struct bl_rate){0, 1}, (struct bl_rate){BELAY_FOREVER, 0});
    return take_at(a, 0) && !take_at(b, 0);
}

START_TEST(who_shares_by_chance_is_another_with_each_secret) {
    char text[32];
    unsigned same = 0;
    unsigned i = 0;
    do {
        ck_assert_uint_lt(i, 100000);
        snprintf(text, sizeof text, "10.%u.%u.1:1", i / 250, i % 250);
        i++;
    } while (!share("192.0.2.1:1", text));
    for (int again = 0; again < 50; again++) {
        same += share("192.0.2.1:1", text);
    }
    ck_assert_uint_le(same, 2);
}
END_TEST

START_TEST(without_memory_there_is_no_table) {
    struct bl_rate_table none = {0};
    const struct bl_rate rate = {1, 1};
    memory.used_max = memory.used + 1000;
    ck_assert_int_eq(bl_rate_table_init(&none, &memory, &random, rate, rate), BELAY_E_NO_MEMORY);
    bl_rate_table_finish(&none);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, a_bucket_gives_its_burst_and_then_its_rate);
    tcase_add_test(tests, an_idle_bucket_holds_its_burst_and_no_more);
    tcase_add_test(tests, a_long_pause_at_a_high_rate_does_not_overflow);
    tcase_add_test(tests, what_is_refused_costs_nothing);
    tcase_add_loop_test(tests, over_any_time_exactly_the_rate_passes, 0, COUNT_OF(drifts));
    tcase_add_loop_test(tests, a_bucket_agrees_with_the_sum_of_what_flowed, 0, 20);
    tcase_add_test(tests, no_limit_is_none);
    tcase_add_test(tests, a_rate_of_zero_gives_its_burst_once);
    tcase_add_test(tests, a_clock_that_stands_refills_nothing);
    tcase_add_loop_test(tests, sources_share_the_narrow_rate_by_prefix, 0, COUNT_OF(neighbours));
    tcase_add_loop_test(tests, sources_share_the_wide_rate_by_prefix, 0, COUNT_OF(neighbours));
    tcase_add_test(tests, a_source_over_its_rate_costs_its_neighbours_nothing);
    tcase_add_test(tests, neighbours_over_the_wide_rate_keep_what_is_their_own);
    tcase_add_test(tests, either_limit_can_be_left_out);
    tcase_add_test(tests, no_number_of_sources_costs_memory);
    tcase_add_test(tests, who_shares_by_chance_is_another_with_each_secret);
    tcase_add_test(tests, without_memory_there_is_no_table);
}
TEST_MAIN("secure/rate", add_tests)
