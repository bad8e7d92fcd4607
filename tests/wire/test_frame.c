/*
 * The frames of docs/protocol.md, byte by byte. What stands here was written from the document, not
 * taken from the encoder, and is the same for client and server: the wire cannot change unnoticed.
 */
#include "lib/wire/frame.h"
#include "tests/support/test.h"
#include <string.h>

#define ZEROS_16 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define TEXT_128                                                                                   \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                             \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/** Any frame that has been read, or is to be written. */
union content {
    struct bl_hello hello;
    struct bl_welcome welcome;
    struct bl_reason_frame reason;
    struct bl_error_frame error;
    struct bl_pong pong;
    struct bl_handled handled;
    struct bl_piece piece;
    struct bl_drain_frame drain;
    uint32_t number; /* PING, PAUSE */
};

static bool read_frame(union content *out, const uint8_t *data, size_t size) {
    switch (data[0]) {
    case BL_FRAME_HELLO:
        return bl_hello_read(&out->hello, data, size);
    case BL_FRAME_WELCOME:
        return bl_welcome_read(&out->welcome, data, size);
    case BL_FRAME_REFUSE:
    case BL_FRAME_CLOSE:
        return bl_reason_read(&out->reason, data, size);
    case BL_FRAME_ERROR:
        return bl_error_read(&out->error, data, size);
    case BL_FRAME_PING:
        return bl_ping_read(&out->number, data, size);
    case BL_FRAME_PONG:
        return bl_pong_read(&out->pong, data, size);
    case BL_FRAME_HANDLED:
        return bl_handled_read(&out->handled, data, size);
    case BL_FRAME_PAUSE:
        return bl_pause_read(&out->number, data, size);
    case BL_FRAME_DRAIN:
        return bl_drain_read(&out->drain, data, size);
    default:
        return bl_piece_read(&out->piece, data, size);
    }
}

/** The data of a piece follow its header, as its senders have it. */
static size_t write_piece(uint8_t *out, size_t size, const struct bl_piece *piece) {
    size_t header = bl_piece_write(out, size, piece);
    if (header == 0 || piece->size > size - header) {
        return 0;
    }
    if (piece->size > 0) {
        memcpy(out + header, piece->data, piece->size);
    }
    return header + piece->size;
}

static size_t write_frame(uint8_t type, const union content *content, uint8_t *out, size_t size) {
    switch (type) {
    case BL_FRAME_HELLO:
        return bl_hello_write(out, size, &content->hello);
    case BL_FRAME_WELCOME:
        return bl_welcome_write(out, size, &content->welcome);
    case BL_FRAME_REFUSE:
    case BL_FRAME_CLOSE:
        return bl_reason_write(out, size, type, &content->reason);
    case BL_FRAME_ERROR:
        return bl_error_write(out, size, &content->error);
    case BL_FRAME_PING:
        return bl_ping_write(out, size, content->number);
    case BL_FRAME_PONG:
        return bl_pong_write(out, size, &content->pong);
    case BL_FRAME_HANDLED:
        return bl_handled_write(out, size, &content->handled);
    case BL_FRAME_PAUSE:
        return bl_pause_write(out, size, content->number);
    case BL_FRAME_DRAIN:
        return bl_drain_write(out, size, &content->drain);
    default:
        return write_piece(out, size, &content->piece);
    }
}

struct golden {
    const char *name;
    const char *bytes;
    size_t size;
    union content content;
    size_t tail_at; /* what stands from here on is data, of any length; 0 = there is no such tail */
};

#define BYTES(text) .bytes = (text), .size = sizeof(text) - 1
#define LENT(text)  (const uint8_t *)(text)

