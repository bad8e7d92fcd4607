/*
 * A ring of equal items that grows by doubling: a queue whose every item can be reached.
 *
 * Memory comes with the first item and goes with bl_ring_finish(); an emptied ring keeps a small
 * one. Pointers to items are valid until the next push.
 */
#ifndef BL_COMMON_RING_H
#define BL_COMMON_RING_H

#include "common/memory.h"
#include <stdbool.h>
#include <stdint.h>

struct bl_ring {
    struct bl_memory *memory;
    uint8_t *items;
    size_t item_size;
    uint32_t capacity; /* 0 or a power of two */
    uint32_t first;    /* position of the oldest item */
    uint32_t count;
};

void bl_ring_init(struct bl_ring *ring, struct bl_memory *memory, size_t item_size);
/** Frees the ring's memory, not what its items own. Zeroed memory is fine. */
void bl_ring_finish(struct bl_ring *ring);

/** Makes room for one item, so that the next push cannot fail. False when memory is out. */
bool bl_ring_reserve(struct bl_ring *ring);
/** Adds one zeroed item at the end and lends it; NULL when memory is out. */
void *bl_ring_push(struct bl_ring *ring);
/** @param index from 0, the oldest, to count - 1 */
void *bl_ring_at(const struct bl_ring *ring, uint32_t index);
/** Forgets the oldest item, of which there must be one. */
void bl_ring_drop(struct bl_ring *ring);

#endif
