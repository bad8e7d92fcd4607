/* ENet's memory, counted and made to run out. One for the whole process, as ENet's allocator is. */
#ifndef BL_TESTS_PEER_ENET_HEAP_H
#define BL_TESTS_PEER_ENET_HEAP_H

#include <check.h>
#include <enet/enet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static struct enet_heap {
    size_t used, used_max; /* bytes */
    uint64_t allocation_count;
    uint64_t fail_at; /* the allocation that finds no memory, counted from 1; 0 = none */
} enet_heap;

/** In front of each block: its size, with the alignment of malloc() kept. */
union enet_heap_head {
    size_t size;
    max_align_t align;
};

static inline void *ENET_CALLBACK enet_heap_allocate(size_t size) {
    enet_heap.allocation_count++;
    if (enet_heap.allocation_count == enet_heap.fail_at) {
        return NULL;
    }
    union enet_heap_head *head = malloc(sizeof *head + size);
    if (head == NULL) {
        ck_abort_msg("the test itself is out of memory");
    }
    head->size = size;
    enet_heap.used += size;
    if (enet_heap.used > enet_heap.used_max) {
        enet_heap.used_max = enet_heap.used;
    }
    return head + 1;
}

static inline void ENET_CALLBACK enet_heap_free(void *block) {
    if (block != NULL) {
        union enet_heap_head *head = (union enet_heap_head *)block - 1;
        enet_heap.used -= head->size;
        free(head);
    }
}

/** ENet's own answer to a lack of memory is abort(). */
static inline void ENET_CALLBACK enet_heap_is_empty(void) {
}

/** Before ENet allocates anything in this process. */
static inline void enet_heap_install(void) {
    const ENetCallbacks callbacks = {
        .malloc = enet_heap_allocate,
        .free = enet_heap_free,
        .no_memory = enet_heap_is_empty,
    };
    enet_heap = (struct enet_heap){0};
    ck_assert_int_eq(enet_initialize_with_callbacks(ENET_VERSION, &callbacks), 0);
}

#endif