/* clang-format off */
static const struct golden goldens[] = {
    {"HELLO",
     BYTES("\x01" "\x00\x01" "\x00\x00\x00\x03" "\x00\x00\x00\x02" "\x01\x00" "\x00\x14\x00\x00" "\x00\x40"
           "\x00\x08" "\x00\x3c" "\x02" "\x02" "\x00\xab\xcd" "\x02\x12\x34" "bob:secret"),
     {.hello = {.version = 1, .features = 3, .required = 2,
                .credit_messages = 256, .credit_bytes = 1310720, .requests = 64,
                .move_size = 8, .tick_hz = 60, .lanes = 2, .channel_count = 2,
                .channels = {{.mode = BELAY_RELIABLE, .name = 0xabcd},
                             {.mode = BELAY_SEQUENCED, .name = 0x1234}},
                .login = LENT("bob:secret"), .login_size = 10}},
     31},
    {"HELLO without movement and a login",
     BYTES("\x01" "\x00\x02" "\xff\xfe\xfd\xfc" "\x00\x00\x00\x00" "\xff\xff" "\xff\xff\xff\xff"
           "\xff\xff" "\0\0" "\0\0" "\0" "\x01" "\x01\x00\x07"),
     {.hello = {.version = 2, .features = 0xfffefdfc,
                .credit_messages = 65535, .credit_bytes = 4294967295,
                .requests = 65535, .channel_count = 1,
                .channels = {{.mode = BELAY_UNRELIABLE, .name = 7}}, .login = LENT("")}},
     0},
    {"WELCOME",
     BYTES("\x02" "\x00\x02" "\x00\x00\x00\x01" "\x00\x00\x03\xe8" "\x00\x00\x17\x70"
           "\x00\x00\xea\x60" "\x01\x00" "\x00\x14\x00\x00" "\x00\x40" "0123456789abcdef" "the rules"),
     {.welcome = {.features = 1, .heartbeat_ms = 1000, .lost_ms = 6000, .resume_window_ms = 60000,
                  .credit_messages = 256, .credit_bytes = 1310720, .requests = 64,
                  .user_id = "0123456789abcdef",
                  .payload = LENT("the rules"), .payload_size = 9}},
     43},
    {"REFUSE",
     BYTES("\x03" "\x00\x00\x00\x0a" "\x01" "\x00\x00\x13\x88" "\x05" "later"),
     {.reason = {.code = BELAY_REASON_BAD_LOGIN, .come_back = true, .retry_ms = 5000,
                 .text = LENT("later"), .text_size = 5}},
     0},
    {"REFUSE without a text",
     BYTES("\x03" "\x00\x00\x00\x05" "\x00" "\x00\x00\x00\x00" "\x00"),
     {.reason = {.code = BELAY_REASON_FULL, .text = LENT("")}},
     0},
    {"CLOSE with the longest text",
     BYTES("\x04" "\x00\x00\x03\xe9" "\x00" "\x00\x00\x00\x00" "\x80" TEXT_128),
     {.reason = {.code = 1001, .text = LENT(TEXT_128), .text_size = 128}},
     0},
    {"ERROR", BYTES("\x06" "\x03" "\x7f"),
     {.error = {.verdict = BL_FRAME_UNKNOWN, .frame = 127}}, 0},
    {"PING", BYTES("\x07" "\xde\xad\xbe\xef"), {.number = 0xdeadbeef}, 0},
    {"PONG", BYTES("\x08" "\xde\xad\xbe\xef" "\x01\x02\x03\x04\x05\x06\x07\x08"),
     {.pong = {.nonce = 0xdeadbeef, .time_us = 0x0102030405060708}}, 0},
    {"HANDLED", BYTES("\x09" "\x02" "\x00\x00\x00\x00\x09" "\x0f\xff\xff\xff\xff"),
     {.handled = {.count = 2, .channels = {{0, 9}, {15, 0xffffffff}}}}, 0},
    {"PAUSE", BYTES("\x0a" "\x00\x00\x75\x30"), {.number = 30000}, 0},
    {"DRAIN", BYTES("\x0b" "\x00\x00\x27\x10" "\x0d" "10.0.0.2:7777"),
     {.drain = {.deadline_ms = 10000, .go_to = LENT("10.0.0.2:7777"), .go_to_size = 13}},
     0},
    {"MESSAGE", BYTES("\x10" "\x03" "\x00\x00\x01\x00" "hello"),
     {.piece = {.type = BL_FRAME_MESSAGE, .channel = 3, .sequence = 256,
                .data = LENT("hello"), .size = 5}}, 6},
    {"MESSAGE of nothing", BYTES("\x10" "\x00" "\x00\x00\x00\x01"),
     {.piece = {.type = BL_FRAME_MESSAGE, .sequence = 1, .data = LENT("")}}, 0},
    {"SEGMENT", BYTES("\x11" "\x01" "\x00\x00\x00\x02" "\x00\x00\x04\x6e" "\x00\x10\x00\x00" "xyz"),
     {.piece = {.type = BL_FRAME_SEGMENT, .channel = 1, .sequence = 2,
                .offset = 1134, .total = 1048576, .data = LENT("xyz"), .size = 3}}, 14},
    {"SKIP", BYTES("\x12" "\x01" "\xff\xff\xff\xfe"),
     {.piece = {.type = BL_FRAME_SKIP, .channel = 1, .sequence = 0xfffffffe, .data = LENT("")}},
     0},
    {"DATAGRAM", BYTES("\x13" "\x01" "\x00\x00\x00\x07" "\x00\xff"),
     {.piece = {.type = BL_FRAME_DATAGRAM, .channel = 1, .sequence = 7,
                .data = LENT("\x00\xff"), .size = 2}}, 6},
    {"FRAGMENT", BYTES("\x14" "\x01" "\x00\x00\x00\x08" "\x07" "\x08" "tail"),
     {.piece = {.type = BL_FRAME_FRAGMENT, .channel = 1, .sequence = 8, .index = 7, .count = 8,
                .data = LENT("tail"), .size = 4}}, 8},
};
/* clang-format on */

