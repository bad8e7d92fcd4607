/*
 * What a stranger sends is any bytes: readers neither crash on them nor look beyond them, and what
 * they accept is what a writer would have written.
 */
#include "common/random.h"
#include "lib/wire/datagram.h"
#include "lib/wire/frame.h"
#include "lib/wire/move.h"
#include "tests/support/test.h"
#include <string.h>

#define INPUT_COUNT 1000000
#define SEED        UINT64_C(0x77697265)
#define SIZE_MAX_IN 1200
#define MOVE_SIZE   8

static const uint8_t types[] = {
    BL_FRAME_HELLO, BL_FRAME_WELCOME,  BL_FRAME_REFUSE,  BL_FRAME_CLOSE,    BL_FRAME_ERROR,
    BL_FRAME_PING,  BL_FRAME_PONG,     BL_FRAME_HANDLED, BL_FRAME_PAUSE,    BL_FRAME_DRAIN,
    BL_FRAME_SKIP,  BL_FRAME_MESSAGE,  BL_FRAME_SEGMENT, BL_FRAME_DATAGRAM, BL_FRAME_FRAGMENT,
    BL_FRAME_MOVES, BL_FRAME_MOVE_ACK,
};

/** Reads a frame; true when a writer makes the same bytes of what was read. */
static bool comes_back(const uint8_t *data, size_t size, bool *read) {
    uint8_t again[SIZE_MAX_IN];
    union {
        struct bl_hello hello;
        struct bl_welcome welcome;
        struct bl_reason_frame reason;
        struct bl_error_frame error;
        struct bl_pong pong;
        struct bl_handled handled;
        struct bl_drain_frame drain;
        struct bl_piece piece;
        struct bl_moves moves;
        struct bl_move_ack move_ack;
        uint32_t number;
    } out;
    size_t written = 0;
#define TRY(reader, writer) (*read = (reader)) ? (writer) : 0
    switch (data[0]) {
    case BL_FRAME_HELLO:
        written = TRY(bl_hello_read(&out.hello, data, size),
                      bl_hello_write(again, sizeof again, &out.hello));
        break;
    case BL_FRAME_WELCOME:
        written = TRY(bl_welcome_read(&out.welcome, data, size),
                      bl_welcome_write(again, sizeof again, &out.welcome));
        break;
    case BL_FRAME_REFUSE:
    case BL_FRAME_CLOSE:
        written = TRY(bl_reason_read(&out.reason, data, size),
                      bl_reason_write(again, sizeof again, data[0], &out.reason));
        break;
    case BL_FRAME_ERROR:
        written = TRY(bl_error_read(&out.error, data, size),
                      bl_error_write(again, sizeof again, &out.error));
        break;
    case BL_FRAME_PING:
        written = TRY(bl_ping_read(&out.number, data, size),
                      bl_ping_write(again, sizeof again, out.number));
        break;
    case BL_FRAME_PONG:
        written =
            TRY(bl_pong_read(&out.pong, data, size), bl_pong_write(again, sizeof again, &out.pong));
        break;
    case BL_FRAME_HANDLED:
        written = TRY(bl_handled_read(&out.handled, data, size),
                      bl_handled_write(again, sizeof again, &out.handled));
        break;
    case BL_FRAME_PAUSE:
        written = TRY(bl_pause_read(&out.number, data, size),
                      bl_pause_write(again, sizeof again, out.number));
        break;
    case BL_FRAME_DRAIN:
        written = TRY(bl_drain_read(&out.drain, data, size),
                      bl_drain_write(again, sizeof again, &out.drain));
        break;
    case BL_FRAME_MOVES:
        written = TRY(bl_moves_read(&out.moves, data, size, MOVE_SIZE),
                      bl_moves_write(again, sizeof again, &out.moves, MOVE_SIZE));
        break;
    case BL_FRAME_MOVE_ACK:
        written = TRY(bl_move_ack_read(&out.move_ack, data, size),
                      bl_move_ack_write(again, sizeof again, &out.move_ack));
        break;
    default:
        written = TRY(bl_piece_read(&out.piece, data, size),
                      bl_piece_write(again, sizeof again, &out.piece));
        if (*read) { /* the header comes back, and the data are the rest */
            return written + out.piece.size == size && memcmp(again, data, written) == 0 &&
                   memcmp(out.piece.data, data + written, out.piece.size) == 0;
        }
    }
#undef TRY
    return !*read || (written == size && memcmp(again, data, size) == 0);
}

