/* The datagrams that belay-netem has under way. */
#include "common/random.h"
#include "tests/support/test.h"
#include "tools/netem/queue.h"
#include <string.h>

static struct netem_queue queue;

static void set_up(void) {
    queue = (struct netem_queue){.bytes_max = 1 << 20};
}

static void tear_down(void) {
    netem_queue_finish(&queue);
}

static void push(bl_time at, const char *text) {
    ck_assert_ptr_nonnull(netem_queue_push(&queue, at, text, strlen(text)));
}

static void assert_pops(bl_time now, const char *text) {
    struct netem_packet *packet = netem_queue_pop(&queue, now);
    ck_assert_ptr_nonnull(packet);
    ck_assert_mem_eq(packet->data, text, packet->size);
    ck_assert_uint_eq(packet->size, strlen(text));
    free(packet);
}

START_TEST(nothing_comes_out_early) {
    ck_assert_int_eq(netem_queue_next(&queue), BL_TIME_NEVER);
    push(10, "a");
    ck_assert_int_eq(netem_queue_next(&queue), 10);
    ck_assert_ptr_null(netem_queue_pop(&queue, 9));
    assert_pops(10, "a");
    ck_assert_ptr_null(netem_queue_pop(&queue, BL_TIME_NEVER));
}
END_TEST

START_TEST(what_comes_out_at_the_same_time_keeps_its_order) {
    push(20, "last");
    push(10, "first");
    push(10, "second");
    push(10, "third");
    assert_pops(20, "first");
    assert_pops(20, "second");
    assert_pops(20, "third");
    assert_pops(20, "last");
}
END_TEST

START_TEST(a_thousand_come_out_by_time_and_then_by_number) {
    struct bl_random random;
    bl_random_init_seeded(&random, 1);
    for (size_t i = 0; i < 1000; i++) {
        push((bl_time)bl_random_below(&random, 100), "x");
    }
    bl_time at = -1;
    uint64_t number = 0;
    for (size_t i = 0; i < 1000; i++) {
        struct netem_packet *packet = netem_queue_pop(&queue, BL_SECOND);
        ck_assert_ptr_nonnull(packet);
        ck_assert_int_ge(packet->at, at);
        ck_assert(packet->at > at || packet->number > number);
        at = packet->at;
        number = packet->number;
        free(packet);
    }
    ck_assert_uint_eq(queue.bytes, 0);
}
END_TEST

START_TEST(a_full_queue_takes_no_more_not_even_empty_ones) {
    size_t count = 0;
    queue.bytes_max = 4096;
    while (count < 4096 && netem_queue_push(&queue, 1, "", 0) != NULL) {
        count++;
    }
    ck_assert_uint_gt(count, 8);
    ck_assert_uint_lt(count, 4096);
    assert_pops(1, "");
    push(1, "");
    ck_assert_ptr_null(netem_queue_push(&queue, 1, "", 0));
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, nothing_comes_out_early);
    tcase_add_test(tests, what_comes_out_at_the_same_time_keeps_its_order);
    tcase_add_test(tests, a_thousand_come_out_by_time_and_then_by_number);
    tcase_add_test(tests, a_full_queue_takes_no_more_not_even_empty_ones);
}

TEST_MAIN("netem queue", add_tests)
