/*
 * The sending half of a reliable channel, with ENet's part played by hand: to hand a packet over is
 * to hold it a second time, to acknowledge it is to let it go.
 */
#include "lib/session/send_stream.h"
#include "lib/wire/frame.h"
#include "tests/support/test.h"
#include <enet/enet.h>
#include <string.h>

#define CHANNEL  5
#define HELD_MAX 2048

static struct bl_memory memory;
static struct bl_send_stream stream;
static uint8_t data[BELAY_MESSAGE_MAX + 1];

/* What ENet was handed, oldest first; NULL once it is acknowledged. */
static struct bl_packet *held[HELD_MAX];
static size_t held_count;

static void start(void) {
    bl_memory_init(&memory, NULL, 0);
    bl_send_stream_init(&stream, &memory, CHANNEL);
    held_count = 0;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 31 + i / 251);
    }
}

static void acknowledge(size_t index) {
    bl_packet_release(held[index]);
    held[index] = NULL;
}

static void acknowledge_all(void) {
    for (size_t i = 0; i < held_count; i++) {
        acknowledge(i);
    }
}

static void finish(void) {
    bl_send_stream_finish(&stream);
    acknowledge_all();
    ck_assert_uint_eq(memory.used, 0);
}

static void push(size_t size) {
    ck_assert_int_eq(bl_send_stream_push(&stream, data, size, BL_TIME_NEVER), BELAY_OK);
}

/** Hands one packet to ENet; NULL when the stream gives none. */
static struct bl_packet *hand(void) {
    struct bl_packet *packet = bl_send_stream_next_packet(&stream);
    if (packet != NULL) {
        ck_assert_uint_lt(held_count, HELD_MAX);
        ((ENetPacket *)packet)->referenceCount++;
        held[held_count++] = packet;
        bl_send_stream_handed(&stream);
    }
    return packet;
}

static size_t hand_all(void) {
    size_t count = 0;
    while (hand() != NULL) {
        count++;
    }
    return count;
}

static struct bl_piece piece_of(struct bl_packet *packet) {
    struct bl_piece piece;
    ck_assert_int_eq(bl_frame_judge(bl_packet_data(packet), bl_packet_size(packet), BL_ROLE_SERVER,
                                    BELAY_LOGGED_IN),
                     BL_FRAME_OK);
    ck_assert(bl_piece_read(&piece, bl_packet_data(packet), bl_packet_size(packet)));
    ck_assert_uint_eq(piece.channel, CHANNEL);
    return piece;
}

static bool release(uint32_t sequence, uint32_t messages) {
    struct bl_released released;
    bool possible = bl_send_stream_release(&stream, sequence, &released);
    ck_assert_uint_eq(released.messages, messages);
    return possible;
}

START_TEST(a_small_message_is_one_packet_with_its_sequence) {
    push(5);
    push(0);
    ck_assert_uint_eq(bl_send_stream_newest(&stream), 2);
    struct bl_piece piece = piece_of(hand());
    ck_assert_uint_eq(piece.type, BL_FRAME_MESSAGE);
    ck_assert_uint_eq(piece.sequence, 1);
    ck_assert_uint_eq(piece.size, 5);
    ck_assert_mem_eq(piece.data, data, 5);
    piece = piece_of(hand());
    ck_assert_uint_eq(piece.sequence, 2);
    ck_assert_uint_eq(piece.size, 0);
    ck_assert_ptr_null(hand());
}
END_TEST

START_TEST(a_message_is_cut_when_it_is_one_byte_too_large_for_a_packet) {
    push(BL_MESSAGE_DATA_MAX);
    push(BL_MESSAGE_DATA_MAX + 1);
    ck_assert_uint_eq(piece_of(hand()).type, BL_FRAME_MESSAGE);
    struct bl_piece first = piece_of(hand()), last = piece_of(hand());
    ck_assert_ptr_null(hand());
    ck_assert_uint_eq(first.type, BL_FRAME_SEGMENT);
    ck_assert_uint_eq(first.size, BL_SEGMENT_DATA_MAX);
    ck_assert_uint_eq(last.size, BL_MESSAGE_DATA_MAX + 1 - BL_SEGMENT_DATA_MAX);
    ck_assert_uint_eq(last.offset, BL_SEGMENT_DATA_MAX);
    ck_assert_uint_eq(last.sequence, 2);
}
END_TEST

