/* The allow-list: of all that ENet understands, three commands pass, each within its bounds. */
#include "lib/peer/filter.h"
#include "tests/peer/enet_datagram.h"
#include "tests/support/test.h"
#include <string.h>

#define CHANNEL_COUNT 3

static ENetChannel channels[CHANNEL_COUNT];
static ENetPeer peer = {.channels = channels, .channelCount = CHANNEL_COUNT};
static struct bl_filter_report report;

static bool passes(const void *datagram, size_t size) {
    uint8_t copy[2048];
    ck_assert_uint_le(size, sizeof copy);
    memcpy(copy, datagram, size);
    return bl_filter_pass(copy, size, &peer, &report);
}

static bool writer_passes(const struct bl_writer *writer) {
    ck_assert(!writer->failed);
    return passes(writer->start, bl_writer_size(writer));
}

/** How many bytes a command needs behind its header of four, when they are all zero; -1: never
 * enough. */
static int body_size_of(uint8_t command) {
    for (int size = 0; size <= 64; size++) {
        uint8_t datagram[128];
        struct bl_writer writer = enet_begin(datagram, sizeof datagram, 0);
        enet_command(&writer, command, 0, 1);
        bl_write_pad(&writer, bl_writer_size(&writer) + (size_t)size);
        if (writer_passes(&writer)) {
            return size;
        }
    }
    return -1;
}

/* Every number from 0 to 15 with every set of flags: one byte. */
START_TEST(three_commands_pass_and_253_do_not) {
    int expected = _i == COMMAND_ACK           ? 4
                   : _i == COMMAND_RELIABLE    ? 2
                   : _i == COMMAND_UNSEQUENCED ? 4
                                               : -1;
    ck_assert_msg(body_size_of((uint8_t)_i) == expected, "command byte %#x", _i);
}
END_TEST

START_TEST(a_forbidden_command_condemns_what_stands_before_it) {
    uint8_t datagram[128];
    struct bl_writer writer = enet_begin(datagram, sizeof datagram, 0);
    enet_ack(&writer, 0, 1, 0);
    enet_reliable(&writer, 0, 1, "yes", 3);
    ck_assert(writer_passes(&writer));
    enet_command(&writer, ENET_PROTOCOL_COMMAND_PING | ENET_PROTOCOL_COMMAND_FLAG_ACKNOWLEDGE, 0xff,
                 1);
    ck_assert(!writer_passes(&writer));
}
END_TEST

START_TEST(at_most_32_commands_pass_in_a_datagram) {
    uint8_t datagram[1024];
    struct bl_writer writer = enet_begin(datagram, sizeof datagram, 0);
    for (unsigned i = 1; i <= BL_FILTER_COMMANDS_MAX; i++) {
        enet_ack(&writer, 0, (uint16_t)i, (uint16_t)(i * 7));
        ck_assert(writer_passes(&writer));
        ck_assert_uint_eq(report.command_count, i);
        ck_assert_uint_eq(report.ack_count, i);
        ck_assert_uint_eq(report.ack_sent_times[i - 1], i * 7);
    }
    enet_ack(&writer, 0, 33, 0);
    ck_assert(!writer_passes(&writer));
}
END_TEST

START_TEST(a_datagram_without_a_command_is_dropped) {
    static const uint8_t zeros[4];
    static const uint8_t timed[4] = {0x80};
    for (size_t size = 0; size <= sizeof zeros; size++) {
        ck_assert(!passes(zeros, size));
        ck_assert(!passes(timed, size));
    }
}
END_TEST

/* How far a reliable command may be from the last one that was taken in. */
static const struct distance {
    int ahead;
    bool passes;
} distances[] = {
    {0, true}, /* a repeat: its acknowledgement was lost */
    {1, true},
    {2, true},
    {BL_FILTER_AHEAD_MAX, true},
    {BL_FILTER_AHEAD_MAX + 1, false},
    {4096, false},
    {28672, false}, /* what ENet itself would take in */
    {32767, false},
    {-1, true},
    {-BL_FILTER_AHEAD_MAX - 1, true},
};
static const uint16_t taken_in[] = {0, 1, 1000, 0x7fff, 0x8000, 0xfbff, 0xfc00, 0xfffe, 0xffff};

START_TEST(reliable_commands_are_at_most_1024_ahead) {
    const struct distance *distance = &distances[_i];
    for (size_t i = 0; i < COUNT_OF(taken_in); i++) {
        uint8_t datagram[64];
        struct bl_writer writer = enet_begin(datagram, sizeof datagram, 0);
        channels[1].incomingReliableSequenceNumber = taken_in[i];
        enet_reliable(&writer, 1, (uint16_t)(taken_in[i] + distance->ahead), "x", 1);
        ck_assert_msg(writer_passes(&writer) == distance->passes, "%d ahead of %u", distance->ahead,
                      taken_in[i]);
    }
    channels[1].incomingReliableSequenceNumber = 0;
}
END_TEST

