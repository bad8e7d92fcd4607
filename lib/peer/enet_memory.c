/*
 * ENet calls malloc() and free() through callbacks that belong to the process, and its default
 * answer to a failing malloc() is abort(). The first client or server decides. Without hooks ENet
 * keeps the C library's functions, so that whatever the program allocated through ENet before can
 * still be freed.
 */
#include "lib/peer/enet_memory.h"

#include <enet/enet.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

/* ENet does not say how large a block was when it frees it, and the hook wants to know. */
#define HEADER alignof(max_align_t)

static struct belay_hooks process_hooks;

static void *hooked_malloc(size_t size) {
    char *block = process_hooks.realloc(NULL, 0, HEADER + size, process_hooks.hook_user);
    if (block == NULL) {
        return NULL;
    }
    memcpy(block, &size, sizeof size);
    return block + HEADER;
}

static void hooked_free(void *memory) {
    if (memory == NULL) {
        return;
    }
    char *block = (char *)memory - HEADER;
    size_t size;
    memcpy(&size, block, sizeof size);
    process_hooks.realloc(block, HEADER + size, 0, process_hooks.hook_user);
}

static _Thread_local bool ran_out;

/** In place of ENet's own answer, which is abort(). */
static void note_failure(void) {
    ran_out = true;
}

bool bl_enet_memory_ran_out(void) {
    bool answer = ran_out;
    ran_out = false;
    return answer;
}

static void init(const struct belay_hooks *hooks) {
    ENetCallbacks callbacks = {.no_memory = note_failure};
    if (hooks->realloc != NULL) {
        process_hooks = *hooks;
        callbacks.malloc = hooked_malloc;
        callbacks.free = hooked_free;
    }
    enet_initialize_with_callbacks(ENET_VERSION, &callbacks);
}

void bl_enet_memory_init(const struct belay_hooks *hooks) {
    enum { NOT_YET, BEGUN, DONE };
    static atomic_int progress;
    int expected = NOT_YET;
    if (atomic_compare_exchange_strong(&progress, &expected, BEGUN)) {
        init(hooks);
        atomic_store(&progress, DONE);
    }
    while (atomic_load(&progress) != DONE) { /* another thread is at it, for a few instructions */
    }
}
