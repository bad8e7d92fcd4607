/*
 * One unreliable or sequenced channel, both halves.
 *
 * A message that does not fit one packet is cut into fragments, each sent once, and is delivered
 * whole or not at all. ENet's own unreliable channels are not used: their numbers do not wrap, so
 * after 65,535 messages ENet would send one reliably, and its fragments are a known weakness.
 */
#ifndef BL_SESSION_UNRELIABLE_H
#define BL_SESSION_UNRELIABLE_H

#include "common/memory.h"
#include "lib/wire/frame.h"

#define BL_PARTIALS_MAX                                                                            \
    4 /* messages that may be incomplete at once; a jittery link interleaves them */

/** A message of which some fragments are here. */
struct bl_partial {
    uint32_t sequence;
    uint8_t count; /* fragments in all; 0 = the slot is free */
    uint8_t have;  /* bit per fragment */
    uint16_t last_size;
    uint8_t *block; /* count x BL_FRAGMENT_DATA_MAX bytes */
};

struct bl_unreliable {
    bool sequenced;
    uint32_t sent;   /* sequence of the newest message out */
    uint32_t newest; /* delivered, of a sequenced channel */
    struct bl_partial partials[BL_PARTIALS_MAX];
};

enum bl_unreliable_verdict {
    BL_UNRELIABLE_WHOLE,
    BL_UNRELIABLE_PART,
    BL_UNRELIABLE_STALE,  /* older than what was delivered, or a fragment that came before */
    BL_UNRELIABLE_BROKEN, /* fragments that do not fit together */
    BL_UNRELIABLE_NO_MEMORY,
};

/** A message put together: @p block of @p block_size bytes is the caller's to bl_free(). */
struct bl_assembled {
    uint8_t *block;
    size_t block_size;
    size_t size; /* of the message in it */
};

/**
 * Takes one DATAGRAM or FRAGMENT.
 *
 * @param assembled  WHOLE of a FRAGMENT: the message; a DATAGRAM is its own message (block NULL)
 * @param stale_count is raised by older incomplete messages that were given up to make room
 */
enum bl_unreliable_verdict bl_unreliable_take(struct bl_unreliable *channel,
                                              struct bl_memory *memory,
                                              const struct bl_piece *piece,
                                              struct bl_assembled *assembled,
                                              uint64_t *stale_count);
/** The other side counts anew: another process of it. */
void bl_unreliable_restart(struct bl_unreliable *channel, struct bl_memory *memory);
void bl_unreliable_finish(struct bl_unreliable *channel, struct bl_memory *memory);

#endif
