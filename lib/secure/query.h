/*
 * QUERY and INFO: what a server says of itself to whoever asks, without a login.
 *
 * Nothing of it is authenticated: a desk tells everybody the same and keeps nothing of who asked;
 * what a client hears is a rumour until a handshake has succeeded.
 */
#ifndef BL_SECURE_QUERY_H
#define BL_SECURE_QUERY_H

#include "lib/net/net.h"
#include "lib/secure/crypto.h"
#include "lib/secure/gate.h"
#include "lib/secure/rate.h"
#include "lib/wire/datagram.h"
#include <belay/stats.h>

/* Queries a second from one address, and at once; from its network four times as many. */
#define BL_QUERY_RATE  16U
#define BL_QUERY_BURST 64U

/* ---- the server's side */

/** Where a server's answers are written. */
struct bl_query_desk {
    struct belay_stats *stats;
    const struct bl_admission *admission;
    uint64_t game;
    struct bl_rate_table rates;
    uint16_t data_size;
    uint8_t data[BELAY_PUBLIC_INFO_MAX];
};

struct bl_query_desk_opts {
    struct bl_memory *memory;
    struct bl_random *random;
    struct belay_stats *stats;
    const struct bl_admission *admission; /* the owner's, as long as the desk stands */
    uint64_t game;
};

/** @return BELAY_OK, BELAY_E_NO_MEMORY */
enum belay_result bl_query_desk_init(struct bl_query_desk *desk,
                                     const struct bl_query_desk_opts *opts);
/** Zeroed memory is fine. */
void bl_query_desk_finish(struct bl_query_desk *desk);
/** What is told from now on. @return BELAY_OK, BELAY_E_TOO_BIG, BELAY_E_INVALID (NULL with a size)
 */
enum belay_result bl_query_desk_set(struct bl_query_desk *desk, const void *data, size_t size);

/** How full the server is. */
struct bl_query_crowd {
    uint32_t sessions, session_max;
};

/**
 * @param answer BL_QUERY_SIZE bytes
 * @return size of the answer, always less than the question's; 0 = none
 */
size_t bl_query_desk_answer(struct bl_query_desk *desk, const struct bl_datagram *query,
                            const struct bl_query_crowd *crowd, bl_time now, uint8_t *answer);

/* ---- the client's side */

#define BL_QUERIES_MAX         128 /* at once */
#define BL_QUERY_ADDRESSES_MAX 16
#define BL_QUERY_SENDINGS      3 /* a datagram may get lost */
#define BL_QUERY_INTERVAL      (500 * BL_MILLISECOND)
#define BL_QUERY_SERVERS_MAX   128 /* that answer one question to everybody */

/** Whom to ask. */
struct bl_query_target {
    struct bl_address addresses[BL_QUERY_ADDRESSES_MAX];
    size_t address_count;
    bool everybody; /* these are many servers' addresses; else of one, which answers once */
    bool has_key;   /* an answer with another key is not believed */
    uint8_t key[BL_PUBLIC_SIZE];
};

/** Questions that stand. */
struct bl_queries {
    struct bl_memory *memory;
    struct bl_random *random;
    uint64_t game; /* 0: of servers of any game */
    struct bl_question *first;
    size_t count;
};

void bl_queries_init(struct bl_queries *queries, struct bl_memory *memory, struct bl_random *random,
                     uint64_t game);
/** Zeroed memory is fine. */
void bl_queries_finish(struct bl_queries *queries);
/** The question is due at once. @return BELAY_OK, BELAY_E_WOULD_BLOCK, BELAY_E_NO_MEMORY */
enum belay_result bl_queries_ask(struct bl_queries *queries, const struct bl_query_target *target,
                                 bl_time now);
/** When bl_queries_next() has something to do: BL_TIME_NEVER when nothing stands. */
bl_time bl_queries_due(const struct bl_queries *queries);
/**
 * Writes the next question that is due; others, whose time is over, are forgotten.
 *
 * @param out  BL_QUERY_SIZE bytes
 * @return where to send it, good until the next call; NULL: nothing is due
 */
const struct bl_query_target *bl_queries_next(struct bl_queries *queries, bl_time now,
                                              uint8_t *out);

/** A server that has answered. */
struct bl_query_answer {
    struct bl_info info; /* its data is lent from the datagram */
    bool has_key;        /* else it lets in with a token only */
    bl_duration round_trip;
};
/**
 * Takes an INFO.
 *
 * @return false: malformed, not asked for, or said before
 */
bool bl_queries_take(struct bl_queries *queries, const struct bl_datagram *datagram, bl_time now,
                     struct bl_query_answer *out);

#endif
