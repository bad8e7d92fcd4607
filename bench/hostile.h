/*
 * Hostile datagrams for a server in a fleet: what strangers know to write, what they have seen on
 * the wire, and what holders of tokens and sessions can make. Made before they are sent, so that
 * making them costs the measurement nothing.
 */
#ifndef BL_BENCH_HOSTILE_H
#define BL_BENCH_HOSTILE_H

#include "bench/fleet.h"
#include "bench/holder.h"
#include "bench/tokens.h"

#define BL_HOSTILE_SIZE_MAX 1500 /* over what Belay takes */

/** Datagrams in one block of memory. */
struct bl_pool {
    uint8_t *bytes;
    size_t used, size;
    struct bl_pooled {
        size_t at;
        size_t size;
    } * items;
    uint32_t count, max;
};

struct bl_hostile {
    struct bl_fleet *fleet;
    struct bl_address server, own; /* the attacker's own address, at which it hears */
    struct bl_net *net;
    struct bl_tokens *tokens; /* of the service that the server trusts */
    struct bl_random random;
    struct bl_holder holder; /* logged in */
    struct bl_pool seen;     /* DATA of honest clients on the wire */
    struct bl_pool old;      /* OPENs with cookies that are too old now */
};

struct bl_hostile_class {
    const char *name;
    /** Fills the pool with up to pool->max datagrams. */
    void (*fill)(struct bl_hostile *hostile, struct bl_pool *pool);
    unsigned share;   /* of a million */
    uint32_t pool;    /* datagrams that are made; sent again and again */
    bool once;        /* each of them only once: `share` is then a limit */
    bool own_address; /* sent from the attacker's own address; else from anywhere */
};
extern const struct bl_hostile_class bl_hostile_classes[];
extern const unsigned bl_hostile_class_count;

/** Sees the wire, gets itself a session and cookies that grow old. Takes simulated minutes. */
bool bl_hostile_open(struct bl_hostile *hostile, struct bl_fleet *fleet, struct bl_tokens *tokens,
                     uint64_t seed);
void bl_hostile_close(struct bl_hostile *hostile);
/** The holder's own session stays alive. */
void bl_hostile_work(struct bl_hostile *hostile);

/** A valid OPEN for each place in the pool. */
void bl_hostile_fresh_token(struct bl_hostile *hostile, struct bl_pool *pool);

bool bl_pool_open(struct bl_pool *pool, uint32_t max);
void bl_pool_close(struct bl_pool *pool);
void bl_pool_add(struct bl_pool *pool, const void *data, size_t size);

#endif
