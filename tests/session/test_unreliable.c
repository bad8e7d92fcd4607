/* An unreliable channel's receiving half: messages come whole or not at all. */
#include "common/random.h"
#include "lib/session/unreliable.h"
#include "tests/support/test.h"
#include <string.h>

#define SEED        UINT64_C(0x756e7265)
#define FULL_COUNT  8     /* fragments of a message of 8 KiB */
#define ORDER_COUNT 40320 /* 8! */

static struct bl_memory memory;
static struct bl_unreliable channel;
static uint64_t stale_count;
static struct bl_assembled whole; /* the last message that was put together */
static uint8_t pattern[BELAY_UNRELIABLE_MAX + 256];

static void start(void) {
    bl_memory_init(&memory, NULL, 0);
    channel = (struct bl_unreliable){0};
    stale_count = 0;
    whole = (struct bl_assembled){0};
    for (size_t i = 0; i < sizeof pattern; i++) {
        pattern[i] = (uint8_t)(i * 13 + i / 256);
    }
}

static void free_whole(void) {
    bl_free(&memory, whole.block, whole.block_size);
    whole = (struct bl_assembled){0};
}

static void finish(void) {
    free_whole();
    bl_unreliable_finish(&channel, &memory);
    ck_assert_uint_eq(memory.used, 0);
}

/** The bytes of message @p sequence: no two fragments are alike, nor those of two near messages. */
static const uint8_t *bytes_of(uint32_t sequence) {
    return pattern + (uint8_t)(sequence * 7);
}

static enum bl_unreliable_verdict take(const struct bl_piece *piece) {
    free_whole();
    return bl_unreliable_take(&channel, &memory, piece, &whole, &stale_count);
}

static enum bl_unreliable_verdict take_datagram(uint32_t sequence) {
    const struct bl_piece piece = {.type = BL_FRAME_DATAGRAM, .sequence = sequence};
    return take(&piece);
}

/** Fragment @p index of a message of @p size bytes. */
static enum bl_unreliable_verdict take_fragment(uint32_t sequence, size_t index, size_t size) {
    size_t before = index * BL_FRAGMENT_DATA_MAX;
    size_t left = size - before;
    const struct bl_piece piece = {
        .type = BL_FRAME_FRAGMENT,
        .sequence = sequence,
        .index = (uint8_t)index,
        .count = (uint8_t)((size + BL_FRAGMENT_DATA_MAX - 1) / BL_FRAGMENT_DATA_MAX),
        .data = bytes_of(sequence) + before,
        .size = left < BL_FRAGMENT_DATA_MAX ? left : BL_FRAGMENT_DATA_MAX,
    };
    return take(&piece);
}

static void must_be_whole(uint32_t sequence, size_t size) {
    ck_assert_ptr_nonnull(whole.block);
    ck_assert_uint_eq(whole.size, size);
    ck_assert_int_eq(memcmp(whole.block, bytes_of(sequence), size), 0);
}

START_TEST(a_datagram_is_a_message) {
    ck_assert_int_eq(take_datagram(1), BL_UNRELIABLE_WHOLE);
    ck_assert_ptr_null(whole.block);
    ck_assert_uint_eq(memory.used, 0);
}
END_TEST

START_TEST(an_unreliable_channel_takes_messages_in_any_order) {
    static const uint32_t sequences[] = {5, 4, 6, 1, 5, 0, UINT32_MAX, 100};
    for (size_t i = 0; i < COUNT_OF(sequences); i++) {
        ck_assert_int_eq(take_datagram(sequences[i]), BL_UNRELIABLE_WHOLE);
    }
}
END_TEST

START_TEST(a_sequenced_channel_drops_what_was_overtaken) {
    static const struct {
        uint32_t sequence;
        bool taken;
    } rows[] = {{1, true},           {1, false},
                {3, true},           {2, false},
                {3, false},          {4, true},
                {0, false},          {UINT32_C(0x80000003), true}, /* half the circle ahead */
                {4, false},          {0, true},
                {UINT32_MAX, false}, {1, true}};
    channel.sequenced = true;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        ck_assert_msg(take_datagram(rows[i].sequence) ==
                          (rows[i].taken ? BL_UNRELIABLE_WHOLE : BL_UNRELIABLE_STALE),
                      "row %zu", i);
    }
}
END_TEST

