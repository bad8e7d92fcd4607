/*
 * Linear probing. The invariant: no empty entry lies between a key's home (where its hash points)
 * and the place where it is stored. Removal restores it by moving later entries back into the hole.
 *
 * Hashes are not stored: SipHash of 16 bytes is cheaper than the cache lines that would hold them.
 * The map never shrinks; it is as large as its owner's limits once were.
 */
#include "common/hash_map.h"
#include "common/assert.h"
#include "common/error.h"
#include <string.h>

#define CAPACITY_FIRST 16
#define CAPACITY_MAX   (UINT32_C(1) << 26) /* their size still fits 32 bits */

struct bl_hash_entry {
    uint8_t key[BL_HASH_KEY_SIZE];
    void *value; /* NULL: the entry is empty */
};

void bl_hash_map_init(struct bl_hash_map *map, struct bl_memory *memory, struct bl_random *random) {
    *map = (struct bl_hash_map){.memory = memory};
    bl_random_bytes(random, map->secret, sizeof(map->secret));
}

void bl_hash_map_finish(struct bl_hash_map *map) {
    bl_free(map->memory, map->entries, map->capacity * sizeof(*map->entries));
    *map = (struct bl_hash_map){0};
}

static uint32_t home_of(const struct bl_hash_map *map, const uint8_t *key) {
    return (uint32_t)bl_siphash(map->secret, key, BL_HASH_KEY_SIZE) & (map->capacity - 1);
}

/** The key's entry, or the empty one where it belongs. Ends because an entry in four is empty. */
static struct bl_hash_entry *find(const struct bl_hash_map *map, const uint8_t *key) {
    uint32_t index = home_of(map, key);
    while (map->entries[index].value != NULL &&
           memcmp(map->entries[index].key, key, BL_HASH_KEY_SIZE) != 0) {
        index = (index + 1) & (map->capacity - 1);
    }
    return &map->entries[index];
}

/** Makes room for one key more. */
static bool grow_if_full(struct bl_hash_map *map) {
    if (map->count < map->capacity / 4 * 3) {
        return true;
    }
    if (map->capacity >= CAPACITY_MAX) {
        return false;
    }
    struct bl_hash_map grown = *map;
    grown.capacity = map->capacity > 0 ? map->capacity * 2 : CAPACITY_FIRST;
    grown.entries = bl_allocate(map->memory, grown.capacity * sizeof(*grown.entries));
    if (grown.entries == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < map->capacity; i++) {
        if (map->entries[i].value != NULL) {
            *find(&grown, map->entries[i].key) = map->entries[i];
        }
    }
    bl_free(map->memory, map->entries, map->capacity * sizeof(*map->entries));
    *map = grown;
    return true;
}

enum belay_result bl_hash_map_put(struct bl_hash_map *map, const uint8_t key[BL_HASH_KEY_SIZE],
                                  void *value) {
    BELAY_ASSERT(value != NULL);
    if (bl_hash_map_get(map, key) == NULL) {
        if (!grow_if_full(map)) {
            return bl_fail(BELAY_E_NO_MEMORY, "no memory for a map of more than %u keys",
                           (unsigned)map->count);
        }
        map->count++;
    }
    struct bl_hash_entry *entry = find(map, key);
    memcpy(entry->key, key, BL_HASH_KEY_SIZE);
    entry->value = value;
    return BELAY_OK;
}

void *bl_hash_map_get(const struct bl_hash_map *map, const uint8_t key[BL_HASH_KEY_SIZE]) {
    return map->count > 0 ? find(map, key)->value : NULL;
}

/** Empties an entry and moves back each later one of the run that may not stand behind a hole. */
static void close_hole(struct bl_hash_map *map, uint32_t hole) {
    uint32_t mask = map->capacity - 1;
    for (uint32_t i = (hole + 1) & mask; map->entries[i].value != NULL; i = (i + 1) & mask) {
        uint32_t from_home = (i - home_of(map, map->entries[i].key)) & mask;
        uint32_t from_hole = (i - hole) & mask;
        if (from_home >= from_hole) {
            map->entries[hole] = map->entries[i];
            hole = i;
        }
    }
    map->entries[hole] = (struct bl_hash_entry){0};
}

void *bl_hash_map_remove(struct bl_hash_map *map, const uint8_t key[BL_HASH_KEY_SIZE]) {
    if (map->count == 0) {
        return NULL;
    }
    struct bl_hash_entry *entry = find(map, key);
    void *value = entry->value;
    if (value != NULL) {
        close_hole(map, (uint32_t)(entry - map->entries));
        map->count--;
    }
    return value;
}

void *bl_hash_map_next(const struct bl_hash_map *map, uint32_t *cursor) {
    while (*cursor < map->capacity) {
        void *value = map->entries[(*cursor)++].value;
        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}