/** Often small, now and then of any size. */
static size_t draw_size(struct bl_random *random) {
    uint64_t max = bl_random_chance(random, 0.1) ? SIZE_MAX_IN : 48;
    return 1 + bl_random_below(random, max);
}

/** Random bytes with many zeros and small numbers, which pass for counts and lengths. */
static void draw_bytes(struct bl_random *random, uint8_t *out, size_t size) {
    bl_random_bytes(random, out, size);
    if (bl_random_chance(random, 0.7)) {
        for (size_t i = 0; i < size; i++) {
            out[i] = out[i] < 128 ? out[i] % 3 : out[i] < 160 ? (uint8_t)(size - i - 1) : out[i];
        }
    }
}

START_TEST(random_frames_are_refused_or_understood) {
    struct bl_random random;
    uint32_t passed_count = 0, read_counts[256] = {0};
    bl_random_init_seeded(&random, SEED);
    for (uint32_t i = 0; i < INPUT_COUNT; i++) {
        size_t size = draw_size(&random);
        uint8_t *data = malloc(size); /* of exactly this size: the sanitizer guards its end */
        draw_bytes(&random, data, size);
        if (bl_random_chance(&random, 0.9)) {
            data[0] = types[bl_random_below(&random, sizeof types)];
        }
        enum bl_role role = (enum bl_role)bl_random_below(&random, 2);
        enum belay_state state = (enum belay_state)bl_random_below(&random, BELAY_STATE_COUNT);
        if (bl_frame_judge(data, size, role, state) == BL_FRAME_OK) {
            bool read = false;
            passed_count++;
            ck_assert_msg(comes_back(data, size, &read), "seed %llx, input %u, type %u, %zu bytes",
                          (unsigned long long)SEED, i, data[0], size);
            read_counts[data[0]] += read;
        }
        free(data);
    }
    ck_assert_uint_gt(passed_count, INPUT_COUNT / 50);
    for (size_t i = 0; i < sizeof types; i++) { /* a test that never gets in proves nothing */
        ck_assert_msg(read_counts[types[i]] > 0, "no %s was read", bl_frame_name(types[i]));
    }
}
END_TEST

/** What a writer makes of what was read, without what is sealed behind it; 0: it was refused. */
static size_t write_again(uint8_t *again, const uint8_t *data, size_t size) {
    union {
        struct bl_open open;
        struct bl_accept accept;
        struct bl_retry retry;
        struct bl_deny deny;
        struct bl_data_header header;
        struct bl_query query;
        struct bl_info info;
        struct bl_reset reset;
    } out;
    switch (bl_datagram_kind(data, size)) {
    case BL_DATAGRAM_OPEN:
        if (!bl_open_read(&out.open, data, size) || out.open.version != BL_WIRE_VERSION) {
            return 0;
        }
        bl_open_write(again, &out.open);
        return 64U + out.open.credential_size; /* then padding, which nobody looks at */
    case BL_DATAGRAM_ACCEPT:
        if (!bl_accept_read(&out.accept, data, size)) {
            return 0;
        }
        bl_accept_write(again, &out.accept);
        return BL_ACCEPT_HEAD_SIZE;
    case BL_DATAGRAM_RETRY:
        return bl_retry_read(&out.retry, data, size) ? bl_retry_write(again, &out.retry) : 0;
    case BL_DATAGRAM_DENY:
        return bl_deny_read(&out.deny, data, size) ? bl_deny_write(again, &out.deny) : 0;
    case BL_DATAGRAM_QUERY:
        if (!bl_query_read(&out.query, data, size)) {
            return 0;
        }
        bl_query_write(again, &out.query);
        return 20; /* then padding */
    case BL_DATAGRAM_INFO:
        return bl_info_read(&out.info, data, size) ? bl_info_write(again, &out.info) : 0;
    case BL_DATAGRAM_RESET:
        return bl_reset_read(&out.reset, data, size) ? bl_reset_write(again, &out.reset) : 0;
    default:
        if (!bl_data_header_read(&out.header, data, size)) {
            return 0;
        }
        bl_data_header_write(again, &out.header);
        return BL_DATA_HEADER_SIZE;
    }
}

