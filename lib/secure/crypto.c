/* Every call of libsodium that keys and datagrams need; what may fail there without being an
 * attack is an assert here. */
#include "lib/secure/crypto.h"

#include "common/assert.h"
#include "common/bytes.h"
#include <sodium.h>
#include <string.h>

#define AEAD_NONCE_SIZE 12

void bl_wipe(void *data, size_t size) {
    sodium_memzero(data, size);
}

bool bl_equal(const void *a, const void *b, size_t size) {
    return sodium_memcmp(a, b, size) == 0;
}

void bl_hash(uint8_t out[BL_HASH_SIZE], const void *data, size_t size) {
    int status = crypto_generichash(out, BL_HASH_SIZE, data, size, NULL, 0);
    BELAY_ASSERT(status == 0);
}

void bl_mac(uint8_t out[BL_MAC_SIZE], const struct bl_secret *key, const void *data, size_t size) {
    int status = crypto_generichash(out, BL_MAC_SIZE, data, size, key->bytes, sizeof key->bytes);
    BELAY_ASSERT(status == 0);
}

void bl_hkdf(struct bl_secret *out, unsigned count, const struct bl_secret *key, const void *input,
             size_t size) {
    BELAY_ASSERT(count >= 1 && count <= 3);
    struct bl_secret extracted;
    uint8_t chained[BL_MAC_SIZE + 1]; /* the output before, then the number of this one */
    bl_mac(extracted.bytes, key, input, size);
    for (unsigned i = 0; i < count; i++) {
        size_t before = i > 0 ? BL_MAC_SIZE : 0;
        if (i > 0) {
            memcpy(chained, out[i - 1].bytes, BL_MAC_SIZE);
        }
        chained[before] = (uint8_t)(i + 1);
        bl_mac(out[i].bytes, &extracted, chained, before + 1);
    }
    bl_wipe(&extracted, sizeof extracted);
    bl_wipe(chained, sizeof chained);
}

void bl_key_pair_complete(struct bl_key_pair *pair) {
    int status = crypto_scalarmult_base(pair->public, pair->secret.bytes);
    BELAY_ASSERT(status == 0);
}

void bl_key_pair_make(struct bl_key_pair *out, struct bl_random *random) {
    bl_random_bytes(random, out->secret.bytes, sizeof out->secret.bytes);
    bl_key_pair_complete(out);
}

bool bl_dh(struct bl_secret *out, const struct bl_secret *secret,
           const uint8_t public[BL_PUBLIC_SIZE]) {
    return crypto_scalarmult(out->bytes, secret->bytes, public) == 0;
}

uint8_t bl_suites(void) {
    int status = sodium_init(); /* it asks the processor; idempotent */
    BELAY_ASSERT(status >= 0);
    return (uint8_t)(1U << BL_SUITE_CHACHA20 | (unsigned)(crypto_aead_aes256gcm_is_available() != 0)
                                                   << BL_SUITE_AES256);
}

enum bl_suite bl_suite_choose(uint8_t ours, uint8_t theirs) {
    return (ours & theirs & 1U << BL_SUITE_AES256) != 0 ? BL_SUITE_AES256 : BL_SUITE_CHACHA20;
}

/** Four zero bytes, then the number: big-endian for both suites, as everything of ours. */
static void nonce_of(uint8_t nonce[AEAD_NONCE_SIZE], uint64_t number) {
    struct bl_writer writer = bl_writer_of(nonce, AEAD_NONCE_SIZE);
    bl_write_u32(&writer, 0);
    bl_write_u64(&writer, number);
}

void bl_aead_seal(const struct bl_aead *aead, uint8_t *text, size_t size) {
    uint8_t nonce[AEAD_NONCE_SIZE];
    nonce_of(nonce, aead->number);
    if (aead->suite == BL_SUITE_AES256) {
        crypto_aead_aes256gcm_encrypt(text, NULL, text, size, aead->head, aead->head_size, NULL,
                                      nonce, aead->key->bytes);
    } else {
        crypto_aead_chacha20poly1305_ietf_encrypt(text, NULL, text, size, aead->head,
                                                  aead->head_size, NULL, nonce, aead->key->bytes);
    }
}

bool bl_aead_open(const struct bl_aead *aead, uint8_t *text, size_t size) {
    uint8_t nonce[AEAD_NONCE_SIZE];
    nonce_of(nonce, aead->number);
    if (aead->suite == BL_SUITE_AES256) {
        return crypto_aead_aes256gcm_decrypt(text, NULL, NULL, text, size + BL_AEAD_SIZE,
                                             aead->head, aead->head_size, nonce,
                                             aead->key->bytes) == 0;
    }
    return crypto_aead_chacha20poly1305_ietf_decrypt(text, NULL, NULL, text, size + BL_AEAD_SIZE,
                                                     aead->head, aead->head_size, nonce,
                                                     aead->key->bytes) == 0;
}

void bl_box_seal(const struct bl_box *box, uint8_t *text, size_t size) {
    crypto_aead_xchacha20poly1305_ietf_encrypt(text, NULL, text, size, box->head, box->head_size,
                                               NULL, box->nonce, box->key->bytes);
}

bool bl_box_open(const struct bl_box *box, uint8_t *text, size_t size) {
    return crypto_aead_xchacha20poly1305_ietf_decrypt(text, NULL, NULL, text, size + BL_AEAD_SIZE,
                                                      box->head, box->head_size, box->nonce,
                                                      box->key->bytes) == 0;
}