/* R24 */
START_TEST(a_frame_is_written_as_the_protocol_says) {
    const struct golden *golden = &goldens[_i];
    uint8_t out[BL_FRAME_SIZE_MAX];
    uint8_t type = (uint8_t)golden->bytes[0];
    size_t size = write_frame(type, &golden->content, out, sizeof out);
    ck_assert_msg(size == golden->size, "%s: %zu bytes", golden->name, size);
    ck_assert_msg(memcmp(out, golden->bytes, size) == 0, "%s: other bytes", golden->name);
}
END_TEST

/** Reads a copy that ends where the frame ends, so that a read beyond it is seen. */
static bool read_exactly(union content *out, const void *bytes, size_t size) {
    uint8_t *copy = malloc(size);
    memcpy(copy, bytes, size);
    bool good = read_frame(out, copy, size);
    uint8_t again[BL_FRAME_SIZE_MAX];
    if (good) { /* what was lent points into the copy, so it is looked at here */
        ck_assert_uint_eq(write_frame(copy[0], out, again, sizeof again), size);
        ck_assert_mem_eq(again, bytes, size);
    }
    free(copy);
    return good;
}

/* R24 */
START_TEST(a_frame_is_read_as_the_protocol_says) {
    const struct golden *golden = &goldens[_i];
    union content out;
    memset(&out, 0xa5, sizeof out); /* a reader sets every field that it means to give */
    ck_assert_msg(read_exactly(&out, golden->bytes, golden->size), "%s", golden->name);
}
END_TEST

START_TEST(a_frame_that_is_cut_short_is_malformed) {
    const struct golden *golden = &goldens[_i];
    for (size_t size = 1; size < golden->size; size++) {
        union content out;
        bool good = read_exactly(&out, golden->bytes, size);
        bool wanted = golden->tail_at != 0 && size >= golden->tail_at;
        ck_assert_msg(good == wanted, "%s cut to %zu", golden->name, size);
    }
}
END_TEST

START_TEST(bytes_behind_a_frame_are_its_data_or_malformed) {
    const struct golden *golden = &goldens[_i];
    uint8_t longer[BL_FRAME_SIZE_MAX];
    union content out;
    uint8_t type = (uint8_t)golden->bytes[0];
    /* SKIP is read as all pieces are; that it has no data is for bl_frame_judge() to know. */
    bool open_ended =
        type == BL_FRAME_HELLO || type == BL_FRAME_WELCOME || type >= BL_FRAME_MESSAGE;
    memcpy(longer, golden->bytes, golden->size);
    longer[golden->size] = 'x';
    ck_assert_msg(read_frame(&out, longer, golden->size + 1) == open_ended, "%s", golden->name);
}
END_TEST

START_TEST(a_frame_that_does_not_fit_is_not_written) {
    const struct golden *golden = &goldens[_i];
    uint8_t type = (uint8_t)golden->bytes[0];
    for (size_t size = 0; size < golden->size; size++) {
        uint8_t *out = malloc(size + 1); /* of which the writer is told all but the last byte */
        out[size] = 0xa5;
        ck_assert_msg(write_frame(type, &golden->content, out, size) == 0, "%s into %zu",
                      golden->name, size);
        ck_assert_uint_eq(out[size], 0xa5);
        free(out);
    }
}
END_TEST

