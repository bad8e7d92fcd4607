#define _GNU_SOURCE
#include "bench/places.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct bl_place_block {
    struct bl_place_block *previous, *next;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

static uint64_t count_in(const struct bl_places *places, const struct bl_place_block *block) {
    const unsigned char *at = block->bytes, *end = block->bytes + block->size;
    uint64_t count = 0;
    while (places->bytes != NULL &&
           (at = memmem(at, (size_t)(end - at), places->bytes, places->size)) != NULL) {
        count++;
        at += places->size;
    }
    return count;
}

static struct bl_place_block *block_of(void *bytes) {
    return (struct bl_place_block *)((unsigned char *)bytes -
                                     offsetof(struct bl_place_block, bytes));
}

static void unlink_block(struct bl_places *places, struct bl_place_block *block) {
    *(block->previous != NULL ? &block->previous->next : &places->first) = block->next;
    if (block->next != NULL) {
        block->next->previous = block->previous;
    }
}

static void *give(struct bl_places *places, size_t size) {
    struct bl_place_block *block = malloc(sizeof *block + size);
    if (block == NULL) {
        return NULL;
    }
    places->blocks++;
    *block = (struct bl_place_block){.next = places->first, .size = size};
    memset(block->bytes, 0, size); /* what was here before was counted then */
    if (places->first != NULL) {
        places->first->previous = block;
    }
    places->first = block;
    return block->bytes;
}

/** A block that moves leaves nothing behind. */
static void *place(void *bytes, size_t old_size, size_t new_size, void *user) {
    struct bl_places *places = user;
    struct bl_place_block *old = bytes != NULL ? block_of(bytes) : NULL;
    void *made = new_size > 0 ? give(places, new_size) : NULL;
    if (new_size > 0 && made == NULL) {
        return NULL;
    }
    if (made != NULL && old != NULL) {
        memcpy(made, bytes, old_size < new_size ? old_size : new_size);
    }
    if (old != NULL) {
        places->given_back += made == NULL ? count_in(places, old) : 0;
        unlink_block(places, old);
        free(old);
    }
    return made;
}

struct belay_hooks bl_places_hooks(struct bl_places *places) {
    return (struct belay_hooks){.realloc = place, .hook_user = places};
}

void bl_places_look_for(struct bl_places *places, const void *bytes, size_t size) {
    places->bytes = bytes;
    places->size = size;
    places->given_back = places->blocks = 0;
}

uint64_t bl_places_count(const struct bl_places *places) {
    uint64_t count = places->given_back;
    for (const struct bl_place_block *block = places->first; block != NULL; block = block->next) {
        count += count_in(places, block);
    }
    return count;
}
