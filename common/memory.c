/*
 * Every block is counted by the size its owner names, so nothing is stored in front of it and the
 * caller's allocator hears the true old size. The count is what makes a memory limit possible:
 * whoever fills our queues meets a NULL here, not the out-of-memory killer.
 */
#include "common/memory.h"
#include "common/assert.h"
#include <stdlib.h>
#include <string.h>

void bl_memory_init(struct bl_memory *memory, const struct belay_hooks *hooks, size_t used_max) {
    *memory = (struct bl_memory){.used_max = used_max};
    if (hooks != NULL) {
        memory->hooks = *hooks;
    }
}

static bool may_grow(const struct bl_memory *memory, size_t growth) {
    size_t limit = memory->used_max > 0 ? memory->used_max : SIZE_MAX;
    return memory->used <= limit && growth <= limit - memory->used;
}

static void *hook_realloc(struct bl_memory *memory, void *block, size_t old_size, size_t new_size) {
    const struct belay_hooks *hooks = &memory->hooks;
    if (hooks->realloc != NULL) {
        return hooks->realloc(block, old_size, new_size, hooks->hook_user);
    }
    if (new_size == 0) {
        /* What realloc() does with size 0 differs between C libraries. */
        free(block);
        return NULL;
    }
    return realloc(block, new_size);
}

void *bl_allocate(struct bl_memory *memory, size_t size) {
    return bl_resize(memory, NULL, 0, size);
}

void *bl_resize(struct bl_memory *memory, void *block, size_t old_size, size_t new_size) {
    BELAY_ASSERT(new_size > 0);
    BELAY_ASSERT((block == NULL) == (old_size == 0));
    BELAY_ASSERT(old_size <= memory->used);

    if (new_size > old_size && !may_grow(memory, new_size - old_size)) {
        return NULL;
    }
    unsigned char *moved = hook_realloc(memory, block, old_size, new_size);
    if (moved == NULL) {
        return NULL;
    }
    if (new_size > old_size) {
        memset(moved + old_size, 0, new_size - old_size);
    }
    memory->used = memory->used - old_size + new_size;
    return moved;
}

void bl_free(struct bl_memory *memory, void *block, size_t size) {
    if (block == NULL) {
        return;
    }
    BELAY_ASSERT(size <= memory->used);
    (void)hook_realloc(memory, block, size, 0);
    memory->used -= size;
}