/* clang-format off */
#define HELLO_TO_MOVEMENT "\x01" "\0\x01" "\0\0\0\0" "\0\0\0\0" "\0\0" "\0\0\0\0"
#define HELLO_TO_COUNT    HELLO_TO_MOVEMENT "\0\0" "\0\0" "\0"
#define ONE_CHANNEL       "\x01" "\0\0\0"

/* Frames of the right size whose fields contradict each other or the protocol. */
static const struct bad {
    const char *name;
    const char *bytes;
    size_t size;
} bads[] = {
    {"HELLO of no channel", BYTES(HELLO_TO_COUNT "\0")},
    {"HELLO of no channel but with a login", BYTES(HELLO_TO_COUNT "\0" "login")},
    {"HELLO of 17 channels",
     BYTES(HELLO_TO_COUNT "\x11" ZEROS_16 ZEROS_16 ZEROS_16 "\0\0\0" "login")},
    {"HELLO of fewer channels than it says", BYTES(HELLO_TO_COUNT "\x02" "\0\0\0" "\0\0")},
    {"HELLO of no movement with a tick rate",
     BYTES(HELLO_TO_MOVEMENT "\0\0" "\0\x3c" "\0" ONE_CHANNEL)},
    {"HELLO of no movement with a lane", BYTES(HELLO_TO_MOVEMENT "\0\0" "\0\0" "\x01" ONE_CHANNEL)},
    {"HELLO of inputs of 65 bytes", BYTES(HELLO_TO_MOVEMENT "\0\x41" "\0\x3c" "\x01" ONE_CHANNEL)},
    {"HELLO of 0 ticks a second", BYTES(HELLO_TO_MOVEMENT "\0\x08" "\0\0" "\x01" ONE_CHANNEL)},
    {"HELLO of 241 ticks a second",
     BYTES(HELLO_TO_MOVEMENT "\0\x08" "\0\xf1" "\x01" ONE_CHANNEL)},
    {"HELLO of movement without a lane",
     BYTES(HELLO_TO_MOVEMENT "\0\x08" "\0\x3c" "\0" ONE_CHANNEL)},
    {"HELLO of 9 lanes", BYTES(HELLO_TO_MOVEMENT "\0\x08" "\0\x3c" "\x09" ONE_CHANNEL)},
    {"WELCOME of version 3",
     BYTES("\x02" "\0\x03" "\0\0\0\0" "\0\0\0\x01" "\0\0\0\x01" "\0\0\0\0" "\0\0" "\0\0\0\0" ZEROS_16)},
    {"REFUSE that says 2 to coming back", BYTES("\x03" "\0\0\0\x05" "\x02" "\0\0\0\0" "\0")},
    {"REFUSE with a text shorter than said", BYTES("\x03" "\0\0\0\x05" "\0" "\0\0\0\0" "\x02" "x")},
    {"REFUSE with a text longer than said", BYTES("\x03" "\0\0\0\x05" "\0" "\0\0\0\0" "\x01" "xx")},
    {"CLOSE with 129 bytes of text",
     BYTES("\x04" "\0\0\0\x05" "\0" "\0\0\0\0" "\x81" TEXT_128 "x")},
    {"HANDLED of no channel", BYTES("\x09" "\0" "\0\0\0\0\x01")},
    {"HANDLED of no channel at all", BYTES("\x09" "\0")},
    {"HANDLED of 18 channels",
     BYTES("\x09" "\x12" ZEROS_16 ZEROS_16 ZEROS_16 ZEROS_16 ZEROS_16 "\0\0\0\0\0"
                       "\0\0\0\0\0")},
    {"HANDLED of two that says one", BYTES("\x09" "\x01" "\0\0\0\0\x01" "\x01\0\0\0\x01")},
    {"DRAIN to 129 bytes", BYTES("\x0b" "\0\0\0\0" "\x81" TEXT_128 "x")},
    {"DRAIN to less than said", BYTES("\x0b" "\0\0\0\0" "\x05" "1234")},
};
/* clang-format on */

START_TEST(a_frame_that_contradicts_itself_is_malformed) {
    const struct bad *bad = &bads[_i];
    union content out;
    ck_assert_msg(!read_exactly(&out, bad->bytes, bad->size), "%s", bad->name);
}
END_TEST

