#include "common/random.h"
#include "tests/support/test.h"
#include <string.h>

/** The first outputs of xoshiro256** from state 1, 2, 3, 4, as other implementations publish them.
 */
static const uint64_t published[] = {
    UINT64_C(11520),
    UINT64_C(0),
    UINT64_C(1509978240),
    UINT64_C(1215971899390074240),
    UINT64_C(1216172134540287360),
    UINT64_C(607988272756665600),
    UINT64_C(16172922978634559625),
    UINT64_C(8476171486693032832),
    UINT64_C(10595114339597558777),
    UINT64_C(2904607092377533576),
};

START_TEST(the_generator_gives_the_published_numbers) {
    struct bl_random random = {.seeded = true, .state = {1, 2, 3, 4}};
    for (size_t i = 0; i < COUNT_OF(published); i++) {
        ck_assert_uint_eq(bl_random_u64(&random), published[i]);
    }
}
END_TEST

START_TEST(the_seed_is_spread_as_published) {
    struct bl_random random;
    bl_random_init_seeded(&random, 0);
    ck_assert_uint_eq(random.state[0], UINT64_C(0xE220A8397B1DCDAF));
    ck_assert_uint_eq(random.state[1], UINT64_C(0x6E789E6AA1B965F4));
    ck_assert_uint_eq(random.state[2], UINT64_C(0x06C45D188009454F));
    ck_assert_uint_eq(random.state[3], UINT64_C(0xF88BB8A8724C81EC));
}
END_TEST

START_TEST(a_seed_gives_the_same_bytes_on_every_machine) {
    struct bl_random random = {.seeded = true, .state = {1, 2, 3, 4}};
    uint8_t bytes[11];
    bl_random_bytes(&random, bytes, sizeof(bytes));
    ck_assert_int_eq(memcmp(bytes, "\x00\x2D\x00\x00\x00\x00\x00\x00\x00\x00\x00", 11), 0);
    /* The second number was begun, so the third is next. */
    ck_assert_uint_eq(bl_random_u64(&random), published[2]);
}
END_TEST

START_TEST(other_seeds_give_other_numbers) {
    struct bl_random a, b;
    bl_random_init_seeded(&a, 7);
    bl_random_init_seeded(&b, 8);
    ck_assert_uint_ne(bl_random_u64(&a), bl_random_u64(&b));
}
END_TEST

START_TEST(the_systems_numbers_are_not_repeated) {
    struct bl_random random;
    bl_random_init_system(&random);
    uint8_t a[32] = {0}, b[32] = {0};
    bl_random_bytes(&random, a, sizeof(a));
    bl_random_bytes(&random, b, sizeof(b));
    ck_assert_int_ne(memcmp(a, b, sizeof(a)), 0);
    ck_assert_uint_ne(bl_random_u64(&random), bl_random_u64(&random));
    bl_random_init_system(&random);
    uint8_t c[32] = {0};
    bl_random_bytes(&random, c, sizeof(c));
    ck_assert_int_ne(memcmp(a, c, sizeof(a)), 0);
}
END_TEST

START_TEST(exactly_the_bytes_asked_for_are_written) {
    struct bl_random random;
    for (size_t size = 0; size <= 24; size++) {
        uint8_t bytes[26];
        memset(bytes, 0xEE, sizeof(bytes));
        if (_i == 0) {
            bl_random_init_seeded(&random, size);
        } else {
            bl_random_init_system(&random);
        }
        bl_random_bytes(&random, bytes + 1, size);
        ck_assert_uint_eq(bytes[0], 0xEE);
        ck_assert_uint_eq(bytes[size + 1], 0xEE);
        size_t untouched = 0;
        for (size_t i = 1; i <= size; i++) {
            untouched += bytes[i] == 0xEE;
        }
        ck_assert_uint_le(untouched, size < 3 ? size : 2);
    }
}
END_TEST

