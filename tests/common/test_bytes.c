#include "common/bytes.h"
#include "tests/support/test.h"
#include <string.h>

/** One way to read or write a whole number. */
static const struct number {
    size_t size;
    uint64_t value; /* its bytes on the wire are 01 02 03 ... */
} numbers[] = {
    {1, 0x01},
    {2, 0x0102},
    {4, 0x01020304},
    {8, 0x0102030405060708},
};

static const uint8_t counted[] = {1, 2, 3, 4, 5, 6, 7, 8};

static uint64_t read_number(struct bl_reader *reader, size_t size) {
    switch (size) {
    case 1:
        return bl_read_u8(reader);
    case 2:
        return bl_read_u16(reader);
    case 4:
        return bl_read_u32(reader);
    default:
        return bl_read_u64(reader);
    }
}

static void write_number(struct bl_writer *writer, uint64_t value, size_t size) {
    switch (size) {
    case 1:
        bl_write_u8(writer, (uint8_t)value);
        break;
    case 2:
        bl_write_u16(writer, (uint16_t)value);
        break;
    case 4:
        bl_write_u32(writer, (uint32_t)value);
        break;
    default:
        bl_write_u64(writer, value);
    }
}

/** A copy of @p size bytes that ends where its memory ends, so that a tool sees one byte too many.
 */
static uint8_t *exact_copy(const void *data, size_t size) {
    uint8_t *copy = malloc(size > 0 ? size : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, data, size);
    return copy;
}

START_TEST(a_number_is_read_in_network_order_when_all_its_bytes_are_there) {
    const struct number *number = &numbers[_i];
    for (size_t left = 0; left <= sizeof(counted); left++) {
        uint8_t *data = exact_copy(counted, left);
        struct bl_reader reader = bl_reader_of(data, left);
        uint64_t value = read_number(&reader, number->size);
        bool fits = left >= number->size;
        ck_assert_uint_eq(value, fits ? number->value : 0);
        ck_assert_int_eq(reader.failed, !fits);
        ck_assert_uint_eq(bl_reader_left(&reader), fits ? left - number->size : 0);
        free(data);
    }
}
END_TEST

START_TEST(a_number_is_written_in_network_order_when_it_fits) {
    const struct number *number = &numbers[_i];
    for (size_t room = 0; room <= sizeof(counted); room++) {
        uint8_t *data = exact_copy("\xEE\xEE\xEE\xEE\xEE\xEE\xEE\xEE", room);
        struct bl_writer writer = bl_writer_of(data, room);
        write_number(&writer, number->value, number->size);
        bool fits = room >= number->size;
        ck_assert_int_eq(writer.failed, !fits);
        ck_assert_uint_eq(bl_writer_size(&writer), fits ? number->size : 0);
        for (size_t i = 0; i < room; i++) {
            ck_assert_uint_eq(data[i], fits && i < number->size ? counted[i] : 0xEE);
        }
        free(data);
    }
}
END_TEST

START_TEST(the_largest_numbers_come_back) {
    uint8_t data[15];
    struct bl_writer writer = bl_writer_of(data, sizeof(data));
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        write_number(&writer, UINT64_MAX, numbers[i].size);
    }
    ck_assert(!writer.failed);
    struct bl_reader reader = bl_reader_of(data, sizeof(data));
    ck_assert_uint_eq(bl_read_u8(&reader), UINT8_MAX);
    ck_assert_uint_eq(bl_read_u16(&reader), UINT16_MAX);
    ck_assert_uint_eq(bl_read_u32(&reader), UINT32_MAX);
    ck_assert_uint_eq(bl_read_u64(&reader), UINT64_MAX);
    ck_assert(!reader.failed);
    ck_assert_uint_eq(bl_reader_left(&reader), 0);
}
END_TEST

START_TEST(copies_and_spans_are_whole_or_nothing_at_every_length) {
    for (size_t left = 0; left <= sizeof(counted); left++) {
        for (size_t size = 0; size <= sizeof(counted) + 1; size++) {
            uint8_t *data = exact_copy(counted, left);
            bool fits = size <= left;

            struct bl_reader reader = bl_reader_of(data, left);
            const uint8_t *span = bl_read_span(&reader, size);
            ck_assert_ptr_eq(span, fits ? data : NULL);
            ck_assert_int_eq(reader.failed, !fits);
            ck_assert_uint_eq(bl_reader_left(&reader), fits ? left - size : 0);

            uint8_t out[sizeof(counted) + 2];
            memset(out, 0xEE, sizeof(out));
            reader = bl_reader_of(data, left);
            bl_read_copy(&reader, out, size);
            ck_assert_int_eq(reader.failed, !fits);
            for (size_t i = 0; i < size; i++) {
                ck_assert_uint_eq(out[i], fits ? counted[i] : 0);
            }
            ck_assert_uint_eq(out[size], 0xEE);
            free(data);
        }
    }
}
END_TEST