START_TEST(payloads_of_a_login_are_taken_up_to_their_limit) {
    uint8_t frame[BL_FRAME_SIZE_MAX];
    static const uint8_t payload[BELAY_LOGIN_MAX + 1];
    union content out;
    for (uint16_t size = BELAY_LOGIN_MAX; size <= BELAY_LOGIN_MAX + 1; size++) {
        struct bl_hello hello = {.channel_count = 1, .login = payload, .login_size = size};
        size_t written = bl_hello_write(frame, sizeof frame, &hello);
        ck_assert_uint_eq(written, 28U + size);
        ck_assert_int_eq(read_frame(&out, frame, written), size <= BELAY_LOGIN_MAX);
        struct bl_welcome welcome = {.payload = payload, .payload_size = size};
        written = bl_welcome_write(frame, sizeof frame, &welcome);
        ck_assert_uint_eq(written, 43U + size);
        ck_assert_int_eq(read_frame(&out, frame, written), size <= BELAY_LOGIN_MAX);
    }
}
END_TEST

START_TEST(movement_of_a_hello_is_taken_up_to_its_limits) {
    uint8_t frame[BL_FRAME_SIZE_MAX];
    struct bl_hello out, hello = {.channel_count = 1,
                                  .move_size = BELAY_MOVE_SIZE_MAX,
                                  .tick_hz = BELAY_TICK_HZ_MAX,
                                  .lanes = BELAY_LANES_MAX};
    ck_assert(bl_hello_read(&out, frame, bl_hello_write(frame, sizeof frame, &hello)));
    ck_assert_uint_eq(out.move_size, 64);
    ck_assert_uint_eq(out.tick_hz, 240);
    ck_assert_uint_eq(out.lanes, 8);
}
END_TEST

START_TEST(the_largest_hello_fits_a_frame) {
    uint8_t frame[BL_FRAME_SIZE_MAX];
    static const uint8_t login[BELAY_LOGIN_MAX];
    struct bl_hello hello = {
        .channel_count = BELAY_CHANNELS_MAX, .login = login, .login_size = sizeof login};
    for (uint8_t i = 0; i < BELAY_CHANNELS_MAX; i++) {
        hello.channels[i].name = (uint16_t)(0x1000 + i);
        hello.channels[i].mode = i % 3;
    }
    size_t size = bl_hello_write(frame, sizeof frame, &hello);
    ck_assert_uint_eq(size, 1097);
    struct bl_hello out;
    ck_assert(bl_hello_read(&out, frame, size));
    ck_assert_uint_eq(out.channel_count, BELAY_CHANNELS_MAX);
    for (uint8_t i = 0; i < BELAY_CHANNELS_MAX; i++) {
        ck_assert_uint_eq(out.channels[i].name, hello.channels[i].name);
        ck_assert_uint_eq(out.channels[i].mode, hello.channels[i].mode);
    }
    ck_assert_uint_eq(out.login_size, sizeof login);
}
END_TEST

START_TEST(sizes_are_those_of_the_protocol) {
    ck_assert_uint_eq(BL_FRAME_SIZE_MAX, 1146);
    ck_assert_uint_eq(BL_MESSAGE_DATA_MAX, 1140);
    ck_assert_uint_eq(BL_SEGMENT_DATA_MAX, 1132);
    ck_assert_uint_eq(BL_FRAGMENT_DATA_MAX, 1138);
    ck_assert_uint_eq(BL_FRAGMENTS_MAX, 8);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_frame_is_written_as_the_protocol_says, 0, COUNT_OF(goldens));
    tcase_add_loop_test(tests, a_frame_is_read_as_the_protocol_says, 0, COUNT_OF(goldens));
    tcase_add_loop_test(tests, a_frame_that_is_cut_short_is_malformed, 0, COUNT_OF(goldens));
    tcase_add_loop_test(tests, bytes_behind_a_frame_are_its_data_or_malformed, 0,
                        COUNT_OF(goldens));
    tcase_add_loop_test(tests, a_frame_that_does_not_fit_is_not_written, 0, COUNT_OF(goldens));
    tcase_add_loop_test(tests, a_frame_that_contradicts_itself_is_malformed, 0, COUNT_OF(bads));
    tcase_add_test(tests, payloads_of_a_login_are_taken_up_to_their_limit);
    tcase_add_test(tests, movement_of_a_hello_is_taken_up_to_its_limits);
    tcase_add_test(tests, the_largest_hello_fits_a_frame);
    tcase_add_test(tests, sizes_are_those_of_the_protocol);
}

TEST_MAIN("wire/frame", add_tests)
