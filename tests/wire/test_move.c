/*
 * MOVES and MOVE_ACK, byte by byte as docs/protocol.md has them, and any inputs there and back.
 */
#include "common/random.h"
#include "lib/wire/frame.h"
#include "lib/wire/move.h"
#include "tests/support/test.h"
#include <string.h>

#define SEED       UINT64_C(0x6d6f7665)
#define ROUNDS     50
#define ALL        0xffffU
#define LARGEST    (BL_FRAME_SIZE_MAX + 64) /* room for what no frame holds */
#define BYTES(arr) .bytes = (arr), .size = sizeof(arr) - 1

/** From a copy of this size: the sanitizer guards its end. */
static bool reads(struct bl_moves *out, const uint8_t *frame, size_t size, uint16_t move_size) {
    uint8_t *copy = malloc(size + 1);
    memcpy(copy + 1, frame, size);
    memset(out, 0xa5, sizeof *out);
    bool good = bl_moves_read(out, copy + 1, size, move_size);
    free(copy);
    return good;
}

/** Whether the frame is refused, or else what a writer makes of its inputs. */
static bool is_canonical(const uint8_t *frame, size_t size, uint16_t move_size) {
    struct bl_moves moves;
    uint8_t again[LARGEST];
    return !reads(&moves, frame, size, move_size) ||
           (bl_moves_write(again, sizeof again, &moves, move_size) == size &&
            memcmp(again, frame, size) == 0);
}

static bool has(uint16_t ages, unsigned age) {
    return (ages >> age & 1U) != 0;
}

static void must_be_equal(const struct bl_moves *got, const struct bl_moves *wanted,
                          uint16_t move_size) {
    ck_assert_uint_eq(got->lane, wanted->lane);
    ck_assert_uint_eq(got->also_new, wanted->also_new);
    ck_assert_uint_eq(got->newest, wanted->newest);
    ck_assert_uint_eq(got->present, wanted->present);
    for (unsigned age = 0; age < BELAY_MOVES_MAX; age++) {
        if (has(wanted->present, age)) {
            ck_assert_mem_eq(got->inputs[age], wanted->inputs[age], move_size);
        }
    }
}

/** As a player's are: most are held for some ticks, change in some bytes, and come again. */
static struct bl_moves draw(struct bl_random *random, uint16_t move_size) {
    struct bl_moves moves = {.lane = (uint8_t)bl_random_below(random, BELAY_LANES_MAX),
                             .newest = (uint32_t)bl_random_below(random, UINT64_C(1) << 32)};
    double gaps = bl_random_chance(random, 0.5) ? 0 : 0.4;
    double held = bl_random_chance(random, 0.2) ? 0 : 0.6;
    double changed = bl_random_chance(random, 0.3) ? 1 : 0.2;
    uint64_t values = bl_random_chance(random, 0.5) ? 256 : 2;
    for (uint16_t i = 0; i < move_size; i++) {
        moves.inputs[0][i] = (uint8_t)bl_random_below(random, values);
    }
    for (unsigned age = 0; age < BELAY_MOVES_MAX; age++) {
        moves.present |= (uint16_t)((age == 0 || !bl_random_chance(random, gaps)) << age);
        if (age == 0) {
            continue;
        }
        memcpy(moves.inputs[age], moves.inputs[age - 1], move_size);
        bool holds = bl_random_chance(random, held);
        for (uint16_t i = 0; !holds && i < move_size; i++) {
            if (bl_random_chance(random, changed)) {
                moves.inputs[age][i] = (uint8_t)bl_random_below(random, values);
            }
        }
    }
    moves.also_new = (uint8_t)bl_random_below(random, BELAY_MOVES_MAX);
    while (moves.present >> moves.also_new == 0) {
        moves.also_new /= 2;
    }
    return moves;
}

