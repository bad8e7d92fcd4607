/*
 * MOVES and MOVE_ACK from any bytes: nothing is read past the end, what is accepted comes out again
 * as it went in; and any inputs come out as they went in, or without the oldest.
 *
 * The first byte chooses what the rest is, the second the size of an input, the third the room.
 */
#include "lib/wire/frame.h"
#include "lib/wire/move.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

#define HEAD     3 /* bytes that choose */
#define ROOM_MAX (BL_FRAME_SIZE_MAX + 64)

/** A copy of this size: the sanitizer guards its end. @param type  instead of the first byte */
static uint8_t *copy_of(const uint8_t *data, size_t size, uint8_t type) {
    uint8_t *copy = malloc(size);
    MUST(copy != NULL);
    memcpy(copy, data, size);
    copy[0] = type;
    return copy;
}

static void try_moves(const uint8_t *data, size_t size, uint16_t move_size) {
    uint8_t *frame = copy_of(data, size, BL_FRAME_MOVES), again[ROOM_MAX];
    struct bl_moves moves;
    if (bl_moves_read(&moves, frame, size, move_size)) {
        MUST(bl_moves_write(again, sizeof again, &moves, move_size) == size);
        MUST(memcmp(again, frame, size) == 0);
    }
    free(frame);
}

static void try_ack(const uint8_t *data, size_t size) {
    uint8_t *frame = copy_of(data, size, BL_FRAME_MOVE_ACK), again[BL_MOVE_ACK_SIZE];
    struct bl_move_ack ack;
    if (bl_move_ack_read(&ack, frame, size)) {
        MUST(bl_move_ack_write(again, sizeof again, &ack) == size);
        MUST(memcmp(again, frame, size) == 0);
    }
    free(frame);
}

/** Present, then the inputs, of which what is not given is zeros. */
static void try_inputs(const uint8_t *data, size_t size, uint16_t move_size, size_t room) {
    uint8_t *frame = malloc(room + 1);
    struct bl_moves out, moves = {.present = 1};
    struct bl_reader reader = bl_reader_of(data, size);
    moves.present |= bl_read_u16(&reader);
    moves.newest = bl_read_u32(&reader);
    moves.also_new = bl_read_u8(&reader) % BELAY_MOVES_MAX;
    for (unsigned age = 0; age < BELAY_MOVES_MAX; age++) {
        bl_read_copy(&reader, moves.inputs[age], move_size);
    }
    size_t written = bl_moves_write(frame, room, &moves, move_size);
    MUST((written == 0) == (room < (size_t)BL_MOVES_HEADER + move_size));
    if (written > 0) {
        MUST(written <= room && bl_moves_read(&out, frame, written, move_size));
        unsigned left_out = moves.present & ~(unsigned)out.present;
        MUST((out.present & ~moves.present) == 0 && out.newest == moves.newest);
        MUST(out.also_new <= moves.also_new && out.present >> out.also_new != 0);
        MUST(left_out == 0 || (left_out & -left_out) > out.present); /* the oldest */
        for (unsigned age = 0; age < BELAY_MOVES_MAX; age++) {
            MUST((out.present >> age & 1) == 0 ||
                 memcmp(out.inputs[age], moves.inputs[age], move_size) == 0);
        }
    }
    free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size <= HEAD) {
        return 0;
    }
    uint16_t move_size = (uint16_t)(1 + data[1] % BELAY_MOVE_SIZE_MAX);
    switch (data[0] % 4) {
    case 0:
        try_ack(data + HEAD, size - HEAD);
        break;
    case 1:
        try_inputs(data + HEAD, size - HEAD, move_size, (size_t)data[2] * 5);
        break;
    default:
        try_moves(data + HEAD, size - HEAD, move_size);
    }
    return 0;
}
