/*
 * The only file of common/ that knows libsodium: the system's random bytes and SipHash.
 *
 * The seeded generator is xoshiro256** by D. Blackman and S. Vigna ("Scrambled Linear Pseudorandom
 * Number Generators", ACM TOMS 47(4), 2021), its state filled by splitmix64 (G. Steele et al.,
 * "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014), written from these descriptions.
 * It is no cipher: whoever sees a few outputs knows the rest. Only a simulation may have one.
 *
 * Both init functions call sodium_init() (idempotent, safe from several threads), so that whoever
 * holds a generator may also hash.
 */
#include "common/random.h"
#include "common/assert.h"
#include <sodium.h>
#include <string.h>

static_assert(BL_SIPHASH_SECRET_SIZE == crypto_shorthash_KEYBYTES, "the secret is SipHash's key");

static void init_sodium(void) {
    int status = sodium_init();
    BELAY_ASSERT(status >= 0); /* a system without randomness: no key made on it would be one */
}

void bl_random_init_system(struct bl_random *random) {
    init_sodium();
    *random = (struct bl_random){.seeded = false};
}

static uint64_t splitmix64(uint64_t *state) {
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t mixed = *state;
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ mixed >> 31;
}

void bl_random_init_seeded(struct bl_random *random, uint64_t seed) {
    init_sodium();
    *random = (struct bl_random){.seeded = true};
    /* Never four zeroes, the one state xoshiro cannot leave: splitmix64 does not repeat itself. */
    for (size_t i = 0; i < 4; i++) {
        random->state[i] = splitmix64(&seed);
    }
}

static uint64_t rotate_left(uint64_t value, unsigned bits) {
    return value << bits | value >> (64 - bits);
}

static uint64_t xoshiro256ss(uint64_t state[4]) {
    uint64_t result = rotate_left(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return result;
}

uint64_t bl_random_u64(struct bl_random *random) {
    if (random->seeded) {
        return xoshiro256ss(random->state);
    }
    uint64_t value;
    randombytes_buf(&value, sizeof(value));
    return value;
}

uint64_t bl_random_below(struct bl_random *random, uint64_t bound) {
    if (bound == 0) {
        return 0;
    }
    /* 2^64 mod bound values are one too many for an even share; below them we draw again. */
    uint64_t surplus = (0 - bound) % bound;
    uint64_t value = bl_random_u64(random);
    while (value < surplus) {
        value = bl_random_u64(random);
    }
    return value % bound;
}

bool bl_random_chance(struct bl_random *random, double probability) {
    /* 53 bits, which a double holds exactly, in [0, 1): 0 never exceeds and 1 always does. */
    double drawn = (double)(bl_random_u64(random) >> 11) * 0x1p-53;
    return drawn < probability;
}

void bl_random_bytes(struct bl_random *random, void *out, size_t size) {
    if (!random->seeded) {
        randombytes_buf(out, size);
        return;
    }
    uint8_t *bytes = out;
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++) {
        word = i % 8 == 0 ? xoshiro256ss(random->state) : word >> 8;
        bytes[i] = (uint8_t)word;
    }
}

uint64_t bl_siphash(const uint8_t secret[BL_SIPHASH_SECRET_SIZE], const void *data, size_t size) {
    uint8_t bytes[crypto_shorthash_BYTES];
    crypto_shorthash(bytes, data, size, secret);
    uint64_t hash;
    static_assert(sizeof(hash) == sizeof(bytes), "SipHash gives 64 bits");
    memcpy(&hash, bytes, sizeof(hash));
    return hash;
}
