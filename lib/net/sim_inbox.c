/*
 * A binary heap by (time, sequence). No two arrivals are equal, so the order in which they leave
 * depends on nothing else, however the heap came to its shape.
 */
#include "lib/net/sim_inbox.h"

#define CAPACITY_FIRST 16

struct bl_sim_packet *bl_sim_pool_take(struct bl_sim_pool *pool) {
    struct bl_sim_packet *packet = pool->first;
    if (packet == NULL) {
        return bl_allocate(pool->memory, sizeof(*packet));
    }
    pool->first = packet->next;
    return packet;
}

void bl_sim_pool_give(struct bl_sim_pool *pool, struct bl_sim_packet *packet) {
    packet->next = pool->first;
    pool->first = packet;
}

void bl_sim_pool_finish(struct bl_sim_pool *pool) {
    while (pool->first != NULL) {
        struct bl_sim_packet *packet = pool->first;
        pool->first = packet->next;
        bl_free(pool->memory, packet, sizeof(*packet));
    }
}

static bool is_before(const struct bl_sim_arrival *a, const struct bl_sim_arrival *b) {
    return a->at < b->at || (a->at == b->at && a->sequence < b->sequence);
}

/** Places @p arrival at or above the hole @p index. */
static void sift_up(struct bl_sim_inbox *inbox, size_t index, struct bl_sim_arrival arrival) {
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (!is_before(&arrival, &inbox->arrivals[parent])) {
            break;
        }
        inbox->arrivals[index] = inbox->arrivals[parent];
        index = parent;
    }
    inbox->arrivals[index] = arrival;
}

/** Places @p arrival at or below the hole @p index. */
static void sift_down(struct bl_sim_inbox *inbox, size_t index, struct bl_sim_arrival arrival) {
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= inbox->count) {
            break;
        }
        if (child + 1 < inbox->count &&
            is_before(&inbox->arrivals[child + 1], &inbox->arrivals[child])) {
            child++;
        }
        if (!is_before(&inbox->arrivals[child], &arrival)) {
            break;
        }
        inbox->arrivals[index] = inbox->arrivals[child];
        index = child;
    }
    inbox->arrivals[index] = arrival;
}

static enum belay_result grow(struct bl_sim_inbox *inbox, struct bl_memory *memory) {
    size_t capacity = inbox->capacity == 0 ? CAPACITY_FIRST : 2 * inbox->capacity;
    struct bl_sim_arrival *arrivals = bl_resize(
        memory, inbox->arrivals, inbox->capacity * sizeof(*arrivals), capacity * sizeof(*arrivals));
    if (arrivals == NULL) {
        return BELAY_E_NO_MEMORY;
    }
    inbox->arrivals = arrivals;
    inbox->capacity = capacity;
    return BELAY_OK;
}

enum belay_result bl_sim_inbox_put(struct bl_sim_inbox *inbox, struct bl_memory *memory,
                                   const struct bl_sim_arrival *arrival) {
    if (inbox->count == inbox->capacity && grow(inbox, memory) != BELAY_OK) {
        return BELAY_E_NO_MEMORY;
    }
    inbox->count++;
    sift_up(inbox, inbox->count - 1, *arrival);
    return BELAY_OK;
}

struct bl_sim_packet *bl_sim_inbox_take(struct bl_sim_inbox *inbox, bl_time now) {
    if (inbox->count == 0 || inbox->arrivals[0].at > now) {
        return NULL;
    }
    struct bl_sim_packet *packet = inbox->arrivals[0].packet;
    inbox->count--;
    if (inbox->count > 0) {
        sift_down(inbox, 0, inbox->arrivals[inbox->count]);
    }
    return packet;
}

size_t bl_sim_inbox_drop(struct bl_sim_inbox *inbox, struct bl_sim_pool *pool, bl_time now,
                         uint32_t sender) {
    size_t before = inbox->count;
    inbox->count = 0;
    for (size_t i = 0; i < before; i++) {
        /* What stays is put back into the part already read, so nothing unread is overwritten. */
        struct bl_sim_arrival arrival = inbox->arrivals[i];
        if (arrival.at > now && (sender == 0 || arrival.packet->sender == sender)) {
            bl_sim_pool_give(pool, arrival.packet);
            continue;
        }
        inbox->count++;
        sift_up(inbox, inbox->count - 1, arrival);
    }
    return before - inbox->count;
}

size_t bl_sim_inbox_finish(struct bl_sim_inbox *inbox, struct bl_sim_pool *pool) {
    size_t count = inbox->count;
    for (size_t i = 0; i < count; i++) {
        bl_sim_pool_give(pool, inbox->arrivals[i].packet);
    }
    bl_free(pool->memory, inbox->arrivals, inbox->capacity * sizeof(*inbox->arrivals));
    *inbox = (struct bl_sim_inbox){0};
    return count;
}
