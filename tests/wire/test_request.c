/* What travels on the request channel, byte by byte as docs/protocol.md "Requests" has it. */
#include "lib/wire/request.h"
#include "tests/support/test.h"
#include <belay/request.h>
#include <stdlib.h>
#include <string.h>

#define BYTES(arr) .bytes = (const uint8_t *)(arr), .size = sizeof(arr) - 1

/** From a copy of this size: the sanitizer guards its end. */
static bool reads(struct bl_request_head *out, const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size + 1);
    memcpy(copy + 1, bytes, size);
    memset(out, 0xa5, sizeof *out);
    bool good = bl_request_read(out, copy + 1, size);
    free(copy);
    return good;
}

/* clang-format off */
static const struct golden {
    const uint8_t *bytes;
    size_t size;
    struct bl_request_head head;
} goldens[] = {
    {BYTES("\x01" "\x01\x02\x03\x04" "\x00\x00\x27\x10"),
     {.kind = BL_REQUEST_ASK, .type = 0x01020304, .deadline_ms = 10000}},
    {BYTES("\x01" "\xff\xff\xff\xff" "\xff\xff\xff\xff"),
     {.kind = BL_REQUEST_ASK, .type = UINT32_MAX, .deadline_ms = UINT32_MAX}},
    {BYTES("\x01" "\x00\x00\x00\x00" "\x00\x00\x00\x01"),
     {.kind = BL_REQUEST_ASK, .deadline_ms = 1}},
    {BYTES("\x02" "\x0a\x0b\x0c\x0d" "\x00\x00\x00\x00"),
     {.kind = BL_REQUEST_ANSWER, .sequence = 0x0a0b0c0d}},
    {BYTES("\x02" "\x00\x00\x00\x05" "\x7f\xff\xff\xff"),
     {.kind = BL_REQUEST_ANSWER, .sequence = 5, .code = INT32_MAX}},
    {BYTES("\x02" "\x00\x00\x00\x05" "\xff\xff\xff\xfc"),
     {.kind = BL_REQUEST_ANSWER, .sequence = 5, .code = BELAY_REPLY_LOST}},
    {BYTES("\x02" "\x00\x00\x00\x05" "\xff\xff\xff\xfb"),
     {.kind = BL_REQUEST_ANSWER, .sequence = 5, .code = BELAY_REPLY_REFUSED}},
    {BYTES("\x03" "\xff\xff\xff\xfe"),
     {.kind = BL_REQUEST_CANCEL, .sequence = 0xfffffffe}},
};

static const struct malformed {
    const char *name;
    const uint8_t *bytes;
    size_t size;
} malformed[] = {
    {"nothing", BYTES("")},
    {"kind 0", BYTES("\x00" "\x00\x00\x00\x05" "\x00\x00\x00\x01")},
    {"kind 4", BYTES("\x04" "\x00\x00\x00\x05" "\x00\x00\x00\x01")},
    {"kind 255", BYTES("\xff" "\x00\x00\x00\x05" "\x00\x00\x00\x01")},
    {"an ASK without a deadline", BYTES("\x01" "\x00\x00\x00\x05" "\x00\x00\x00\x00" "data")},
    {"a CANCEL with more behind it", BYTES("\x03" "\x00\x00\x00\x05" "\x00")},
};
/* clang-format on */

static void ck_assert_same_head(const struct bl_request_head *is,
                                const struct bl_request_head *wanted) {
    ck_assert_uint_eq(is->kind, wanted->kind);
    ck_assert_uint_eq(is->type, wanted->type);
    ck_assert_uint_eq(is->deadline_ms, wanted->deadline_ms);
    ck_assert_uint_eq(is->sequence, wanted->sequence);
    ck_assert_int_eq(is->code, wanted->code);
}

START_TEST(heads_are_written_and_read_as_the_protocol_says) {
    const struct golden *golden = &goldens[_i];
    struct bl_request_head head;
    uint8_t out[BL_REQUEST_HEAD_SIZE];
    ck_assert_uint_eq(bl_request_write(out, &golden->head), golden->size);
    ck_assert_mem_eq(out, golden->bytes, golden->size);
    ck_assert(reads(&head, golden->bytes, golden->size));
    ck_assert_same_head(&head, &golden->head);
}
END_TEST

START_TEST(a_head_that_is_cut_short_is_refused_and_names_its_kind) {
    const struct golden *golden = &goldens[_i];
    struct bl_request_head head;
    for (size_t size = 1; size < golden->size; size++) {
        ck_assert_msg(!reads(&head, golden->bytes, size), "%zu bytes", size);
        ck_assert_uint_eq(head.kind, golden->head.kind);
    }
}
END_TEST

START_TEST(data_behind_a_question_or_an_answer_are_the_applications) {
    const struct golden *golden = &goldens[_i];
    struct bl_request_head head;
    uint8_t bytes[BL_REQUEST_HEAD_SIZE + 3];
    memset(bytes, 0xff, sizeof bytes);
    memcpy(bytes, golden->bytes, golden->size);
    bool may_have_data = golden->head.kind != BL_REQUEST_CANCEL;
    ck_assert(reads(&head, bytes, golden->size + 3) == may_have_data);
    ck_assert_same_head(&head, &golden->head);
}
END_TEST

START_TEST(what_is_malformed_is_refused) {
    struct bl_request_head head;
    ck_assert_msg(!reads(&head, malformed[_i].bytes, malformed[_i].size), "%s", malformed[_i].name);
}
END_TEST

/* The others are for the asking side to find. */
START_TEST(below_zero_only_lost_and_refused_may_travel) {
    static const int32_t others[] = {-1, -2, -3, -6, -7, -100, INT32_MIN, INT32_MIN + 1};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        const struct bl_request_head answer = {
            .kind = BL_REQUEST_ANSWER, .sequence = 5, .code = others[i]};
        struct bl_request_head head;
        uint8_t bytes[BL_REQUEST_HEAD_SIZE];
        size_t size = bl_request_write(bytes, &answer);
        ck_assert_msg(!reads(&head, bytes, size), "%d", (int)others[i]);
    }
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, heads_are_written_and_read_as_the_protocol_says, 0,
                        COUNT_OF(goldens));
    tcase_add_loop_test(tests, a_head_that_is_cut_short_is_refused_and_names_its_kind, 0,
                        COUNT_OF(goldens));
    tcase_add_loop_test(tests, data_behind_a_question_or_an_answer_are_the_applications, 0,
                        COUNT_OF(goldens));
    tcase_add_loop_test(tests, what_is_malformed_is_refused, 0, COUNT_OF(malformed));
    tcase_add_test(tests, below_zero_only_lost_and_refused_may_travel);
}

TEST_MAIN("wire/request", add_tests)
