/* What one direction of one client's path does to datagrams. Time, sizes and a seed come in. */
#ifndef BL_TOOLS_NETEM_LINK_H
#define BL_TOOLS_NETEM_LINK_H

#include "lib/net/sim_link.h"

enum netem_direction { NETEM_UP, NETEM_DOWN, NETEM_DIRECTIONS }; /* up: from client to server */

/** The trouble of one direction. Zeroed memory is none. */
struct netem_trouble {
    struct belay_link path; /* its `reorder` and its cuts stay zero */
    float reorder;          /* share held back by hold_ms, 0 to 1 */
    uint32_t hold_ms;
    uint32_t keep_order; /* 1: jitter overtakes nothing; held back is held back all the same */
};

struct netem_link {
    struct netem_trouble trouble;
    struct bl_sim_way way;
    struct bl_random random;
    bl_time last; /* when the newest datagram in order comes out */
};

enum netem_end { NETEM_PASSES, NETEM_LOST, NETEM_TAIL_DROPPED };

/** What becomes of a datagram. */
struct netem_fate {
    enum netem_end end;
    size_t copy_count; /* 1 or 2 when it passes, else 0 */
    bool held_back;    /* the first copy is */
    struct bl_sim_copy copies[2];
};

/**
 * @param flow  the number of the client, in the order of their first datagrams: each flow and
 *              direction has a random stream of its own
 */
void netem_link_init(struct netem_link *link, uint64_t seed, uint64_t flow,
                     enum netem_direction direction);
/** From the next datagram on; a run of losses ends here. */
void netem_link_set(struct netem_link *link, const struct netem_trouble *trouble);
/**
 * Sends @p size bytes in at @p now, which must not go back. The same seed and trouble give the n-th
 * datagram the same luck, whenever it comes; only the rate's queue depends on time.
 */
struct netem_fate netem_link_cross(struct netem_link *link, bl_time now, size_t size);

#endif
