/* What a bot plays: runs about and shoots at whoever is near, the same way for the same seed. */
#ifndef ARENA_SCRIPT_H
#define ARENA_SCRIPT_H

#include "examples/arena/remote.h"

struct script {
    uint64_t seed;  /* of what comes next */
    int ticks_left; /* in the same direction */
    struct arena_input input;
};

void script_init(struct script *script, uint64_t seed);
/** The input of the next tick. @param view  where the others are, this player among them */
struct arena_input script_next(struct script *script, const struct remote_view *view, uint8_t who,
                               struct point at);

#endif
