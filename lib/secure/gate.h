/*
 * The server's gate: answers OPEN, and keeps strangers from everything behind it.
 *
 * Its checks go from cheap to dear (docs/protocol.md "OPEN") and touch no session. What it turns
 * away it counts, by cause.
 */
#ifndef BL_SECURE_GATE_H
#define BL_SECURE_GATE_H

#include "lib/net/net.h"
#include "lib/secure/binding.h"
#include "lib/secure/cookie.h"
#include "lib/secure/rate.h"
#include "lib/secure/replay_cache.h"
#include "lib/secure/token.h"
#include <belay/reason.h>
#include <belay/stats.h>

#define BL_PENDING_TIMEOUT (5 * BL_SECOND) /* from ACCEPT to the first datagram under its keys */
#define BL_EPHEMERAL_LIFE  BL_SECOND       /* how long one ephemeral key serves */
#define BL_UNPROVEN_RATE   4000U     /* OPENs a second that are looked into without a cookie */
#define BL_PENDING_GRACE   BL_SECOND /* after which one that is still half-open makes room */
#define BL_HANDSHAKE_BURST 8U        /* seconds of the rate that may come at once */
#define BL_REPLAY_CAPACITY 262144U   /* 2,000 logins a second with tokens of two minutes */

/** Who is let in: what a server's options say. */
struct bl_admission {
    bool by_token, by_key;
    char name[BL_TOKEN_AUDIENCE_MAX + 1];    /* the audience of tokens for this server */
    const struct bl_token_keys *token_keys;  /* the owner's; may change between two calls */
    struct bl_key_pair key;                  /* the server's own */
    const struct bl_token_keys *ticket_keys; /* the owner's; likewise; one at least */
    uint64_t run;                            /* this life of the server, as its tickets name it */
    uint32_t rate; /* handshakes a second from one address; BELAY_FOREVER = no limit */
    struct bl_rate datagrams, bytes; /* of one session, in */
};

struct bl_gate_opts {
    struct bl_bindings *bindings;
    struct bl_memory *memory;
    struct bl_random *random;
    struct belay_stats *stats;
    const struct bl_admission *admission; /* the owner's, as long as the gate stands */
    uint64_t game;
    uint32_t pending_max; /* half-open handshakes */
    /** Whether one more newcomer is welcome: NULL, or the reason why not, valid until the next
     * call. */
    const struct belay_reason *(*admit)(void *user);
    /** Whether this session may be resumed so, and then what its client is told of it. Nothing of
     * the session changes yet but what is shown. NULL, or the reason why not, as admit. */
    const struct belay_reason *(*resume)(void *user, struct bl_resumption *resumption);
    void *user;
};

/** The two clocks, as one reading. */
struct bl_moment {
    bl_time now, wall;
};

struct bl_gate {
    struct bl_gate_opts opts;
    bl_time started;
    uint64_t started_ms; /* by the wall clock of that time */
    struct bl_key_pair ephemeral;
    bl_time ephemeral_until;
    struct bl_timer ephemeral_timer; /* wipes it then, also when nobody comes any more */
    struct bl_cookies cookies;
    struct bl_replay_cache used;
    struct bl_rate_table claimed, proven; /* rates of addresses, by a cookie or without */
    struct bl_bucket unproven;
};

/** @return BELAY_OK, BELAY_E_NO_MEMORY */
enum belay_result bl_gate_init(struct bl_gate *gate, const struct bl_gate_opts *opts,
                               const struct bl_moment *at);
/** Zeroed memory is fine. */
void bl_gate_finish(struct bl_gate *gate);

/**
 * Judges one OPEN. A repeat of one that was accepted is answered alike and changes nothing.
 *
 * @param answer BL_OPEN_SIZE bytes
 * @return size of the answer, never more than the OPEN's; 0 = none
 */
size_t bl_gate_open(struct bl_gate *gate, const struct bl_datagram *datagram,
                    const struct bl_moment *at, uint8_t *answer);

#endif