/* clang-format off */
static const struct golden {
    const char *name;
    const char *bytes;
    size_t size;
    uint16_t move_size;
    struct bl_moves moves;
} goldens[] = {
    {"the example of the protocol",
     BYTES("\x15" "\x00" "\x00\x00\x00\x65" "\x00\x0b" "\x00\x02"
           "\x01\x00\x7f\x20" "\x0c" "\x80\x21"), 4,
     {.newest = 101, .present = 0x000b,
      .inputs = {{0x01, 0x00, 0x7f, 0x20}, {0x01, 0x00, 0x7f, 0x20}, {0},
                 {0x01, 0x00, 0x80, 0x21}}}},
    {"one input of one byte",
     BYTES("\x15" "\x07" "\xff\xff\xff\xff" "\x00\x01" "\x00\x00" "\x2a"), 1,
     {.lane = 7, .newest = 0xffffffff, .present = 1, .inputs = {{0x2a}}}},
    {"a mask of two bytes, and the oldest input of all, nothing new but the newest three",
     BYTES("\x15" "\x21" "\x00\x00\x00\x03" "\x80\x03" "\x80\x00" "123456789"
           "\x01\x01" "\x00\x00"), 9,
     {.lane = 1, .also_new = 2, .newest = 3, .present = 0x8003,
      .inputs = {"123456789", {0, '2', '3', '4', '5', '6', '7', '8', 0},
                 [15] = {0, '2', '3', '4', '5', '6', '7', '8', 0}}}},
};
/* clang-format on */

START_TEST(moves_are_written_and_read_as_the_protocol_says) {
    const struct golden *golden = &goldens[_i];
    const uint8_t *bytes = (const uint8_t *)golden->bytes;
    uint8_t out[BL_FRAME_SIZE_MAX];
    struct bl_moves moves;
    size_t size = bl_moves_write(out, sizeof out, &golden->moves, golden->move_size);
    ck_assert_msg(size == golden->size && memcmp(out, bytes, size) == 0, "%s", golden->name);
    ck_assert_msg(reads(&moves, bytes, golden->size, golden->move_size), "%s", golden->name);
    must_be_equal(&moves, &golden->moves, golden->move_size);
}
END_TEST

START_TEST(inputs_of_any_size_come_back) {
    uint16_t move_size = (uint16_t)_i;
    struct bl_random random;
    bl_random_init_seeded(&random, SEED + move_size);
    for (int round = 0; round < ROUNDS; round++) {
        struct bl_moves out, moves = draw(&random, move_size);
        uint8_t frame[LARGEST];
        size_t size = bl_moves_write(frame, sizeof frame, &moves, move_size);
        ck_assert_uint_gt(size, 0);
        ck_assert_msg(reads(&out, frame, size, move_size), "round %d", round);
        must_be_equal(&out, &moves, move_size);
    }
}
END_TEST

START_TEST(sixteen_inputs_that_are_the_same_cost_one) {
    struct bl_moves moves = {.newest = 16, .present = ALL};
    uint8_t frame[BL_FRAME_SIZE_MAX];
    memset(moves.inputs, 0x5a, sizeof moves.inputs);
    for (uint16_t size = 1; size <= BELAY_MOVE_SIZE_MAX; size++) {
        ck_assert_uint_eq(bl_moves_write(frame, sizeof frame, &moves, size), 10U + size);
    }
}
END_TEST

START_TEST(an_absent_input_costs_nothing_and_is_compared_with_nothing) {
    const struct bl_moves moves = {.present = 5, .inputs = {{1}, {2}, {1}}};
    uint8_t frame[BL_FRAME_SIZE_MAX];
    ck_assert_uint_eq(bl_moves_write(frame, sizeof frame, &moves, 1), 11);
}
END_TEST

/** The ages of @p present up to one more than those of @p written. */
static uint16_t one_more(uint16_t present, uint16_t written) {
    unsigned age = 0;
    while (has(written, age) || !has(present, age)) {
        age++;
    }
    return (uint16_t)(written | 1U << age);
}