/** The @p number-th order of FULL_COUNT things, by the factorial number system. */
static void order_of(uint32_t number, size_t order[FULL_COUNT]) {
    size_t left[FULL_COUNT];
    for (size_t i = 0; i < FULL_COUNT; i++) {
        left[i] = i;
    }
    for (uint32_t i = FULL_COUNT; i > 0; i--) {
        uint32_t choice = number % i;
        number /= i;
        order[FULL_COUNT - i] = left[choice];
        memmove(&left[choice], &left[choice + 1], (i - 1 - choice) * sizeof left[0]);
    }
}

START_TEST(eight_kibibytes_come_whole_in_every_order_of_their_fragments) {
    for (uint32_t number = 0; number < ORDER_COUNT; number++) {
        size_t order[FULL_COUNT];
        order_of(number, order);
        for (size_t i = 0; i < FULL_COUNT - 1; i++) {
            ck_assert_int_eq(take_fragment(number, order[i], BELAY_UNRELIABLE_MAX),
                             BL_UNRELIABLE_PART);
        }
        ck_assert_int_eq(take_fragment(number, order[FULL_COUNT - 1], BELAY_UNRELIABLE_MAX),
                         BL_UNRELIABLE_WHOLE);
        must_be_whole(number, BELAY_UNRELIABLE_MAX);
    }
    ck_assert_uint_eq(stale_count, 0);
}
END_TEST

static const size_t sizes[] = {
    BL_MESSAGE_DATA_MAX + 1,      2 * BL_FRAGMENT_DATA_MAX - 1, 2 * BL_FRAGMENT_DATA_MAX,
    2 * BL_FRAGMENT_DATA_MAX + 1, 7 * BL_FRAGMENT_DATA_MAX,     BELAY_UNRELIABLE_MAX - 1,
    BELAY_UNRELIABLE_MAX,
};

START_TEST(messages_of_all_sizes_come_whole) {
    size_t size = sizes[_i];
    size_t count = (size + BL_FRAGMENT_DATA_MAX - 1) / BL_FRAGMENT_DATA_MAX;
    for (size_t i = count; i-- > 0;) {
        ck_assert_int_eq(take_fragment(9, i, size),
                         i == 0 ? BL_UNRELIABLE_WHOLE : BL_UNRELIABLE_PART);
    }
    must_be_whole(9, size);
}
END_TEST

START_TEST(interleaved_messages_come_whole) {
    for (size_t i = 0; i < FULL_COUNT; i++) {
        for (uint32_t sequence = 1; sequence <= BL_PARTIALS_MAX; sequence++) {
            ck_assert_int_eq(take_fragment(sequence, i, BELAY_UNRELIABLE_MAX),
                             i == FULL_COUNT - 1 ? BL_UNRELIABLE_WHOLE : BL_UNRELIABLE_PART);
            if (i == FULL_COUNT - 1) {
                must_be_whole(sequence, BELAY_UNRELIABLE_MAX);
            }
        }
    }
    ck_assert_uint_eq(stale_count, 0);
}
END_TEST

START_TEST(one_message_too_many_gives_up_the_oldest) {
    for (uint32_t sequence = 1; sequence <= BL_PARTIALS_MAX + 1; sequence++) {
        ck_assert_int_eq(take_fragment(sequence, 0, 2000), BL_UNRELIABLE_PART);
    }
    ck_assert_uint_eq(stale_count, 1);
    ck_assert_int_eq(take_fragment(1, 1, 2000), BL_UNRELIABLE_STALE); /* older than all */
    for (uint32_t sequence = 2; sequence <= BL_PARTIALS_MAX + 1; sequence++) {
        ck_assert_int_eq(take_fragment(sequence, 1, 2000), BL_UNRELIABLE_WHOLE);
        must_be_whole(sequence, 2000);
    }
    ck_assert_uint_eq(stale_count, 1);
}
END_TEST