START_TEST(a_message_of_a_mebibyte_is_segments_that_make_it_up) {
    static uint8_t whole[BELAY_MESSAGE_MAX];
    uint32_t filled = 0, packet_count = 0;
    push(BELAY_MESSAGE_MAX);
    while (filled < BELAY_MESSAGE_MAX) {
        struct bl_packet *packet = hand();
        if (packet == NULL) { /* the span is full */
            acknowledge_all();
            bl_send_stream_reap(&stream);
            continue;
        }
        struct bl_piece piece = piece_of(packet);
        ck_assert_uint_eq(piece.type, BL_FRAME_SEGMENT);
        ck_assert_uint_eq(piece.sequence, 1);
        ck_assert_uint_eq(piece.offset, filled);
        ck_assert_uint_eq(piece.total, BELAY_MESSAGE_MAX);
        memcpy(whole + filled, piece.data, piece.size);
        filled += (uint32_t)piece.size;
        packet_count++;
    }
    ck_assert_uint_eq(packet_count, (BELAY_MESSAGE_MAX + 1131) / 1132);
    ck_assert_int_eq(memcmp(whole, data, sizeof whole), 0);
    ck_assert_ptr_null(hand());
    acknowledge_all();
    bl_send_stream_reap(&stream);
    ck_assert(bl_send_stream_is_drained(&stream));
    ck_assert(release(1, 1));
}
END_TEST

START_TEST(no_more_than_the_span_is_in_flight) {
    for (uint32_t i = 0; i < 2 * BL_SPAN_MAX; i++) {
        push(1);
    }
    ck_assert_uint_eq(hand_all(), BL_SPAN_MAX);
    ck_assert_ptr_nonnull(bl_send_stream_next(&stream));
    /* A gap at the old end holds the span, whatever else was acknowledged. */
    for (size_t i = 1; i < held_count; i++) {
        acknowledge(i);
    }
    ck_assert_uint_eq(bl_send_stream_reap(&stream), (BL_SPAN_MAX - 1) * 7);
    ck_assert_ptr_null(hand());
    acknowledge(0);
    ck_assert_uint_eq(bl_send_stream_reap(&stream), 7);
    ck_assert_uint_eq(hand_all(), BL_SPAN_MAX);
}
END_TEST

START_TEST(the_span_moves_on_by_what_its_old_end_has_lost) {
    for (uint32_t i = 0; i < 2 * BL_SPAN_MAX; i++) {
        push(1);
    }
    hand_all();
    for (size_t i = 0; i < 10; i++) {
        acknowledge(i);
    }
    acknowledge(11);
    bl_send_stream_reap(&stream);
    ck_assert_uint_eq(hand_all(), 10); /* packet 10 is still out */
    acknowledge(10);
    bl_send_stream_reap(&stream);
    ck_assert_uint_eq(hand_all(), 2);
}
END_TEST

START_TEST(each_packet_is_acknowledged_once) {
    push(100);
    push(200);
    hand_all();
    ck_assert_uint_eq(stream.flight_bytes, 300 + 2 * BL_MESSAGE_HEADER);
    ck_assert_uint_eq(bl_send_stream_reap(&stream), 0);
    acknowledge(1);
    ck_assert_uint_eq(bl_send_stream_reap(&stream), 200 + BL_MESSAGE_HEADER);
    ck_assert_uint_eq(bl_send_stream_reap(&stream), 0);
    acknowledge(0);
    ck_assert_uint_eq(bl_send_stream_reap(&stream), 100 + BL_MESSAGE_HEADER);
    ck_assert_uint_eq(stream.flight_bytes, 0);
    ck_assert(bl_send_stream_is_drained(&stream));
}
END_TEST

/* D5 */
START_TEST(a_message_is_kept_until_it_is_handled) {
    push(10);
    hand_all();
    acknowledge_all();
    bl_send_stream_reap(&stream);
    ck_assert_uint_eq(stream.messages.count, 1);
    ck_assert_uint_eq(bl_send_stream_handled(&stream), 0);
    ck_assert(release(1, 1));
    ck_assert_uint_eq(stream.messages.count, 0);
    ck_assert_uint_eq(bl_send_stream_handled(&stream), 1);
    ck_assert_uint_eq(bl_send_stream_newest(&stream), 1);
}
END_TEST

