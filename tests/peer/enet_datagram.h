/* ENet datagrams by hand: what our ENet sends, and what a hostile peer would. */
#ifndef BL_TESTS_PEER_ENET_DATAGRAM_H
#define BL_TESTS_PEER_ENET_DATAGRAM_H

#include "common/bytes.h"
#include <enet/enet.h>

/* The command bytes of our own side: number and flags. */
#define COMMAND_ACK         0x01
#define COMMAND_RELIABLE    0x86
#define COMMAND_UNSEQUENCED 0x49

/** Begins a datagram that carries a sent time, as every one with a reliable command does. */
static inline struct bl_writer enet_begin(uint8_t *out, size_t size, uint16_t sent_time) {
    struct bl_writer writer = bl_writer_of(out, size);
    bl_write_u16(&writer, ENET_PROTOCOL_HEADER_FLAG_SENT_TIME);
    bl_write_u16(&writer, sent_time);
    return writer;
}

static inline void enet_command(struct bl_writer *writer, uint8_t command, uint8_t channel,
                                uint16_t sequence) {
    bl_write_u8(writer, command);
    bl_write_u8(writer, channel);
    bl_write_u16(writer, sequence);
}

static inline void enet_ack(struct bl_writer *writer, uint8_t channel, uint16_t sequence,
                            uint16_t sent_time) {
    enet_command(writer, COMMAND_ACK, channel, sequence);
    bl_write_u16(writer, sequence);
    bl_write_u16(writer, sent_time);
}

static inline void enet_reliable(struct bl_writer *writer, uint8_t channel, uint16_t sequence,
                                 const void *data, uint16_t size) {
    enet_command(writer, COMMAND_RELIABLE, channel, sequence);
    bl_write_u16(writer, size);
    bl_write_bytes(writer, data, size);
}

static inline void enet_unsequenced(struct bl_writer *writer, uint16_t group, const void *data,
                                    uint16_t size) {
    enet_command(writer, COMMAND_UNSEQUENCED, 0, 0);
    bl_write_u16(writer, group);
    bl_write_u16(writer, size);
    bl_write_bytes(writer, data, size);
}

/** A reader of ENet commands, for tests that look at the wire. */
struct enet_seen {
    uint8_t command; /* number and flags */
    uint8_t channel;
    uint16_t sequence;
    const uint8_t *data; /* of RELIABLE and UNSEQUENCED */
    uint16_t size;
};

/** Behind the header. */
static inline struct bl_reader enet_commands(const void *datagram, size_t size) {
    struct bl_reader reader = bl_reader_of(datagram, size);
    if ((bl_read_u16(&reader) & ENET_PROTOCOL_HEADER_FLAG_SENT_TIME) != 0) {
        bl_read_u16(&reader);
    }
    return reader;
}

/** The next command; false at the end, or (reader->failed) when it is none of our three. */
static inline bool enet_next(struct bl_reader *reader, struct enet_seen *seen) {
    if (reader->failed || bl_reader_left(reader) == 0) {
        return false;
    }
    *seen = (struct enet_seen){.command = bl_read_u8(reader)};
    seen->channel = bl_read_u8(reader);
    seen->sequence = bl_read_u16(reader);
    switch (seen->command) {
    case COMMAND_ACK:
        bl_read_u32(reader);
        break;
    case COMMAND_UNSEQUENCED:
        bl_read_u16(reader);
        /* fall through */
    case COMMAND_RELIABLE:
        seen->size = bl_read_u16(reader);
        seen->data = bl_read_span(reader, seen->size);
        break;
    default:
        reader->failed = true;
    }
    return !reader->failed;
}

#endif
