/*
 * The datagrams of docs/protocol.md, byte by byte, written from the document: the wire cannot
 * change unnoticed.
 */
#include "lib/wire/datagram.h"
#include "tests/support/test.h"
#include <string.h>

#define NONCE       "0123456789abcdef"
#define NONCE_2     "ghijklmnopqrstuv"
#define COOKIE      "COOKIEcookieCOOK"
#define KEY         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"
#define ZEROS_32    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define TEXT_64     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TEXT_128    TEXT_64 TEXT_64
#define TEXT_512    TEXT_128 TEXT_128 TEXT_128 TEXT_128
#define BYTES(text) .bytes = (text), .size = sizeof(text) - 1
#define LENT(text)  (const uint8_t *)(text)

union content {
    struct bl_open open;
    struct bl_accept accept;
    struct bl_retry retry;
    struct bl_deny deny;
    struct bl_data_header header;
    struct bl_reset reset;
    struct bl_query query;
    struct bl_info info;
};

static bool read_datagram(union content *out, const uint8_t *data, size_t size) {
    switch (bl_datagram_kind(data, size)) {
    case BL_DATAGRAM_OPEN:
        return bl_open_read(&out->open, data, size);
    case BL_DATAGRAM_ACCEPT:
        return bl_accept_read(&out->accept, data, size);
    case BL_DATAGRAM_RETRY:
        return bl_retry_read(&out->retry, data, size);
    case BL_DATAGRAM_DENY:
        return bl_deny_read(&out->deny, data, size);
    case BL_DATAGRAM_RESET:
        return bl_reset_read(&out->reset, data, size);
    case BL_DATAGRAM_QUERY:
        return bl_query_read(&out->query, data, size);
    case BL_DATAGRAM_INFO:
        return bl_info_read(&out->info, data, size);
    default:
        return bl_data_header_read(&out->header, data, size);
    }
}

/** What the codec writes of a kind: what is sealed or proven is behind it. */
static size_t write_datagram(uint8_t *out, uint8_t kind, const union content *content) {
    switch (kind) {
    case BL_DATAGRAM_OPEN:
        bl_open_write(out, &content->open);
        return BL_OPEN_FIXED_SIZE;
    case BL_DATAGRAM_ACCEPT:
        bl_accept_write(out, &content->accept);
        return BL_ACCEPT_HEAD_SIZE;
    case BL_DATAGRAM_RETRY:
        return bl_retry_write(out, &content->retry);
    case BL_DATAGRAM_DENY:
        return bl_deny_write(out, &content->deny);
    case BL_DATAGRAM_RESET:
        return bl_reset_write(out, &content->reset);
    case BL_DATAGRAM_QUERY:
        return bl_query_write(out, &content->query);
    case BL_DATAGRAM_INFO:
        return bl_info_write(out, &content->info);
    default:
        bl_data_header_write(out, &content->header);
        return BL_DATA_HEADER_SIZE;
    }
}

