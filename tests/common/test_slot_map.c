#define _GNU_SOURCE
#include "common/slot_map.h"
#include "tests/support/child.h"
#include "tests/support/test.h"
#include <stdint.h>

#define OBJECT_COUNT 10000

static int objects[OBJECT_COUNT];
static uint64_t handles[OBJECT_COUNT];
static uint8_t seen[OBJECT_COUNT];
static struct bl_memory memory;
static struct bl_slot_map map;

static void make_map(void) {
    bl_memory_init(&memory, NULL, 0);
    bl_slot_map_init(&map, &memory, OBJECT_COUNT);
}

static void finish_map(void) {
    bl_slot_map_finish(&map);
    ck_assert_uint_eq(memory.used, 0);
}

static void fill(uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        handles[i] = bl_slot_map_add(&map, &objects[i]);
    }
    ck_assert_uint_eq(map.count, count);
}

/** Asked so often that only a failure is worth Check's own bookkeeping. */
static size_t number_of(uint64_t handle) {
    const int *object = bl_slot_map_get(&map, handle);
    if (object == NULL) {
        ck_abort_msg("handle %llx names nothing", (unsigned long long)handle);
    }
    return (size_t)(object - objects);
}

START_TEST(ten_thousand_objects_are_found_by_their_handles) {
    fill(OBJECT_COUNT);
    size_t right_count = 0;
    for (size_t i = 0; i < OBJECT_COUNT; i++) {
        right_count += number_of(handles[i]) == i;
    }
    ck_assert_uint_eq(right_count, OBJECT_COUNT);
}
END_TEST

START_TEST(the_last_object_fits_and_one_more_does_not) {
    fill(OBJECT_COUNT);
    ck_assert_uint_eq(bl_slot_map_add(&map, &objects[0]), 0);
    bl_slot_map_remove(&map, handles[77]);
    ck_assert_uint_ne(bl_slot_map_add(&map, &objects[77]), 0);
    ck_assert_uint_eq(bl_slot_map_add(&map, &objects[0]), 0);
}
END_TEST

START_TEST(a_map_for_none_holds_none) {
    map.slot_max = 0;
    ck_assert_uint_eq(bl_slot_map_add(&map, &objects[0]), 0);
    ck_assert_uint_eq(bl_slot_map_next(&map, 0), 0);
}
END_TEST

START_TEST(a_stale_handle_names_nothing_even_when_its_slot_is_used_again) {
    fill(1);
    for (uint32_t i = 1; i < 1000; i++) {
        bl_slot_map_remove(&map, handles[i - 1]);
        handles[i] = bl_slot_map_add(&map, &objects[i]);
        ck_assert_uint_eq((uint32_t)handles[i], (uint32_t)handles[0]);
        uint32_t found_count = 0;
        for (uint32_t stale = 0; stale < i; stale++) {
            found_count += bl_slot_map_get(&map, handles[stale]) != NULL;
        }
        ck_assert_uint_eq(found_count, 0);
        bl_slot_map_remove(&map, handles[i - 1]);
        ck_assert_uint_eq(number_of(handles[i]), i);
    }
    ck_assert_uint_eq(map.count, 1);
}
END_TEST

START_TEST(an_invented_handle_names_nothing) {
    fill(100);
    bl_slot_map_remove(&map, handles[50]);
    const uint64_t invented[] = {
        0,
        1,
        50,
        100,
        UINT32_MAX,
        UINT64_MAX,
        UINT64_C(1) << 32,
        handles[99] + 1,
        handles[99] + 1000,
        handles[0] - 1,
        handles[3] + (UINT64_C(1) << 32),
        handles[3] - (UINT64_C(1) << 32),
        handles[50] + (UINT64_C(1) << 32), /* the next one of a free slot */
    };
    for (size_t i = 0; i < COUNT_OF(invented); i++) {
        ck_assert_ptr_null(bl_slot_map_get(&map, invented[i]));
        bl_slot_map_remove(&map, invented[i]);
    }
    ck_assert_uint_eq(map.count, 99);
}
END_TEST

START_TEST(a_slot_at_its_last_generation_is_retired) {
    map.slot_max = 2;
    fill(1);
    bl_slot_map_remove(&map, handles[0]);
    map.slots[0].generation = UINT32_MAX; /* as after 2^32 - 2 removals more */

    uint64_t last = bl_slot_map_add(&map, &objects[0]);
    ck_assert_uint_eq(last, (uint64_t)UINT32_MAX << 32 | (uint32_t)handles[0]);
    ck_assert_uint_eq(number_of(last), 0);
    bl_slot_map_remove(&map, last);
    ck_assert_ptr_null(bl_slot_map_get(&map, last));
    ck_assert_uint_eq(map.count, 0);

    /* The room stays the same: the map owns one slot more instead. */
    for (uint32_t i = 0; i < 2; i++) {
        handles[i] = bl_slot_map_add(&map, &objects[i]);
        ck_assert_uint_ne((uint32_t)handles[i], (uint32_t)last);
        ck_assert_uint_eq(number_of(handles[i]), i);
    }
    ck_assert_uint_ne(handles[0], handles[1]);
    ck_assert_uint_eq(bl_slot_map_add(&map, &objects[2]), 0);
    ck_assert_ptr_null(bl_slot_map_get(&map, last));
    ck_assert_uint_eq(bl_slot_map_next(&map, 0), handles[0]);
}
END_TEST