START_TEST(which_message_is_the_oldest_is_serial_arithmetic) {
    static const uint32_t sequences[BL_PARTIALS_MAX] = {1, UINT32_MAX, 0, UINT32_MAX - 1};
    for (int i = 0; i < BL_PARTIALS_MAX; i++) {
        take_fragment(sequences[i], 0, 2000);
    }
    take_fragment(2, 0, 2000);
    ck_assert_int_eq(take_fragment(UINT32_MAX, 1, 2000), BL_UNRELIABLE_WHOLE);
    ck_assert_int_eq(take_fragment(1, 1, 2000), BL_UNRELIABLE_WHOLE);
    ck_assert_int_eq(take_fragment(0, 1, 2000), BL_UNRELIABLE_WHOLE);
    ck_assert_int_eq(take_fragment(2, 1, 2000), BL_UNRELIABLE_WHOLE);
}
END_TEST

START_TEST(a_fragment_that_came_before_is_stale) {
    take_fragment(1, 0, 3000);
    ck_assert_int_eq(take_fragment(1, 0, 3000), BL_UNRELIABLE_STALE);
    take_fragment(1, 2, 3000);
    ck_assert_int_eq(take_fragment(1, 2, 3000), BL_UNRELIABLE_STALE);
    ck_assert_int_eq(take_fragment(1, 1, 3000), BL_UNRELIABLE_WHOLE);
    must_be_whole(1, 3000);
}
END_TEST

START_TEST(fragments_of_an_overtaken_message_are_stale) {
    channel.sequenced = true;
    ck_assert_int_eq(take_fragment(1, 0, 2000), BL_UNRELIABLE_PART);
    ck_assert_int_eq(take_datagram(2), BL_UNRELIABLE_WHOLE);
    ck_assert_int_eq(take_fragment(1, 1, 2000), BL_UNRELIABLE_STALE);
    ck_assert_int_eq(take_fragment(3, 1, 2000), BL_UNRELIABLE_PART);
    ck_assert_int_eq(take_fragment(3, 0, 2000), BL_UNRELIABLE_WHOLE);
    ck_assert_int_eq(take_datagram(3), BL_UNRELIABLE_STALE);
}
END_TEST

/* Before the last of eight fragments come 7 x 1,138 = 8,192 - 226 bytes. */
static const struct broken {
    const char *name;
    uint8_t index, count;
    size_t size;
    enum bl_unreliable_verdict verdict;
} fragments[] = {
    {"8,192 bytes in all", 7, 8, 226, BL_UNRELIABLE_PART},
    {"8,193 bytes in all", 7, 8, 227, BL_UNRELIABLE_BROKEN},
    {"a first one that is full", 0, 2, 1138, BL_UNRELIABLE_PART},
    {"a first one that is not full", 0, 2, 1137, BL_UNRELIABLE_BROKEN},
    {"a middle one that is not full", 1, 3, 1, BL_UNRELIABLE_BROKEN},
    {"a last one that is full", 1, 2, 1138, BL_UNRELIABLE_PART},
    {"a last one of a byte", 1, 2, 1, BL_UNRELIABLE_PART},
    {"one of one", 0, 1, 100, BL_UNRELIABLE_BROKEN},
    {"one of none", 0, 0, 100, BL_UNRELIABLE_BROKEN},
    {"one of nine", 0, 9, 1138, BL_UNRELIABLE_BROKEN},
    {"one of 255", 0, 255, 1138, BL_UNRELIABLE_BROKEN},
    {"the third of two", 2, 2, 100, BL_UNRELIABLE_BROKEN},
    {"the third of two, and full", 2, 2, 1138, BL_UNRELIABLE_BROKEN},
    {"the 256th of eight, and full", 255, 8, 1138, BL_UNRELIABLE_BROKEN},
    {"the 256th", 255, 8, 100, BL_UNRELIABLE_BROKEN},
};

START_TEST(a_fragment_must_have_a_place_in_its_message) {
    static const uint8_t data[BL_FRAGMENT_DATA_MAX];
    const struct broken *row = &fragments[_i];
    const struct bl_piece piece = {.type = BL_FRAME_FRAGMENT,
                                   .sequence = 1,
                                   .index = row->index,
                                   .count = row->count,
                                   .data = data,
                                   .size = row->size};
    ck_assert_msg(take(&piece) == row->verdict, "%s", row->name);
    ck_assert_int_eq(memory.used > 0, row->verdict == BL_UNRELIABLE_PART);
}
END_TEST