START_TEST(below_stays_below_and_reaches_everything) {
    struct bl_random random;
    bl_random_init_seeded(&random, 99);
    ck_assert_uint_eq(bl_random_below(&random, 0), 0);
    ck_assert_uint_eq(bl_random_below(&random, 1), 0);
    uint32_t hits[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t value = bl_random_below(&random, 7);
        ck_assert_uint_lt(value, 7);
        hits[value]++;
    }
    for (size_t i = 0; i < 7; i++) {
        /* 10,000 expected, standard deviation 93: within five of them. */
        ck_assert_uint_gt(hits[i], 9535);
        ck_assert_uint_lt(hits[i], 10465);
    }
}
END_TEST

START_TEST(below_is_even_for_a_bound_that_does_not_divide_the_range) {
    /* With 3 * 2^62 a plain remainder would give the lowest third half of the values. */
    struct bl_random random;
    bl_random_init_seeded(&random, 5);
    uint64_t bound = UINT64_C(3) << 62;
    uint32_t thirds[3] = {0};
    for (int i = 0; i < 30000; i++) {
        uint64_t value = bl_random_below(&random, bound);
        ck_assert_uint_lt(value, bound);
        thirds[value >> 62]++;
    }
    for (size_t i = 0; i < 3; i++) {
        /* 10,000 expected, standard deviation 82. */
        ck_assert_uint_gt(thirds[i], 9590);
        ck_assert_uint_lt(thirds[i], 10410);
    }
}
END_TEST

static const struct chance {
    double probability;
    uint32_t low, high; /* of 10,000; five standard deviations around the expected */
} chances[] = {
    {-1, 0, 0},        {0, 0, 0},          {0.01, 50, 150},   {0.3, 2770, 3230},
    {0.5, 4750, 5250}, {0.99, 9850, 9950}, {1, 10000, 10000}, {2, 10000, 10000},
};

START_TEST(a_chance_comes_as_often_as_it_says) {
    const struct chance *row = &chances[_i];
    struct bl_random random;
    bl_random_init_seeded(&random, 1234);
    uint32_t hits = 0;
    for (int i = 0; i < 10000; i++) {
        hits += bl_random_chance(&random, row->probability);
    }
    ck_assert_msg(hits >= row->low && hits <= row->high, "probability %f, seed 1234: %u of 10,000",
                  row->probability, hits);
}
END_TEST

START_TEST(a_chance_draws_one_number_whatever_its_probability) {
    struct bl_random random, other;
    bl_random_init_seeded(&random, 3);
    bl_random_init_seeded(&other, 3);
    bl_random_chance(&random, chances[_i].probability);
    bl_random_u64(&other);
    ck_assert_uint_eq(bl_random_u64(&random), bl_random_u64(&other));
}
END_TEST

START_TEST(the_hash_is_siphash_as_published) {
    /* Aumasson and Bernstein, "SipHash", 2012, appendix A: key 00 to 0f, message 00 to 0e. */
    uint8_t secret[BL_SIPHASH_SECRET_SIZE], message[15];
    for (uint8_t i = 0; i < sizeof(secret); i++) {
        secret[i] = i;
    }
    memcpy(message, secret, sizeof(message));
    uint64_t hash = bl_siphash(secret, message, sizeof(message));
    ck_assert_int_eq(memcmp(&hash, "\xE5\x45\xBE\x49\x61\xCA\x29\xA1", sizeof(hash)), 0);
    secret[15] ^= 1;
    ck_assert_uint_ne(bl_siphash(secret, message, sizeof(message)), hash);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, the_generator_gives_the_published_numbers);
    tcase_add_test(tests, the_seed_is_spread_as_published);
    tcase_add_test(tests, a_seed_gives_the_same_bytes_on_every_machine);
    tcase_add_test(tests, other_seeds_give_other_numbers);
    tcase_add_test(tests, the_systems_numbers_are_not_repeated);
    tcase_add_loop_test(tests, exactly_the_bytes_asked_for_are_written, 0, 2);
    tcase_add_test(tests, below_stays_below_and_reaches_everything);
    tcase_add_test(tests, below_is_even_for_a_bound_that_does_not_divide_the_range);
    tcase_add_loop_test(tests, a_chance_comes_as_often_as_it_says, 0, COUNT_OF(chances));
    tcase_add_loop_test(tests, a_chance_draws_one_number_whatever_its_probability, 0,
                        COUNT_OF(chances));
    tcase_add_test(tests, the_hash_is_siphash_as_published);
}

TEST_MAIN("common/random", add_tests)