/* clang-format off */
static const struct golden {
    const char *name;
    const char *bytes; /* zeros follow up to what is written */
    size_t size;
    size_t written, datagram_size; /* of the tables in the document */
    union content content;
    size_t datagram_size_max; /* 0: it has one size */
} goldens[] = {
    {"OPEN with a token",
     BYTES("\x01" "0" "\x00\x02" "\x01" "\x03" "\x01\x02\x03\x04\x05\x06\x07\x08" NONCE KEY
           "\x00\x05" "token"), 1152, 1200,
     {.open = {.version = 2, .way = BL_WAY_TOKEN, .suites = 3, .game = 0x0102030405060708,
               .nonce = NONCE, .key = KEY, .credential = LENT("token"), .credential_size = 5}}},
    {"OPEN with a key",
     BYTES("\x01" "0" "\x00\x02" "\x02" "\x01" "\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8" NONCE KEY
           "\x00\x00"), 1152, 1200,
     {.open = {.version = 2, .way = BL_WAY_KEY, .suites = 1, .game = 0xf1f2f3f4f5f6f7f8,
               .nonce = NONCE, .key = KEY}}},
    {"OPEN with the largest credential",
     BYTES("\x01" "0" "\x00\x02" "\x03" "\xff" "\0\0\0\0\0\0\0\0" NONCE KEY "\x04\x40"
           TEXT_512 TEXT_512 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
     1152, 1200,
     {.open = {.version = 2, .way = BL_WAY_RESUME, .suites = 0xff, .nonce = NONCE, .key = KEY,
               .credential = LENT(TEXT_512 TEXT_512 TEXT_128), .credential_size = 1088}}},
    {"ACCEPT", BYTES("\x02" "\x00" "\x01" NONCE NONCE_2 KEY), 67, 67 + 147 + 16,
     {.accept = {.suite = 1, .nonce = NONCE, .server_nonce = NONCE_2, .key = KEY}},
     67 + 147 + 1 + 17 * 17 + 16},
    {"RETRY", BYTES("\x03" "\x00" NONCE COOKIE "\x02" KEY), 67, 67,
     {.retry = {.nonce = NONCE, .cookie = COOKIE, .way = BL_WAY_KEY, .key = KEY}}},
    {"RETRY for a token", BYTES("\x03" "\x00" NONCE COOKIE "\x01" ZEROS_32), 67, 67,
     {.retry = {.nonce = NONCE, .cookie = COOKIE, .way = BL_WAY_TOKEN}}},
    {"DENY",
     BYTES("\x04" "\x00" NONCE "\x00\x00\x00\x05" "\x01" "\x00\x00\x13\x88" "\x04" "full"),
     28 + 4, 60 + 4,
     {.deny = {.nonce = NONCE, .code = 5, .come_back = true, .retry_ms = 5000,
               .text = LENT("full"), .text_size = 4}}},
    {"DENY without a text",
     BYTES("\x04" "\x00" NONCE "\x00\x00\x00\x0e" "\x00" "\x00\x00\x00\x00" "\x00"), 28, 60,
     {.deny = {.nonce = NONCE, .code = 14}}},
    {"DENY with the longest text",
     BYTES("\x04" "\x00" NONCE "\xff\xff\xff\xff" "\x00" "\xff\xff\xff\xff" "\x80" TEXT_128),
     28 + 128, 60 + 128,
     {.deny = {.nonce = NONCE, .code = 0xffffffff, .retry_ms = 0xffffffff, .text = LENT(TEXT_128),
               .text_size = 128}}},
    {"QUERY", BYTES("\x09" "n" "\x00\x02" "\x01\x02\x03\x04\x05\x06\x07\x08" "nonce..8"), 640, 640,
     {.query = {.version = 2, .game = 0x0102030405060708, .nonce = "nonce..8"}}},
    {"INFO", BYTES("\x0a" "\x00" "nonce..8" KEY "\x00\x00\x00\x07" "\x00\x00\x01\x00" "\x00\x04"
                   "data"), 52 + 4, 52 + 4,
     {.info = {.nonce = "nonce..8", .key = KEY, .sessions = 7, .session_max = 256,
               .data = LENT("data"), .data_size = 4}}},
    {"INFO without data or key",
     BYTES("\x0a" "\x00" "nonce..8" ZEROS_32 "\x00\x00\x00\x00" "\x00\x00\x00\x40" "\x00\x00"),
     52, 52, {.info = {.nonce = "nonce..8", .session_max = 64}}},
    {"INFO with the most data",
     BYTES("\x0a" "\x00" "nonce..8" KEY "\xff\xff\xff\xff" "\xff\xff\xff\xff" "\x02\x00" TEXT_512),
     564, 564,
     {.info = {.nonce = "nonce..8", .key = KEY, .sessions = 0xffffffff, .session_max = 0xffffffff,
               .data = LENT(TEXT_512), .data_size = 512}}},
    {"RESET", BYTES("\x0b" "\x00" "\xca\xfe\xba\xbe" COOKIE), 22, 22,
     {.reset = {.tag = 0xcafebabe, .token = COOKIE}}},
};

/* What follows a header is sealed; the sizes a datagram may have are from the document. */
static const struct header {
    const char *name;
    const char *bytes;
    size_t size_min, size_max;
    struct bl_data_header content;
} headers[] = {
    {"DATA up", "\x05" "\xca" "\xca\xfe\xba\xbe" "\xff\xfe\xfd\xfc", 26, 1200,
     {.kind = BL_DATAGRAM_DATA, .steered = true, .tag = 0xcafebabe, .number = 0xfffefdfc}},
    {"DATA down, of the other phase", "\x85" "\x00" "\xca\xfe\xba\xbe" "\x00\x00\x00\x01", 26, 1200,
     {.kind = BL_DATAGRAM_DATA, .phase = true, .tag = 0xcafebabe, .number = 1}},
    {"GONE", "\x06" "\x00" "\x00\x00\x00\x01" "\x00\x00\x00\x02", 26, 26,
     {.kind = BL_DATAGRAM_GONE, .tag = 1, .number = 2}},
    {"CHALLENGE", "\x07" "\x00" "\x10\x00\x00\x01" "\x00\x00\x00\x03", 38, 38,
     {.kind = BL_DATAGRAM_CHALLENGE, .tag = 0x10000001, .number = 3}},
    {"RESPONSE of the other phase", "\x88" "\x10" "\x10\x00\x00\x01" "\x00\x00\x00\x04", 34, 34,
     {.kind = BL_DATAGRAM_RESPONSE, .phase = true, .steered = true, .tag = 0x10000001,
      .number = 4}},
};
/* clang-format on */

/* R24 */
START_TEST(a_datagram_is_written_as_the_protocol_says) {
    const struct golden *golden = &goldens[_i];
    uint8_t wanted[BL_OPEN_SIZE] = {0};
    uint8_t out[BL_OPEN_SIZE];
    memcpy(wanted, golden->bytes, golden->size);
    memset(wanted + golden->written, 0xa5, sizeof wanted - golden->written);
    memset(out, 0xa5, sizeof out);
    size_t size = write_datagram(out, wanted[0], &golden->content);
    ck_assert_msg(size == golden->written, "%s: %zu bytes", golden->name, size);
    ck_assert_msg(memcmp(out, wanted, sizeof out) == 0, "%s: other bytes", golden->name);
}
END_TEST

/* R24 */
START_TEST(a_header_is_written_as_the_protocol_says) {
    uint8_t out[BL_DATA_HEADER_SIZE];
    bl_data_header_write(out, &headers[_i].content);
    ck_assert_mem_eq(out, headers[_i].bytes, sizeof out);
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
        size_t written = write_datagram(again, bl_datagram_kind(copy, size), out);
        ck_assert_mem_eq(again, bytes, written);
    }
    free(copy);
    return good;
}

