/* Random numbers: seeded and repeatable in a simulation, the system's everywhere else. */
#ifndef BL_COMMON_RANDOM_H
#define BL_COMMON_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A source of random bytes. Never copy one: two copies would say the same. */
struct bl_random {
    bool seeded;       /* false: every byte comes from the operating system (libsodium) */
    uint64_t state[4]; /* xoshiro256**; only when seeded */
};

/** Secrets and nonces of a real process. */
void bl_random_init_system(struct bl_random *random);
/** Repeatable: the same seed gives the same bytes on every machine. For simulations only. */
void bl_random_init_seeded(struct bl_random *random, uint64_t seed);

uint64_t bl_random_u64(struct bl_random *random);
/** Uniform in [0, bound), without bias; 0 when bound is 0. */
uint64_t bl_random_below(struct bl_random *random, uint64_t bound);
/** True with @p probability (0 never, 1 always). Draws one number, whatever the probability. */
bool bl_random_chance(struct bl_random *random, double probability);
void bl_random_bytes(struct bl_random *random, void *out, size_t size);

#define BL_SIPHASH_SECRET_SIZE 16

/**
 * SipHash-2-4, for tables whose keys a stranger chooses: without the secret he cannot make them
 * collide. The secret comes from bl_random_bytes().
 */
uint64_t bl_siphash(const uint8_t secret[BL_SIPHASH_SECRET_SIZE], const void *data, size_t size);

#endif
