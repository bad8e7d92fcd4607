/* Positions count up and are masked by the capacity, so a full ring and an empty one differ by
 * their count. */
#include "common/ring.h"

#include "common/assert.h"
#include <string.h>

#define CAPACITY_MIN 8U

void bl_ring_init(struct bl_ring *ring, struct bl_memory *memory, size_t item_size) {
    *ring = (struct bl_ring){.memory = memory, .item_size = item_size};
}

void bl_ring_finish(struct bl_ring *ring) {
    if (ring->memory != NULL) {
        bl_free(ring->memory, ring->items, ring->capacity * ring->item_size);
        bl_ring_init(ring, ring->memory, ring->item_size);
    }
}

static uint8_t *item_at(const struct bl_ring *ring, uint32_t index) {
    return ring->items + ((ring->first + index) & (ring->capacity - 1)) * ring->item_size;
}

/** Moves the items, oldest first, into a block of another size. */
static bool resize(struct bl_ring *ring, uint32_t capacity) {
    uint8_t *items = bl_allocate(ring->memory, capacity * ring->item_size);
    if (items == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < ring->count; i++) {
        memcpy(items + i * ring->item_size, item_at(ring, i), ring->item_size);
    }
    bl_free(ring->memory, ring->items, ring->capacity * ring->item_size);
    ring->items = items;
    ring->capacity = capacity;
    ring->first = 0;
    return true;
}

bool bl_ring_reserve(struct bl_ring *ring) {
    return ring->count < ring->capacity ||
           resize(ring, ring->capacity == 0 ? CAPACITY_MIN : 2 * ring->capacity);
}

void *bl_ring_push(struct bl_ring *ring) {
    if (!bl_ring_reserve(ring)) {
        return NULL;
    }
    void *item = item_at(ring, ring->count);
    memset(item, 0, ring->item_size);
    ring->count++;
    return item;
}

void *bl_ring_at(const struct bl_ring *ring, uint32_t index) {
    BELAY_ASSERT(index < ring->count);
    return item_at(ring, index);
}

void bl_ring_drop(struct bl_ring *ring) {
    BELAY_ASSERT(ring->count > 0);
    ring->first = (ring->first + 1) & (ring->capacity - 1);
    ring->count--;
    if (ring->count == 0 && ring->capacity > CAPACITY_MIN) {
        (void)resize(ring, CAPACITY_MIN); /* without memory for a small block the large one stays */
    }
}
