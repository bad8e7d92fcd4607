/*
 * Resume tickets, docs/protocol.md "Resume": what a server needs to know again of a session, sealed
 * by itself for itself, and kept by the client. And RESET, by which a server that knows nothing of
 * a binding says so to the one who has it.
 *
 * The client has the resume key from the handshake; here it travels only under a key of servers.
 */
#ifndef BL_SECURE_TICKET_H
#define BL_SECURE_TICKET_H

#include "lib/secure/token_keys.h"
#include "lib/wire/datagram.h"

#define BL_SESSION_NAME_SIZE 16

struct bl_ticket {
    uint64_t run;                       /* the life of a server in which the session is */
    uint8_t name[BL_SESSION_NAME_SIZE]; /* of the session: random, the same as long as it lives */
    uint32_t generation;                /* one higher with each resume */
    struct bl_secret resume_key;
};

/** Seals with the first of @p keys, of which there is one at least. */
void bl_ticket_seal(uint8_t out[BL_TICKET_SIZE], const struct bl_ticket *ticket,
                    const struct bl_token_keys *keys, struct bl_random *random);
/** False: altered, or of a key that is not there. @param out the caller's to wipe */
bool bl_ticket_open(struct bl_ticket *out, const uint8_t sealed[BL_TICKET_SIZE],
                    const struct bl_token_keys *keys);
/** What proves a RESET of @p tag by a server with the first of @p keys. */
void bl_reset_token(uint8_t out[BL_RESET_TOKEN_SIZE], const struct bl_token_keys *keys,
                    uint32_t tag);

/** The one key that follows from a server's own: whoever keeps that keeps this. */
void bl_ticket_keys_derive(struct bl_token_keys *out, const struct bl_secret *server_secret);

#endif
