/*
 * Bindings: one proven way between two endpoints, named by its tag.
 *
 * A binding has keys from the start and outlives its ENet peer: as a tombstone it still answers the
 * other side's late datagrams with GONE. It never outlives its table.
 */
#ifndef BL_SECURE_BINDING_H
#define BL_SECURE_BINDING_H

#include "common/hash_map.h"
#include "lib/clock/timer_wheel.h"
#include "lib/secure/handshake.h"
#include "lib/secure/path.h"
#include "lib/secure/protection.h"
#include "lib/secure/rate.h"
#include "lib/secure/ticket.h"

#define BL_TOMBSTONES_MAX 16384U /* of one table: who comes and goes fast enough leaves none */

enum bl_binding_state {
    BL_BINDING_PENDING, /* server: accepted; the first datagram over it will prove it */
    BL_BINDING_BOUND,   /* carries a peer */
    BL_BINDING_ENDED,   /* a tombstone */
};

/** Who asks to be let in, as far as it has proven it. */
struct bl_identity {
    uint8_t id[16]; /* the token's, or the nonce of its OPEN */
    bool has_token;
    uint8_t user_id[16]; /* of the token */
    uint8_t data_size;
    uint8_t data[BELAY_TOKEN_DATA_MAX]; /* the login service's, for the application */
};

/** A resume whose client has proven that the session is its own. */
struct bl_resumption {
    uint8_t name[BL_SESSION_NAME_SIZE]; /* of the session */
    uint32_t generation;                /* of the ticket that was shown; the next is one higher */
    struct bl_resume request;           /* what the client says */
    struct bl_positions told;           /* what it is told */
};

/** What only a PENDING binding of a server needs. */
struct bl_newcomer {
    struct bl_identity identity;
    uint8_t name[BL_SESSION_NAME_SIZE]; /* of the session, as its ticket has it */
    struct bl_resumption *resumption;   /* NULL: a login */
    uint8_t open_hash[BL_HASH_SIZE];
    uint8_t accept[BL_ACCEPT_SIZE_MAX]; /* repeated byte for byte */
    size_t accept_size;
    bl_time accepted_at; /* when it left; NEVER once it has left twice */
    bl_time created_at;
    struct bl_binding *older, *younger; /* pending too */
};

struct bl_bindings;

struct bl_binding {
    struct bl_bindings *table;
    enum bl_binding_state state;
    uint32_t tag;       /* of what leaves */
    uint32_t spare_tag; /* for after a change of network; 0 = none */
    uint32_t former_tag;
    uint8_t nonce[BL_NONCE_SIZE];
    struct bl_protection protection;
    struct bl_path path;
    bl_time moved_at;      /* when the path's candidate was first heard */
    uint32_t repeat_count; /* of what was in flight then, to it */
    bool searching;        /* client: nothing comes from there; see bl_endpoint_search() */
    struct bl_newcomer *newcomer;
    struct bl_bucket datagram_bucket, byte_bucket; /* server: what comes in */
    bl_time answered_at;                           /* when GONE left last */
    struct bl_timer timer;                         /* the end of a pending one or of a tombstone */
    void *peer;                                    /* while BOUND */
};

/** All bindings of one endpoint, by tag and by nonce. */
struct bl_bindings {
    struct bl_memory *memory;
    struct bl_timer_wheel *wheel;
    struct bl_random *random;
    bool server; /* chooses tags; a client's are given */
    struct bl_hash_map by_tag, by_nonce;
    struct bl_hash_map resuming;          /* half-open resumes, by session: the newest of each */
    struct bl_binding *oldest, *youngest; /* of those with a newcomer */
    uint32_t pending_count, bound_count, ended_count;
    /** A resume has come to nothing: no datagram came over its binding. NULL = nobody asks. */
    void (*abandoned)(void *user, const struct bl_resumption *resumption);
    void *user;
};

void bl_bindings_init(struct bl_bindings *table, struct bl_memory *memory,
                      struct bl_timer_wheel *wheel, struct bl_random *random, bool server);
/** Frees every binding; their peers are the caller's. */
void bl_bindings_finish(struct bl_bindings *table);

/** What a handshake has agreed. */
struct bl_binding_terms {
    const uint8_t *nonce;
    struct bl_address_pair pair;
    enum bl_suite suite;
    struct bl_traffic_keys keys;    /* the caller's to wipe */
    struct bl_accept_params params; /* server: ignored, the binding chooses its tags */
};
/** A PENDING binding; NULL when memory is out or a tag is taken. */
struct bl_binding *bl_binding_create(struct bl_bindings *table,
                                     const struct bl_binding_terms *terms, bl_time now);
void bl_binding_destroy(struct bl_binding *binding);
struct bl_binding *bl_bindings_by_tag(const struct bl_bindings *table, uint32_t tag);
struct bl_binding *bl_bindings_by_nonce(const struct bl_bindings *table,
                                        const uint8_t nonce[BL_NONCE_SIZE]);

/** Destroys a binding that is still PENDING or ENDED at @p deadline. */
void bl_binding_expire_at(struct bl_binding *binding, bl_time deadline);
void bl_binding_bind(struct bl_binding *binding, void *peer);
/**
 * Server: what a PENDING binding needs; it becomes the binding's. One resume of a session is
 * pending at a time: an older one goes.
 *
 * @return false when memory is out: then it stays the caller's
 */
bool bl_binding_set_newcomer(struct bl_binding *binding, struct bl_newcomer *newcomer);
/** Wipes and frees one that is no binding's. NULL is fine. */
void bl_newcomer_free(struct bl_newcomer *newcomer, struct bl_memory *memory);
/** Destroys the oldest half-open binding, if it was accepted before @p before. */
bool bl_bindings_evict(struct bl_bindings *table, bl_time before);
/** Tells that a resume has come to nothing, unless a newer attempt of its session is pending. */
void bl_bindings_abandon(const struct bl_bindings *table, const struct bl_resumption *resumption);
/** Wipes and frees what it was while PENDING. */
void bl_binding_forget_newcomer(struct bl_binding *binding);
/** Its peer is gone; the tombstone stands until @p deadline, or is not put up where there are
 * BL_TOMBSTONES_MAX. */
void bl_binding_end(struct bl_binding *binding, bl_time deadline);

/**
 * Seals a payload that the caller has put at @p datagram + BL_DATA_HEADER_SIZE.
 *
 * @return the size of the whole datagram
 */
size_t bl_binding_seal(struct bl_binding *binding, enum bl_datagram_kind kind, uint8_t *datagram,
                       size_t payload_size, bl_time now);

/** Server: the client uses its spare tag; it becomes the tag, and there is a new spare. */
void bl_binding_follow(struct bl_binding *binding);
/** Client: uses the spare tag from now on, if there is one. */
void bl_binding_use_spare(struct bl_binding *binding);
/** Client: the server has named a new spare. */
void bl_binding_take_spare(struct bl_binding *binding, uint32_t tag);

#endif
