/* The token codec, against docs/protocol.md by offset, and everything that is no token. */
#include "lib/secure/token.h"

#include "tests/support/test.h"
#include <string.h>

static struct bl_random source;
static struct bl_token_keys keys;
static struct bl_token token, opened;
static uint8_t sealed[BL_TOKEN_SIZE_MAX + 1];

static void begin(void) {
    bl_random_init_seeded(&source, 5);
    memset(&keys, 0, sizeof keys);
    keys.count = 2;
    keys.keys[0].id = 0x01020304;
    keys.keys[1].id = 0xa0b0c0d0;
    bl_random_bytes(&source, keys.keys[0].secret.bytes, BL_SECRET_SIZE);
    bl_random_bytes(&source, keys.keys[1].secret.bytes, BL_SECRET_SIZE);

    memset(&token, 0, sizeof token);
    memset(&opened, 0x55, sizeof opened);
    token.head = (struct bl_token_head){
        .game = 0x1122334455667788,
        .not_before_ms = 0x0000019876543210,
        .expiry_ms = 0x0000019876543210 + 60000,
    };
    memcpy(token.user_id, "the user's id...", 16);
    memcpy(token.id, "the token's id..", 16);
    memcpy(token.secret.bytes, "the secret of the session .... .", 32);
    strcpy(token.audience, "eu-1");
    memcpy(token.data, "\0red", 4);
    token.data_size = 4;
}

static size_t seal(const struct bl_token_key *key) {
    return bl_token_seal(sealed, &token, key, &source);
}

static void ck_assert_untouched(void) {
    for (size_t i = 0; i < sizeof opened; i++) {
        ck_assert_uint_eq(((const uint8_t *)&opened)[i], 0x55);
    }
}

START_TEST(a_token_has_its_fields_where_the_protocol_says) {
    static const uint8_t head[29] = {
        1,                                              /* version */
        0x01, 0x02, 0x03, 0x04,                         /* key id */
        0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, /* game */
        0,    0,    0x01, 0x98, 0x76, 0x54, 0x32, 0x10, /* not before */
        0,    0,    0x01, 0x98, 0x76, 0x55, 0x1c, 0x70, /* expiry */
    };
    static const char body[] = "the user's id...the token's id..the secret of the session .... ."
                               "\0\4eu-1\4\0red";
    size_t size = seal(&keys.keys[0]);
    ck_assert_uint_eq(size, 53 + 75 + 16);
    ck_assert_mem_eq(sealed, head, sizeof head);
    const struct bl_box box = {&keys.keys[0].secret, sealed + 29, sealed, 53};
    ck_assert(bl_box_open(&box, sealed + 53, 75));
    ck_assert_uint_eq(sizeof body - 1, 75);
    ck_assert_mem_eq(sealed + 53, body, 75);
}
END_TEST

START_TEST(what_was_sealed_is_what_is_opened) {
    size_t size = seal(&keys.keys[0]);
    ck_assert_int_eq(bl_token_open(&opened, sealed, size, &keys), BL_TOKEN_VALID);
    ck_assert_uint_eq(opened.head.key_id, keys.keys[0].id);
    ck_assert_uint_eq(opened.head.game, token.head.game);
    ck_assert_uint_eq(opened.head.not_before_ms, token.head.not_before_ms);
    ck_assert_uint_eq(opened.head.expiry_ms, token.head.expiry_ms);
    ck_assert_mem_eq(opened.user_id, token.user_id, sizeof token.user_id);
    ck_assert_mem_eq(opened.id, token.id, sizeof token.id);
    ck_assert_mem_eq(&opened.secret, &token.secret, sizeof token.secret);
    ck_assert_uint_eq(opened.rate_class, token.rate_class);
    ck_assert_str_eq(opened.audience, token.audience);
    ck_assert_uint_eq(opened.data_size, token.data_size);
    ck_assert_mem_eq(opened.data, token.data, token.data_size);
}
END_TEST

