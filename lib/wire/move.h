/*
 * MOVES and MOVE_ACK, docs/protocol.md "Movement": inputs on their way up, and what became of them.
 *
 * MOVES repeats the inputs of the last ticks, newest first. An input that is the same as the next
 * newer one costs a bit; one that differs costs a mask of its bytes and those that changed.
 */
#ifndef BL_WIRE_MOVE_H
#define BL_WIRE_MOVE_H

#include <belay/limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Inputs of one lane, by age: the newest is number 0, that of the tick before it number 1. */
struct bl_moves {
    uint8_t lane;
    uint8_t also_new; /* ticks before the newest that no frame before this could bring: as many as a
                         slow frame of the game has sampled at once */
    uint32_t newest;  /* tick */
    uint16_t present; /* bit per age; bit 0 is always set */
    uint8_t inputs[BELAY_MOVES_MAX][BELAY_MOVE_SIZE_MAX];
};

/** What became of a tick, as MOVE_ACK has it. */
enum bl_fate {
    BL_FATE_NONE = 0,        /* left out, or before the first input */
    BL_FATE_USED = 1,        /* run with the input that was sent for it */
    BL_FATE_SUBSTITUTED = 2, /* run without */
    BL_FATE_LATE = 3,        /* the same, and the input came after */
};
#define BL_FATES 16 /* ticks in fates */

/** Margins are in 1/256 tick: by how much an input came before its tick was due; negative: after.
 */
struct bl_move_ack {
    uint8_t lane;
    uint32_t consumed; /* newest tick that was run */
    uint32_t age_us;   /* of that tick, when this was written: since it was due */
    uint32_t fates; /* enum bl_fate, two bits each: bits 0 and 1 are consumed's, the next two those
                       of the tick before it */
    uint32_t waiting;                    /* bit i: the input of consumed + 1 + i is here */
    uint32_t received;                   /* newest tick of which an input has come, and */
    int16_t margin;                      /* that one's margin */
    int16_t margin_smoothed, margin_min; /* over all inputs; the least since the last MOVE_ACK */
    uint16_t starved;                    /* ticks run without an input, modulo 65,536 */
    uint8_t loss;                        /* of datagrams with inputs, in 1/256 */
    bool begun; /* inputs have come: received and all that follows it mean something */
};

/** MOVES of inputs of @p move_size bytes; older ones for which there is no room are left out.
 * @return the size, 0 when @p size bytes do not even hold the newest */
size_t bl_moves_write(void *out, size_t size, const struct bl_moves *moves, uint16_t move_size);
size_t bl_move_ack_write(void *out, size_t size, const struct bl_move_ack *ack);

/* Readers expect a frame that bl_frame_judge() let pass; false = malformed. */
bool bl_moves_read(struct bl_moves *out, const void *data, size_t size, uint16_t move_size);
bool bl_move_ack_read(struct bl_move_ack *out, const void *data, size_t size);

#endif
