/*
 * A hash map from 16-byte keys to pointers.
 *
 * Keys are hashed with SipHash under a secret of the map, so that a stranger who chooses keys
 * cannot make them collide. Open addressing with backward-shift deletion: no tombstones build up.
 */
#ifndef BL_COMMON_HASH_MAP_H
#define BL_COMMON_HASH_MAP_H

#include "common/memory.h"
#include "common/random.h"
#include <belay/result.h>

#define BL_HASH_KEY_SIZE 16

struct bl_hash_entry;

struct bl_hash_map {
    struct bl_memory *memory;
    struct bl_hash_entry *entries; /* a power of two of them, at most 3/4 full */
    uint32_t capacity, count;
    uint8_t secret[BL_SIPHASH_SECRET_SIZE];
};

/** @param random source of the map's secret: seeded in a simulation, the system's elsewhere */
void bl_hash_map_init(struct bl_hash_map *map, struct bl_memory *memory, struct bl_random *random);
/** Frees the map's own memory, not the values. Zeroed memory is fine. */
void bl_hash_map_finish(struct bl_hash_map *map);

/**
 * Stores @p value (not NULL) under @p key, replacing what was there.
 *
 * @return BELAY_OK; BELAY_E_NO_MEMORY, never for a key that is there, leaves the map as it was
 */
enum belay_result bl_hash_map_put(struct bl_hash_map *map, const uint8_t key[BL_HASH_KEY_SIZE],
                                  void *value);
void *bl_hash_map_get(const struct bl_hash_map *map, const uint8_t key[BL_HASH_KEY_SIZE]);
/** Removes the key if it is there; returns what it held, or NULL. */
void *bl_hash_map_remove(struct bl_hash_map *map, const uint8_t key[BL_HASH_KEY_SIZE]);
/**
 * Enumerates the values in no particular order: start with *cursor 0, NULL ends. The map must not
 * change meanwhile, but the values may.
 */
void *bl_hash_map_next(const struct bl_hash_map *map, uint32_t *cursor);

#endif
