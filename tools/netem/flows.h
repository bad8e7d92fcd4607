/* The clients, found by their address. */
#ifndef BL_TOOLS_NETEM_FLOWS_H
#define BL_TOOLS_NETEM_FLOWS_H

#include "tools/netem/link.h"
#include "tools/netem/socket.h"

/** One client's way to the server and back. */
struct netem_flow {
    struct bl_address client;
    struct netem_socket upstream;
    struct netem_link links[NETEM_DIRECTIONS];
    bl_time active; /* when a datagram last came, either way */
    bl_time blackout_end;
    bl_time rebind_at;
    size_t queued_count;     /* packets that point here: not before they are gone may it go */
    size_t index;            /* in all[] */
    struct netem_flow *next; /* of the same bucket */
};

#define NETEM_BUCKETS 1024

struct netem_flows {
    struct netem_flow **all;
    size_t count, max;
    struct netem_flow *buckets[NETEM_BUCKETS];
    uint8_t secret[BL_SIPHASH_SECRET_SIZE];
};

enum belay_result netem_flows_init(struct netem_flows *flows, size_t max);
/** Closes and frees all. Zeroed memory is fine. */
void netem_flows_finish(struct netem_flows *flows);
struct netem_flow *netem_flows_find(const struct netem_flows *flows,
                                    const struct bl_address *client);
/** @return a new flow, zeroed but for its client and its socket; BELAY_E_TOO_BIG: there are `max`
 */
enum belay_result netem_flows_add(struct netem_flow **out, struct netem_flows *flows,
                                  const struct bl_address *client, const struct bl_address *target);
/** The last of all[] takes its place. */
void netem_flows_remove(struct netem_flows *flows, struct netem_flow *flow);

#endif