START_TEST(fragments_that_count_differently_do_not_fit_together) {
    take_fragment(1, 0, 2000);
    ck_assert_int_eq(take_fragment(1, 1, 3000), BL_UNRELIABLE_BROKEN);
    ck_assert_int_eq(take_fragment(1, 1, 2000), BL_UNRELIABLE_WHOLE);
    must_be_whole(1, 2000);
}
END_TEST

START_TEST(without_memory_a_fragment_is_dropped_and_the_next_message_is_not) {
    memory.used_max = 1;
    ck_assert_int_eq(take_fragment(1, 0, 2000), BL_UNRELIABLE_NO_MEMORY);
    ck_assert_int_eq(take_fragment(1, 1, 2000), BL_UNRELIABLE_NO_MEMORY);
    memory.used_max = 0;
    ck_assert_int_eq(take_fragment(2, 0, 2000), BL_UNRELIABLE_PART);
    ck_assert_int_eq(take_fragment(2, 1, 2000), BL_UNRELIABLE_WHOLE);
}
END_TEST

START_TEST(without_memory_a_message_that_is_given_up_leaves_a_place) {
    for (uint32_t sequence = 1; sequence <= BL_PARTIALS_MAX; sequence++) {
        take_fragment(sequence, 0, 2000);
    }
    memory.used_max = 1;
    ck_assert_int_eq(take_fragment(5, 0, 2000), BL_UNRELIABLE_NO_MEMORY);
    memory.used_max = 0;
    ck_assert_int_eq(take_fragment(6, 0, 2000), BL_UNRELIABLE_PART);
    ck_assert_int_eq(take_fragment(2, 1, 2000), BL_UNRELIABLE_WHOLE);
}
END_TEST

/** Any fragments in any order, often of the same few messages: nothing crashes, nothing is torn. */
START_TEST(random_fragments_never_make_a_torn_message) {
    struct bl_random random;
    uint32_t whole_count = 0;
    bl_random_init_seeded(&random, SEED);
    channel.sequenced = _i == 1;
    for (uint32_t i = 0; i < 200000; i++) {
        uint32_t sequence = i / 16 + (uint32_t)bl_random_below(&random, 5);
        size_t size = 1200 + sequence % 3 * 1000 + bl_random_chance(&random, 0.01);
        size_t count = (size + BL_FRAGMENT_DATA_MAX - 1) / BL_FRAGMENT_DATA_MAX;
        enum bl_unreliable_verdict verdict =
            take_fragment(sequence, bl_random_below(&random, count), size);
        ck_assert_int_eq(verdict == BL_UNRELIABLE_WHOLE, whole.block != NULL);
        if (whole.block != NULL) {
            whole_count++;
            must_be_whole(sequence, whole.size);
        }
    }
    ck_assert_msg(whole_count > 1000, "seed %llx: %u", (unsigned long long)SEED, whole_count);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, a_datagram_is_a_message);
    tcase_add_test(tests, an_unreliable_channel_takes_messages_in_any_order);
    tcase_add_test(tests, a_sequenced_channel_drops_what_was_overtaken);
    tcase_add_test(tests, eight_kibibytes_come_whole_in_every_order_of_their_fragments);
    tcase_add_loop_test(tests, messages_of_all_sizes_come_whole, 0, COUNT_OF(sizes));
    tcase_add_test(tests, interleaved_messages_come_whole);
    tcase_add_test(tests, one_message_too_many_gives_up_the_oldest);
    tcase_add_test(tests, which_message_is_the_oldest_is_serial_arithmetic);
    tcase_add_test(tests, a_fragment_that_came_before_is_stale);
    tcase_add_test(tests, fragments_of_an_overtaken_message_are_stale);
    tcase_add_loop_test(tests, a_fragment_must_have_a_place_in_its_message, 0, COUNT_OF(fragments));
    tcase_add_test(tests, fragments_that_count_differently_do_not_fit_together);
    tcase_add_test(tests, without_memory_a_fragment_is_dropped_and_the_next_message_is_not);
    tcase_add_test(tests, without_memory_a_message_that_is_given_up_leaves_a_place);
    tcase_add_loop_test(tests, random_fragments_never_make_a_torn_message, 0, 2);
}

TEST_MAIN("session/unreliable", add_tests)