START_TEST(the_largest_and_the_smallest_token_have_the_size_of_the_protocol) {
    memset(token.audience, 'a', BL_TOKEN_AUDIENCE_MAX);
    memset(token.data, 'd', BL_TOKEN_DATA_MAX);
    token.data_size = BL_TOKEN_DATA_MAX;
    ck_assert_uint_eq(seal(&keys.keys[0]), 328);
    ck_assert_int_eq(bl_token_open(&opened, sealed, 328, &keys), BL_TOKEN_VALID);
    ck_assert_str_eq(opened.audience, token.audience);

    memset(token.audience, 0, sizeof token.audience);
    memset(token.data, 0, sizeof token.data);
    token.data_size = 0;
    ck_assert_uint_eq(seal(&keys.keys[0]), 136);
    ck_assert_int_eq(bl_token_open(&opened, sealed, 136, &keys), BL_TOKEN_VALID);
    ck_assert_str_eq(opened.audience, "");
}
END_TEST

START_TEST(no_nonce_is_used_twice) {
    uint8_t before[BL_TOKEN_SIZE_MAX];
    size_t size = seal(&keys.keys[0]);
    memcpy(before, sealed, size);
    seal(&keys.keys[0]);
    ck_assert_mem_ne(before + 29, sealed + 29, 24);
    ck_assert_mem_ne(before + 53, sealed + 53, 16);
}
END_TEST

START_TEST(any_of_the_keys_opens_what_it_has_sealed) {
    size_t size = seal(&keys.keys[1]);
    ck_assert_int_eq(bl_token_open(&opened, sealed, size, &keys), BL_TOKEN_VALID);
    ck_assert_uint_eq(opened.head.key_id, 0xa0b0c0d0);
}
END_TEST

START_TEST(a_token_of_other_keys_stays_closed) {
    size_t size = seal(&keys.keys[0]);
    keys.keys[0].secret.bytes[31] ^= 1;
    ck_assert_int_eq(bl_token_open(&opened, sealed, size, &keys), BL_TOKEN_ALTERED);
    keys.keys[0].id++;
    ck_assert_int_eq(bl_token_open(&opened, sealed, size, &keys), BL_TOKEN_UNKNOWN_KEY);
    ck_assert_untouched();
}
END_TEST

START_TEST(a_token_with_any_bit_turned_is_refused) {
    size_t size = seal(&keys.keys[0]);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert_msg(bl_token_open(&opened, sealed, size, &keys) != BL_TOKEN_VALID, "bit %zu",
                      bit);
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    ck_assert_untouched();
}
END_TEST

START_TEST(a_token_of_any_other_length_is_refused) {
    size_t size = seal(&keys.keys[0]);
    for (size_t length = 0; length <= sizeof sealed; length++) {
        enum bl_token_verdict expected = length == size               ? BL_TOKEN_VALID
                                         : length < BL_TOKEN_SIZE_MIN ? BL_TOKEN_TRUNCATED
                                         : length > BL_TOKEN_SIZE_MAX ? BL_TOKEN_TOO_LONG
                                                                      : BL_TOKEN_ALTERED;
        /* In memory of just that size, so that a sanitizer sees a byte read too many. */
        uint8_t *copy = malloc(length > 0 ? length : 1);
        memcpy(copy, sealed, length);
        ck_assert_msg(bl_token_open(&opened, copy, length, &keys) == expected, "%zu", length);
        free(copy);
    }
}
END_TEST

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16

/* Bodies that nobody but the holder of a key can make, and that do not fit together all the same.
 * They follow 64 bytes of ids and secret. */
#define BODY(text_) (text_), sizeof(text_) - 1
static const struct body {
    const char *name;
    const char *bytes;
    size_t size;
    enum bl_token_verdict verdict;
} bodies[] = {
    {"empty audience and data", BODY("\0\0\0"), BL_TOKEN_VALID},
    {"a rate class, which is reserved", BODY("\7\0\0"), BL_TOKEN_VALID},
    {"a byte behind", BODY("\0\0\0\0"), BL_TOKEN_MALFORMED},
    {"an audience over the end", BODY("\0\2a"), BL_TOKEN_MALFORMED},
    {"no room for the size of the data", BODY("\0\1a"), BL_TOKEN_MALFORMED},
    {"data over the end", BODY("\0\0\2d"), BL_TOKEN_MALFORMED},
    {"a zero in the audience", BODY("\0\3a\0b\0"), BL_TOKEN_MALFORMED},
    {"an audience of 64 bytes", BODY("\0\100" X64 "\0"), BL_TOKEN_VALID},
    {"an audience of 65 bytes", BODY("\0\101" X64 "x\0"), BL_TOKEN_MALFORMED},
    {"data of 128 bytes", BODY("\0\0\200" X64 X64), BL_TOKEN_VALID},
    {"data of 129 bytes", BODY("\0\0\201" X64 X64 "x"), BL_TOKEN_MALFORMED},
};

