/*
 * Reads commands with a bounded reader, command by command, before ENet casts the bytes to structs.
 * A command byte must be exactly what our own side sends: number and flags both.
 */
#include "lib/peer/filter.h"

#include "common/bytes.h"
#include "common/serial.h"

enum {
    ACK = ENET_PROTOCOL_COMMAND_ACKNOWLEDGE,
    RELIABLE = ENET_PROTOCOL_COMMAND_SEND_RELIABLE | ENET_PROTOCOL_COMMAND_FLAG_ACKNOWLEDGE,
    UNSEQUENCED = ENET_PROTOCOL_COMMAND_SEND_UNSEQUENCED | ENET_PROTOCOL_COMMAND_FLAG_UNSEQUENCED,
};

enet_uint16 bl_filter_header(const ENetPeer *peer) {
    return (enet_uint16)(peer->incomingSessionID << ENET_PROTOCOL_HEADER_SESSION_SHIFT);
}

static bool pass_ack(struct bl_reader *reader, struct bl_filter_report *report) {
    bl_read_u16(
        reader); /* the acknowledged sequence number: one we never sent finds nothing in ENet */
    report->ack_sent_times[report->ack_count] = bl_read_u16(reader);
    report->ack_count++;
    return !reader->failed;
}

/** Sorted insertion makes far-ahead numbers expensive, and each is memory: bound the distance. */
static bool pass_reliable(struct bl_reader *reader, const ENetChannel *channel,
                          enet_uint16 sequence) {
    if (bl_serial16_distance(sequence, channel->incomingReliableSequenceNumber) >
        BL_FILTER_AHEAD_MAX) {
        return false;
    }
    return bl_read_span(reader, bl_read_u16(reader)) != NULL;
}

static bool pass_unsequenced(struct bl_reader *reader) {
    bl_read_u16(reader); /* group */
    return bl_read_span(reader, bl_read_u16(reader)) != NULL;
}

static bool pass_command(struct bl_reader *reader, const ENetPeer *peer,
                         struct bl_filter_report *report) {
    uint8_t command = bl_read_u8(reader);
    uint8_t channel = bl_read_u8(reader);
    uint16_t sequence = bl_read_u16(reader);
    if (reader->failed || channel >= peer->channelCount) {
        return false;
    }
    switch (command) {
    case ACK:
        return pass_ack(reader, report);
    case RELIABLE:
        report->reliable_count++;
        return pass_reliable(reader, &peer->channels[channel], sequence);
    case UNSEQUENCED:
        return pass_unsequenced(reader);
    default:
        return false;
    }
}

bool bl_filter_pass(uint8_t *datagram, size_t size, const ENetPeer *peer,
                    struct bl_filter_report *report) {
    struct bl_reader reader = bl_reader_of(datagram, size);
    enet_uint16 flags = bl_read_u16(&reader) & ENET_PROTOCOL_HEADER_FLAG_SENT_TIME;
    if (flags != 0) {
        bl_read_u16(&reader); /* sent time */
    }
    report->command_count = report->reliable_count = report->ack_count = 0;
    while (!reader.failed && bl_reader_left(&reader) > 0) {
        if (report->command_count == BL_FILTER_COMMANDS_MAX ||
            !pass_command(&reader, peer, report)) {
            return false;
        }
        report->command_count++;
    }
    if (reader.failed || report->command_count == 0) {
        return false;
    }
    struct bl_writer writer = bl_writer_of(datagram, size);
    bl_write_u16(&writer, flags | bl_filter_header(peer));
    return true;
}
