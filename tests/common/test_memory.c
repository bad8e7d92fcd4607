#define _GNU_SOURCE
#include "common/memory.h"
#include "tests/support/child.h"
#include "tests/support/test.h"
#include <stdint.h>
#include <string.h>

/** An allocator that fills what it gives, so that nothing is zero by luck, and checks old sizes. */
struct heap {
    size_t given; /* bytes it believes to have given out */
    uint32_t calls;
    bool fails;
};

static void *heap_realloc(void *block, size_t old_size, size_t new_size, void *user) {
    struct heap *heap = user;
    heap->calls++;
    ck_assert_int_eq(block == NULL, old_size == 0);
    if (new_size > 0 && heap->fails) {
        return NULL;
    }
    heap->given = heap->given - old_size + new_size;
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    unsigned char *moved = realloc(block, new_size);
    ck_assert_ptr_nonnull(moved);
    if (new_size > old_size) {
        memset(moved + old_size, 0xA5, new_size - old_size);
    }
    return moved;
}

static struct heap heap;
static const struct belay_hooks hooks = {.realloc = heap_realloc, .hook_user = &heap};

/** Row 0 is the C library's memory, row 1 the hook's. */
static const struct belay_hooks *const houses[] = {NULL, &hooks};

static void check_filled(const unsigned char *bytes, size_t from, size_t to, unsigned char value) {
    for (size_t i = from; i < to; i++) {
        ck_assert_uint_eq(bytes[i], value);
    }
}

START_TEST(new_and_grown_memory_is_zero_and_old_bytes_stay) {
    struct bl_memory memory;
    bl_memory_init(&memory, houses[_i], 0);

    unsigned char *block = bl_allocate(&memory, 100);
    check_filled(block, 0, 100, 0);
    memset(block, 7, 100);
    block = bl_resize(&memory, block, 100, 5000);
    check_filled(block, 0, 100, 7);
    check_filled(block, 100, 5000, 0);
    block = bl_resize(&memory, block, 5000, 10);
    check_filled(block, 0, 10, 7);
    bl_free(&memory, block, 10);
}
END_TEST

START_TEST(used_counts_what_is_out) {
    struct bl_memory memory;
    bl_memory_init(&memory, houses[_i], 0);

    void *first = bl_allocate(&memory, 100);
    void *second = bl_resize(&memory, NULL, 0, 11);
    ck_assert_uint_eq(memory.used, 111);
    first = bl_resize(&memory, first, 100, 200);
    ck_assert_uint_eq(memory.used, 211);
    first = bl_resize(&memory, first, 200, 50);
    ck_assert_uint_eq(memory.used, 61);
    bl_free(&memory, second, 11);
    bl_free(&memory, NULL, 11);
    ck_assert_uint_eq(memory.used, 50);
    bl_free(&memory, first, 50);
    ck_assert_uint_eq(memory.used, 0);
}
END_TEST

START_TEST(the_hook_does_all_the_work_and_hears_true_sizes) {
    struct bl_memory memory;
    bl_memory_init(&memory, &hooks, 0);

    void *block = bl_allocate(&memory, 64);
    ck_assert_uint_eq(heap.given, 64);
    block = bl_resize(&memory, block, 64, 32);
    ck_assert_uint_eq(heap.given, 32);
    bl_free(&memory, block, 32);
    ck_assert_uint_eq(heap.given, 0);
    ck_assert_uint_eq(heap.calls, 3);
}
END_TEST

START_TEST(the_limit_is_reached_and_not_passed) {
    struct bl_memory memory;
    bl_memory_init(&memory, NULL, 1000);

    void *most = bl_allocate(&memory, 999);
    ck_assert_ptr_null(bl_allocate(&memory, 2));
    void *last = bl_allocate(&memory, 1);
    ck_assert_ptr_nonnull(last);
    ck_assert_ptr_null(bl_allocate(&memory, 1));
    ck_assert_ptr_null(bl_resize(&memory, most, 999, 1000));
    ck_assert_uint_eq(memory.used, 1000);

    bl_free(&memory, last, 1);
    most = bl_resize(&memory, most, 999, 1000);
    ck_assert_ptr_nonnull(most);
    bl_free(&memory, most, 1000);
}
END_TEST