START_TEST(what_is_handled_stays_in_flight_until_it_is_acknowledged) {
    struct bl_released released;
    push(10);
    push(20);
    push(30);
    hand_all();
    ck_assert(bl_send_stream_release(&stream, 2, &released));
    ck_assert_uint_eq(released.messages, 2);
    ck_assert_uint_eq(released.bytes, 30);
    ck_assert_uint_eq(stream.flight_bytes, 60 + 3 * BL_MESSAGE_HEADER);
    ck_assert(!bl_send_stream_is_drained(&stream));
    acknowledge_all();
    ck_assert_uint_eq(bl_send_stream_reap(&stream), 60 + 3 * BL_MESSAGE_HEADER);
    ck_assert_uint_eq(stream.flight_bytes, 0);
}
END_TEST

START_TEST(handled_without_acknowledgement_does_not_widen_the_span) {
    for (uint32_t i = 1; i <= BL_SPAN_MAX; i++) {
        push(1);
        ck_assert_ptr_nonnull(hand());
        ck_assert(release(i, 1));
    }
    push(1);
    ck_assert_ptr_null(hand());
    acknowledge(0);
    bl_send_stream_reap(&stream);
    ck_assert_ptr_nonnull(hand());
}
END_TEST

START_TEST(a_message_may_be_handled_after_its_acknowledgement_is_seen) {
    push(10);
    push(20);
    hand_all();
    acknowledge(0);
    bl_send_stream_reap(&stream);
    ck_assert(release(1, 1));
    ck_assert_uint_eq(stream.flight_bytes, 20 + BL_MESSAGE_HEADER);
    acknowledge(1);
    bl_send_stream_reap(&stream);
    ck_assert(release(2, 1));
    ck_assert_uint_eq(stream.flight_bytes, 0);
}
END_TEST

START_TEST(a_large_message_leaves_the_flight_segment_by_segment) {
    push(3 * BL_SEGMENT_DATA_MAX);
    push(1);
    hand_all();
    acknowledge(1); /* the middle segment */
    bl_send_stream_reap(&stream);
    ck_assert(release(1, 1));
    ck_assert_uint_eq(stream.flight_bytes, 2 * BL_FRAME_SIZE_MAX + 1 + BL_MESSAGE_HEADER);
    acknowledge(0);
    bl_send_stream_reap(&stream);
    ck_assert_uint_eq(stream.flight_bytes, BL_FRAME_SIZE_MAX + 1 + BL_MESSAGE_HEADER);
}
END_TEST

START_TEST(what_was_handled_on_a_link_that_is_gone_is_not_sent_again) {
    push(1);
    push(2);
    hand_all();
    ck_assert(release(1, 1));
    bl_send_stream_unbind(&stream);
    acknowledge_all();
    held_count = 0;
    ck_assert_uint_eq(hand_all(), 1);
    ck_assert_uint_eq(piece_of(held[0]).sequence, 2);
}
END_TEST

START_TEST(an_older_report_changes_nothing) {
    push(1);
    push(1);
    hand_all();
    ck_assert(release(2, 2));
    ck_assert(release(2, 0));
    ck_assert(release(1, 0));
    ck_assert(release(0, 0));
    ck_assert(release(2 - UINT32_C(0x7fffffff), 0));
}
END_TEST

/* W-A16 */
START_TEST(what_was_never_handed_over_cannot_have_been_handled) {
    push(1);
    ck_assert(!release(1, 0)); /* in the buffer, and not with ENet */
    hand_all();
    ck_assert(!release(2, 0));
    ck_assert(!release(UINT32_C(0x7fffffff), 0));
    push(3 * BL_SEGMENT_DATA_MAX);
    hand();
    hand();
    ck_assert(!release(2, 0)); /* its last segment has not left */
    ck_assert_uint_eq(stream.messages.count, 2);
    hand();
    ck_assert(release(2, 2));
}
END_TEST

START_TEST(a_new_link_is_handed_everything_that_was_not_handled) {
    for (uint32_t i = 0; i < 6; i++) {
        push(10 + i);
    }
    push(3 * BL_SEGMENT_DATA_MAX);
    for (uint32_t i = 0; i < 8; i++) { /* the large one is begun and not ended */
        hand();
    }
    acknowledge(2);
    acknowledge(3); /* received, and not handled: the other side will know them again */
    ck_assert(release(2, 2));
    bl_send_stream_unbind(&stream);
    acknowledge_all(); /* ENet's peer is reset */
    ck_assert_uint_eq(stream.flight_bytes, 0);
    ck_assert_uint_eq(bl_send_stream_reap(&stream), 0);
    held_count = 0;
    for (uint32_t sequence = 3; sequence <= 6; sequence++) {
        struct bl_piece piece = piece_of(hand());
        ck_assert_uint_eq(piece.sequence, sequence);
        ck_assert_uint_eq(piece.size, 10 + sequence - 1);
    }
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(piece_of(hand()).offset, i * BL_SEGMENT_DATA_MAX);
    }
    ck_assert_ptr_null(hand());
    ck_assert(release(7, 5));
    acknowledge_all();
    bl_send_stream_reap(&stream);
    ck_assert(bl_send_stream_is_drained(&stream));
}
END_TEST

