/*
 * A binary heap. Each packet is allocated on its own: next to the two system calls that each
 * datagram costs this is little, and sizes range from 0 to 64 KiB.
 */
#include "tools/netem/queue.h"
#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 64

static bool is_before(const struct netem_packet *a, const struct netem_packet *b) {
    return a->at != b->at ? a->at < b->at : a->number < b->number;
}

/** What a packet costs, so that many empty ones are bounded, too. */
static size_t cost_of(size_t size) {
    return sizeof(struct netem_packet) + sizeof(struct netem_packet *) + size;
}

static bool has_room(struct netem_queue *queue) {
    if (queue->count < queue->capacity) {
        return true;
    }
    size_t capacity = queue->capacity == 0 ? CAPACITY_FIRST : 2 * queue->capacity;
    void *heap = realloc(queue->heap, capacity * sizeof queue->heap[0]);
    if (heap == NULL) {
        return false;
    }
    queue->heap = heap;
    queue->capacity = capacity;
    return true;
}

static void rise(struct netem_queue *queue, size_t at, struct netem_packet *packet) {
    while (at > 0 && is_before(packet, queue->heap[(at - 1) / 2])) {
        queue->heap[at] = queue->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    queue->heap[at] = packet;
}

static void sink(struct netem_queue *queue, struct netem_packet *packet) {
    size_t at = 0;
    for (size_t child = 1; child < queue->count; child = 2 * at + 1) {
        if (child + 1 < queue->count && is_before(queue->heap[child + 1], queue->heap[child])) {
            child++;
        }
        if (!is_before(queue->heap[child], packet)) {
            break;
        }
        queue->heap[at] = queue->heap[child];
        at = child;
    }
    queue->heap[at] = packet;
}

struct netem_packet *netem_queue_push(struct netem_queue *queue, bl_time at, const void *data,
                                      size_t size) {
    if (queue->bytes + cost_of(size) > queue->bytes_max || !has_room(queue)) {
        return NULL;
    }
    struct netem_packet *packet = malloc(sizeof *packet + size);
    if (packet == NULL) {
        return NULL;
    }
    *packet = (struct netem_packet){.at = at, .number = queue->pushed_count++, .size = size};
    memcpy(packet->data, data, size);
    queue->bytes += cost_of(size);
    rise(queue, queue->count++, packet);
    return packet;
}

bl_time netem_queue_next(const struct netem_queue *queue) {
    return queue->count > 0 ? queue->heap[0]->at : BL_TIME_NEVER;
}

struct netem_packet *netem_queue_pop(struct netem_queue *queue, bl_time now) {
    if (queue->count == 0 || queue->heap[0]->at > now) {
        return NULL;
    }
    struct netem_packet *first = queue->heap[0];
    struct netem_packet *last = queue->heap[--queue->count];
    if (queue->count > 0) {
        sink(queue, last);
    }
    queue->bytes -= cost_of(first->size);
    return first;
}

void netem_queue_finish(struct netem_queue *queue) {
    for (size_t i = 0; i < queue->count; i++) {
        free(queue->heap[i]);
    }
    free(queue->heap);
    *queue = (struct netem_queue){0};
}
