#include "common/serial.h"
#include "tests/support/test.h"

static const struct distance {
    uint32_t a, b;
    int32_t distance;
} distances[] = {
    {0, 0, 0},
    {1, 0, 1},
    {0, 1, -1},
    {0, UINT32_MAX, 1},
    {UINT32_MAX, 0, -1},
    {5, UINT32_MAX - 4, 10},
    {0x7FFFFFFF, 0, INT32_MAX},
    {0, 0x7FFFFFFF, -INT32_MAX},
    {0x80000000, 0, INT32_MIN},
    {0, 0x80000000, INT32_MIN},
};

START_TEST(distance_is_counted_across_the_wrap) {
    const struct distance *row = &distances[_i];
    ck_assert_int_eq(bl_serial_distance(row->a, row->b), row->distance);
    ck_assert_int_eq(bl_serial_after(row->a, row->b), row->distance > 0);
}
END_TEST

static const struct distance16 {
    uint16_t a, b;
    int16_t distance;
} distances16[] = {
    {0, 0, 0},
    {0, UINT16_MAX, 1},
    {UINT16_MAX, 0, -1},
    {0x7FFF, 0, INT16_MAX},
    {0, 0x7FFF, -INT16_MAX},
    {0x8000, 0, INT16_MIN},
    {0, 0x8000, INT16_MIN},
};

START_TEST(distance_of_16_bits_is_counted_across_the_wrap) {
    const struct distance16 *row = &distances16[_i];
    ck_assert_int_eq(bl_serial16_distance(row->a, row->b), row->distance);
    ck_assert_int_eq(bl_serial16_after(row->a, row->b), row->distance > 0);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, distance_is_counted_across_the_wrap, 0, COUNT_OF(distances));
    tcase_add_loop_test(tests, distance_of_16_bits_is_counted_across_the_wrap, 0,
                        COUNT_OF(distances16));
}

TEST_MAIN("common/serial", add_tests)