/* The other side has told how far it had come, then more has come over the old link, and was
 * handled: that is not sent again, be it handed over anew by then, in part or not at all. */
START_TEST(what_the_link_before_has_brought_can_be_handled_over_this_one) {
    push(1);
    push(3 * BL_SEGMENT_DATA_MAX);
    push(2);
    push(3);
    for (int i = 0; i < 5; i++) {
        hand();
    }
    bl_send_stream_unbind(&stream);
    acknowledge_all();
    const struct bl_position told = {.received = 0};
    ck_assert(bl_send_stream_can_resume(&stream, &told));
    bl_send_stream_resume(&stream, &told, false);
    for (int i = 0; i < _i; i++) {
        hand();
    }
    struct bl_released released;
    ck_assert(!bl_send_stream_release(&stream, 4, &released)); /* that one never left */
    ck_assert(bl_send_stream_release(&stream, 3, &released));
    ck_assert_uint_eq(released.messages, 3);
    ck_assert_uint_eq(released.drawn, _i == 0 ? 0 : _i == 1 ? 1 : _i < 5 ? 2 : 3);
    ck_assert_uint_eq(bl_send_stream_drawn(&stream).drawn, 0);
    struct bl_piece piece = piece_of(hand());
    ck_assert_uint_eq(piece.sequence, 4);
    ck_assert_uint_eq(piece.size, 3);
    ck_assert_ptr_null(hand());
    acknowledge_all();
    bl_send_stream_reap(&stream);
    ck_assert(bl_send_stream_is_drained(&stream));
}
END_TEST

START_TEST(an_expired_message_becomes_a_skip_of_its_sequence) {
    uint8_t *whole;
    push(7);
    push(3 * BL_SEGMENT_DATA_MAX + 1);
    hand();
    ck_assert(bl_send_stream_skip(&stream, &whole));
    ck_assert_mem_eq(whole, data, 3 * BL_SEGMENT_DATA_MAX + 1);
    bl_free(&memory, whole, 3 * BL_SEGMENT_DATA_MAX + 1);
    struct bl_packet *packet = hand();
    ck_assert_uint_eq(bl_packet_size(packet), BL_MESSAGE_HEADER);
    ck_assert_uint_eq(bl_packet_data(packet)[0], BL_FRAME_SKIP);
    ck_assert_uint_eq(piece_of(packet).sequence, 2);
    ck_assert_ptr_null(hand());
    ck_assert(release(2, 2));
}
END_TEST

START_TEST(an_expired_message_of_nothing_can_be_skipped_too) {
    uint8_t *whole;
    push(0);
    ck_assert(bl_send_stream_skip(&stream, &whole));
    bl_free(&memory, whole, 1);
    ck_assert_uint_eq(piece_of(hand()).type, BL_FRAME_SKIP);
}
END_TEST

START_TEST(a_skip_without_memory_changes_nothing) {
    uint8_t *whole;
    push(100);
    memory.used_max = 1;
    ck_assert(!bl_send_stream_skip(&stream, &whole));
    memory.used_max = 0;
    struct bl_piece piece = piece_of(hand());
    ck_assert_uint_eq(piece.type, BL_FRAME_MESSAGE);
    ck_assert_mem_eq(piece.data, data, 100);
}
END_TEST

static enum belay_result replace(const void *text, size_t size, uint32_t *replaced_size) {
    const struct bl_payload payload = {.data = {text, size}};
    struct bl_outgoing *found = bl_send_stream_find(&stream, &payload);
    if (found == NULL) {
        return BELAY_E_WOULD_BLOCK;
    }
    *replaced_size = found->size;
    return bl_send_stream_replace(&stream, found, &payload, BL_TIME_NEVER);
}

static void push_text(const char *text) {
    ck_assert_int_eq(bl_send_stream_push(&stream, text, strlen(text), BL_TIME_NEVER), BELAY_OK);
}

