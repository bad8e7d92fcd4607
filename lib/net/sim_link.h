/* What one direction of a simulated link does to a datagram; its luck comes in as an argument. */
#ifndef BL_NET_SIM_LINK_H
#define BL_NET_SIM_LINK_H

#include "common/random.h"
#include "lib/clock/time.h"
#include <belay/sim.h>

/** One direction of a client's link. Zeroed memory is a perfect one. */
struct bl_sim_way {
    struct belay_link link; /* as bl_sim_way_set() cleaned it */
    bool cut;
    bool losing;   /* inside a run of losses */
    bl_time clear; /* when a rate-limited link has sent what it holds */
};

#define BL_SIM_NO_BIT SIZE_MAX

/** What becomes of a datagram: it is lost, or one or two of it arrive. */
struct bl_sim_fate {
    size_t copy_count;
    struct bl_sim_copy {
        bl_time at;         /* when it is across */
        size_t flipped_bit; /* of its bytes, the lowest of byte 0 first; or BL_SIM_NO_BIT */
    } copies[2];
};

/** A user's options with every share from 0 to 1 and defaults filled in; NULL is a perfect link. */
struct belay_link bl_sim_link_clean(const struct belay_link *options);
/** A run of losses ends here; the rate's queue goes on. */
void bl_sim_way_set(struct bl_sim_way *way, const struct belay_link *clean, bool cut);
/** Sends @p size bytes in at time @p at. Draws the same number of values whatever happens. */
struct bl_sim_fate bl_sim_way_cross(struct bl_sim_way *way, struct bl_random *random, bl_time at,
                                    size_t size);

#endif
