/* What is under way to one simulated socket, or waits in it: a heap in the order of arrival. */
#ifndef BL_NET_SIM_INBOX_H
#define BL_NET_SIM_INBOX_H

#include "common/memory.h"
#include "lib/net/net.h"

/** One datagram under way, or a free one of the pool. */
struct bl_sim_packet {
    struct bl_sim_packet
        *next; /* in the pool, or among those that the receiver's batch points into */
    struct bl_address from;
    uint32_t sender; /* the number of the socket that sent it */
    size_t size;
    uint8_t
        data[BL_DATAGRAM_SIZE_MAX]; /* only the head of an oversize one, which nobody will see */
};

/** Packets that are in no use; kept, because a run needs as many again in a moment. */
struct bl_sim_pool {
    struct bl_memory *memory;
    struct bl_sim_packet *first;
};

/** @return a packet with arbitrary contents, or NULL when memory is out */
struct bl_sim_packet *bl_sim_pool_take(struct bl_sim_pool *pool);
void bl_sim_pool_give(struct bl_sim_pool *pool, struct bl_sim_packet *packet);
void bl_sim_pool_finish(struct bl_sim_pool *pool);

struct bl_sim_arrival {
    bl_time at;
    uint64_t sequence; /* of its sending: orders what arrives at the same time */
    struct bl_sim_packet *packet;
};

/** Zeroed memory is an empty one. */
struct bl_sim_inbox {
    struct bl_sim_arrival *arrivals; /* a binary heap */
    size_t count, capacity;
};

/** BELAY_E_NO_MEMORY leaves the packet to the caller. */
enum belay_result bl_sim_inbox_put(struct bl_sim_inbox *inbox, struct bl_memory *memory,
                                   const struct bl_sim_arrival *arrival);
/** The next packet that has arrived by @p now, or NULL. */
struct bl_sim_packet *bl_sim_inbox_take(struct bl_sim_inbox *inbox, bl_time now);
/**
 * Gives back to the pool what arrives after @p now from @p sender (0 = from anybody).
 *
 * @return how many
 */
size_t bl_sim_inbox_drop(struct bl_sim_inbox *inbox, struct bl_sim_pool *pool, bl_time now,
                         uint32_t sender);
/** Gives back everything. */
size_t bl_sim_inbox_finish(struct bl_sim_inbox *inbox, struct bl_sim_pool *pool);

#endif
