/*
 * Free slots form a list through free_next, last freed first, so that the slots in use stay dense.
 * The generation moves on at removal: from then on no handle given out before can match.
 *
 * A slot at the last generation is left out of the free list for ever. Such slots count neither as
 * alive nor as free, which is why the map may own more than slot_max slots after 2^32 removals.
 */
#include "common/slot_map.h"
#include "common/assert.h"

#define SLOT_COUNT_FIRST 16
#define SLOT_COUNT_MAX   (UINT32_MAX / (uint32_t)sizeof(struct bl_slot)) /* a size of 32 bits */

void bl_slot_map_init(struct bl_slot_map *map, struct bl_memory *memory, uint32_t slot_max) {
    *map = (struct bl_slot_map){.memory = memory, .slot_max = slot_max};
}

void bl_slot_map_finish(struct bl_slot_map *map) {
    bl_free(map->memory, map->slots, map->slot_count * sizeof(*map->slots));
    *map = (struct bl_slot_map){0};
}

static uint64_t handle_of(const struct bl_slot_map *map, uint32_t index) {
    return (uint64_t)map->slots[index].generation << 32 | (index + 1);
}

static struct bl_slot *find(const struct bl_slot_map *map, uint64_t handle) {
    uint32_t number = (uint32_t)handle;
    if (number == 0 || number > map->slot_count) {
        return NULL;
    }
    struct bl_slot *slot = &map->slots[number - 1];
    return slot->object != NULL && slot->generation == handle >> 32 ? slot : NULL;
}

/** Doubles the slots, but by no more than may still come alive. Only when none is free. */
static bool grow(struct bl_slot_map *map) {
    uint32_t old_count = map->slot_count;
    uint32_t growth = old_count > 0 ? old_count : SLOT_COUNT_FIRST;
    uint32_t growth_max = map->slot_max - map->count;
    growth = growth < growth_max ? growth : growth_max;
    if (growth > SLOT_COUNT_MAX - old_count) {
        return false;
    }
    uint32_t new_count = old_count + growth;
    struct bl_slot *slots =
        bl_resize(map->memory, map->slots, old_count * sizeof(*slots), new_count * sizeof(*slots));
    if (slots == NULL) {
        return false;
    }
    for (uint32_t i = old_count; i < new_count; i++) {
        slots[i].generation = 1; /* not 0, so that a small number by mistake is no handle */
        slots[i].free_next = i + 1 < new_count ? i + 2 : 0;
    }
    map->slots = slots;
    map->slot_count = new_count;
    map->free_first = old_count + 1;
    return true;
}

uint64_t bl_slot_map_add(struct bl_slot_map *map, void *object) {
    BELAY_ASSERT(object != NULL);
    if (map->count >= map->slot_max || (map->free_first == 0 && !grow(map))) {
        return 0;
    }
    uint32_t index = map->free_first - 1;
    struct bl_slot *slot = &map->slots[index];
    map->free_first = slot->free_next;
    slot->object = object;
    map->count++;
    return handle_of(map, index);
}

void *bl_slot_map_get(const struct bl_slot_map *map, uint64_t handle) {
    const struct bl_slot *slot = find(map, handle);
    return slot != NULL ? slot->object : NULL;
}

void bl_slot_map_remove(struct bl_slot_map *map, uint64_t handle) {
    struct bl_slot *slot = find(map, handle);
    if (slot == NULL) {
        return;
    }
    slot->object = NULL;
    map->count--;
    if (slot->generation == UINT32_MAX) {
        return;
    }
    slot->generation++;
    slot->free_next = map->free_first;
    map->free_first = (uint32_t)handle;
}

uint64_t bl_slot_map_next(const struct bl_slot_map *map, uint64_t handle) {
    /* The low half, index + 1, is where to go on, whether or not the handle still lives. */
    for (uint32_t i = (uint32_t)handle; i < map->slot_count; i++) {
        if (map->slots[i].object != NULL) {
            return handle_of(map, i);
        }
    }
    return 0;
}
