/*
 * A slot map: objects named by a 64-bit value that is never used twice.
 *
 * A handle is slot index + 1 in the low 32 bits and the slot's generation in the high 32. A slot
 * whose generation would wrap is retired rather than reused. Handle 0 names nothing.
 */
#ifndef BL_COMMON_SLOT_MAP_H
#define BL_COMMON_SLOT_MAP_H

#include "common/memory.h"
#include <belay/result.h>

/** One place of the map; a test may set a generation to see it wrap, nobody else looks inside. */
struct bl_slot {
    void *object;        /* NULL: free or retired */
    uint32_t generation; /* of the handle alive, or of the next one */
    uint32_t free_next;  /* index + 1 of the next free slot; 0 ends the list */
};

struct bl_slot_map {
    struct bl_memory *memory;
    struct bl_slot *slots; /* grow by doubling, so they move: keep handles, not slots */
    uint32_t slot_count, slot_max;
    uint32_t free_first; /* index + 1; 0 = none is free */
    uint32_t count;      /* handles alive */
};

void bl_slot_map_init(struct bl_slot_map *map, struct bl_memory *memory, uint32_t slot_max);
/** Frees the map's own memory, not the objects. Zeroed memory is fine. */
void bl_slot_map_finish(struct bl_slot_map *map);

/** Names @p object (not NULL). 0 when slot_max objects are alive or memory is out. */
uint64_t bl_slot_map_add(struct bl_slot_map *map, void *object);
/** The object, or NULL for 0, a removed or an invented handle. */
void *bl_slot_map_get(const struct bl_slot_map *map, uint64_t handle);
/** Forgets a live handle; a stale one is ignored. */
void bl_slot_map_remove(struct bl_slot_map *map, uint64_t handle);
/**
 * The live handle after @p handle in slot order; 0 starts, 0 ends. @p handle may have been removed
 * meanwhile, so removing any object during an enumeration is safe and each survivor is seen once.
 */
uint64_t bl_slot_map_next(const struct bl_slot_map *map, uint64_t handle);

#endif
