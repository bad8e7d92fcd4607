/* The receiving half of a reliable channel: every number in a piece is the sender's claim. */
#include "common/random.h"
#include "lib/session/receive_stream.h"
#include "tests/support/test.h"
#include <string.h>

#define SEED        UINT64_C(0x72656376)
#define PIECE_COUNT 300000

static struct bl_memory memory;
static struct bl_receive_stream stream;
static struct bl_credit credit;
static uint8_t data[BELAY_MESSAGE_MAX];

static void start(void) {
    bl_memory_init(&memory, NULL, 0);
    stream = (struct bl_receive_stream){0};
    credit = (struct bl_credit){.messages = 100, .bytes = 2 * BELAY_MESSAGE_MAX};
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 17 + i / 253);
    }
}

static void finish(void) {
    bl_receive_stream_finish(&stream, &memory);
    ck_assert_uint_eq(memory.used, 0);
}

static enum bl_receive_verdict take(const struct bl_piece *piece, uint8_t **block) {
    uint8_t *unwanted = NULL;
    enum bl_receive_verdict verdict =
        bl_receive_stream_take(&stream, &memory, &credit, piece, block != NULL ? block : &unwanted);
    bl_free(&memory, unwanted, piece->total);
    return verdict;
}

static enum bl_receive_verdict take_message(uint32_t sequence, size_t size) {
    const struct bl_piece piece = {
        .type = BL_FRAME_MESSAGE, .sequence = sequence, .data = data, .size = size};
    return take(&piece, NULL);
}

static enum bl_receive_verdict take_skip(uint32_t sequence) {
    const struct bl_piece piece = {.type = BL_FRAME_SKIP, .sequence = sequence, .data = data};
    return take(&piece, NULL);
}

static struct bl_piece segment(uint32_t sequence, uint32_t offset, uint32_t total) {
    size_t left = offset < total ? total - offset : 1;
    return (struct bl_piece){
        .type = BL_FRAME_SEGMENT,
        .sequence = sequence,
        .offset = offset,
        .total = total,
        .data = data + (offset < sizeof data ? offset : 0),
        .size = left < BL_SEGMENT_DATA_MAX ? left : BL_SEGMENT_DATA_MAX,
    };
}

static enum bl_receive_verdict take_segment(uint32_t sequence, uint32_t offset, uint32_t total) {
    const struct bl_piece piece = segment(sequence, offset, total);
    return take(&piece, NULL);
}

START_TEST(messages_in_order_are_taken) {
    for (uint32_t i = 1; i <= 50; i++) {
        ck_assert_int_eq(i % 7 == 0 ? take_skip(i) : take_message(i, i), BL_RECEIVE_WHOLE);
        ck_assert_uint_eq(stream.received, i);
    }
}
END_TEST

START_TEST(a_message_that_came_before_is_known_again) {
    take_message(1, 10);
    take_message(2, 10);
    struct bl_credit before = credit;
    ck_assert_int_eq(take_message(2, 10), BL_RECEIVE_DUPLICATE);
    ck_assert_int_eq(take_message(1, 10), BL_RECEIVE_DUPLICATE);
    ck_assert_int_eq(take_skip(1), BL_RECEIVE_DUPLICATE);
    ck_assert_int_eq(take_segment(2, 0, 5000), BL_RECEIVE_DUPLICATE);
    ck_assert_int_eq(take_message(0, 10), BL_RECEIVE_DUPLICATE);
    ck_assert_uint_eq(credit.messages, before.messages);
    ck_assert_uint_eq(credit.bytes, before.bytes);
    ck_assert_uint_eq(memory.used, 0);
    ck_assert_int_eq(take_message(3, 10), BL_RECEIVE_WHOLE);
}
END_TEST

START_TEST(a_message_before_its_turn_breaks_the_stream) {
    take_message(1, 10);
    ck_assert_int_eq(take_message(3, 10), BL_RECEIVE_BROKEN);
    ck_assert_int_eq(take_skip(3), BL_RECEIVE_BROKEN);
    ck_assert_int_eq(take_segment(3, 0, 5000), BL_RECEIVE_BROKEN);
    ck_assert_int_eq(take_message(UINT32_C(0x7fffffff), 10), BL_RECEIVE_BROKEN);
    ck_assert_uint_eq(stream.received, 1);
}
END_TEST