START_TEST(a_body_whose_parts_do_not_fill_it_exactly_is_refused) {
    const struct body *row = &bodies[_i];
    seal(&keys.keys[0]); /* for the head */
    size_t size = row->size;
    memset(sealed + 53, 0, 64);
    memcpy(sealed + 53 + 64, row->bytes, size);
    const struct bl_box box = {&keys.keys[0].secret, sealed + 29, sealed, 53};
    bl_box_seal(&box, sealed + 53, 64 + size);
    enum bl_token_verdict verdict = bl_token_open(&opened, sealed, 53 + 64 + size + 16, &keys);
    ck_assert_msg(verdict == row->verdict, "%s: %s", row->name, bl_token_verdict_text(verdict));
}
END_TEST

static const struct times {
    uint64_t not_before, expiry;
    enum bl_token_verdict verdict;
} times[] = {
    {1000, 1001, BL_TOKEN_VALID},
    {1000, 121000, BL_TOKEN_VALID},
    {1000, 121001, BL_TOKEN_BAD_TIMES},
    {1000, 1000, BL_TOKEN_BAD_TIMES},
    {1000, 999, BL_TOKEN_BAD_TIMES},
    {0, UINT64_MAX, BL_TOKEN_BAD_TIMES},
    {UINT64_MAX - 120000, UINT64_MAX, BL_TOKEN_VALID},
    {UINT64_MAX, 100, BL_TOKEN_BAD_TIMES},
};

START_TEST(times_that_no_service_gives_are_refused_unopened) {
    const struct times *row = &times[_i];
    struct bl_token_head head = {.key_id = 77};
    token.head.not_before_ms = row->not_before;
    token.head.expiry_ms = row->expiry;
    size_t size = seal(&keys.keys[0]);
    ck_assert_int_eq(bl_token_head_read(&head, sealed, size), row->verdict);
    ck_assert_uint_eq(head.key_id, row->verdict == BL_TOKEN_VALID ? 0x01020304 : 77);
    ck_assert_int_eq(bl_token_open(&opened, sealed, size, &keys), row->verdict);
}
END_TEST

START_TEST(another_version_is_told_apart_whatever_its_size) {
    struct bl_token_head head;
    sealed[0] = 2;
    ck_assert_int_eq(bl_token_head_read(&head, sealed, 1), BL_TOKEN_OTHER_VERSION);
    ck_assert_int_eq(bl_token_head_read(&head, sealed, 200), BL_TOKEN_OTHER_VERSION);
    ck_assert_int_eq(bl_token_head_read(&head, sealed, 329), BL_TOKEN_OTHER_VERSION);
    ck_assert_int_eq(bl_token_head_read(&head, NULL, 0), BL_TOKEN_TRUNCATED);
}
END_TEST

static const struct moment {
    uint64_t now;
    enum bl_token_verdict verdict;
} moments[] = {
    {0, BL_TOKEN_EARLY},       {8999, BL_TOKEN_EARLY},         {9000, BL_TOKEN_VALID},
    {10000, BL_TOKEN_VALID},   {69999, BL_TOKEN_VALID},        {70000, BL_TOKEN_EXPIRED},
    {71000, BL_TOKEN_EXPIRED}, {UINT64_MAX, BL_TOKEN_EXPIRED},
};

START_TEST(a_token_is_good_from_a_second_before_its_time_until_it_expires) {
    const struct bl_token_head head = {.not_before_ms = 10000, .expiry_ms = 70000};
    ck_assert_int_eq(bl_token_judge(&head, moments[_i].now), moments[_i].verdict);
}
END_TEST

/* ---- blobs */

static struct bl_token_blob blob, read_back;
static uint8_t bytes[BL_TOKEN_BLOB_SIZE_MAX + 1];

static size_t write_blob(unsigned place_count) {
    memset(&blob, 0, sizeof blob);
    memset(&read_back, 0, sizeof read_back);
    blob.token_size = (uint16_t)seal(&keys.keys[0]);
    memcpy(blob.token, sealed, blob.token_size);
    blob.secret = token.secret;
    blob.place_count = (uint8_t)place_count;
    for (unsigned i = 0; i < place_count; i++) {
        strcpy(blob.places[i], i % 2 == 0 ? "play.example.org:7777" : "[2001:db8::1]:7777");
    }
    return bl_token_blob_write(bytes, &blob);
}

