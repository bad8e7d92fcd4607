#define _GNU_SOURCE
#include "common/hash_map.h"
#include "tests/support/child.h"
#include "tests/support/test.h"
#include <stdint.h>
#include <string.h>

static struct bl_memory memory;
static struct bl_random randomness;
static struct bl_hash_map map;

static void make_map(void) {
    bl_memory_init(&memory, NULL, 0);
    bl_random_init_seeded(&randomness, 1);
    bl_hash_map_init(&map, &memory, &randomness);
}

static void finish_map(void) {
    bl_hash_map_finish(&map);
    ck_assert_uint_eq(memory.used, 0);
}

struct key {
    uint8_t bytes[BL_HASH_KEY_SIZE];
};

/** Key number @p number: counted keys, as user ids of a login service may be. */
static struct key key_of(uint64_t number) {
    struct key key = {{0}};
    memcpy(key.bytes, &number, sizeof(number));
    return key;
}

START_TEST(a_key_holds_what_was_put_last) {
    int first, second;
    struct key key = key_of(1);
    ck_assert_ptr_null(bl_hash_map_get(&map, key.bytes));
    ck_assert_int_eq(bl_hash_map_put(&map, key.bytes, &first), BELAY_OK);
    ck_assert_ptr_eq(bl_hash_map_get(&map, key.bytes), &first);
    ck_assert_int_eq(bl_hash_map_put(&map, key.bytes, &second), BELAY_OK);
    ck_assert_ptr_eq(bl_hash_map_get(&map, key.bytes), &second);
    ck_assert_uint_eq(map.count, 1);
    ck_assert_ptr_eq(bl_hash_map_remove(&map, key.bytes), &second);
    ck_assert_ptr_null(bl_hash_map_remove(&map, key.bytes));
    ck_assert_ptr_null(bl_hash_map_get(&map, key.bytes));
    ck_assert_uint_eq(map.count, 0);
}
END_TEST

START_TEST(keys_that_differ_in_one_byte_are_two_keys) {
    /* So many that some share a home, where only the whole key tells them apart. */
    static char values[UINT8_MAX + 1];
    struct key key = {{0}};
    for (int value = 0; value <= UINT8_MAX; value++) {
        key.bytes[_i] = (uint8_t)value;
        ck_assert_int_eq(bl_hash_map_put(&map, key.bytes, &values[value]), BELAY_OK);
    }
    ck_assert_uint_eq(map.count, UINT8_MAX + 1);
    for (int value = 0; value <= UINT8_MAX; value++) {
        key.bytes[_i] = (uint8_t)value;
        ck_assert_ptr_eq(bl_hash_map_get(&map, key.bytes), &values[value]);
    }
}
END_TEST

/*
 * The model: an array indexed by the key's number. Few keys and many removals, so that runs of
 * entries form, wrap around the end of the table and are broken up again.
 */
#define MODEL_KEYS       600
#define MODEL_OPERATIONS 200000

static const uint64_t seeds[] = {1, 2, 3, 0xBE1A};