START_TEST(a_channel_that_the_peer_does_not_have_is_dropped) {
    static const uint8_t commands[] = {COMMAND_ACK, COMMAND_RELIABLE, COMMAND_UNSEQUENCED};
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        for (unsigned channel = 0; channel <= 0xff; channel++) {
            uint8_t datagram[64];
            struct bl_writer writer = enet_begin(datagram, sizeof datagram, 0);
            enet_command(&writer, commands[i], (uint8_t)channel, 1);
            bl_write_pad(&writer, bl_writer_size(&writer) + (commands[i] == 0x86 ? 2 : 4));
            ck_assert_msg(writer_passes(&writer) == (channel < CHANNEL_COUNT),
                          "command %#x on channel %u", commands[i], channel);
        }
    }
}
END_TEST

START_TEST(a_datagram_passes_only_when_it_ends_with_a_command) {
    uint8_t datagram[128];
    size_t ends[5] = {0};
    struct bl_writer writer = enet_begin(datagram, sizeof datagram, 9);
    enet_ack(&writer, 2, 7, 9);
    ends[0] = bl_writer_size(&writer);
    enet_reliable(&writer, 1, 1, "reliable", 8);
    ends[1] = bl_writer_size(&writer);
    enet_reliable(&writer, 1, 2, NULL, 0);
    ends[2] = bl_writer_size(&writer);
    enet_unsequenced(&writer, 1, "loose", 5);
    ends[3] = bl_writer_size(&writer);
    enet_ack(&writer, 0, 1, 1);
    ends[4] = bl_writer_size(&writer);
    for (size_t size = 0; size <= bl_writer_size(&writer); size++) {
        bool whole = false;
        for (size_t i = 0; i < COUNT_OF(ends); i++) {
            whole |= size == ends[i];
        }
        /* On the heap, so that a sanitizer sees a read past the end. */
        uint8_t *exact = malloc(size + (size == 0));
        memcpy(exact, datagram, size);
        ck_assert_msg(bl_filter_pass(exact, size, &peer, &report) == whole, "%zu bytes", size);
        free(exact);
    }
}
END_TEST

START_TEST(data_longer_than_the_datagram_is_dropped) {
    static const unsigned lies[] = {4, 5, 255, 1200, 0x7fff, 0xffff};
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        uint8_t datagram[64];
        struct bl_writer writer = enet_begin(datagram, sizeof datagram, 0);
        enet_command(&writer, COMMAND_RELIABLE, 0, 1);
        bl_write_u16(&writer, (uint16_t)lies[i]);
        bl_write_bytes(&writer, "abc", 3);
        ck_assert(!writer_passes(&writer));

        writer = enet_begin(datagram, sizeof datagram, 0);
        enet_command(&writer, COMMAND_UNSEQUENCED, 0, 0);
        bl_write_u16(&writer, 1);
        bl_write_u16(&writer, (uint16_t)lies[i]);
        bl_write_bytes(&writer, "abc", 3);
        ck_assert(!writer_passes(&writer));
    }
}
END_TEST

/* Peer id, session bits and the compressed flag are not the wire's to choose. */
START_TEST(of_the_header_only_the_sent_time_is_kept) {
    peer.incomingSessionID = (enet_uint8)_i;
    for (unsigned header = 0; header <= 0xffff; header++) {
        bool timed = (header & ENET_PROTOCOL_HEADER_FLAG_SENT_TIME) != 0;
        uint8_t datagram[64];
        struct bl_writer writer = bl_writer_of(datagram, sizeof datagram);
        bl_write_u16(&writer, (uint16_t)header);
        if (timed) {
            bl_write_u16(&writer, 0x1234);
        }
        enet_ack(&writer, 0, 1, 2);
        ck_assert(bl_filter_pass(datagram, bl_writer_size(&writer), &peer, &report));
        struct bl_reader reader = bl_reader_of(datagram, sizeof datagram);
        unsigned ours = (unsigned)_i << ENET_PROTOCOL_HEADER_SESSION_SHIFT;
        ck_assert_uint_eq(bl_read_u16(&reader),
                          ours | (timed ? ENET_PROTOCOL_HEADER_FLAG_SENT_TIME : 0));
        ck_assert_uint_eq(bl_filter_header(&peer), ours);
        if (timed) {
            ck_assert_uint_eq(bl_read_u16(&reader), 0x1234);
        }
    }
    peer.incomingSessionID = 0;
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, three_commands_pass_and_253_do_not, 0, 256);
    tcase_add_test(tests, a_forbidden_command_condemns_what_stands_before_it);
    tcase_add_test(tests, at_most_32_commands_pass_in_a_datagram);
    tcase_add_test(tests, a_datagram_without_a_command_is_dropped);
    tcase_add_loop_test(tests, reliable_commands_are_at_most_1024_ahead, 0, COUNT_OF(distances));
    tcase_add_test(tests, a_channel_that_the_peer_does_not_have_is_dropped);
    tcase_add_test(tests, a_datagram_passes_only_when_it_ends_with_a_command);
    tcase_add_test(tests, data_longer_than_the_datagram_is_dropped);
    tcase_add_loop_test(tests, of_the_header_only_the_sent_time_is_kept, 0, 4);
}

TEST_MAIN("peer filter", add_tests)