/* R24 */
START_TEST(a_datagram_is_read_at_its_own_sizes_and_no_other) {
    const struct golden *golden = &goldens[_i];
    uint8_t datagram[BL_OPEN_SIZE + 1] = {0};
    union content out;
    memcpy(datagram, golden->bytes, golden->size);
    size_t min = golden->datagram_size;
    size_t max = golden->datagram_size_max != 0 ? golden->datagram_size_max : min;
    for (size_t size = 1; size <= sizeof datagram; size++) {
        bool good = read_exactly(&out, datagram, size);
        ck_assert_msg(good == (size >= min && size <= max), "%s of %zu bytes", golden->name, size);
    }
}
END_TEST

/* R24 */
START_TEST(a_header_is_read_where_the_size_is_that_of_its_kind) {
    const struct header *header = &headers[_i];
    uint8_t datagram[BL_OPEN_SIZE + 1] = {0};
    union content out;
    memcpy(datagram, header->bytes, BL_DATA_HEADER_SIZE);
    for (size_t size = 1; size <= sizeof datagram; size++) {
        bool good = read_exactly(&out, datagram, size);
        ck_assert_msg(good == (size >= header->size_min && size <= header->size_max),
                      "%s of %zu bytes", header->name, size);
    }
    ck_assert(read_exactly(&out, datagram, header->size_min));
    ck_assert_int_eq(out.header.kind, header->content.kind);
    ck_assert_int_eq(out.header.phase, header->content.phase);
    ck_assert_int_eq(out.header.steered, header->content.steered);
    ck_assert_uint_eq(out.header.tag, header->content.tag);
    ck_assert_uint_eq(out.header.number, header->content.number);
}
END_TEST

