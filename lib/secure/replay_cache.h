/*
 * Which connect tokens have been used: each lets in once (docs/protocol.md, checks of OPEN).
 *
 * Times are the wall clock's, in milliseconds since 1970, and that clock may jump. What counts as
 * expired never becomes fresh again: a token that was evicted stays refused, however far the clock
 * goes back.
 */
#ifndef BL_SECURE_REPLAY_CACHE_H
#define BL_SECURE_REPLAY_CACHE_H

#include "common/hash_map.h"

#define BL_TOKEN_ID_SIZE 16
#define BL_REPLAY_SLOTS  256 /* seconds; more than a token lives, so that they seldom share one */

struct bl_used_token;

struct bl_replay_cache {
    struct bl_memory *memory;
    struct bl_hash_map by_id;
    uint32_t count, capacity;
    uint64_t swept_until;                         /* seconds: what expires before it is gone */
    uint64_t evicted_until_ms;                    /* the latest expiry of all that was evicted */
    struct bl_used_token *slots[BL_REPLAY_SLOTS]; /* lists by second of expiry, modulo */
};

enum bl_replay {
    BL_REPLAY_FRESH,     /* and remembered from now on */
    BL_REPLAY_USED,      /* before */
    BL_REPLAY_EXPIRED,   /* or as good as: it may have been evicted */
    BL_REPLAY_FULL,      /* of tokens that have not expired, so none can make room */
    BL_REPLAY_NO_MEMORY, /* as BL_REPLAY_FULL; the token was not remembered */
};

/** @param capacity tokens: logins a second times the seconds a token lives */
void bl_replay_cache_init(struct bl_replay_cache *cache, struct bl_memory *memory,
                          struct bl_random *random, uint32_t capacity);
void bl_replay_cache_finish(struct bl_replay_cache *cache);

/** Judges a token, and remembers it when it is fresh. Its expiry is good as long as @p now_ms is
 * below. */
enum bl_replay bl_replay_cache_use(struct bl_replay_cache *cache,
                                   const uint8_t id[BL_TOKEN_ID_SIZE], uint64_t expiry_ms,
                                   uint64_t now_ms);
bool bl_replay_cache_has(const struct bl_replay_cache *cache, const uint8_t id[BL_TOKEN_ID_SIZE]);
/** Makes a token fresh again that let nobody in after all. An unknown one is ignored. */
void bl_replay_cache_forget(struct bl_replay_cache *cache, const uint8_t id[BL_TOKEN_ID_SIZE]);

#endif
