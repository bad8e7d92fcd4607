/*
 * What the two sides of a session tell each other when it is resumed, docs/protocol.md "Resume":
 * how far each reliable channel has come. It travels sealed, in OPEN and in ACCEPT.
 */
#ifndef BL_WIRE_RESUME_H
#define BL_WIRE_RESUME_H

#include "common/bytes.h"
#include <belay/limits.h>

#define BL_STREAMS_MAX (BELAY_CHANNELS_MAX + 1) /* channels, and the one of requests */

/** One reliable channel, as its teller sees it. */
struct bl_position {
    uint8_t channel;
    uint32_t received; /* newest message that has come whole */
    uint32_t filled;   /* bytes of the one after it that have come in segments */
    uint32_t handled;  /* newest that the application has handled; told to a new process: newest of
                          the teller's own that the old one has reported as handled */
    uint32_t newest;   /* newest that the teller itself has to send */
};

/** All reliable channels, in the order of their numbers. */
struct bl_positions {
    uint8_t count;
    struct bl_position channels[BL_STREAMS_MAX];
};

/** Numbers of messages that a new process leaves out: more than could still arrive from its
 * predecessor, whose credit has 16 bits (see HELLO). */
#define BL_EPOCH_STEP 65536U

/** What a client adds to its ticket. */
struct bl_resume {
    uint64_t attempt; /* higher than in every attempt before */
    bool new_epoch;   /* another process: it has no positions, and none are told */
    struct bl_positions positions;
};

#define BL_POSITION_SIZE      17
#define BL_POSITIONS_SIZE_MAX (1 + BL_POSITION_SIZE * BL_STREAMS_MAX)
#define BL_RESUME_SIZE_MIN    10
#define BL_RESUME_SIZE_MAX    (9 + BL_POSITIONS_SIZE_MAX)

void bl_positions_write(struct bl_writer *writer, const struct bl_positions *positions);
/** False: malformed. */
bool bl_positions_read(struct bl_reader *reader, struct bl_positions *out);
/** @return the size written, at most BL_RESUME_SIZE_MAX */
size_t bl_resume_write(uint8_t *out, const struct bl_resume *resume);
/** False: malformed. */
bool bl_resume_read(struct bl_resume *out, const uint8_t *data, size_t size);
/** The position of a channel; NULL when it is not there. */
const struct bl_position *bl_positions_find(const struct bl_positions *positions, uint8_t channel);

#endif
