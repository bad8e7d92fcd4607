/*
 * The model is that of the simulated network (lib/net/sim_link.c), so that a test over real sockets
 * and one in virtual time mean the same by "5 % loss in bursts of 3". What stands here are the
 * streams, the order that jitter may keep, and a hold of its own length.
 *
 * As there, every datagram draws the same number of values whatever happens: turning one trouble on
 * leaves the luck of all others as it was.
 */
#include "tools/netem/link.h"

void netem_link_init(struct netem_link *link, uint64_t seed, uint64_t flow,
                     enum netem_direction direction) {
    *link = (struct netem_link){0};
    /* Spread first: flow 1 of seed 1 must not be flow 0 of seed 2. */
    bl_random_init_seeded(&link->random, seed);
    uint64_t first = bl_random_u64(&link->random);
    bl_random_init_seeded(&link->random, first + flow * NETEM_DIRECTIONS + direction);
    netem_link_set(link, &(struct netem_trouble){0});
}

void netem_link_set(struct netem_link *link, const struct netem_trouble *trouble) {
    struct belay_link path = trouble->path;
    path.struct_size = sizeof path;
    path = bl_sim_link_clean(&path);
    link->trouble = *trouble;
    bl_sim_way_set(&link->way, &path, false);
}

/** Why nothing came out; what is both lost and too much for the queue counts as lost. */
static enum netem_end end_of(const struct netem_link *link) {
    bool lost = link->way.losing || link->way.link.loss >= 1.0F;
    return lost ? NETEM_LOST : NETEM_TAIL_DROPPED;
}

struct netem_fate netem_link_cross(struct netem_link *link, bl_time now, size_t size) {
    const struct netem_trouble *trouble = &link->trouble;
    struct bl_sim_fate crossed = bl_sim_way_cross(&link->way, &link->random, now, size);
    struct netem_fate fate = {.copy_count = crossed.copy_count};
    if (crossed.copy_count == 0) {
        fate.end = end_of(link);
    }
    for (size_t i = 0; i < 2; i++) {
        bool held = bl_random_chance(&link->random, (double)trouble->reorder);
        if (i >= crossed.copy_count) {
            continue;
        }
        struct bl_sim_copy copy = crossed.copies[i];
        if (held) {
            copy.at += bl_from_ms(trouble->hold_ms);
        } else if (trouble->keep_order != 0 && copy.at < link->last) {
            copy.at = link->last;
        }
        if (!held && copy.at > link->last) {
            link->last = copy.at;
        }
        fate.held_back |= held && i == 0;
        fate.copies[i] = copy;
    }
    return fate;
}