START_TEST(sequences_go_on_past_the_end_of_32_bits) {
    stream.received = UINT32_MAX - 1;
    ck_assert_int_eq(take_message(UINT32_MAX, 1), BL_RECEIVE_WHOLE);
    ck_assert_int_eq(take_message(0, 1), BL_RECEIVE_WHOLE);
    ck_assert_int_eq(take_message(UINT32_MAX, 1), BL_RECEIVE_DUPLICATE);
    ck_assert_int_eq(take_message(1, 1), BL_RECEIVE_WHOLE);
    ck_assert_int_eq(take_message(3, 1), BL_RECEIVE_BROKEN);
}
END_TEST

START_TEST(segments_are_put_together) {
    static const uint32_t totals[] = {BL_MESSAGE_DATA_MAX + 1, 2 * BL_SEGMENT_DATA_MAX,
                                      2 * BL_SEGMENT_DATA_MAX + 1, BELAY_MESSAGE_MAX};
    uint32_t total = totals[_i];
    uint8_t *block = NULL;
    uint32_t offset = 0;
    while (block == NULL) {
        struct bl_piece piece = segment(1, offset, total);
        offset += (uint32_t)piece.size;
        ck_assert_int_eq(take(&piece, &block), offset < total ? BL_RECEIVE_PART : BL_RECEIVE_WHOLE);
        ck_assert_uint_eq(stream.received, offset == total);
    }
    ck_assert_uint_eq(offset, total);
    ck_assert_int_eq(memcmp(block, data, total), 0);
    bl_free(&memory, block, total);
    ck_assert_uint_eq(credit.messages, 99);
    ck_assert_uint_eq(credit.bytes, 2 * BELAY_MESSAGE_MAX - total);
    ck_assert_int_eq(take_message(2, 1), BL_RECEIVE_WHOLE);
}
END_TEST

START_TEST(segments_of_any_size_are_put_together) {
    struct bl_piece piece = segment(1, 0, 2000);
    uint8_t *block = NULL;
    for (uint32_t offset = 0; offset < 2000; offset++) {
        piece.offset = offset;
        piece.data = data + offset;
        piece.size = 1;
        ck_assert_int_eq(take(&piece, &block), offset < 1999 ? BL_RECEIVE_PART : BL_RECEIVE_WHOLE);
    }
    ck_assert_int_eq(memcmp(block, data, 2000), 0);
    bl_free(&memory, block, 2000);
}
END_TEST

START_TEST(a_segment_that_came_before_is_known_again) {
    ck_assert_int_eq(take_segment(1, 0, 5000), BL_RECEIVE_PART);
    ck_assert_int_eq(take_segment(1, BL_SEGMENT_DATA_MAX, 5000), BL_RECEIVE_PART);
    /* A new link begins the message again. */
    ck_assert_int_eq(take_segment(1, 0, 5000), BL_RECEIVE_DUPLICATE);
    ck_assert_int_eq(take_segment(1, BL_SEGMENT_DATA_MAX, 5000), BL_RECEIVE_DUPLICATE);
    ck_assert_uint_eq(stream.filled, 2 * BL_SEGMENT_DATA_MAX);
    ck_assert_uint_eq(credit.messages, 99);
    ck_assert_int_eq(take_segment(1, 2 * BL_SEGMENT_DATA_MAX, 5000), BL_RECEIVE_PART);
}
END_TEST

/* What may follow the first segment of message 1, of 5,000 bytes, and does not fit. */
static const struct misfit {
    const char *name;
    uint8_t type;
    uint32_t sequence, offset, total;
    size_t size;
} misfits[] = {
    {"a gap", BL_FRAME_SEGMENT, 1, 2 * BL_SEGMENT_DATA_MAX, 5000, 100},
    {"a gap of a byte", BL_FRAME_SEGMENT, 1, BL_SEGMENT_DATA_MAX + 1, 5000, 100},
    {"an offset past the end", BL_FRAME_SEGMENT, 1, 5000, 5000, 1},
    {"an offset at the end of 32 bits", BL_FRAME_SEGMENT, 1, UINT32_MAX, 5000, 1},
    {"another total", BL_FRAME_SEGMENT, 1, BL_SEGMENT_DATA_MAX, 5001, 100},
    {"a total that is met at once", BL_FRAME_SEGMENT, 1, BL_SEGMENT_DATA_MAX,
     BL_SEGMENT_DATA_MAX + 100, 100},
    {"a message that is another one", BL_FRAME_MESSAGE, 1, 0, 0, 100},
    {"a skip", BL_FRAME_SKIP, 1, 0, 0, 0},
    {"the next message", BL_FRAME_MESSAGE, 2, 0, 0, 100},
    {"the first segment of the next", BL_FRAME_SEGMENT, 2, 0, 5000, 100},
};