/* What waits, what is to take its place, and whether it does. */
static const struct replacement {
    const char *waits, *takes;
    bool does;
} replacements[] = {
    {"position 1", "position 22", true},
    {"position 1", "positiom 22", false},
    {"position", "position 22", true},
    {"position 1", "position", true},
    {"positio", "positio", true},
    {"positio", "position", false},
    {"position", "positio", false},
    {"a", "a", true},
    {"a", "b", false},
    {"", "", true},
    {"", "a", false},
    {"a", "", false},
};

START_TEST(a_message_takes_the_place_of_one_that_begins_alike) {
    const struct replacement *row = &replacements[_i];
    uint32_t replaced_size;
    push_text("other");
    push_text(row->waits);
    push_text("another one");
    enum belay_result result = replace(row->takes, strlen(row->takes), &replaced_size);
    ck_assert_int_eq(result, row->does ? BELAY_OK : BELAY_E_WOULD_BLOCK);
    ck_assert_int_eq(hand_all(), 3);
    struct bl_piece piece = piece_of(held[1]);
    const char *wanted = row->does ? row->takes : row->waits;
    ck_assert_uint_eq(piece.sequence, 2);
    ck_assert_uint_eq(piece.size, strlen(wanted));
    ck_assert_mem_eq(piece.data, wanted, piece.size);
    if (row->does) {
        ck_assert_uint_eq(replaced_size, strlen(row->waits));
    }
}
END_TEST

START_TEST(of_those_that_begin_alike_the_newest_is_replaced) {
    uint32_t replaced_size;
    push_text("position 1");
    push_text("position 22");
    push_text("another one");
    ck_assert_int_eq(replace("position 333", 12, &replaced_size), BELAY_OK);
    ck_assert_uint_eq(replaced_size, 11);
    ck_assert_int_eq(hand_all(), 3);
    ck_assert_uint_eq(piece_of(held[0]).size, 10);
    ck_assert_uint_eq(piece_of(held[1]).size, 12);
    ck_assert_uint_eq(piece_of(held[1]).sequence, 2);
}
END_TEST

START_TEST(only_what_has_not_begun_to_leave_is_replaced) {
    uint32_t replaced_size;
    push(3 * BL_SEGMENT_DATA_MAX);
    ck_assert_int_eq(replace(data, 100, &replaced_size), BELAY_OK); /* large by small */
    ck_assert_uint_eq(replaced_size, 3 * BL_SEGMENT_DATA_MAX);
    ck_assert_int_eq(replace(data, 2 * BL_SEGMENT_DATA_MAX, &replaced_size), BELAY_OK);
    ck_assert_uint_eq(replaced_size, 100); /* and small by large */
    hand();
    ck_assert_int_eq(replace(data, 100, &replaced_size), BELAY_E_WOULD_BLOCK);
    hand();
    ck_assert_int_eq(replace(data, 100, &replaced_size), BELAY_E_WOULD_BLOCK);
    ck_assert_ptr_null(hand());
    ck_assert(release(1, 1));
}
END_TEST

START_TEST(an_expired_message_is_not_replaced) {
    uint32_t replaced_size;
    uint8_t *whole;
    push(100);
    ck_assert(bl_send_stream_skip(&stream, &whole));
    bl_free(&memory, whole, 100);
    /* Of which nothing is left to compare with: it was given back to the application. */
    ck_assert_int_eq(replace(data, 100, &replaced_size), BELAY_E_WOULD_BLOCK);
    ck_assert_uint_eq(piece_of(hand()).type, BL_FRAME_SKIP);
}
END_TEST

START_TEST(a_replacement_without_memory_changes_nothing) {
    uint32_t replaced_size;
    push(100);
    memory.used_max = 1;
    ck_assert_int_eq(replace(data, 2 * BL_SEGMENT_DATA_MAX, &replaced_size), BELAY_E_NO_MEMORY);
    memory.used_max = 0;
    ck_assert_uint_eq(piece_of(hand()).size, 100);
}
END_TEST

/* W-A3 */
START_TEST(a_push_without_memory_uses_no_sequence) {
    push(1);
    memory.used_max = memory.used;
    ck_assert_int_eq(bl_send_stream_push(&stream, data, BL_MESSAGE_DATA_MAX + 1, BL_TIME_NEVER),
                     BELAY_E_NO_MEMORY);
    for (int i = 0; i < 7; i++) { /* until the ring has to grow */
        push(1);
    }
    ck_assert_int_eq(bl_send_stream_push(&stream, data, 1, BL_TIME_NEVER), BELAY_E_NO_MEMORY);
    memory.used_max = 0;
    push(1);
    ck_assert_uint_eq(bl_send_stream_newest(&stream), 9);
    ck_assert_uint_eq(hand_all(), 9);
    ck_assert_uint_eq(piece_of(held[8]).sequence, 9);
}
END_TEST

