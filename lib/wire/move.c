/*
 * The codec of MOVES and MOVE_ACK.
 *
 * An older input is told by what differs from the next newer one that is there, so leaving out the
 * oldest changes nothing else in the frame. There is one way to write a given set of inputs, and
 * the reader takes no other: a byte that is said to differ does, and an input that is said to
 * differ has one that does.
 */
#include "lib/wire/move.h"

#include "common/assert.h"
#include "lib/wire/frame.h"
#include <string.h>

#define FLAG_BEGUN          0x01U
#define LANE_BITS           4 /* of its byte; also_new has the others */
#define LANE_MASK           0x0fU
#define MASK_SIZE(size)     (((size) + 7U) / 8U)
#define DIFFERENCE_SIZE_MAX (MASK_SIZE(BELAY_MOVE_SIZE_MAX) + BELAY_MOVE_SIZE_MAX)

static bool has(uint16_t ages, unsigned age) {
    return (ages >> age & 1U) != 0;
}

/** Nothing is new that is older than all that is there. */
static uint8_t new_among(uint16_t present, uint8_t also_new) {
    while (present >> also_new == 0) {
        also_new--;
    }
    return also_new;
}

static void write_header(void *out, const struct bl_moves *moves, uint16_t present, uint16_t same) {
    struct bl_writer writer = bl_writer_of(out, BL_MOVES_HEADER);
    uint8_t also_new = new_among(present, moves->also_new);
    bl_write_u8(&writer, BL_FRAME_MOVES);
    bl_write_u8(&writer, (uint8_t)(moves->lane | also_new << LANE_BITS));
    bl_write_u32(&writer, moves->newest);
    bl_write_u16(&writer, present);
    bl_write_u16(&writer, same);
}

/** All of it or, when there is no room, nothing: then false. */
static bool write_difference(struct bl_writer *writer, const uint8_t *input, const uint8_t *newer,
                             size_t size) {
    uint8_t bytes[DIFFERENCE_SIZE_MAX] = {0};
    size_t end = MASK_SIZE(size);
    for (size_t i = 0; i < size; i++) {
        if (input[i] != newer[i]) {
            bytes[i / 8] |= (uint8_t)(1U << i % 8);
            bytes[end++] = input[i];
        }
    }
    bl_write_bytes(writer, bytes, end);
    return !writer->failed;
}

size_t bl_moves_write(void *out, size_t size, const struct bl_moves *moves, uint16_t move_size) {
    BELAY_ASSERT(has(moves->present, 0));
    BELAY_ASSERT(moves->lane <= LANE_MASK && moves->also_new < BELAY_MOVES_MAX);
    BELAY_ASSERT(move_size > 0 && move_size <= BELAY_MOVE_SIZE_MAX);
    struct bl_writer writer = bl_writer_of(out, size);
    bl_write_pad(&writer, BL_MOVES_HEADER);
    bl_write_bytes(&writer, moves->inputs[0], move_size);
    if (writer.failed) {
        return 0;
    }
    uint16_t present = 1, same = 0;
    const uint8_t *newer = moves->inputs[0];
    for (unsigned age = 1; age < BELAY_MOVES_MAX; age++) {
        const uint8_t *input = moves->inputs[age];
        if (!has(moves->present, age)) {
            continue;
        }
        if (memcmp(input, newer, move_size) == 0) {
            same |= (uint16_t)(1U << age);
        } else if (!write_difference(&writer, input, newer, move_size)) {
            break;
        }
        present |= (uint16_t)(1U << age);
        newer = input;
    }
    write_header(out, moves, present, same);
    return bl_writer_size(&writer);
}

static bool read_difference(struct bl_reader *reader, uint8_t *input, const uint8_t *newer,
                            size_t size) {
    const uint8_t *mask = bl_read_span(reader, MASK_SIZE(size));
    if (mask == NULL) {
        return false;
    }
    bool differs = false;
    memcpy(input, newer, size);
    for (size_t i = 0; i < 8 * MASK_SIZE(size); i++) {
        if ((mask[i / 8] >> i % 8 & 1U) == 0) {
            continue;
        }
        if (i >= size) {
            return false;
        }
        input[i] = bl_read_u8(reader);
        if (input[i] == newer[i]) {
            return false;
        }
        differs = true;
    }
    return differs;
}

bool bl_moves_read(struct bl_moves *out, const void *data, size_t size, uint16_t move_size) {
    BELAY_ASSERT(move_size > 0 && move_size <= BELAY_MOVE_SIZE_MAX);
    struct bl_reader reader = bl_reader_of(data, size);
    bl_read_u8(&reader); /* type */
    uint8_t lane = bl_read_u8(&reader);
    out->lane = lane & LANE_MASK;
    out->also_new = lane >> LANE_BITS;
    out->newest = bl_read_u32(&reader);
    out->present = bl_read_u16(&reader);
    uint16_t same = bl_read_u16(&reader);
    bl_read_copy(&reader, out->inputs[0], move_size);
    if (!has(out->present, 0) || has(same, 0) || (same & ~out->present) != 0 ||
        out->present >> out->also_new == 0) {
        return false;
    }
    const uint8_t *newer = out->inputs[0];
    for (unsigned age = 1; age < BELAY_MOVES_MAX; age++) {
        uint8_t *input = out->inputs[age];
        if (!has(out->present, age)) {
            continue;
        }
        if (has(same, age)) {
            memcpy(input, newer, move_size);
        } else if (!read_difference(&reader, input, newer, move_size)) {
            return false;
        }
        newer = input;
    }
    return !reader.failed && bl_reader_left(&reader) == 0;
}

size_t bl_move_ack_write(void *out, size_t size, const struct bl_move_ack *ack) {
    struct bl_writer writer = bl_writer_of(out, size);
    bl_write_u8(&writer, BL_FRAME_MOVE_ACK);
    bl_write_u8(&writer, ack->lane);
    bl_write_u8(&writer, ack->begun ? FLAG_BEGUN : 0);
    bl_write_u32(&writer, ack->consumed);
    bl_write_u32(&writer, ack->age_us);
    bl_write_u32(&writer, ack->fates);
    bl_write_u32(&writer, ack->waiting);
    bl_write_u32(&writer, ack->received);
    bl_write_u16(&writer, (uint16_t)ack->margin);
    bl_write_u16(&writer, (uint16_t)ack->margin_smoothed);
    bl_write_u16(&writer, (uint16_t)ack->margin_min);
    bl_write_u16(&writer, ack->starved);
    bl_write_u8(&writer, ack->loss);
    return writer.failed ? 0 : bl_writer_size(&writer);
}

bool bl_move_ack_read(struct bl_move_ack *out, const void *data, size_t size) {
    struct bl_reader reader = bl_reader_of(data, size);
    bl_read_u8(&reader); /* type */
    out->lane = bl_read_u8(&reader);
    uint8_t flags = bl_read_u8(&reader);
    out->begun = (flags & FLAG_BEGUN) != 0;
    out->consumed = bl_read_u32(&reader);
    out->age_us = bl_read_u32(&reader);
    out->fates = bl_read_u32(&reader);
    out->waiting = bl_read_u32(&reader);
    out->received = bl_read_u32(&reader);
    out->margin = (int16_t)bl_read_u16(&reader);
    out->margin_smoothed = (int16_t)bl_read_u16(&reader);
    out->margin_min = (int16_t)bl_read_u16(&reader);
    out->starved = bl_read_u16(&reader);
    out->loss = bl_read_u8(&reader);
    return !reader.failed && bl_reader_left(&reader) == 0 && (flags & ~FLAG_BEGUN) == 0;
}
