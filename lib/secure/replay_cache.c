/*
 * A wheel of lists, one for each second of expiry. The invariant: no token expires before
 * `swept_until`, which is the second of the latest call.
 *
 * A sweep walks over the seconds since the call before, so that each token is looked at once, when
 * its time has come. Only after a jump of the clock may a list hold tokens of another round of the
 * wheel; they are left alone, and looked at once a round.
 *
 * `evicted_until_ms` follows what was evicted, not the clock: a clock that had been years ahead and
 * was put right would otherwise lock everybody out for years.
 */
#include "lib/secure/replay_cache.h"

#include <string.h>

struct bl_used_token {
    uint8_t id[BL_TOKEN_ID_SIZE];
    uint64_t expiry_ms;
    struct bl_used_token *next;
    struct bl_used_token **link; /* what points here */
};

void bl_replay_cache_init(struct bl_replay_cache *cache, struct bl_memory *memory,
                          struct bl_random *random, uint32_t capacity) {
    *cache = (struct bl_replay_cache){.memory = memory, .capacity = capacity};
    bl_hash_map_init(&cache->by_id, memory, random);
}

static uint64_t second_of(uint64_t ms) {
    return ms / 1000;
}

static void insert(struct bl_replay_cache *cache, struct bl_used_token *token) {
    struct bl_used_token **slot = &cache->slots[second_of(token->expiry_ms) % BL_REPLAY_SLOTS];
    token->next = *slot;
    token->link = slot;
    if (token->next != NULL) {
        token->next->link = &token->next;
    }
    *slot = token;
    cache->count++;
}

static void destroy(struct bl_replay_cache *cache, struct bl_used_token *token) {
    bl_hash_map_remove(&cache->by_id, token->id);
    *token->link = token->next;
    if (token->next != NULL) {
        token->next->link = token->link;
    }
    bl_free(cache->memory, token, sizeof *token);
    cache->count--;
}

void bl_replay_cache_finish(struct bl_replay_cache *cache) {
    for (size_t i = 0; i < BL_REPLAY_SLOTS; i++) {
        while (cache->slots[i] != NULL) {
            destroy(cache, cache->slots[i]);
        }
    }
    if (cache->memory != NULL) {
        bl_hash_map_finish(&cache->by_id);
    }
    *cache = (struct bl_replay_cache){0};
}

static void sweep_slot(struct bl_replay_cache *cache, uint64_t slot, uint64_t now_ms) {
    struct bl_used_token *next;
    for (struct bl_used_token *token = cache->slots[slot]; token != NULL; token = next) {
        next = token->next;
        if (token->expiry_ms > now_ms) { /* of a later round */
            continue;
        }
        if (token->expiry_ms > cache->evicted_until_ms) {
            cache->evicted_until_ms = token->expiry_ms;
        }
        destroy(cache, token);
    }
}

/** Evicts what expired in seconds that have passed; a clock that went back evicts nothing. */
static void sweep(struct bl_replay_cache *cache, uint64_t now_ms) {
    uint64_t now_second = second_of(now_ms);
    uint64_t second = cache->swept_until;
    for (unsigned i = 0; i < BL_REPLAY_SLOTS && second < now_second; i++, second++) {
        sweep_slot(cache, second % BL_REPLAY_SLOTS, now_ms);
    }
    cache->swept_until = now_second;
}

bool bl_replay_cache_has(const struct bl_replay_cache *cache, const uint8_t id[BL_TOKEN_ID_SIZE]) {
    return bl_hash_map_get(&cache->by_id, id) != NULL;
}

enum bl_replay bl_replay_cache_use(struct bl_replay_cache *cache,
                                   const uint8_t id[BL_TOKEN_ID_SIZE], uint64_t expiry_ms,
                                   uint64_t now_ms) {
    sweep(cache, now_ms);
    if (expiry_ms <= now_ms || expiry_ms <= cache->evicted_until_ms) {
        return BL_REPLAY_EXPIRED;
    }
    if (bl_replay_cache_has(cache, id)) {
        return BL_REPLAY_USED;
    }
    if (cache->count >= cache->capacity) {
        return BL_REPLAY_FULL;
    }
    struct bl_used_token *token = bl_allocate(cache->memory, sizeof *token);
    if (token == NULL) {
        return BL_REPLAY_NO_MEMORY;
    }
    if (bl_hash_map_put(&cache->by_id, id, token) != BELAY_OK) {
        bl_free(cache->memory, token, sizeof *token);
        return BL_REPLAY_NO_MEMORY;
    }
    memcpy(token->id, id, sizeof token->id);
    token->expiry_ms = expiry_ms;
    insert(cache, token);
    return BL_REPLAY_FRESH;
}

void bl_replay_cache_forget(struct bl_replay_cache *cache, const uint8_t id[BL_TOKEN_ID_SIZE]) {
    struct bl_used_token *token = bl_hash_map_get(&cache->by_id, id);
    if (token != NULL) {
        destroy(cache, token);
    }
}
