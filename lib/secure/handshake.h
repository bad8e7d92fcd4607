/*
 * The key schedule that both sides follow (docs/protocol.md "OPEN" and "ACCEPT").
 *
 * After Noise: a token's session secret is NNpsk0's key, a server's own key is NK's static one; the
 * client is who its token says, or a stranger until its login.
 */
#ifndef BL_SECURE_HANDSHAKE_H
#define BL_SECURE_HANDSHAKE_H

#include "lib/secure/crypto.h"
#include "lib/wire/datagram.h"

/** What proves a way in. */
struct bl_credentials {
    struct bl_secret chain; /* the traffic keys come from it */
    struct bl_secret proof; /* of the client's OPEN */
    struct bl_secret deny;  /* of the server's refusal */
};

/** A ticket's; the next one's resume key is in struct bl_traffic_keys. */
void bl_credentials_of_ticket(struct bl_credentials *out, const struct bl_secret *resume_key);
void bl_credentials_of_token(struct bl_credentials *out, const struct bl_secret *session_secret);
/**
 * @param secret  one's own: the client's ephemeral, or the server's key
 * @param other   the other side's public key for it
 * @param server  the server's public key
 * @return false when @p other is no honest key
 */
bool bl_credentials_of_key(struct bl_credentials *out, const struct bl_secret *secret,
                           const uint8_t other[BL_PUBLIC_SIZE],
                           const uint8_t server[BL_PUBLIC_SIZE]);

/** The proof of the OPEN at @p datagram, whose cookie is in its place. */
void bl_open_proof(uint8_t out[BL_PROOF_SIZE], const struct bl_credentials *credentials,
                   const uint8_t *datagram);
/** The authenticator of a DENY of which @p size bytes are written. */
void bl_deny_proof(uint8_t out[BL_PROOF_SIZE], const struct bl_credentials *credentials,
                   const uint8_t *datagram, size_t size);

/** The first key of each direction, and the one that a later resume is proven with. */
struct bl_traffic_keys {
    struct bl_secret up, down, resume;
};
/** What a pair of OPEN and ACCEPT are, and one's own and the other's ephemeral key in them. */
struct bl_exchange {
    const uint8_t *open_hash;   /* bl_hash() of the BL_OPEN_FIXED_SIZE bytes */
    const uint8_t *accept_head; /* BL_ACCEPT_HEAD_SIZE bytes */
    const struct bl_secret *secret;
    const uint8_t *other;
};
/** @return false when the other side's key is no honest one */
bool bl_traffic_keys_of(struct bl_traffic_keys *out, const struct bl_credentials *credentials,
                        const struct bl_exchange *exchange);

#define BL_RESUME_SEALED_MAX (BL_RESUME_SIZE_MAX + BL_AEAD_SIZE)
/**
 * Seals what a client adds to its ticket, in place in the OPEN at @p datagram: @p size bytes behind
 * the ticket, which the rest of the credential follows.
 */
void bl_resume_seal(const struct bl_credentials *credentials, uint8_t *datagram, size_t size);
/** Opens a copy of it; false: not sealed with these. @param out @p size bytes */
bool bl_resume_open(const struct bl_credentials *credentials, const uint8_t *datagram, uint8_t *out,
                    size_t size);

#endif
