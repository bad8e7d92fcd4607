#define _GNU_SOURCE
#include "common/random.h"
#include "common/ring.h"
#include "tests/support/child.h"
#include "tests/support/test.h"

#define STEP_COUNT 100000
#define SEED       UINT64_C(0x72696e67)
#define MODEL_MAX  4096

/* Not a power of two in size, so that a wrong index does not land on the right bytes. */
struct item {
    uint32_t number;
    uint8_t rest[7];
};

static struct bl_memory memory;
static struct bl_ring ring;

static void make_ring(void) {
    bl_memory_init(&memory, NULL, 0);
    bl_ring_init(&ring, &memory, sizeof(struct item));
}

static void finish_ring(void) {
    bl_ring_finish(&ring);
    ck_assert_uint_eq(memory.used, 0);
}

static void push(uint32_t number) {
    struct item *item = bl_ring_push(&ring);
    ck_assert_ptr_nonnull(item);
    item->number = number;
    memset(item->rest, (int)(number & 0xff), sizeof item->rest);
}

static uint32_t number_at(uint32_t index) {
    const struct item *item = bl_ring_at(&ring, index);
    ck_assert_uint_eq(item->rest[6], item->number & 0xff);
    return item->number;
}

START_TEST(an_unused_ring_needs_no_memory) {
    ck_assert_uint_eq(memory.used, 0);
    ck_assert_uint_eq(ring.count, 0);
}
END_TEST

START_TEST(items_are_reached_in_the_order_in_which_they_came) {
    for (uint32_t i = 0; i < 1000; i++) {
        push(i);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert_uint_eq(number_at(i), i);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert_uint_eq(number_at(0), i);
        bl_ring_drop(&ring);
    }
    ck_assert_uint_eq(ring.count, 0);
}
END_TEST

START_TEST(an_item_comes_zeroed_even_where_another_was) {
    static const struct item zeroed;
    for (int i = 0; i < 100; i++) {
        struct item *item = bl_ring_push(&ring);
        ck_assert_mem_eq(item, &zeroed, sizeof zeroed);
        memset(item, 0xff, sizeof *item);
        bl_ring_drop(&ring);
    }
}
END_TEST

START_TEST(a_ring_in_steady_use_does_not_grow) {
    for (uint32_t i = 0; i < 5; i++) {
        push(i);
    }
    size_t used = memory.used;
    for (uint32_t i = 5; i < 10000; i++) {
        push(i);
        ck_assert_uint_eq(number_at(0), i - 5);
        bl_ring_drop(&ring);
    }
    ck_assert_uint_eq(memory.used, used);
}
END_TEST

START_TEST(an_emptied_ring_gives_its_memory_back_but_for_a_little) {
    for (uint32_t i = 0; i < 5000; i++) {
        push(i);
    }
    ck_assert_uint_ge(memory.used, 5000 * sizeof(struct item));
    while (ring.count > 0) {
        bl_ring_drop(&ring);
    }
    ck_assert_uint_le(memory.used, 8 * sizeof(struct item));
    push(7);
    ck_assert_uint_eq(number_at(0), 7);
}
END_TEST

START_TEST(after_a_reserve_the_push_cannot_fail) {
    for (uint32_t i = 0; i < 8; i++) {
        push(i);
    }
    ck_assert(bl_ring_reserve(&ring));
    memory.used_max = 1;
    push(8);
    ck_assert_uint_eq(number_at(8), 8);
}
END_TEST

START_TEST(without_memory_nothing_is_pushed_and_nothing_is_lost) {
    for (uint32_t i = 0; i < 8; i++) {
        push(i);
    }
    memory.used_max = 1;
    ck_assert(!bl_ring_reserve(&ring));
    ck_assert_ptr_null(bl_ring_push(&ring));
    ck_assert_uint_eq(ring.count, 8);
    for (uint32_t i = 0; i < 8; i++) {
        ck_assert_uint_eq(number_at(i), i);
    }
    memory.used_max = 0;
    push(8);
    ck_assert_uint_eq(number_at(8), 8);
}
END_TEST