START_TEST(a_blob_has_its_fields_where_the_protocol_says) {
    size_t size = write_blob(2);
    ck_assert_uint_eq(size, 8 + 2 + 144 + 32 + 1 + 1 + 21 + 1 + 18);
    ck_assert_mem_eq(bytes, "BelayTk1\0\220", 10);
    ck_assert_mem_eq(bytes + 10, sealed, 144);
    ck_assert_mem_eq(bytes + 154, token.secret.bytes, 32);
    ck_assert_mem_eq(bytes + 186, "\2\25play.example.org:7777\22[2001:db8::1]:7777", 1 + 22 + 19);
}
END_TEST

START_TEST(a_blob_is_read_as_it_was_written) {
    static const unsigned counts[] = {0, 1, 8};
    size_t size = write_blob(counts[_i]);
    ck_assert(bl_token_is_blob(bytes, size));
    ck_assert_int_eq(bl_token_blob_read(&read_back, bytes, size), BL_TOKEN_VALID);
    ck_assert_uint_eq(read_back.token_size, blob.token_size);
    ck_assert_mem_eq(read_back.token, blob.token, blob.token_size);
    ck_assert_mem_eq(&read_back.secret, &blob.secret, sizeof blob.secret);
    ck_assert_uint_eq(read_back.place_count, counts[_i]);
    ck_assert_mem_eq(read_back.places, blob.places, sizeof blob.places);
}
END_TEST

START_TEST(a_blob_that_was_cut_or_grew_is_told_so) {
    size_t size = write_blob(8);
    for (size_t length = 0; length < size; length++) {
        uint8_t *copy = malloc(length > 0 ? length : 1);
        memcpy(copy, bytes, length);
        ck_assert_int_eq(bl_token_blob_read(&read_back, copy, length), BL_TOKEN_TRUNCATED);
        free(copy);
    }
    ck_assert_int_eq(bl_token_blob_read(&read_back, bytes, size + 1), BL_TOKEN_TOO_LONG);
    ck_assert_uint_eq(read_back.token_size, 0);
}
END_TEST

START_TEST(a_blob_has_at_most_1024_bytes) {
    size_t size = write_blob(5);
    size_t left = BL_TOKEN_BLOB_SIZE_MAX - size;
    for (unsigned i = 0; i < 5; i++) { /* 1 byte more at the end than there is room */
        size_t add = left / 5 + (i < left % 5);
        memmove(blob.places[i] + add, blob.places[i], strlen(blob.places[i]) + 1);
        memset(blob.places[i], 'x', add + 1);
    }
    ck_assert_uint_eq(bl_token_blob_write(bytes, &blob), BL_TOKEN_BLOB_SIZE_MAX);
    memmove(blob.places[4] + 1, blob.places[4], strlen(blob.places[4]) + 1);
    ck_assert_uint_eq(bl_token_blob_write(bytes, &blob), 0);
}
END_TEST

/* One byte of a blob with two places changed: where, to what. */
static const struct damage {
    const char *name;
    size_t at;
    uint8_t value;
} damages[] = {
    {"the magic", 7, '2'},
    {"a token of no size", 9, 0}, /* what follows no longer fits either */
    {"a token of 329 bytes and more", 8, 2},
    {"nine places", 186, 9},
    {"an empty place", 187, 0},
    {"a blank in a place", 190, ' '},
    {"a zero in a place", 190, 0},
    {"a line's end in a place", 190, '\n'},
};

START_TEST(a_blob_that_is_none_is_refused) {
    size_t size = write_blob(2);
    bytes[damages[_i].at] = damages[_i].value;
    ck_assert_msg(bl_token_blob_read(&read_back, bytes, size) == BL_TOKEN_MALFORMED, "%s",
                  damages[_i].name);
    ck_assert_uint_eq(read_back.token_size, 0);
}
END_TEST

START_TEST(a_blob_without_a_token_is_refused) {
    write_blob(0);
    blob.token_size = 0;
    size_t size = bl_token_blob_write(bytes, &blob);
    ck_assert_int_eq(bl_token_blob_read(&read_back, bytes, size), BL_TOKEN_MALFORMED);
}
END_TEST