/** Every kind but those with a header, where it is the key phase. */
START_TEST(the_phase_bit_makes_other_datagrams_malformed) {
    const struct golden *golden = &goldens[_i];
    uint8_t datagram[BL_OPEN_SIZE] = {0};
    union content out;
    memcpy(datagram, golden->bytes, golden->size);
    datagram[0] |= 0x80;
    ck_assert_msg(!read_datagram(&out, datagram, golden->datagram_size), "%s", golden->name);
}
END_TEST

START_TEST(only_four_kinds_have_a_header) {
    uint8_t datagram[BL_OPEN_SIZE] = {0};
    struct bl_data_header header;
    for (unsigned kind = 0; kind < 0x80; kind++) {
        unsigned read = 0;
        datagram[0] = (uint8_t)kind;
        for (size_t size = 0; size <= sizeof datagram; size++) {
            read += bl_data_header_read(&header, datagram, size);
        }
        ck_assert_int_eq(read > 0, kind >= BL_DATAGRAM_DATA && kind <= BL_DATAGRAM_RESPONSE);
    }
}
END_TEST

/* One byte of a good datagram is another one. */
static const struct bad {
    const char *name;
    size_t golden; /* its row */
    size_t offset;
    uint8_t value;
    bool good;
} bads[] = {
    {"OPEN of way 0", 0, 4, 0, false},
    {"OPEN of way 4", 0, 4, 4, false},
    {"OPEN by key with a credential", 0, 4, 2, false},
    {"OPEN by resume", 0, 4, 3, true},
    {"OPEN without ChaCha20", 0, 5, 2, false},
    {"OPEN with suites nobody knows", 0, 5, 0xfd, true},
    {"OPEN with the largest credential and one byte", 2, 63, 0x41, false},
    {"OPEN with a credential larger than any datagram", 2, 62, 0xff, false},
    {"RETRY of way 0", 4, 34, 0, false},
    {"RETRY of way 4", 4, 34, 4, false},
    {"DENY that says 2 to coming back", 6, 22, 2, false},
    {"DENY with a text shorter than said", 6, 27, 5, false},
    {"DENY with a text longer than said", 6, 27, 3, false},
    {"DENY with 129 bytes of text", 8, 27, 129, false},
    {"INFO with data shorter than said", 10, 51, 5, false},
    {"INFO with data longer than said", 10, 51, 3, false},
};

START_TEST(a_datagram_that_contradicts_itself_is_malformed) {
    const struct bad *bad = &bads[_i];
    const struct golden *golden = &goldens[bad->golden];
    uint8_t datagram[BL_OPEN_SIZE] = {0};
    union content out;
    memcpy(datagram, golden->bytes, golden->size);
    datagram[bad->offset] = bad->value;
    bool good = read_exactly(&out, datagram, golden->datagram_size);
    ck_assert_msg(good == bad->good, "%s", bad->name);
}
END_TEST

/* clang-format off */
static const uint8_t long_deny[] =
    "\x04" "\x00" NONCE "\0\0\0\x05" "\0" "\0\0\0\0" "\x81" TEXT_128 "x" ZEROS_32;
static const uint8_t long_info[] =
    "\x0a" "\x00" "nonce..8" KEY "\0\0\0\0" "\0\0\0\0" "\x02\x01" TEXT_512 "x";
/* clang-format on */

START_TEST(texts_and_data_longer_than_their_limit_are_malformed) {
    union content out;
    ck_assert(!read_exactly(&out, long_deny, sizeof long_deny - 1));
    ck_assert(!read_exactly(&out, long_info, sizeof long_info - 1));
}
END_TEST