/** 0 means no limit, and even then the count itself has one. */
static const size_t limits[] = {0, 1000, SIZE_MAX};

START_TEST(a_size_that_would_wrap_the_count_is_refused) {
    struct bl_memory memory;
    bl_memory_init(&memory, &hooks, limits[_i]);

    void *block = bl_allocate(&memory, 10);
    uint32_t calls = heap.calls;
    ck_assert_ptr_null(bl_allocate(&memory, SIZE_MAX - 5));
    ck_assert_uint_eq(heap.calls, calls);
    ck_assert_uint_eq(memory.used, 10);
    bl_free(&memory, block, 10);
}
END_TEST

START_TEST(shrinking_is_allowed_above_a_limit_that_was_lowered) {
    struct bl_memory memory;
    bl_memory_init(&memory, NULL, 0);
    void *block = bl_allocate(&memory, 100);
    memory.used_max = 10;
    ck_assert_ptr_null(bl_allocate(&memory, 1));
    block = bl_resize(&memory, block, 100, 50);
    ck_assert_ptr_nonnull(block);
    ck_assert_uint_eq(memory.used, 50);
    bl_free(&memory, block, 50);
}
END_TEST

START_TEST(a_failed_resize_leaves_block_and_count_alone) {
    struct bl_memory memory;
    bl_memory_init(&memory, &hooks, 0);
    unsigned char *block = bl_allocate(&memory, 20);
    memset(block, 9, 20);

    heap.fails = true;
    ck_assert_ptr_null(bl_resize(&memory, block, 20, 40));
    ck_assert_ptr_null(bl_resize(&memory, block, 20, 10));
    ck_assert_ptr_null(bl_allocate(&memory, 1));
    check_filled(block, 0, 20, 9);
    ck_assert_uint_eq(memory.used, 20);
    bl_free(&memory, block, 20);
    ck_assert_uint_eq(heap.given, 0);
}
END_TEST

static struct bl_memory misused = {.used = 10};
static char block_of_10[10];

static void allocate_nothing(void) {
    bl_allocate(&misused, 0);
}

static void free_more_than_is_out(void) {
    bl_free(&misused, block_of_10, 11);
}

static void resize_more_than_is_out(void) {
    bl_resize(&misused, block_of_10, 11, 12);
}

static void resize_nothing_of_some_size(void) {
    bl_resize(&misused, NULL, 5, 6);
}

static void (*const mistakes[])(void) = {
    allocate_nothing,
    free_more_than_is_out,
    resize_more_than_is_out,
    resize_nothing_of_some_size,
};

START_TEST(a_mistake_of_the_caller_is_asserted) {
    ck_assert(is_asserted(mistakes[_i]));
}
END_TEST

static void reset_heap(void) {
    heap = (struct heap){0};
}

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, reset_heap, NULL);
    tcase_add_loop_test(tests, new_and_grown_memory_is_zero_and_old_bytes_stay, 0,
                        COUNT_OF(houses));
    tcase_add_loop_test(tests, used_counts_what_is_out, 0, COUNT_OF(houses));
    tcase_add_test(tests, the_hook_does_all_the_work_and_hears_true_sizes);
    tcase_add_test(tests, the_limit_is_reached_and_not_passed);
    tcase_add_loop_test(tests, a_size_that_would_wrap_the_count_is_refused, 0, COUNT_OF(limits));
    tcase_add_test(tests, shrinking_is_allowed_above_a_limit_that_was_lowered);
    tcase_add_test(tests, a_failed_resize_leaves_block_and_count_alone);
    tcase_add_loop_test(tests, a_mistake_of_the_caller_is_asserted, 0, COUNT_OF(mistakes));
}

TEST_MAIN("common/memory", add_tests)
