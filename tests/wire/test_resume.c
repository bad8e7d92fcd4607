/* What is told at a resume, byte by byte, and what is no such thing. */
#include "lib/wire/resume.h"
#include "tests/support/test.h"
#include <string.h>

#define ATTEMPT "\x01\x02\x03\x04\x05\x06\x07\x08"
#define NUMBERS                                                                                    \
    "\x00\x00\x00\x01"                                                                             \
    "\x00\x00\x00\x02"                                                                             \
    "\x00\x00\x00\x03"                                                                             \
    "\x00\x00\x00\x04"

static uint8_t bytes[BL_RESUME_SIZE_MAX + BL_POSITION_SIZE];
static size_t bytes_size;

static struct bl_resume resume_of(uint8_t channel_count) {
    struct bl_resume resume = {.attempt = UINT64_C(0x0102030405060708),
                               .positions = {.count = channel_count}};
    for (uint8_t i = 0; i < channel_count; i++) {
        resume.positions.channels[i] = (struct bl_position){.channel = i,
                                                            .received = 1000U + i,
                                                            .filled = 2000U + i,
                                                            .handled = 900U + i,
                                                            .newest = 0xffffff00U + i};
    }
    return resume;
}

/** From a copy of this size: the sanitizer guards its end. */
static bool reads(struct bl_resume *out, size_t size) {
    uint8_t *copy = malloc(size + 1);
    memcpy(copy + 1, bytes, size);
    bool good = bl_resume_read(out, copy + 1, size);
    free(copy);
    return good;
}

static void write(const struct bl_resume *resume) {
    memset(bytes, 0, sizeof bytes);
    bytes_size = bl_resume_write(bytes, resume);
}

static bool is_taken(void) {
    struct bl_resume out;
    return reads(&out, bytes_size);
}

START_TEST(a_resume_is_written_as_the_protocol_says) {
    static const char wanted[] = ATTEMPT "\x00"
                                         "\x02"
                                         "\x03" NUMBERS "\x0f" NUMBERS;
    const struct bl_resume resume = {
        .attempt = UINT64_C(0x0102030405060708),
        .positions = {.count = 2, .channels = {{3, 1, 2, 3, 4}, {15, 1, 2, 3, 4}}}};
    write(&resume);
    ck_assert_uint_eq(bytes_size, sizeof wanted - 1);
    ck_assert_mem_eq(bytes, wanted, sizeof wanted - 1);
    write(&(struct bl_resume){.attempt = UINT64_C(0x0102030405060708), .new_epoch = true});
    ck_assert_uint_eq(bytes_size, 10);
    ck_assert_mem_eq(bytes,
                     ATTEMPT "\x01"
                             "\x00",
                     10);
}
END_TEST

static const uint8_t counts[] = {0, 1, 2, BL_STREAMS_MAX};

START_TEST(what_is_told_of_any_number_of_channels_comes_back) {
    const struct bl_resume resume = resume_of(counts[_i]);
    struct bl_resume out;
    memset(&out, 0xa5, sizeof out); /* a reader sets every field */
    write(&resume);
    ck_assert_uint_eq(bytes_size, 10U + 17U * counts[_i]);
    ck_assert(reads(&out, bytes_size));
    ck_assert_uint_eq(out.attempt, resume.attempt);
    ck_assert(!out.new_epoch);
    ck_assert_uint_eq(out.positions.count, counts[_i]);
    for (uint8_t i = 0; i < counts[_i]; i++) {
        const struct bl_position *got = &out.positions.channels[i];
        const struct bl_position *told = &resume.positions.channels[i];
        ck_assert_uint_eq(got->channel, told->channel);
        ck_assert_uint_eq(got->received, told->received);
        ck_assert_uint_eq(got->filled, told->filled);
        ck_assert_uint_eq(got->handled, told->handled);
        ck_assert_uint_eq(got->newest, told->newest);
    }
}
END_TEST

