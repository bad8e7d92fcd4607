/* Hostile ENet datagrams, as anybody can write them who has read ENet's protocol. */
#ifndef BL_BENCH_RAW_HOSTILE_H
#define BL_BENCH_RAW_HOSTILE_H

#include "common/bytes.h"

#define BL_RAW_CONNECT_SIZE 52
#define BL_RAW_HOSTILE_MAX  64
#define BL_RAW_SESSIONS     4 /* that a peer id can have: two bits */
#define BL_RAW_STRANGER     0xFFFU
#define BL_RAW_BOMB_TOTAL   (32U << 20)
#define BL_RAW_BOMB_PIECES  (1U << 20)

/** The header of a datagram to a peer of the server; @p timed ones may carry reliable commands. */
static inline void bl_raw_header(struct bl_writer *out, unsigned peer, unsigned session,
                                 bool timed) {
    bl_write_u16(out, (uint16_t)(peer | session << 12 | (timed ? 0x8000U : 0)));
    if (timed) {
        bl_write_u16(out, 0);
    }
}

static inline void bl_raw_command(struct bl_writer *out, unsigned command, unsigned channel,
                                  unsigned sequence) {
    bl_write_u8(out, (uint8_t)command);
    bl_write_u8(out, (uint8_t)channel);
    bl_write_u16(out, (uint16_t)sequence);
}

/** @return the size written, here and below; @p out holds BL_RAW_HOSTILE_MAX bytes */
static inline size_t bl_raw_connect(uint8_t *out, uint32_t connect_id) {
    struct bl_writer writer = bl_writer_of(out, BL_RAW_HOSTILE_MAX);
    bl_raw_header(&writer, BL_RAW_STRANGER, 0, true);
    bl_raw_command(&writer, 0x82, 0xFF, 1);
    bl_write_u16(&writer, 0);   /* outgoing peer id */
    bl_write_u8(&writer, 0xFF); /* session ids */
    bl_write_u8(&writer, 0xFF);
    bl_write_u32(&writer, 4096);  /* mtu */
    bl_write_u32(&writer, 65536); /* window */
    bl_write_u32(&writer, 255);   /* channels */
    bl_write_u32(&writer, 0);     /* bandwidths: none */
    bl_write_u32(&writer, 0);
    bl_write_u32(&writer, 5000); /* throttle */
    bl_write_u32(&writer, 2);
    bl_write_u32(&writer, 2);
    bl_write_u32(&writer, connect_id);
    bl_write_u32(&writer, 1); /* data */
    return bl_writer_size(&writer);
}

static inline size_t bl_raw_disconnect(uint8_t *out, unsigned peer, unsigned session) {
    struct bl_writer writer = bl_writer_of(out, BL_RAW_HOSTILE_MAX);
    bl_raw_header(&writer, peer, session, false);
    bl_raw_command(&writer, 0x44, 0xFF, 0); /* unsequenced */
    bl_write_u32(&writer, 0);
    return bl_writer_size(&writer);
}

static inline size_t bl_raw_acknowledge(uint8_t *out, unsigned peer, unsigned session) {
    struct bl_writer writer = bl_writer_of(out, BL_RAW_HOSTILE_MAX);
    bl_raw_header(&writer, peer, session, false);
    bl_raw_command(&writer, 0x01, 0xFF, 1);
    bl_write_u16(&writer, 1);
    bl_write_u16(&writer, 0);
    return bl_writer_size(&writer);
}

static inline size_t bl_raw_verify_connect(uint8_t *out, unsigned peer, unsigned session) {
    struct bl_writer writer = bl_writer_of(out, BL_RAW_HOSTILE_MAX);
    bl_raw_header(&writer, peer, session, true);
    bl_raw_command(&writer, 0x83, 0xFF, 1);
    bl_write_u16(&writer, 0);
    bl_write_u8(&writer, 0xFF);
    bl_write_u8(&writer, 0xFF);
    for (int i = 0; i < 9; i++) {
        bl_write_u32(&writer, 4096);
    }
    return bl_writer_size(&writer);
}

static inline size_t bl_raw_message(uint8_t *out, unsigned peer, unsigned session,
                                    const char text[4]) {
    struct bl_writer writer = bl_writer_of(out, BL_RAW_HOSTILE_MAX);
    bl_raw_header(&writer, peer, session, false);
    bl_raw_command(&writer, 0x49, 0, 0); /* unsequenced */
    bl_write_u16(&writer, 1);
    bl_write_u16(&writer, 4);
    bl_write_bytes(&writer, text, 4);
    return bl_writer_size(&writer);
}

/** One byte of a message that claims to be of 32 MiB in a million pieces. */
static inline size_t bl_raw_fragment_bomb(uint8_t *out, unsigned peer, unsigned session) {
    struct bl_writer writer = bl_writer_of(out, BL_RAW_HOSTILE_MAX);
    bl_raw_header(&writer, peer, session, true);
    bl_raw_command(&writer, 0x88, 0, 1);
    bl_write_u16(&writer, 1); /* start */
    bl_write_u16(&writer, 1); /* bytes here */
    bl_write_u32(&writer, BL_RAW_BOMB_PIECES);
    bl_write_u32(&writer, 0);
    bl_write_u32(&writer, BL_RAW_BOMB_TOTAL);
    bl_write_u32(&writer, 0);
    bl_write_u8(&writer, 'x');
    return bl_writer_size(&writer);
}

#endif