/** A kind, and mostly one of the sizes that it may have. */
static size_t draw_datagram(struct bl_random *random, uint8_t *data) {
    static const size_t sizes[] = {
        [BL_DATAGRAM_OPEN] = BL_OPEN_SIZE,
        [BL_DATAGRAM_ACCEPT] = BL_ACCEPT_SIZE_MAX,
        [BL_DATAGRAM_RETRY] = BL_RETRY_SIZE,
        [BL_DATAGRAM_DENY] = 60,
        [BL_DATAGRAM_DATA] = 26,
        [BL_DATAGRAM_GONE] = 26,
        [BL_DATAGRAM_CHALLENGE] = 38,
        [BL_DATAGRAM_RESPONSE] = 34,
        [BL_DATAGRAM_QUERY] = BL_QUERY_SIZE,
        [BL_DATAGRAM_INFO] = BL_INFO_HEAD_SIZE,
        [BL_DATAGRAM_RESET] = BL_RESET_SIZE,
    };
    uint8_t kind = (uint8_t)bl_random_below(random, COUNT_OF(sizes));
    size_t size = bl_random_chance(random, 0.8) && kind > 0 ? sizes[kind] : draw_size(random);
    draw_bytes(random, data, size);
    data[0] = bl_random_chance(random, 0.9) ? kind : (uint8_t)(kind | 0x80U);
    if (kind == BL_DATAGRAM_OPEN && size > 3 && bl_random_chance(random, 0.5)) {
        data[2] = 0;
        data[3] = BL_WIRE_VERSION;
    }
    if (kind == BL_DATAGRAM_DENY && size == 60) { /* a text of some length */
        data[27] = (uint8_t)bl_random_below(random, BELAY_REASON_TEXT_MAX + 2U);
        size += data[27];
    }
    return size;
}

START_TEST(random_datagrams_are_refused_or_understood) {
    struct bl_random random;
    uint32_t read_counts[BL_DATAGRAM_RESET + 1] = {0};
    bl_random_init_seeded(&random, SEED + 1);
    for (uint32_t i = 0; i < INPUT_COUNT; i++) {
        uint8_t drawn[SIZE_MAX_IN + 256] = {0}, again[SIZE_MAX_IN];
        size_t size = draw_datagram(&random, drawn);
        uint8_t *data = malloc(size); /* of exactly this size: the sanitizer guards its end */
        memcpy(data, drawn, size);
        size_t written = write_again(again, data, size);
        if (written > 0) {
            uint8_t kind = bl_datagram_kind(data, size);
            read_counts[kind]++;
            data[1] = again[1]; /* the steering byte is whatever a balancer needs */
            ck_assert_msg(written <= size && memcmp(again, data, written) == 0,
                          "seed %llx, input %u, kind %u, %zu bytes", (unsigned long long)SEED + 1,
                          i, kind, size);
        }
        free(data);
    }
    for (size_t kind = BL_DATAGRAM_OPEN; kind < COUNT_OF(read_counts); kind++) {
        ck_assert_msg(read_counts[kind] > 0, "nothing of kind %zu was read", kind);
    }
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, random_frames_are_refused_or_understood);
    tcase_add_test(tests, random_datagrams_are_refused_or_understood);
}

TEST_MAIN("wire/random_bytes", add_tests)