START_TEST(of_another_version_an_open_tells_version_and_nonce) {
    uint8_t datagram[BL_OPEN_SIZE];
    struct bl_open open;
    memset(datagram, 0xff, sizeof datagram); /* nothing else makes sense */
    datagram[0] = BL_DATAGRAM_OPEN;
    memcpy(datagram + 14, NONCE, BL_NONCE_SIZE);
    ck_assert(bl_open_read(&open, datagram, sizeof datagram));
    ck_assert_uint_eq(open.version, 0xffff);
    ck_assert_mem_eq(open.nonce, NONCE, BL_NONCE_SIZE);
    ck_assert(!bl_open_read(&open, datagram, sizeof datagram - 1));
}
END_TEST

START_TEST(a_deny_says_what_its_authenticator_covers) {
    uint8_t datagram[BL_DENY_SIZE_MAX] = {0};
    struct bl_deny deny;
    memcpy(datagram, goldens[6].bytes, goldens[6].size);
    ck_assert(bl_deny_read(&deny, datagram, goldens[6].datagram_size));
    ck_assert_uint_eq(deny.proven_size, goldens[6].written);
    ck_assert_uint_eq(deny.text_size, 4);
    ck_assert_mem_eq(deny.text, "full", 4);
}
END_TEST

/* The sealed part of ACCEPT. */
/* clang-format off */
#define TOKENS   NONCE NONCE_2
#define TICKET   TEXT_64 "0123456789abcdef0123456789abcdef012345678"
#define GOOD     "\xca\xfe\xba\xbe" "\x00\x00\x00\x01" TOKENS "\x00\x69" TICKET
#define POSITION "\x00\x00\x00\x01" "\x00\x00\x00\x02" "\x00\x00\x00\x03" "\x00\x00\x00\x04"
static const struct params {
    const char *name;
    const char *bytes;
    size_t size;
    bool good;
} params[] = {
    {"of a login", BYTES(GOOD "\x00"), true},
    {"of a resume", BYTES(GOOD "\x02" "\x00" POSITION "\x0f" POSITION), true},
    {"without positions", BYTES(GOOD), false},
    {"with fewer positions than said", BYTES(GOOD "\x02" "\x00" POSITION), false},
    {"with more positions than said", BYTES(GOOD "\x01" "\x00" POSITION "\x0f" POSITION), false},
    {"with a byte behind", BYTES(GOOD "\x00" "\x00"), false},
    {"without a ticket", BYTES("\xca\xfe\xba\xbe" "\x00\x00\x00\x01" TOKENS "\x00\x00" "\x00"),
     false},
    {"with a ticket that is too short",
     BYTES("\xca\xfe\xba\xbe" "\x00\x00\x00\x01" TOKENS "\x00\x68" TICKET "\x00"), false},
    {"with a ticket that is too long",
     BYTES("\xca\xfe\xba\xbe" "\x00\x00\x00\x01" TOKENS "\x00\x6a" TICKET "t" "\x00"), false},
    {"without a tag",
     BYTES("\x00\x00\x00\x00" "\x00\x00\x00\x01" TOKENS "\x00\x69" TICKET "\x00"), false},
    {"without a spare tag",
     BYTES("\xca\xfe\xba\xbe" "\x00\x00\x00\x00" TOKENS "\x00\x69" TICKET "\x00"), false},
    {"with one tag twice",
     BYTES("\xca\xfe\xba\xbe" "\xca\xfe\xba\xbe" TOKENS "\x00\x69" TICKET "\x00"), false},
};
/* clang-format on */

static bool read_params(struct bl_accept_params *out, const char *bytes, size_t size) {
    uint8_t *copy = malloc(size); /* of this size: the sanitizer guards its end */
    memcpy(copy, bytes, size);
    bool good = bl_accept_params_read(out, copy, size);
    free(copy);
    return good;
}

/* R24 */
START_TEST(an_accept_names_two_tags_and_brings_a_ticket) {
    const struct params *row = &params[_i];
    struct bl_accept_params out;
    uint8_t again[BL_ACCEPT_PARAMS_MAX];
    bool good = read_params(&out, row->bytes, row->size);
    ck_assert_msg(good == row->good, "parameters %s", row->name);
    if (good) {
        ck_assert_uint_eq(out.tag, 0xcafebabe);
        ck_assert_uint_eq(out.spare_tag, 1);
        ck_assert_mem_eq(out.reset_token, NONCE, BL_RESET_TOKEN_SIZE);
        ck_assert_mem_eq(out.spare_reset_token, NONCE_2, BL_RESET_TOKEN_SIZE);
        ck_assert_mem_eq(out.ticket, TICKET, BL_TICKET_SIZE);
        ck_assert_uint_eq(bl_accept_params_write(again, &out), row->size);
        ck_assert_mem_eq(again, row->bytes, row->size);
    }
}
END_TEST