START_TEST(written_bytes_are_whole_or_nothing_at_every_length) {
    for (size_t room = 0; room <= sizeof(counted); room++) {
        for (size_t size = 0; size <= sizeof(counted); size++) {
            uint8_t *data = exact_copy("\xEE\xEE\xEE\xEE\xEE\xEE\xEE\xEE", room);
            struct bl_writer writer = bl_writer_of(data, room);
            bl_write_bytes(&writer, counted, size);
            bool fits = size <= room;
            ck_assert_int_eq(writer.failed, !fits);
            ck_assert_uint_eq(bl_writer_size(&writer), fits ? size : 0);
            for (size_t i = 0; i < room; i++) {
                ck_assert_uint_eq(data[i], fits && i < size ? counted[i] : 0xEE);
            }
            free(data);
        }
    }
}
END_TEST

START_TEST(padding_fills_with_zeroes_up_to_a_total) {
    for (size_t total = 0; total <= 6; total++) {
        uint8_t *data = exact_copy("\xEE\xEE\xEE\xEE\xEE", 5);
        struct bl_writer writer = bl_writer_of(data, 5);
        bl_write_u16(&writer, 0x0102);
        bl_write_pad(&writer, total);
        bool legal = total >= 2 && total <= 5;
        ck_assert_int_eq(writer.failed, !legal);
        ck_assert_uint_eq(bl_writer_size(&writer), legal ? total : 2);
        for (size_t i = 2; i < 5; i++) {
            ck_assert_uint_eq(data[i], legal && i < total ? 0 : 0xEE);
        }
        free(data);
    }
}
END_TEST

START_TEST(a_size_near_the_largest_does_not_wrap) {
    uint8_t data[4] = {1, 2, 3, 4};
    for (size_t size = SIZE_MAX; size > SIZE_MAX - 8; size--) {
        struct bl_reader reader = bl_reader_of(data, sizeof(data));
        bl_read_u8(&reader);
        ck_assert_ptr_null(bl_read_span(&reader, size));
        ck_assert(reader.failed);

        struct bl_writer writer = bl_writer_of(data, sizeof(data));
        bl_write_u8(&writer, 1);
        bl_write_bytes(&writer, data, size);
        ck_assert(writer.failed);

        writer = bl_writer_of(data, sizeof(data));
        bl_write_pad(&writer, size);
        ck_assert(writer.failed);
    }
}
END_TEST

START_TEST(a_reader_that_failed_stays_failed) {
    struct bl_reader reader = bl_reader_of(counted, 3);
    ck_assert_uint_eq(bl_read_u32(&reader), 0);
    ck_assert(reader.failed);
    ck_assert_uint_eq(bl_reader_left(&reader), 0);
    uint8_t out[2] = {9, 9};
    bl_read_copy(&reader, out, sizeof(out));
    ck_assert_uint_eq(out[0] | out[1], 0);
    ck_assert_uint_eq(bl_read_u8(&reader), 0);
    ck_assert_ptr_null(bl_read_span(&reader, 0));
    ck_assert(reader.failed);
}
END_TEST

START_TEST(a_writer_that_failed_writes_no_more_and_keeps_what_was_whole) {
    uint8_t data[3] = {0xEE, 0xEE, 0xEE};
    struct bl_writer writer = bl_writer_of(data, sizeof(data));
    bl_write_u8(&writer, 1);
    bl_write_u32(&writer, 2);
    bl_write_u8(&writer, 3);
    bl_write_bytes(&writer, counted, 1);
    bl_write_pad(&writer, 3);
    ck_assert(writer.failed);
    ck_assert_uint_eq(bl_writer_size(&writer), 1);
    ck_assert_int_eq(memcmp(data, "\x01\xEE\xEE", 3), 0);
}
END_TEST

START_TEST(nothing_at_all_is_a_valid_place_to_read_and_write) {
    struct bl_reader reader = bl_reader_of(NULL, 0);
    ck_assert_ptr_nonnull(bl_read_span(&reader, 0));
    bl_read_copy(&reader, NULL, 0);
    ck_assert(!reader.failed);
    bl_read_u8(&reader);
    ck_assert(reader.failed);

    struct bl_writer writer = bl_writer_of(NULL, 0);
    bl_write_bytes(&writer, NULL, 0);
    bl_write_pad(&writer, 0);
    ck_assert(!writer.failed);
    bl_write_u8(&writer, 1);
    ck_assert(writer.failed);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_number_is_read_in_network_order_when_all_its_bytes_are_there, 0,
                        COUNT_OF(numbers));
    tcase_add_loop_test(tests, a_number_is_written_in_network_order_when_it_fits, 0,
                        COUNT_OF(numbers));
    tcase_add_test(tests, the_largest_numbers_come_back);
    tcase_add_test(tests, copies_and_spans_are_whole_or_nothing_at_every_length);
    tcase_add_test(tests, written_bytes_are_whole_or_nothing_at_every_length);
    tcase_add_test(tests, padding_fills_with_zeroes_up_to_a_total);
    tcase_add_test(tests, a_size_near_the_largest_does_not_wrap);
    tcase_add_test(tests, a_reader_that_failed_stays_failed);
    tcase_add_test(tests, a_writer_that_failed_writes_no_more_and_keeps_what_was_whole);
    tcase_add_test(tests, nothing_at_all_is_a_valid_place_to_read_and_write);
}

TEST_MAIN("common/bytes", add_tests)
