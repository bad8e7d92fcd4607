/*
 * The client's side of the handshake: one attempt, repeated until it is answered.
 *
 * An answer counts when it proves that its sender knows the token's secret or the server's key.
 * What proves nothing is a hint: the attempt goes on, and tells it only if nothing better comes.
 */
#ifndef BL_SECURE_DIAL_H
#define BL_SECURE_DIAL_H

#include "lib/net/net.h"
#include "lib/secure/handshake.h"
#include <belay/reason.h>

#define BL_DIAL_REPEAT_FAST (250 * BL_MILLISECOND) /* silence is not overload: repeat steadily */
#define BL_DIAL_REPEAT_SLOW (500 * BL_MILLISECOND)
#define BL_DIAL_FAST_FOR    (3 * BL_SECOND)
#define BL_DIAL_SETTLED_FOR BL_SECOND /* from the first cookie on: one address is asked alone */

#define BL_DIAL_ADDRESSES_MAX 16

/** Whom to ask, and with what. */
struct bl_dial_target {
    struct bl_address addresses[BL_DIAL_ADDRESSES_MAX]; /* asked in turn; the first answer counts */
    size_t address_count;
    const uint8_t *token; /* NULL: by ticket, or by the server's key */
    uint16_t token_size;
    struct bl_secret session_secret; /* of the token; wiped with the target by its owner */
    bool has_key;                    /* the server's key is known */
    bool trust;                      /* else: take the one that RETRY brings */
    uint8_t server_key[BL_PUBLIC_SIZE];
    bool by_ticket; /* for a session that is there already, most likely at the first address */
    uint8_t ticket[BL_TICKET_SIZE];
    struct bl_secret resume_key; /* of the ticket; wiped as above */
    struct bl_resume resume;
};

struct bl_dial {
    bool active;
    bool by_key, by_ticket, has_key, trust, has_cookie;
    bool cookie_due; /* the next OPEN goes to where the cookie came from */
    struct bl_address addresses[BL_DIAL_ADDRESSES_MAX];
    size_t address_count;
    struct bl_address cookie_from;
    bl_time settled_until;
    uint32_t turn; /* of the addresses */
    uint8_t nonce[BL_NONCE_SIZE];
    uint8_t server_key[BL_PUBLIC_SIZE];
    struct bl_key_pair ephemeral;
    struct bl_credentials credentials; /* once the server's key is known */
    uint8_t open[BL_OPEN_SIZE];
    uint8_t open_hash[BL_HASH_SIZE];
    uint32_t sent_count; /* since the last cookie */
    bl_time started_at, sent_at, next_at, retried_at;
    uint32_t hint; /* enum belay_reason_code of the last; 0 = none */
};

void bl_dial_start(struct bl_dial *dial, const struct bl_dial_target *target, uint64_t game,
                   struct bl_random *random, bl_time now);
/** There are more addresses to ask now. */
void bl_dial_also(struct bl_dial *dial, const struct bl_dial_target *target);
/** Ends the attempt; its secrets are wiped. The server's key and the hint stay to be read. */
void bl_dial_stop(struct bl_dial *dial);
/**
 * Writes the OPEN that is due and sets next_at; @p out holds BL_OPEN_SIZE bytes.
 *
 * @return where to send it
 */
const struct bl_address *bl_dial_write(struct bl_dial *dial, bl_time now, uint8_t *out);

/** Whom to send the same besides; NULL: nobody. */
const struct bl_address *bl_dial_also_to(struct bl_dial *dial, bl_time now);

/** Takes a RETRY; true when the next OPEN is due at once. */
bool bl_dial_retry(struct bl_dial *dial, const struct bl_datagram *datagram, bl_time now);

/** What an ACCEPT brings. The keys are the caller's to wipe. */
struct bl_dialed {
    enum bl_suite suite;
    struct bl_traffic_keys keys;
    struct bl_accept_params params;
    bl_duration round_trip; /* -1: not known, more than one OPEN was under way (RFC 6298 3) */
};
/** Takes an ACCEPT; false: not for us, or not authentic. The datagram's bytes are used up. */
bool bl_dial_accepted(struct bl_dial *dial, const struct bl_datagram *datagram, bl_time now,
                      struct bl_dialed *out);
/** Takes a DENY into @p out, its text lent from the datagram; true: authentic, the attempt is over.
 */
bool bl_dial_denied(struct bl_dial *dial, const struct bl_datagram *datagram, struct bl_deny *out);

#endif