static const struct place {
    const char *text;
    bool valid;
} places[] = {
    {"a:1", true},
    {"play.example.org:7777", true},
    {"192.0.2.1:65535", true},
    {"[::1]:7777", true},
    {"[fe80::1%7]:7777", true},
    {"my_host-2:07777", true},
    {"", false},
    {":7777", false},
    {"host", false},
    {"host:", false},
    {"host:0", false},
    {"host:65536", false},
    {"host:077777", false},
    {"host:4294967297", false}, /* 1, in 32 bits */
    {"host:+777", false},
    {"host:7777 ", false},
    {"ho st:7777", false},
    {"2001:db8::1:7777", false},
    {"[]:7777", false},
    {"[::1]7777", false},
    {"[::1:7777", false},
    {"::1]:7777", false},
    {"[::1]x:7777", false},
    {"h\xc3\xb6st:7777", false},
    {"belay://host:7777", false},
    {"host:7777/", false},
    {"1.2.3:7777", false}, /* the system would take it for an address */
    {"256.0.0.1:7777", false},
    {"0.0.0.0:7777", false}, /* where one listens */
    {"[::]:7777", false},
    {"[2001:db8:::1]:7777", false},
    {"[play.example.org]:7777", false},
    {"play..org:7777", false},
    {"-host:7777", false},
};

START_TEST(a_place_is_what_a_client_can_dial) {
    const struct place *row = &places[_i];
    ck_assert_msg(bl_token_place_is_valid(row->text, strlen(row->text)) == row->valid, "%s",
                  row->text);
}
END_TEST

START_TEST(a_place_has_at_most_255_bytes) {
    char text[256];
    memset(text, 'x', sizeof text);
    text[60] = text[120] = text[180] = text[240] = '.';
    memcpy(text + 253, ":1", 2);
    ck_assert(bl_token_place_is_valid(text, 255));
    memcpy(text + 253, ":11", 3);
    ck_assert(!bl_token_place_is_valid(text, 256));
}
END_TEST

START_TEST(a_zero_byte_is_no_end_of_a_place) {
    ck_assert(!bl_token_place_is_valid("host:7777\0", 10));
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, begin, NULL);
    tcase_add_test(tests, a_token_has_its_fields_where_the_protocol_says);
    tcase_add_test(tests, what_was_sealed_is_what_is_opened);
    tcase_add_test(tests, the_largest_and_the_smallest_token_have_the_size_of_the_protocol);
    tcase_add_test(tests, no_nonce_is_used_twice);
    tcase_add_test(tests, any_of_the_keys_opens_what_it_has_sealed);
    tcase_add_test(tests, a_token_of_other_keys_stays_closed);
    tcase_add_test(tests, a_token_with_any_bit_turned_is_refused);
    tcase_add_test(tests, a_token_of_any_other_length_is_refused);
    tcase_add_loop_test(tests, a_body_whose_parts_do_not_fill_it_exactly_is_refused, 0,
                        COUNT_OF(bodies));
    tcase_add_loop_test(tests, times_that_no_service_gives_are_refused_unopened, 0,
                        COUNT_OF(times));
    tcase_add_test(tests, another_version_is_told_apart_whatever_its_size);
    tcase_add_loop_test(tests, a_token_is_good_from_a_second_before_its_time_until_it_expires, 0,
                        COUNT_OF(moments));
    tcase_add_test(tests, a_blob_has_its_fields_where_the_protocol_says);
    tcase_add_loop_test(tests, a_blob_is_read_as_it_was_written, 0, 3);
    tcase_add_test(tests, a_blob_that_was_cut_or_grew_is_told_so);
    tcase_add_test(tests, a_blob_has_at_most_1024_bytes);
    tcase_add_loop_test(tests, a_blob_that_is_none_is_refused, 0, COUNT_OF(damages));
    tcase_add_test(tests, a_blob_without_a_token_is_refused);
    tcase_add_loop_test(tests, a_place_is_what_a_client_can_dial, 0, COUNT_OF(places));
    tcase_add_test(tests, a_place_has_at_most_255_bytes);
    tcase_add_test(tests, a_zero_byte_is_no_end_of_a_place);
}
TEST_MAIN("secure/token", add_tests)