START_TEST(a_piece_that_does_not_fit_breaks_the_stream) {
    const struct misfit *row = &misfits[_i];
    take_segment(1, 0, 5000);
    const struct bl_piece piece = {.type = row->type,
                                   .sequence = row->sequence,
                                   .offset = row->offset,
                                   .total = row->total,
                                   .data = data,
                                   .size = row->size};
    ck_assert_msg(take(&piece, NULL) == BL_RECEIVE_BROKEN, "%s", row->name);
    ck_assert_uint_eq(stream.received, 0);
}
END_TEST

START_TEST(a_segment_longer_than_its_message_breaks_the_stream) {
    struct bl_piece piece = segment(1, 0, BL_MESSAGE_DATA_MAX + 1);
    take(&piece, NULL);
    piece = segment(1, BL_SEGMENT_DATA_MAX, BL_MESSAGE_DATA_MAX + 1);
    ck_assert_uint_eq(piece.size, 9);
    piece.size = 10;
    ck_assert_int_eq(take(&piece, NULL), BL_RECEIVE_BROKEN);
    piece.size = 9;
    ck_assert_int_eq(take(&piece, NULL), BL_RECEIVE_WHOLE);
}
END_TEST

/* The first segment of a message: what it may say of the whole. */
static const struct first {
    uint32_t offset, total;
    enum bl_receive_verdict verdict;
} firsts[] = {
    {0, BL_MESSAGE_DATA_MAX, BL_RECEIVE_BROKEN}, /* would have been a MESSAGE */
    {0, BL_MESSAGE_DATA_MAX + 1, BL_RECEIVE_PART},
    {0, BELAY_MESSAGE_MAX, BL_RECEIVE_PART},
    {0, BELAY_MESSAGE_MAX + 1, BL_RECEIVE_BROKEN},
    {0, UINT32_MAX, BL_RECEIVE_BROKEN},
    {0, 0, BL_RECEIVE_BROKEN},
    {1, 5000, BL_RECEIVE_BROKEN},
    {BL_SEGMENT_DATA_MAX, 5000, BL_RECEIVE_BROKEN},
    {UINT32_MAX, 5000, BL_RECEIVE_BROKEN},
};

START_TEST(a_first_segment_says_what_is_to_come) {
    const struct first *row = &firsts[_i];
    ck_assert_int_eq(take_segment(1, row->offset, row->total), row->verdict);
    ck_assert_uint_eq(memory.used, row->verdict == BL_RECEIVE_PART ? row->total : 0);
}
END_TEST

START_TEST(the_last_message_of_the_credit_is_taken_and_one_more_is_not) {
    credit.messages = 2;
    ck_assert_int_eq(take_message(1, 1), BL_RECEIVE_WHOLE);
    ck_assert_int_eq(take_skip(2), BL_RECEIVE_WHOLE);
    ck_assert_int_eq(take_message(3, 1), BL_RECEIVE_OVERDRAWN);
    ck_assert_int_eq(take_skip(3), BL_RECEIVE_OVERDRAWN);
    ck_assert_int_eq(take_segment(3, 0, 5000), BL_RECEIVE_OVERDRAWN);
    credit.messages = 1; /* the application has handled one */
    ck_assert_int_eq(take_message(3, 1), BL_RECEIVE_WHOLE);
}
END_TEST

