/*
 * The cookie of RETRY: proof that a client gets what is sent to the address it claims, without any
 * state for it (docs/protocol.md "RETRY"; RFC 9000 8.1).
 */
#ifndef BL_SECURE_COOKIE_H
#define BL_SECURE_COOKIE_H

#include "lib/clock/time.h"
#include "lib/net/address.h"
#include "lib/secure/crypto.h"
#include "lib/wire/datagram.h"

#define BL_COOKIE_TURN (30 * BL_SECOND) /* a cookie is good for one to two of these */

struct bl_cookies {
    struct bl_random *random;
    bl_time turned_at; /* when `now` became the secret */
    struct bl_secret now, before;
};

/** @param random outlives the cookies */
void bl_cookies_init(struct bl_cookies *cookies, struct bl_random *random, bl_time now);
void bl_cookies_wipe(struct bl_cookies *cookies);

/** The cookie for a client of this address and nonce. */
void bl_cookie_make(struct bl_cookies *cookies, uint8_t out[BL_COOKIE_SIZE],
                    const struct bl_address *address, const uint8_t nonce[BL_NONCE_SIZE],
                    bl_time now);
/** Whether a cookie was made here for this address and nonce, and is not too old. */
bool bl_cookie_check(struct bl_cookies *cookies, const uint8_t cookie[BL_COOKIE_SIZE],
                     const struct bl_address *address, const uint8_t nonce[BL_NONCE_SIZE],
                     bl_time now);

#endif
