/*
 * The datagrams of docs/protocol.md, byte by byte, written from the document: the wire cannot
 * change unnoticed.
 */
#include "lib/wire/datagram.h"
#include "tests/support/test.h"
#include <string.h>

#define NONCE "0123456789abcdef"
#define TEXT_128                                                                                   \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                             \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ZEROS_16    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define BYTES(text) .bytes = (text), .size = sizeof(text) - 1

union content {
    struct bl_open open;
    struct bl_accept accept;
    struct bl_deny deny;
    struct bl_data_header header;
};

static bool read_datagram(union content *out, const uint8_t *data, size_t size) {
    switch (data[0]) {
    case BL_DATAGRAM_OPEN:
        return bl_open_read(&out->open, data, size);
    case BL_DATAGRAM_ACCEPT:
        return bl_accept_read(&out->accept, data, size);
    case BL_DATAGRAM_DENY:
        return bl_deny_read(&out->deny, data, size);
    default:
        return bl_data_header_read(&out->header, data, size);
    }
}

/** DATA and GONE: only the header is written; what the test put behind it is copied. */
static size_t write_datagram(uint8_t *out, uint8_t kind, const union content *content) {
    switch (kind) {
    case BL_DATAGRAM_OPEN:
        return bl_open_write(out, &content->open);
    case BL_DATAGRAM_ACCEPT:
        return bl_accept_write(out, &content->accept);
    case BL_DATAGRAM_DENY:
        return bl_deny_write(out, &content->deny);
    default:
        bl_data_header_write(out, (enum bl_datagram_kind)kind, &content->header);
        return BL_DATA_HEADER_SIZE;
    }
}

/* clang-format off */
static const struct golden {
    const char *name;
    const char *bytes; /* zeros follow up to the datagram's size */
    size_t size;
    size_t datagram_size;
    union content content;
} goldens[] = {
    {"OPEN",
     BYTES("\x01" "\x00" "\x05" "\x00\x01" "\x01\x02\x03\x04\x05\x06\x07\x08" NONCE "\x00"), 1200,
     {.open = {.attempt = 5, .version = 1, .game = 0x0102030405060708, .nonce = NONCE}}},
    {"OPEN for a resume",
     BYTES("\x01" "\x00" "\xff" "\xab\xcd" "\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8" NONCE "\x01"), 1200,
     {.open = {.attempt = 255, .version = 0xabcd, .game = 0xf1f2f3f4f5f6f7f8, .nonce = NONCE,
               .resume = true}}},
    {"ACCEPT", BYTES("\x02" "\x00" "\x05" NONCE "\xca\xfe\xba\xbe"), 23,
     {.accept = {.attempt = 5, .nonce = NONCE, .tag = 0xcafebabe}}},
    {"DENY",
     BYTES("\x04" "\x00" "\x05" NONCE "\x00\x00\x00\x05" "\x01" "\x00\x00\x13\x88" "\x04" "full"), 33,
     {.deny = {.attempt = 5, .nonce = NONCE, .code = 5, .come_back = true, .retry_ms = 5000,
               .text = (const uint8_t *)"full", .text_size = 4}}},
    {"DENY with the longest text",
     BYTES("\x04" "\x00" "\x00" NONCE "\xff\xff\xff\xff" "\x00" "\x00\x00\x00\x00" "\x80" TEXT_128), 157,
     {.deny = {.nonce = NONCE, .code = 0xffffffff, .text = (const uint8_t *)TEXT_128,
               .text_size = 128}}},
};

static const struct golden headers[] = {
    {"DATA", BYTES("\x05" "\x00" "\xca\xfe\xba\xbe" "\xff\xfe"), 8,
     {.header = {.tag = 0xcafebabe, .number = 0xfffe}}},
    {"GONE", BYTES("\x06" "\x00" "\x00\x00\x00\x01" "\x00\x02"), 8,
     {.header = {.tag = 1, .number = 2}}},
};
/* clang-format on */

static void must_be_written(const struct golden *golden) {
    uint8_t wanted[BL_OPEN_SIZE] = {0};
    uint8_t out[BL_OPEN_SIZE];
    memcpy(wanted, golden->bytes, golden->size);
    memset(out, 0xa5, sizeof out);
    size_t size = write_datagram(out, wanted[0], &golden->content);
    ck_assert_msg(size == golden->datagram_size, "%s: %zu bytes", golden->name, size);
    ck_assert_msg(memcmp(out, wanted, size) == 0, "%s: other bytes", golden->name);
}

/* R24 */
START_TEST(a_datagram_is_written_as_the_protocol_says) {
    must_be_written(&goldens[_i]);
}
END_TEST

/* R24 */
START_TEST(a_header_is_written_as_the_protocol_says) {
    must_be_written(&headers[_i]);
}
END_TEST

/** Reads a copy of exactly this size, so that a read beyond it is seen. */
static bool read_exactly(union content *out, const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size);
    uint8_t again[BL_OPEN_SIZE];
    memcpy(copy, bytes, size);
    memset(out, 0xa5, sizeof *out); /* a reader sets every field */
    bool good = read_datagram(out, copy, size);
    if (good) { /* what was lent points into the copy, so it is looked at here */
        size_t written = write_datagram(again, copy[0], out);
        ck_assert_mem_eq(again, bytes, written);
    }
    free(copy);
    return good;
}