/** Into room that is too small: what is written is a beginning, and no longer one would fit. */
static void must_leave_out_the_oldest(const struct bl_moves *moves, uint16_t move_size,
                                      size_t room) {
    uint8_t whole[LARGEST], *out = malloc(room + 1);
    struct bl_moves got, longer = *moves;
    out[room] = 0xa5; /* of which the writer is not told */
    size_t size = bl_moves_write(out, room, moves, move_size);
    ck_assert_uint_eq(out[room], 0xa5);
    ck_assert_int_eq(size == 0, room < 10U + move_size);
    if (size > 0) {
        ck_assert_uint_le(size, room);
        ck_assert(reads(&got, out, size, move_size));
        longer.present = got.present;
        while (got.present >> longer.also_new == 0) {
            longer.also_new--;
        }
        must_be_equal(&got, &longer, move_size);
        longer.present = one_more(moves->present, got.present);
        ck_assert_uint_gt(bl_moves_write(whole, sizeof whole, &longer, move_size), room);
        /* None is missing but the oldest. */
        ck_assert_uint_gt(longer.present ^ got.present, got.present);
    }
    free(out);
}

START_TEST(the_oldest_inputs_are_left_out_where_there_is_no_room) {
    static const uint16_t sizes[] = {1, 8, 9, 64};
    uint16_t move_size = sizes[_i];
    struct bl_random random;
    bl_random_init_seeded(&random, SEED);
    for (int round = 0; round < 10; round++) {
        const struct bl_moves moves = draw(&random, move_size);
        uint8_t frame[LARGEST];
        size_t whole = bl_moves_write(frame, sizeof frame, &moves, move_size);
        for (size_t room = 0; room < whole; room++) {
            must_leave_out_the_oldest(&moves, move_size, room);
        }
    }
}
END_TEST

/** Inputs of 64 bytes of which each differs from the next newer one wholly. */
static struct bl_moves largest_moves(void) {
    struct bl_moves moves = {.newest = 1000, .present = ALL};
    for (unsigned age = 0; age < BELAY_MOVES_MAX; age++) {
        memset(moves.inputs[age], (int)age, BELAY_MOVE_SIZE_MAX);
    }
    return moves;
}

START_TEST(a_frame_is_never_larger_than_a_frame_can_be) {
    uint8_t frame[BL_FRAME_SIZE_MAX];
    struct bl_moves out, moves = largest_moves();
    size_t size = bl_moves_write(frame, sizeof frame, &moves, BELAY_MOVE_SIZE_MAX);
    ck_assert_uint_eq(size, 10 + 64 + 14 * 72);
    ck_assert(reads(&out, frame, size, BELAY_MOVE_SIZE_MAX));
    ck_assert_uint_eq(out.present, 0x7fff);
    memset(moves.inputs[15], 14, 8); /* so that it just fits */
    size = bl_moves_write(frame, sizeof frame, &moves, BELAY_MOVE_SIZE_MAX);
    ck_assert_uint_eq(size, BL_FRAME_SIZE_MAX);
    ck_assert(reads(&out, frame, size, BELAY_MOVE_SIZE_MAX));
    must_be_equal(&out, &moves, BELAY_MOVE_SIZE_MAX);
    ck_assert_int_eq(bl_frame_judge(frame, size, BL_ROLE_SERVER, BELAY_LOGGED_IN), BL_FRAME_OK);
}
END_TEST

START_TEST(moves_of_any_other_length_are_malformed) {
    uint16_t move_size = (uint16_t)_i;
    struct bl_random random;
    bl_random_init_seeded(&random, SEED);
    for (int round = 0; round < 4; round++) {
        struct bl_moves out, moves = draw(&random, move_size);
        uint8_t frame[LARGEST] = {0};
        size_t whole = bl_moves_write(frame, LARGEST - 1, &moves, move_size);
        for (size_t size = 1; size <= whole + 1; size++) {
            ck_assert_msg(reads(&out, frame, size, move_size) == (size == whole),
                          "round %d, %zu of %zu bytes", round, size, whole);
        }
    }
}
END_TEST