/** So many facts that only one that fails is worth Check's own bookkeeping. */
#define CHECK(fact, seed, step)                                                                    \
    do {                                                                                           \
        if (!(fact)) {                                                                             \
            ck_abort_msg("seed %llu, step %u: %s", (unsigned long long)(seed), (step), #fact);     \
        }                                                                                          \
    } while (0)

START_TEST(random_operations_agree_with_a_plain_array) {
    uint64_t seed = seeds[_i];
    struct bl_random random;
    bl_random_init_seeded(&random, seed);
    static char values[64];
    static char *model[MODEL_KEYS];
    uint32_t model_count = 0;
    uint64_t key_count = MODEL_KEYS;

    for (uint32_t step = 0; step < MODEL_OPERATIONS; step++) {
        if (step % 10000 == 0) {
            key_count = 5 + bl_random_below(&random, MODEL_KEYS - 5);
        }
        uint64_t number = bl_random_below(&random, key_count);
        struct key key = key_of(number);
        char *value = NULL;
        if (bl_random_chance(&random, 0.5)) {
            value = &values[bl_random_below(&random, sizeof(values))];
            CHECK(bl_hash_map_put(&map, key.bytes, value) == BELAY_OK, seed, step);
        } else {
            CHECK(bl_hash_map_remove(&map, key.bytes) == model[number], seed, step);
        }
        model_count = model_count + (value != NULL) - (model[number] != NULL);
        model[number] = value;

        number = bl_random_below(&random, MODEL_KEYS);
        CHECK(bl_hash_map_get(&map, key_of(number).bytes) == model[number], seed, step);
        CHECK(map.count == model_count, seed, step);
        CHECK(map.count <= map.capacity / 4 * 3, seed, step);
    }
    for (uint32_t number = 0; number < MODEL_KEYS; number++) {
        CHECK(bl_hash_map_remove(&map, key_of(number).bytes) == model[number], seed, number);
    }
    ck_assert_uint_eq(map.count, 0);
}
END_TEST

START_TEST(a_hundred_thousand_keys_are_found) {
    static char values[100000];
    uint32_t wrong_count = 0;
    for (uint64_t i = 0; i < sizeof(values); i++) {
        wrong_count += bl_hash_map_put(&map, key_of(i).bytes, &values[i]) != BELAY_OK;
    }
    for (uint64_t i = 0; i < sizeof(values); i++) {
        wrong_count += bl_hash_map_get(&map, key_of(i).bytes) != &values[i];
    }
    ck_assert_uint_eq(wrong_count, 0);
    ck_assert_ptr_null(bl_hash_map_get(&map, key_of(sizeof(values)).bytes));
}
END_TEST

START_TEST(without_memory_a_put_fails_and_changes_nothing) {
    int value, other;
    memory.used_max = 1000;
    uint64_t count = 0;
    enum belay_result result;
    while ((result = bl_hash_map_put(&map, key_of(count).bytes, &value)) == BELAY_OK) {
        count++;
        ck_assert_uint_lt(count, 1000);
    }
    ck_assert_int_eq(result, BELAY_E_NO_MEMORY);
    ck_assert_uint_gt(count, 5);
    ck_assert_uint_eq(map.count, count);
    ck_assert_ptr_null(bl_hash_map_get(&map, key_of(count).bytes));
    for (uint64_t i = 0; i < count; i++) {
        ck_assert_ptr_eq(bl_hash_map_get(&map, key_of(i).bytes), &value);
    }
    /* A key that is there needs no room. */
    ck_assert_int_eq(bl_hash_map_put(&map, key_of(0).bytes, &other), BELAY_OK);
    ck_assert_ptr_eq(bl_hash_map_get(&map, key_of(0).bytes), &other);
}
END_TEST

START_TEST(two_maps_have_two_secrets) {
    struct bl_hash_map other;
    bl_hash_map_init(&other, &memory, &randomness);
    ck_assert_int_ne(memcmp(map.secret, other.secret, sizeof(map.secret)), 0);
    bl_hash_map_finish(&other);
}
END_TEST

START_TEST(the_systems_secret_serves_as_well) {
    struct bl_random system;
    bl_random_init_system(&system);
    struct bl_hash_map other;
    bl_hash_map_init(&other, &memory, &system);
    int value;
    ck_assert_int_eq(bl_hash_map_put(&other, key_of(5).bytes, &value), BELAY_OK);
    ck_assert_ptr_eq(bl_hash_map_get(&other, key_of(5).bytes), &value);
    bl_hash_map_finish(&other);
}
END_TEST

START_TEST(zeroed_and_finished_maps_are_empty_and_can_be_finished) {
    struct bl_hash_map zeroed = {0};
    ck_assert_ptr_null(bl_hash_map_get(&zeroed, key_of(1).bytes));
    ck_assert_ptr_null(bl_hash_map_remove(&zeroed, key_of(1).bytes));
    bl_hash_map_finish(&zeroed);

    int value;
    bl_hash_map_put(&map, key_of(1).bytes, &value);
    bl_hash_map_finish(&map);
    bl_hash_map_finish(&map);
    ck_assert_ptr_null(bl_hash_map_get(&map, key_of(1).bytes));
}
END_TEST

static void put_no_value(void) {
    bl_hash_map_put(&map, key_of(1).bytes, NULL);
}

static void (*const mistakes[])(void) = {
    put_no_value,
};

START_TEST(a_mistake_of_the_caller_is_asserted) {
    ck_assert(is_asserted(mistakes[_i]));
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, make_map, finish_map);
    tcase_add_test(tests, a_key_holds_what_was_put_last);
    tcase_add_loop_test(tests, keys_that_differ_in_one_byte_are_two_keys, 0, BL_HASH_KEY_SIZE);
    tcase_add_loop_test(tests, random_operations_agree_with_a_plain_array, 0, COUNT_OF(seeds));
    tcase_add_test(tests, a_hundred_thousand_keys_are_found);
    tcase_add_test(tests, without_memory_a_put_fails_and_changes_nothing);
    tcase_add_test(tests, two_maps_have_two_secrets);
    tcase_add_test(tests, the_systems_secret_serves_as_well);
    tcase_add_test(tests, zeroed_and_finished_maps_are_empty_and_can_be_finished);
    tcase_add_loop_test(tests, a_mistake_of_the_caller_is_asserted, 0, COUNT_OF(mistakes));
}

TEST_MAIN("common/hash_map", add_tests)