/** Enumerates; each object found is counted in seen[], then @p visit may remove what it likes. */
static void enumerate(void (*visit)(size_t object)) {
    for (uint64_t at = bl_slot_map_next(&map, 0); at != 0; at = bl_slot_map_next(&map, at)) {
        size_t object = number_of(at);
        seen[object]++;
        visit(object);
    }
}

static void remove_nothing(size_t object) {
    (void)object;
}

static void remove_current(size_t object) {
    bl_slot_map_remove(&map, handles[object]);
}

static void remove_next(size_t object) {
    if (object + 1 < OBJECT_COUNT) {
        bl_slot_map_remove(&map, handles[object + 1]);
    }
}

static void remove_previous(size_t object) {
    if (object > 0) {
        bl_slot_map_remove(&map, handles[object - 1]);
    }
}

static void remove_all(size_t object) {
    (void)object;
    for (size_t i = 0; i < OBJECT_COUNT; i++) {
        bl_slot_map_remove(&map, handles[i]);
    }
}

/** The slot is used again at once, by an object that the enumeration has already counted. */
static void replace_current(size_t object) {
    bl_slot_map_remove(&map, handles[object]);
    handles[object] = bl_slot_map_add(&map, &objects[object]);
}

static const struct enumeration {
    const char *name;
    void (*visit)(size_t object);
    uint32_t seen_count, left_count; /* each is seen at most once */
} enumerations[] = {
    {"remove nothing", remove_nothing, OBJECT_COUNT, OBJECT_COUNT},
    {"remove current", remove_current, OBJECT_COUNT, 0},
    {"remove next", remove_next, OBJECT_COUNT / 2, OBJECT_COUNT / 2},
    {"remove previous", remove_previous, OBJECT_COUNT, 1},
    {"remove all", remove_all, 1, 0},
    {"replace current", replace_current, OBJECT_COUNT, OBJECT_COUNT},
};

START_TEST(an_enumeration_sees_each_survivor_once_whatever_is_removed) {
    const struct enumeration *row = &enumerations[_i];
    fill(OBJECT_COUNT);
    enumerate(row->visit);
    uint32_t seen_count = 0;
    for (size_t i = 0; i < OBJECT_COUNT; i++) {
        seen_count += seen[i];
        bool survived = bl_slot_map_get(&map, handles[i]) != NULL;
        if (seen[i] > 1 || (survived && seen[i] == 0)) {
            ck_abort_msg("%s: object %zu seen %u times", row->name, i, seen[i]);
        }
    }
    ck_assert_msg(seen_count == row->seen_count, "%s: %u seen", row->name, seen_count);
    ck_assert_msg(map.count == row->left_count, "%s: %u left", row->name, map.count);
}
END_TEST

START_TEST(an_empty_map_enumerates_nothing) {
    ck_assert_uint_eq(bl_slot_map_next(&map, 0), 0);
    ck_assert_uint_eq(bl_slot_map_next(&map, UINT64_MAX), 0);
    fill(3);
    ck_assert_uint_eq(bl_slot_map_next(&map, UINT64_MAX), 0);
}
END_TEST

START_TEST(without_memory_nothing_is_added_and_nothing_is_lost) {
    memory.used_max = 2000;
    uint32_t added = 0;
    while ((handles[added] = bl_slot_map_add(&map, &objects[added])) != 0) {
        added++;
        ck_assert_uint_lt(added, OBJECT_COUNT);
    }
    ck_assert_uint_gt(added, 10);
    for (uint32_t i = 0; i < added; i++) {
        ck_assert_uint_eq(number_of(handles[i]), i);
    }
    memory.used_max = 0;
    ck_assert_uint_ne(bl_slot_map_add(&map, &objects[added]), 0);
}
END_TEST

START_TEST(zeroed_and_finished_maps_can_be_finished) {
    struct bl_slot_map zeroed = {0};
    bl_slot_map_finish(&zeroed);
    fill(1);
    bl_slot_map_finish(&map);
    bl_slot_map_finish(&map);
    ck_assert_ptr_null(bl_slot_map_get(&map, handles[0]));
}
END_TEST

static void add_no_object(void) {
    bl_slot_map_add(&map, NULL);
}

static void (*const mistakes[])(void) = {
    add_no_object,
};

START_TEST(a_mistake_of_the_caller_is_asserted) {
    ck_assert(is_asserted(mistakes[_i]));
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, make_map, finish_map);
    tcase_add_test(tests, ten_thousand_objects_are_found_by_their_handles);
    tcase_add_test(tests, the_last_object_fits_and_one_more_does_not);
    tcase_add_test(tests, a_map_for_none_holds_none);
    tcase_add_test(tests, a_stale_handle_names_nothing_even_when_its_slot_is_used_again);
    tcase_add_test(tests, an_invented_handle_names_nothing);
    tcase_add_test(tests, a_slot_at_its_last_generation_is_retired);
    tcase_add_loop_test(tests, an_enumeration_sees_each_survivor_once_whatever_is_removed, 0,
                        COUNT_OF(enumerations));
    tcase_add_test(tests, an_empty_map_enumerates_nothing);
    tcase_add_test(tests, without_memory_nothing_is_added_and_nothing_is_lost);
    tcase_add_test(tests, zeroed_and_finished_maps_can_be_finished);
    tcase_add_loop_test(tests, a_mistake_of_the_caller_is_asserted, 0, COUNT_OF(mistakes));
}

TEST_MAIN("common/slot_map", add_tests)