START_TEST(parameters_that_are_cut_short_anywhere_are_malformed) {
    const struct params *row = &params[1];
    struct bl_accept_params out;
    for (size_t size = 1; size < row->size; size++) {
        ck_assert_msg(!read_params(&out, row->bytes, size), "%zu bytes", size);
    }
}
END_TEST

START_TEST(the_steering_byte_of_a_handshake_is_not_looked_at) {
    uint8_t datagram[BL_OPEN_SIZE] = {0};
    struct bl_open open;
    memcpy(datagram, goldens[0].bytes, goldens[0].size);
    datagram[1] = 0x7f;
    ck_assert(bl_open_read(&open, datagram, sizeof datagram));
    ck_assert_uint_eq(open.game, goldens[0].content.open.game);
}
END_TEST

START_TEST(a_datagram_is_known_by_its_first_byte) {
    ck_assert_uint_eq(bl_datagram_kind("\x05", 1), BL_DATAGRAM_DATA);
    ck_assert_uint_eq(bl_datagram_kind("\x85", 1), BL_DATAGRAM_DATA); /* of the other phase */
    ck_assert_uint_eq(bl_datagram_kind("\xff", 1), 0x7f);
    ck_assert_uint_eq(bl_datagram_kind(NULL, 0), 0);
}
END_TEST

/* Amplification: an answer may not be larger than its question. */
START_TEST(no_answer_is_larger_than_its_question) {
    ck_assert_uint_le(BL_ACCEPT_SIZE_MAX, BL_OPEN_SIZE);
    ck_assert_uint_le(BL_RETRY_SIZE, BL_OPEN_SIZE);
    ck_assert_uint_le(BL_DENY_SIZE_MAX, BL_OPEN_SIZE);
    ck_assert_uint_le(BL_INFO_HEAD_SIZE + BELAY_PUBLIC_INFO_MAX, BL_QUERY_SIZE);
    ck_assert_uint_lt(BL_RESET_SIZE, BL_DATA_HEADER_SIZE + BL_DATA_TAG_SIZE); /* the least DATA */
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
    tcase_add_loop_test(tests, a_datagram_is_read_at_its_own_sizes_and_no_other, 0,
                        COUNT_OF(goldens));
    tcase_add_loop_test(tests, a_header_is_read_where_the_size_is_that_of_its_kind, 0,
                        COUNT_OF(headers));
    tcase_add_loop_test(tests, the_phase_bit_makes_other_datagrams_malformed, 0, COUNT_OF(goldens));
    tcase_add_test(tests, only_four_kinds_have_a_header);
    tcase_add_loop_test(tests, a_datagram_that_contradicts_itself_is_malformed, 0, COUNT_OF(bads));
    tcase_add_test(tests, texts_and_data_longer_than_their_limit_are_malformed);
    tcase_add_test(tests, of_another_version_an_open_tells_version_and_nonce);
    tcase_add_test(tests, a_deny_says_what_its_authenticator_covers);
    tcase_add_loop_test(tests, an_accept_names_two_tags_and_brings_a_ticket, 0, COUNT_OF(params));
    tcase_add_test(tests, parameters_that_are_cut_short_anywhere_are_malformed);
    tcase_add_test(tests, the_steering_byte_of_a_handshake_is_not_looked_at);
    tcase_add_test(tests, a_datagram_is_known_by_its_first_byte);
    tcase_add_test(tests, no_answer_is_larger_than_its_question);
    tcase_add_loop_test(tests, names_are_hashed_with_fnv_1a, 0, COUNT_OF(hashes));
}

TEST_MAIN("wire/datagram", add_tests)
