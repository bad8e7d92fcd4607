/*
 * Bindings: one proven way between two endpoints, named by its tag.
 *
 * A binding outlives its ENet peer: as a tombstone it still answers the other side's late datagrams
 * with GONE. It never outlives its table.
 */
#ifndef BL_SECURE_BINDING_H
#define BL_SECURE_BINDING_H

#include "common/hash_map.h"
#include "lib/clock/timer_wheel.h"
#include "lib/net/net.h"
#include "lib/wire/datagram.h"

#define BL_TOMBSTONES_MAX 16384U /* of one table: who comes and goes fast enough leaves none */

enum bl_binding_state {
    BL_BINDING_PENDING, /* server: accepted; the first datagram over it will prove it */
    BL_BINDING_BOUND,   /* carries a peer */
    BL_BINDING_ENDED,   /* a tombstone */
};

struct bl_bindings;

struct bl_binding {
    struct bl_bindings *table;
    enum bl_binding_state state;
    uint32_t tag;
    uint16_t number; /* of the next datagram out */
    uint8_t attempt; /* of the OPEN that was answered last */
    uint8_t nonce[BL_NONCE_SIZE];
    struct bl_address address;
    bl_time accepted_at;   /* server: when ACCEPT left; NEVER once it has left twice */
    bl_time answered_at;   /* when GONE left last */
    struct bl_timer timer; /* the end of a pending one or of a tombstone */
    void *peer;            /* while BOUND */
};

/** All bindings of one endpoint, by tag and by nonce. */
struct bl_bindings {
    struct bl_memory *memory;
    struct bl_timer_wheel *wheel;
    struct bl_random *random;
    struct bl_hash_map by_tag, by_nonce;
    uint32_t pending_count, bound_count, ended_count;
};

void bl_bindings_init(struct bl_bindings *table, struct bl_memory *memory,
                      struct bl_timer_wheel *wheel, struct bl_random *random);
/** Frees every binding; their peers are the caller's. */
void bl_bindings_finish(struct bl_bindings *table);

/** A PENDING binding for @p nonce under a tag of its own choice, or @p tag when it is not 0; NULL
 * when memory is out. */
struct bl_binding *bl_binding_create(struct bl_bindings *table, const uint8_t nonce[BL_NONCE_SIZE],
                                     const struct bl_address *address, uint32_t tag);
void bl_binding_destroy(struct bl_binding *binding);
struct bl_binding *bl_bindings_by_tag(const struct bl_bindings *table, uint32_t tag);
struct bl_binding *bl_bindings_by_nonce(const struct bl_bindings *table,
                                        const uint8_t nonce[BL_NONCE_SIZE]);

/** Destroys a binding that is still PENDING or ENDED at @p deadline. */
void bl_binding_expire_at(struct bl_binding *binding, bl_time deadline);
void bl_binding_bind(struct bl_binding *binding, void *peer);
/** Its peer is gone; the tombstone stands until @p deadline, or is not put up where there are
 * BL_TOMBSTONES_MAX. */
void bl_binding_end(struct bl_binding *binding, bl_time deadline);

/**
 * Writes header and authenticator around a payload of @p payload_size bytes that the caller has put
 * at @p datagram + BL_DATA_HEADER_SIZE.
 *
 * @return the size of the whole datagram
 */
size_t bl_binding_seal(struct bl_binding *binding, enum bl_datagram_kind kind, uint8_t *datagram,
                       size_t payload_size);
/** Opens a datagram in place: payload_size receives the size of what is at BL_DATA_HEADER_SIZE.
 * False: not authentic. */
bool bl_binding_open(struct bl_binding *binding, uint8_t *datagram, size_t size,
                     size_t *payload_size);

#endif