START_TEST(moves_with_a_bit_flipped_are_refused_or_what_a_writer_writes) {
    uint16_t move_size = (uint16_t)_i;
    struct bl_random random;
    bl_random_init_seeded(&random, SEED + move_size);
    const struct bl_moves moves = draw(&random, move_size);
    uint8_t frame[LARGEST];
    size_t size = bl_moves_write(frame, sizeof frame, &moves, move_size);
    for (size_t bit = 8; bit < 8 * size; bit++) { /* behind the type */
        frame[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert_msg(is_canonical(frame, size, move_size), "bit %zu", bit);
        frame[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}
END_TEST

/* clang-format off */
#define HEAD "\x15" "\0" "\0\0\0\x09"
#define ONE  "abcde"

/* What nobody writes, for inputs of 5 bytes. */
static const struct bad {
    const char *name;
    const char *bytes;
    size_t size;
} bads[] = {
    {"without the newest input", BYTES(HEAD "\0\x02" "\0\x02" ONE)},
    {"without any input", BYTES(HEAD "\0\0" "\0\0" ONE)},
    {"the newest the same as a newer one", BYTES(HEAD "\0\x01" "\0\x01" ONE)},
    {"an input that is the same and absent", BYTES(HEAD "\0\x01" "\0\x02" ONE)},
    {"the oldest is the same and absent", BYTES(HEAD "\0\x01" "\x80\0" ONE)},
    {"an input that differs in nothing", BYTES(HEAD "\0\x03" "\0\0" ONE "\0")},
    {"a byte that differs and is the same", BYTES(HEAD "\0\x03" "\0\0" ONE "\x01" "a")},
    {"one that differs and one that does not", BYTES(HEAD "\0\x03" "\0\0" ONE "\x03" "xb")},
    {"a byte beyond the input differs", BYTES(HEAD "\0\x03" "\0\0" ONE "\x20" "x")},
    {"the last bit of a mask is set", BYTES(HEAD "\0\x03" "\0\0" ONE "\x81" "xx")},
    {"bytes behind the last input", BYTES(HEAD "\0\x03" "\0\x02" ONE "\0")},
};
/* clang-format on */

START_TEST(moves_that_nobody_writes_are_malformed) {
    struct bl_moves out;
    const struct bad *bad = &bads[_i];
    ck_assert_msg(!reads(&out, (const uint8_t *)bad->bytes, bad->size, 5), "%s", bad->name);
}
END_TEST

/* clang-format off */
static const char ack_bytes[] =
    "\x16" "\x03" "\x01" "\x00\x00\x01\x00" "\x00\x0f\x42\x40" "\xe4\x55\x55\x55"
    "\x80\x00\x00\x05" "\x00\x00\x01\x06" "\x01\x80" "\xff\xff" "\x80\x00" "\xff\xfe" "\xfd";
/* clang-format on */

static const struct bl_move_ack ack_told = {
    .lane = 3,
    .begun = true,
    .consumed = 256,
    .age_us = 1000000,
    .fates = 0xe4555555,
    .waiting = 0x80000005,
    .received = 262,
    .margin = 384,
    .margin_smoothed = -1,
    .margin_min = INT16_MIN,
    .starved = 65534,
    .loss = 253,
};

static bool ack_reads(struct bl_move_ack *out, const void *frame, size_t size) {
    uint8_t *copy = malloc(size + 1);
    memcpy(copy + 1, frame, size);
    memset(out, 0xa5, sizeof *out);
    bool good = bl_move_ack_read(out, copy + 1, size);
    free(copy);
    return good;
}

START_TEST(an_ack_is_written_and_read_as_the_protocol_says) {
    uint8_t out[BL_MOVE_ACK_SIZE];
    struct bl_move_ack ack;
    ck_assert_uint_eq(sizeof ack_bytes - 1, BL_MOVE_ACK_SIZE);
    ck_assert_uint_eq(bl_move_ack_write(out, sizeof out, &ack_told), sizeof out);
    ck_assert_mem_eq(out, ack_bytes, sizeof out);
    ck_assert(ack_reads(&ack, ack_bytes, sizeof out));
    ck_assert_uint_eq(ack.lane, ack_told.lane);
    ck_assert(ack.begun);
    ck_assert_uint_eq(ack.consumed, ack_told.consumed);
    ck_assert_uint_eq(ack.age_us, ack_told.age_us);
    ck_assert_uint_eq(ack.fates, ack_told.fates);
    ck_assert_uint_eq(ack.waiting, ack_told.waiting);
    ck_assert_uint_eq(ack.received, ack_told.received);
    ck_assert_int_eq(ack.margin, ack_told.margin);
    ck_assert_int_eq(ack.margin_smoothed, ack_told.margin_smoothed);
    ck_assert_int_eq(ack.margin_min, ack_told.margin_min);
    ck_assert_uint_eq(ack.starved, ack_told.starved);
    ck_assert_uint_eq(ack.loss, ack_told.loss);
}
END_TEST

START_TEST(an_ack_has_one_size) {
    uint8_t longer[BL_MOVE_ACK_SIZE + 1] = {0}, out[BL_MOVE_ACK_SIZE];
    struct bl_move_ack ack;
    memcpy(longer, ack_bytes, BL_MOVE_ACK_SIZE);
    for (size_t size = 1; size <= sizeof longer; size++) {
        ck_assert_int_eq(ack_reads(&ack, longer, size), size == BL_MOVE_ACK_SIZE);
    }
    for (size_t room = 0; room < sizeof out; room++) {
        ck_assert_uint_eq(bl_move_ack_write(out, room, &ack_told), 0);
    }
}
END_TEST

START_TEST(an_ack_with_a_bit_flipped_comes_back_and_with_an_unknown_flag_is_malformed) {
    uint8_t frame[BL_MOVE_ACK_SIZE], again[BL_MOVE_ACK_SIZE];
    memcpy(frame, ack_bytes, sizeof frame);
    for (size_t bit = 8; bit < 8 * sizeof frame; bit++) {
        struct bl_move_ack ack;
        bool is_unknown_flag = bit > 16 && bit < 24;
        frame[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert_msg(ack_reads(&ack, frame, sizeof frame) == !is_unknown_flag, "bit %zu", bit);
        if (!is_unknown_flag) {
            ck_assert_uint_eq(bl_move_ack_write(again, sizeof again, &ack), sizeof again);
            ck_assert_mem_eq(again, frame, sizeof again);
        }
        frame[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, moves_are_written_and_read_as_the_protocol_says, 0,
                        COUNT_OF(goldens));
    tcase_add_loop_test(tests, inputs_of_any_size_come_back, 1, BELAY_MOVE_SIZE_MAX + 1);
    tcase_add_test(tests, sixteen_inputs_that_are_the_same_cost_one);
    tcase_add_test(tests, an_absent_input_costs_nothing_and_is_compared_with_nothing);
    tcase_add_loop_test(tests, the_oldest_inputs_are_left_out_where_there_is_no_room, 0, 4);
    tcase_add_test(tests, a_frame_is_never_larger_than_a_frame_can_be);
    tcase_add_loop_test(tests, moves_of_any_other_length_are_malformed, 1, BELAY_MOVE_SIZE_MAX + 1);
    tcase_add_loop_test(tests, moves_with_a_bit_flipped_are_refused_or_what_a_writer_writes, 1,
                        BELAY_MOVE_SIZE_MAX + 1);
    tcase_add_loop_test(tests, moves_that_nobody_writes_are_malformed, 0, COUNT_OF(bads));
    tcase_add_test(tests, an_ack_is_written_and_read_as_the_protocol_says);
    tcase_add_test(tests, an_ack_has_one_size);
    tcase_add_test(tests,
                   an_ack_with_a_bit_flipped_comes_back_and_with_an_unknown_flag_is_malformed);
}

TEST_MAIN("wire/move", add_tests)
