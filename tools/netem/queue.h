/* Datagrams under way, in the order in which they come out. */
#ifndef BL_TOOLS_NETEM_QUEUE_H
#define BL_TOOLS_NETEM_QUEUE_H

#include "lib/clock/time.h"
#include "tools/netem/link.h"

struct netem_flow;

struct netem_packet {
    bl_time at;
    uint64_t number; /* of its pushing: what comes out at the same time keeps its order */
    struct netem_flow *flow;
    enum netem_direction direction;
    size_t size;
    uint8_t data[];
};

/** Zeroed memory is an empty queue that takes nothing. */
struct netem_queue {
    struct netem_packet **heap; /* the earliest first */
    size_t count, capacity;
    size_t bytes, bytes_max; /* with what each costs beside its data */
    uint64_t pushed_count;
};

/** @return the packet, which is the queue's, to fill in the rest; NULL when the queue is full */
struct netem_packet *netem_queue_push(struct netem_queue *queue, bl_time at, const void *data,
                                      size_t size);
/** When the next one comes out; BL_TIME_NEVER when there is none. */
bl_time netem_queue_next(const struct netem_queue *queue);
/** Takes the next one that is due, to free(); NULL when none is. */
struct netem_packet *netem_queue_pop(struct netem_queue *queue, bl_time now);
void netem_queue_finish(struct netem_queue *queue);

#endif
