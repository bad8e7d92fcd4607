#include "common/bits.h"
#include "tests/support/test.h"

START_TEST(each_single_bit_is_found_from_both_ends) {
    uint64_t value = UINT64_C(1) << _i;
    ck_assert_uint_eq(bl_bit_highest(value), (unsigned)_i);
    ck_assert_uint_eq(bl_bit_lowest(value), (unsigned)_i);
}
END_TEST

START_TEST(the_bits_between_do_not_matter) {
    uint64_t below = UINT64_MAX >> (63 - _i); /* bits 0 to _i */
    uint64_t above = UINT64_MAX << _i;        /* bits _i to 63 */
    ck_assert_uint_eq(bl_bit_highest(below), (unsigned)_i);
    ck_assert_uint_eq(bl_bit_lowest(below), 0);
    ck_assert_uint_eq(bl_bit_highest(above), 63);
    ck_assert_uint_eq(bl_bit_lowest(above), (unsigned)_i);
}
END_TEST

START_TEST(no_bit_at_all_gives_zero) {
    ck_assert_uint_eq(bl_bit_highest(0), 0);
    ck_assert_uint_eq(bl_bit_lowest(0), 0);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, each_single_bit_is_found_from_both_ends, 0, 64);
    tcase_add_loop_test(tests, the_bits_between_do_not_matter, 0, 64);
    tcase_add_test(tests, no_bit_at_all_gives_zero);
}

TEST_MAIN("common/bits", add_tests)