START_TEST(the_most_there_is_to_tell_has_the_size_that_is_said) {
    const struct bl_resume resume = resume_of(BL_STREAMS_MAX);
    write(&resume);
    ck_assert_uint_eq(bytes_size, BL_RESUME_SIZE_MAX);
    ck_assert_uint_eq(bytes_size - 9, BL_POSITIONS_SIZE_MAX);
}
END_TEST

START_TEST(a_new_process_says_so_and_tells_no_positions) {
    struct bl_resume out;
    write(&(struct bl_resume){.attempt = 7, .new_epoch = true});
    ck_assert(reads(&out, bytes_size));
    ck_assert(out.new_epoch);
    const struct bl_resume resume = resume_of(1);
    write(&resume);
    ck_assert(is_taken());
    bytes[8] = 1;
    ck_assert(!is_taken());
}
END_TEST

START_TEST(there_are_two_epochs) {
    write(&(struct bl_resume){.attempt = 7});
    for (unsigned epoch = 0; epoch <= 0xff; epoch++) {
        bytes[8] = (uint8_t)epoch;
        ck_assert_msg(is_taken() == (epoch <= 1), "epoch %u", epoch);
    }
}
END_TEST

#define FIRST_AT  10
#define SECOND_AT (10 + BL_POSITION_SIZE)

START_TEST(channels_come_in_order_and_once) {
    const struct bl_resume resume = resume_of(2);
    write(&resume);
    for (unsigned first = 0; first <= 0xff; first++) {
        for (unsigned second = 0; second <= 0xff; second++) {
            bytes[FIRST_AT] = (uint8_t)first;
            bytes[SECOND_AT] = (uint8_t)second;
            ck_assert_msg(is_taken() == (first < second && second < BL_STREAMS_MAX),
                          "channels %u and %u", first, second);
        }
    }
}
END_TEST

START_TEST(there_are_so_many_channels_and_no_more) {
    const struct bl_resume resume = resume_of(BL_STREAMS_MAX);
    write(&resume);
    bytes_size += BL_POSITION_SIZE; /* one more, and of a number that would be next */
    bytes[bytes_size - BL_POSITION_SIZE] = BL_STREAMS_MAX;
    for (unsigned count = 0; count <= 0xff; count++) {
        bytes[9] = (uint8_t)count;
        ck_assert_msg(!is_taken(), "%u channels", count);
    }
    bytes_size -= BL_POSITION_SIZE;
    bytes[9] = BL_STREAMS_MAX;
    ck_assert(is_taken());
}
END_TEST

START_TEST(a_resume_of_any_other_length_is_malformed) {
    struct bl_resume out;
    const struct bl_resume resume = resume_of(counts[_i]);
    write(&resume);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        ck_assert_msg(reads(&out, size) == (size == bytes_size), "%zu bytes", size);
    }
}
END_TEST

START_TEST(a_channel_is_found_by_its_number) {
    struct bl_positions positions = {.count = 2, .channels = {{.channel = 3}, {.channel = 9}}};
    positions.channels[2].channel = 5; /* beyond the count */
    ck_assert_ptr_eq(bl_positions_find(&positions, 3), &positions.channels[0]);
    ck_assert_ptr_eq(bl_positions_find(&positions, 9), &positions.channels[1]);
    ck_assert_ptr_null(bl_positions_find(&positions, 5));
    ck_assert_ptr_null(bl_positions_find(&positions, 0));
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, a_resume_is_written_as_the_protocol_says);
    tcase_add_loop_test(tests, what_is_told_of_any_number_of_channels_comes_back, 0,
                        COUNT_OF(counts));
    tcase_add_test(tests, the_most_there_is_to_tell_has_the_size_that_is_said);
    tcase_add_test(tests, a_new_process_says_so_and_tells_no_positions);
    tcase_add_test(tests, there_are_two_epochs);
    tcase_add_test(tests, channels_come_in_order_and_once);
    tcase_add_test(tests, there_are_so_many_channels_and_no_more);
    tcase_add_loop_test(tests, a_resume_of_any_other_length_is_malformed, 0, COUNT_OF(counts));
    tcase_add_test(tests, a_channel_is_found_by_its_number);
}

TEST_MAIN("wire/resume", add_tests)
