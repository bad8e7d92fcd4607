/*
 * The cryptography of the wire, all of it libsodium's: docs/protocol.md "Primitives".
 *
 * Nothing here has state or a clock. Secrets that a function has no more use for are wiped by it;
 * those that it gives out are the caller's to wipe.
 */
#ifndef BL_SECURE_CRYPTO_H
#define BL_SECURE_CRYPTO_H

#include "common/random.h"

#define BL_SECRET_SIZE 32
#define BL_PUBLIC_SIZE 32
#define BL_HASH_SIZE   32
#define BL_MAC_SIZE    32
#define BL_AEAD_SIZE   16 /* authenticator behind a ciphertext */

/** A key, or what keys are made of. */
struct bl_secret {
    uint8_t bytes[BL_SECRET_SIZE];
};

void bl_wipe(void *data, size_t size);
/** In constant time. */
bool bl_equal(const void *a, const void *b, size_t size);

/** BLAKE2b (RFC 7693) with 32 bytes of output. */
void bl_hash(uint8_t out[BL_HASH_SIZE], const void *data, size_t size);
/** The same, keyed. */
void bl_mac(uint8_t out[BL_MAC_SIZE], const struct bl_secret *key, const void *data, size_t size);
/** Noise's HKDF (revision 34, 4.3) over that MAC; @p count is 1 to 3. */
void bl_hkdf(struct bl_secret *out, unsigned count, const struct bl_secret *key, const void *input,
             size_t size);

/** An X25519 key pair (RFC 7748). */
struct bl_key_pair {
    struct bl_secret secret;
    uint8_t public[BL_PUBLIC_SIZE];
};
void bl_key_pair_make(struct bl_key_pair *out, struct bl_random *random);
/** Computes the public half of @p pair's secret. */
void bl_key_pair_complete(struct bl_key_pair *pair);
/** @return false for a public key that would make the secret the same for everybody */
bool bl_dh(struct bl_secret *out, const struct bl_secret *secret,
           const uint8_t public[BL_PUBLIC_SIZE]);

/** How datagrams are sealed. The values travel in ACCEPT, their bits in OPEN. */
enum bl_suite {
    BL_SUITE_CHACHA20, /* ChaCha20-Poly1305, RFC 8439 */
    BL_SUITE_AES256,   /* AES-256-GCM; only where the processor has it */
    BL_SUITE_COUNT,
};
/** One bit for each suite that this machine can; that of BL_SUITE_CHACHA20 is always there. */
uint8_t bl_suites(void);
/** The best suite of those in both sets. */
enum bl_suite bl_suite_choose(uint8_t ours, uint8_t theirs);

/** What one datagram is sealed with. A key and a number together are used for one only. */
struct bl_aead {
    enum bl_suite suite;
    const struct bl_secret *key;
    uint64_t number;
    const uint8_t *head; /* authenticated, sent in clear */
    size_t head_size;
};
/** Encrypts in place and writes the authenticator behind, BL_AEAD_SIZE bytes. */
void bl_aead_seal(const struct bl_aead *aead, uint8_t *text, size_t size);
/** Decrypts in place @p size bytes with the authenticator behind them; false: not authentic. */
bool bl_aead_open(const struct bl_aead *aead, uint8_t *text, size_t size);

#define BL_BOX_NONCE_SIZE 24
/** XChaCha20-Poly1305, whose nonces may be drawn at random: for what is sealed at rest. */
struct bl_box {
    const struct bl_secret *key;
    const uint8_t *nonce; /* BL_BOX_NONCE_SIZE bytes */
    const uint8_t *head;  /* authenticated, in clear */
    size_t head_size;
};
/** In place, the authenticator behind, as bl_aead_seal() and bl_aead_open(). */
void bl_box_seal(const struct bl_box *box, uint8_t *text, size_t size);
bool bl_box_open(const struct bl_box *box, uint8_t *text, size_t size);

#endif