START_TEST(the_last_byte_of_the_credit_is_taken_and_one_more_is_not) {
    credit.bytes = 1000;
    ck_assert_int_eq(take_message(1, 1001), BL_RECEIVE_OVERDRAWN);
    ck_assert_int_eq(take_message(1, 1000), BL_RECEIVE_WHOLE);
    ck_assert_uint_eq(credit.bytes, 0);
    ck_assert_int_eq(take_message(2, 1), BL_RECEIVE_OVERDRAWN);
    ck_assert_int_eq(take_message(2, 0), BL_RECEIVE_WHOLE);
}
END_TEST

START_TEST(a_first_segment_pays_for_the_whole_message) {
    credit.bytes = 4999;
    ck_assert_int_eq(take_segment(1, 0, 5000), BL_RECEIVE_OVERDRAWN);
    ck_assert_uint_eq(memory.used, 0);
    credit.bytes = 5000;
    ck_assert_int_eq(take_segment(1, 0, 5000), BL_RECEIVE_PART);
    ck_assert_uint_eq(credit.bytes, 0);
    ck_assert_int_eq(take_segment(1, BL_SEGMENT_DATA_MAX, 5000), BL_RECEIVE_PART);
}
END_TEST

START_TEST(without_memory_a_large_message_is_not_taken) {
    memory.used_max = 4999;
    ck_assert_int_eq(take_segment(1, 0, 5000), BL_RECEIVE_NO_MEMORY);
    ck_assert_uint_eq(stream.received, 0);
}
END_TEST

/** Any pieces in any order: nothing crashes, and a message comes in order and once. */
START_TEST(random_pieces_never_repeat_or_reorder_a_message) {
    struct bl_random random;
    uint32_t newest = 0, whole_count = 0;
    bl_random_init_seeded(&random, SEED);
    for (int i = 0; i < PIECE_COUNT; i++) {
        uint32_t sequence = newest + (uint32_t)bl_random_below(&random, 4) - 1;
        uint32_t total = bl_random_chance(&random, 0.9) ? 3000 : (uint32_t)bl_random_u64(&random);
        uint32_t offset = (uint32_t)bl_random_below(&random, 4) * BL_SEGMENT_DATA_MAX;
        struct bl_piece piece = segment(sequence, offset, total);
        piece.type = (uint8_t)(BL_FRAME_MESSAGE + bl_random_below(&random, 3));
        piece.size = piece.type == BL_FRAME_SKIP ? 0 : piece.size;
        uint8_t *block = NULL;
        enum bl_receive_verdict verdict = take(&piece, &block);
        if (verdict == BL_RECEIVE_WHOLE) {
            ck_assert_msg(sequence == newest + 1, "seed %llx piece %d", (unsigned long long)SEED,
                          i);
            newest++;
            whole_count++;
            credit.messages++;
            credit.bytes += block != NULL ? total : piece.size;
        }
        ck_assert_msg(block == NULL || memcmp(block, data, total) == 0, "seed %llx piece %d",
                      (unsigned long long)SEED, i);
        bl_free(&memory, block, total);
    }
    ck_assert_uint_gt(whole_count, 1000);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, messages_in_order_are_taken);
    tcase_add_test(tests, a_message_that_came_before_is_known_again);
    tcase_add_test(tests, a_message_before_its_turn_breaks_the_stream);
    tcase_add_test(tests, sequences_go_on_past_the_end_of_32_bits);
    tcase_add_loop_test(tests, segments_are_put_together, 0, 4);
    tcase_add_test(tests, segments_of_any_size_are_put_together);
    tcase_add_test(tests, a_segment_that_came_before_is_known_again);
    tcase_add_loop_test(tests, a_piece_that_does_not_fit_breaks_the_stream, 0, COUNT_OF(misfits));
    tcase_add_test(tests, a_segment_longer_than_its_message_breaks_the_stream);
    tcase_add_loop_test(tests, a_first_segment_says_what_is_to_come, 0, COUNT_OF(firsts));
    tcase_add_test(tests, the_last_message_of_the_credit_is_taken_and_one_more_is_not);
    tcase_add_test(tests, the_last_byte_of_the_credit_is_taken_and_one_more_is_not);
    tcase_add_test(tests, a_first_segment_pays_for_the_whole_message);
    tcase_add_test(tests, without_memory_a_large_message_is_not_taken);
    tcase_add_test(tests, random_pieces_never_repeat_or_reorder_a_message);
}

TEST_MAIN("session/receive_stream", add_tests)