/* R24 */
START_TEST(a_datagram_is_read_at_its_own_size_and_no_other) {
    const struct golden *golden = &goldens[_i];
    uint8_t datagram[BL_OPEN_SIZE + 1] = {0};
    union content out;
    memcpy(datagram, golden->bytes, golden->size);
    for (size_t size = 1; size <= sizeof datagram; size++) {
        bool good = read_exactly(&out, datagram, size);
        ck_assert_msg(good == (size == golden->datagram_size), "%s of %zu bytes", golden->name,
                      size);
    }
}
END_TEST

/* R24 */
START_TEST(a_header_is_read_when_an_authenticator_fits_behind_it) {
    const struct golden *golden = &headers[_i];
    uint8_t datagram[1200] = {0};
    union content out;
    memcpy(datagram, golden->bytes, golden->size);
    for (size_t size = 1; size <= sizeof datagram; size++) {
        bool good = read_exactly(&out, datagram, size);
        ck_assert_msg(good == (size >= 24), "%s of %zu bytes", golden->name, size);
    }
}
END_TEST

/* clang-format off */
static const struct bad {
    const char *name;
    const char *bytes;
    size_t size;
    size_t datagram_size;
} bads[] = {
    {"OPEN that says 2 to a resume",
     BYTES("\x01" "\x00" "\x00" "\x00\x01" "\0\0\0\0\0\0\0\0" NONCE "\x02"), 1200},
    {"DENY that says 2 to coming back",
     BYTES("\x04" "\x00" "\x00" NONCE "\0\0\0\x05" "\x02" "\0\0\0\0" "\0"), 29},
    {"DENY with a text shorter than said",
     BYTES("\x04" "\x00" "\x00" NONCE "\0\0\0\x05" "\0" "\0\0\0\0" "\x02" "x"), 30},
    {"DENY with a text longer than said",
     BYTES("\x04" "\x00" "\x00" NONCE "\0\0\0\x05" "\0" "\0\0\0\0" "\x01" "xx"), 31},
    {"DENY with 129 bytes of text",
     BYTES("\x04" "\x00" "\x00" NONCE "\0\0\0\x05" "\0" "\0\0\0\0" "\x81" TEXT_128 "x"), 158},
};
/* clang-format on */

START_TEST(a_datagram_that_contradicts_itself_is_malformed) {
    const struct bad *bad = &bads[_i];
    uint8_t datagram[BL_OPEN_SIZE] = {0};
    union content out;
    memcpy(datagram, bad->bytes, bad->size);
    ck_assert_msg(!read_exactly(&out, datagram, bad->datagram_size), "%s", bad->name);
}
END_TEST

START_TEST(the_steering_byte_is_not_looked_at) {
    uint8_t datagram[BL_OPEN_SIZE] = {0};
    union content out;
    memcpy(datagram, goldens[0].bytes, goldens[0].size);
    datagram[1] = 0x7f;
    ck_assert(read_datagram(&out, datagram, sizeof datagram));
    ck_assert_uint_eq(out.open.game, goldens[0].content.open.game);
}
END_TEST

START_TEST(a_datagram_is_known_by_its_first_byte) {
    ck_assert_uint_eq(bl_datagram_kind("\x05", 1), BL_DATAGRAM_DATA);
    ck_assert_uint_eq(bl_datagram_kind("\xff", 1), 0xff);
    ck_assert_uint_eq(bl_datagram_kind(NULL, 0), 0);
}
END_TEST

/* Amplification: an answer may not be larger than its question. */
START_TEST(no_answer_is_larger_than_an_open) {
    uint8_t out[BL_OPEN_SIZE];
    ck_assert_uint_lt(bl_accept_write(out, &goldens[2].content.accept), BL_OPEN_SIZE);
    ck_assert_uint_lt(bl_deny_write(out, &goldens[4].content.deny), BL_OPEN_SIZE);
}
END_TEST

/* The published test vectors of FNV-1a (RFC draft-eastlake-fnv, appendix). */
static const struct hash {
    const char *text;
    uint64_t value;
} hashes[] = {
    {NULL, UINT64_C(0xcbf29ce484222325)},     {"", UINT64_C(0xcbf29ce484222325)},
    {"a", UINT64_C(0xaf63dc4c8601ec8c)},      {"b", UINT64_C(0xaf63df4c8601f1a5)},
    {"foobar", UINT64_C(0x85944171f73967e8)},
};

START_TEST(names_are_hashed_with_fnv_1a) {
    ck_assert_uint_eq(bl_wire_hash(hashes[_i].text), hashes[_i].value);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_datagram_is_written_as_the_protocol_says, 0, COUNT_OF(goldens));
    tcase_add_loop_test(tests, a_header_is_written_as_the_protocol_says, 0, COUNT_OF(headers));
    tcase_add_loop_test(tests, a_datagram_is_read_at_its_own_size_and_no_other, 0,
                        COUNT_OF(goldens));
    tcase_add_loop_test(tests, a_header_is_read_when_an_authenticator_fits_behind_it, 0,
                        COUNT_OF(headers));
    tcase_add_loop_test(tests, a_datagram_that_contradicts_itself_is_malformed, 0, COUNT_OF(bads));
    tcase_add_test(tests, the_steering_byte_is_not_looked_at);
    tcase_add_test(tests, a_datagram_is_known_by_its_first_byte);
    tcase_add_test(tests, no_answer_is_larger_than_an_open);
    tcase_add_loop_test(tests, names_are_hashed_with_fnv_1a, 0, COUNT_OF(hashes));
}

TEST_MAIN("wire/datagram", add_tests)
