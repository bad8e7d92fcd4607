/*
 * Memory that knows in how many places it holds some bytes: what is copied on its way out is seen,
 * be the copy kept or given back again.
 */
#ifndef BL_BENCH_PLACES_H
#define BL_BENCH_PLACES_H

#include <belay/hooks.h>
#include <stdint.h>

struct bl_place_block;

struct bl_places {
    struct bl_place_block *first;
    const void *bytes; /* that are looked for; NULL = nothing is */
    size_t size;
    uint64_t given_back; /* places in blocks that were given back since then */
    uint64_t blocks;     /* that were asked for since then */
};

struct belay_hooks bl_places_hooks(struct bl_places *places);
/** From now on these bytes are looked for; they stay where they are. */
void bl_places_look_for(struct bl_places *places, const void *bytes, size_t size);
/** Where they are now, and where they have been. */
uint64_t bl_places_count(const struct bl_places *places);

#endif