START_TEST(a_large_ring_can_be_emptied_without_memory_for_a_small_one) {
    for (uint32_t i = 0; i < 100; i++) {
        push(i);
    }
    memory.used_max = 1;
    for (uint32_t i = 0; i < 100; i++) {
        ck_assert_uint_eq(number_at(0), i);
        bl_ring_drop(&ring);
    }
    push(100); /* the large block stayed */
    ck_assert_uint_eq(number_at(0), 100);
}
END_TEST

START_TEST(a_finished_ring_can_be_used_again) {
    push(1);
    bl_ring_finish(&ring);
    ck_assert_uint_eq(ring.count, 0);
    ck_assert_uint_eq(memory.used, 0);
    push(2);
    ck_assert_uint_eq(number_at(0), 2);
    struct bl_ring zeroed = {0};
    bl_ring_finish(&zeroed);
}
END_TEST

/** Pushes, drops and now and then finishes, beside a plain queue that must say the same. */
START_TEST(a_ring_and_a_plain_queue_agree) {
    static uint32_t model[MODEL_MAX];
    uint32_t model_count = 0, next = 0;
    struct bl_random random;
    bl_random_init_seeded(&random, SEED);
    for (int step = 0; step < STEP_COUNT; step++) {
        uint64_t chance = bl_random_below(&random, 1000);
        bool grow = (step / 2000) % 2 == 0; /* the ring fills for a while, then empties */
        if (chance == 0) {
            bl_ring_finish(&ring);
            model_count = 0;
        } else if (chance < (grow ? 700U : 300U) && model_count < MODEL_MAX) {
            push(next);
            model[model_count++] = next++;
        } else if (model_count > 0) {
            bl_ring_drop(&ring);
            memmove(model, model + 1, --model_count * sizeof *model);
        }
        ck_assert_msg(ring.count == model_count, "seed %llx step %d: %u items, not %u",
                      (unsigned long long)SEED, step, ring.count, model_count);
        if (model_count > 0) {
            uint32_t index = (uint32_t)bl_random_below(&random, model_count);
            ck_assert_msg(number_at(index) == model[index], "seed %llx step %d: index %u",
                          (unsigned long long)SEED, step, index);
        }
    }
}
END_TEST

static void reach_past_the_end(void) {
    make_ring();
    push(1);
    bl_ring_at(&ring, 1);
}

static void drop_from_an_empty_ring(void) {
    make_ring();
    bl_ring_drop(&ring);
}

static void (*const mistakes[])(void) = {
    reach_past_the_end,
    drop_from_an_empty_ring,
};

START_TEST(a_mistake_of_the_caller_is_asserted) {
    ck_assert(is_asserted(mistakes[_i]));
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, make_ring, finish_ring);
    tcase_add_test(tests, an_unused_ring_needs_no_memory);
    tcase_add_test(tests, items_are_reached_in_the_order_in_which_they_came);
    tcase_add_test(tests, an_item_comes_zeroed_even_where_another_was);
    tcase_add_test(tests, a_ring_in_steady_use_does_not_grow);
    tcase_add_test(tests, an_emptied_ring_gives_its_memory_back_but_for_a_little);
    tcase_add_test(tests, after_a_reserve_the_push_cannot_fail);
    tcase_add_test(tests, without_memory_nothing_is_pushed_and_nothing_is_lost);
    tcase_add_test(tests, a_large_ring_can_be_emptied_without_memory_for_a_small_one);
    tcase_add_test(tests, a_finished_ring_can_be_used_again);
    tcase_add_test(tests, a_ring_and_a_plain_queue_agree);
    tcase_add_loop_test(tests, a_mistake_of_the_caller_is_asserted, 0, COUNT_OF(mistakes));
}

TEST_MAIN("common/ring", add_tests)
