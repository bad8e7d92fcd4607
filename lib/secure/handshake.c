/* Each secret is used for one derivation and wiped; labels tell uses apart. */
#include "lib/secure/handshake.h"

#include <string.h>

#define TOKEN_LABEL  "Belay 2 token"
#define KEY_LABEL    "Belay 2 key"
#define RESUME_LABEL "Belay 2 resume"
#define BODY_LABEL   "Belay 2 resume body"
#define NONCE_AT     14 /* in OPEN */

static void split(struct bl_credentials *out, const struct bl_secret *key, const void *input,
                  size_t size) {
    struct bl_secret keys[3];
    bl_hkdf(keys, 3, key, input, size);
    out->chain = keys[0];
    out->proof = keys[1];
    out->deny = keys[2];
    bl_wipe(keys, sizeof keys);
}

void bl_credentials_of_token(struct bl_credentials *out, const struct bl_secret *session_secret) {
    split(out, session_secret, TOKEN_LABEL, strlen(TOKEN_LABEL));
}

void bl_credentials_of_ticket(struct bl_credentials *out, const struct bl_secret *resume_key) {
    split(out, resume_key, RESUME_LABEL, strlen(RESUME_LABEL));
}

bool bl_credentials_of_key(struct bl_credentials *out, const struct bl_secret *secret,
                           const uint8_t other[BL_PUBLIC_SIZE],
                           const uint8_t server[BL_PUBLIC_SIZE]) {
    uint8_t name[sizeof KEY_LABEL - 1 + BL_PUBLIC_SIZE];
    memcpy(name, KEY_LABEL, sizeof KEY_LABEL - 1);
    memcpy(name + sizeof KEY_LABEL - 1, server, BL_PUBLIC_SIZE);
    struct bl_secret salt;
    struct bl_secret shared;
    bl_hash(salt.bytes, name, sizeof name);
    if (!bl_dh(&shared, secret, other)) {
        return false;
    }
    split(out, &salt, shared.bytes, sizeof shared.bytes);
    bl_wipe(&shared, sizeof shared);
    return true;
}

void bl_open_proof(uint8_t out[BL_PROOF_SIZE], const struct bl_credentials *credentials,
                   const uint8_t *datagram) {
    bl_mac(out, &credentials->proof, datagram, BL_OPEN_PROVEN_SIZE);
}

void bl_deny_proof(uint8_t out[BL_PROOF_SIZE], const struct bl_credentials *credentials,
                   const uint8_t *datagram, size_t size) {
    bl_mac(out, &credentials->deny, datagram, size);
}

bool bl_traffic_keys_of(struct bl_traffic_keys *out, const struct bl_credentials *credentials,
                        const struct bl_exchange *exchange) {
    uint8_t transcript[BL_HASH_SIZE + BL_ACCEPT_HEAD_SIZE];
    memcpy(transcript, exchange->open_hash, BL_HASH_SIZE);
    memcpy(transcript + BL_HASH_SIZE, exchange->accept_head, BL_ACCEPT_HEAD_SIZE);
    struct bl_secret input[2]; /* what both know, then what both saw */
    if (!bl_dh(&input[0], exchange->secret, exchange->other)) {
        return false;
    }
    bl_hash(input[1].bytes, transcript, sizeof transcript);
    struct bl_secret keys[3];
    bl_hkdf(keys, 3, &credentials->chain, input, sizeof input);
    out->up = keys[0];
    out->down = keys[1];
    out->resume = keys[2];
    bl_wipe(input, sizeof input);
    bl_wipe(keys, sizeof keys);
    return true;
}

/** A key for each attempt, so its one message needs no number. */
static void resume_key_of(struct bl_secret *out, const struct bl_credentials *credentials,
                          const uint8_t *datagram) {
    uint8_t input[sizeof BODY_LABEL - 1 + BL_NONCE_SIZE];
    memcpy(input, BODY_LABEL, sizeof BODY_LABEL - 1);
    memcpy(input + sizeof BODY_LABEL - 1, datagram + NONCE_AT, BL_NONCE_SIZE);
    bl_mac(out->bytes, &credentials->chain, input, sizeof input);
}

static struct bl_aead resume_aead(const struct bl_secret *key, const uint8_t *datagram) {
    return (struct bl_aead){.suite = BL_SUITE_CHACHA20,
                            .key = key,
                            .head = datagram,
                            .head_size = BL_OPEN_HEAD_SIZE + BL_TICKET_SIZE};
}

void bl_resume_seal(const struct bl_credentials *credentials, uint8_t *datagram, size_t size) {
    struct bl_secret key;
    resume_key_of(&key, credentials, datagram);
    const struct bl_aead aead = resume_aead(&key, datagram);
    bl_aead_seal(&aead, datagram + aead.head_size, size);
    bl_wipe(&key, sizeof key);
}

bool bl_resume_open(const struct bl_credentials *credentials, const uint8_t *datagram, uint8_t *out,
                    size_t size) {
    struct bl_secret key;
    uint8_t sealed[BL_RESUME_SEALED_MAX];
    if (size > BL_RESUME_SIZE_MAX) {
        return false;
    }
    resume_key_of(&key, credentials, datagram);
    const struct bl_aead aead = resume_aead(&key, datagram);
    memcpy(sealed, datagram + aead.head_size, size + BL_AEAD_SIZE);
    bool opened = bl_aead_open(&aead, sealed, size);
    memcpy(out, sealed, size);
    bl_wipe(&key, sizeof key);
    return opened;
}