START_TEST(sequences_go_on_past_the_end_of_32_bits) {
    stream.first_sequence = UINT32_MAX - 2; /* as after four thousand million messages */
    for (uint32_t i = 0; i < 6; i++) {
        push(i);
    }
    ck_assert_uint_eq(bl_send_stream_newest(&stream), 2);
    hand_all();
    for (uint32_t i = 0; i < 6; i++) {
        struct bl_piece piece = piece_of(held[i]);
        ck_assert_uint_eq(piece.sequence, UINT32_MAX - 2 + i);
        ck_assert_uint_eq(piece.size, i);
    }
    ck_assert(!release(3, 0));
    ck_assert(release(UINT32_MAX, 3));
    ck_assert(release(UINT32_MAX - 2, 0));
    ck_assert(release(0, 1));
    ck_assert(release(UINT32_MAX, 0));
    ck_assert(release(2, 2));
    ck_assert_uint_eq(bl_send_stream_handled(&stream), 2);
}
END_TEST

START_TEST(packets_in_flight_are_counted_past_the_end_of_32_bits) {
    stream.flight_first = UINT32_MAX - 1;
    push(3 * BL_SEGMENT_DATA_MAX);
    push(1);
    hand_all();
    acknowledge(0);
    acknowledge(1);
    bl_send_stream_reap(&stream);
    ck_assert(release(1, 1));
    ck_assert_uint_eq(stream.flight_bytes, BL_FRAME_SIZE_MAX + 1 + BL_MESSAGE_HEADER);
    acknowledge(2);
    ck_assert_uint_eq(bl_send_stream_reap(&stream), BL_FRAME_SIZE_MAX);
    acknowledge(3);
    ck_assert_uint_eq(bl_send_stream_reap(&stream), 1 + BL_MESSAGE_HEADER);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, a_small_message_is_one_packet_with_its_sequence);
    tcase_add_test(tests, a_message_is_cut_when_it_is_one_byte_too_large_for_a_packet);
    tcase_add_test(tests, a_message_of_a_mebibyte_is_segments_that_make_it_up);
    tcase_add_test(tests, no_more_than_the_span_is_in_flight);
    tcase_add_test(tests, the_span_moves_on_by_what_its_old_end_has_lost);
    tcase_add_test(tests, each_packet_is_acknowledged_once);
    tcase_add_test(tests, a_message_is_kept_until_it_is_handled);
    tcase_add_test(tests, what_is_handled_stays_in_flight_until_it_is_acknowledged);
    tcase_add_test(tests, handled_without_acknowledgement_does_not_widen_the_span);
    tcase_add_test(tests, a_message_may_be_handled_after_its_acknowledgement_is_seen);
    tcase_add_test(tests, a_large_message_leaves_the_flight_segment_by_segment);
    tcase_add_test(tests, an_older_report_changes_nothing);
    tcase_add_test(tests, what_was_never_handed_over_cannot_have_been_handled);
    tcase_add_test(tests, a_new_link_is_handed_everything_that_was_not_handled);
    tcase_add_test(tests, what_was_handled_on_a_link_that_is_gone_is_not_sent_again);
    tcase_add_loop_test(tests, what_the_link_before_has_brought_can_be_handled_over_this_one, 0, 6);
    tcase_add_test(tests, an_expired_message_becomes_a_skip_of_its_sequence);
    tcase_add_test(tests, an_expired_message_of_nothing_can_be_skipped_too);
    tcase_add_test(tests, a_skip_without_memory_changes_nothing);
    tcase_add_loop_test(tests, a_message_takes_the_place_of_one_that_begins_alike, 0,
                        COUNT_OF(replacements));
    tcase_add_test(tests, of_those_that_begin_alike_the_newest_is_replaced);
    tcase_add_test(tests, only_what_has_not_begun_to_leave_is_replaced);
    tcase_add_test(tests, an_expired_message_is_not_replaced);
    tcase_add_test(tests, a_replacement_without_memory_changes_nothing);
    tcase_add_test(tests, a_push_without_memory_uses_no_sequence);
    tcase_add_test(tests, sequences_go_on_past_the_end_of_32_bits);
    tcase_add_test(tests, packets_in_flight_are_counted_past_the_end_of_32_bits);
}

TEST_MAIN("session/send_stream", add_tests)
