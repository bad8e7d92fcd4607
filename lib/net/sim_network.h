/* The inside of a simulated network, for sim.c (the network) and sim_socket.c (its sockets). */
#ifndef BL_NET_SIM_NETWORK_H
#define BL_NET_SIM_NETWORK_H

#include "lib/net/sim.h"
#include "lib/net/sim_inbox.h"
#include "lib/net/sim_link.h"

#define BL_SIM_BUCKET_COUNT 1024

struct bl_sim_socket {
    struct bl_net net;
    struct belay_sim *sim;
    struct bl_sim_socket *next;       /* of all */
    struct bl_sim_socket *next_bound; /* of its bucket */
    struct bl_address address;        /* as the others see it */
    const void *owner;                /* NULL: a server, without a link */
    uint32_t number;                  /* from 1, in the order of opening; never used again */
    struct bl_random random;
    struct bl_sim_way up, down;
    struct bl_sim_inbox inbox;
    struct bl_sim_packet *lent; /* what the last batch points into */
};

struct belay_sim {
    struct bl_memory memory;
    struct bl_random random; /* the links' luck */
    uint64_t seed;
    bl_time now;
    bl_duration wall_offset;
    struct belay_link link; /* of clients to come */
    struct bl_sim_pool pool;
    struct bl_sim_socket *sockets;
    struct bl_sim_socket *bound[BL_SIM_BUCKET_COUNT];  /* by address */
    uint32_t socket_number, place_number, port_number; /* last given */
    uint64_t sequence;
    uint64_t trace;
    struct bl_sim_counts counts;
    void (*seen)(void *user, const struct bl_address *from, const struct bl_datagram *to);
    void *seen_user;
    bool (*steer)(void *user, const struct bl_address *from, const struct bl_datagram *to,
                  struct bl_sim_steered *out);
    void *steer_user;
    bool destroyed; /* ends with its last socket */
};

/** The socket that others reach under @p address, or NULL. */
struct bl_sim_socket *bl_sim_find(struct belay_sim *sim, const struct bl_address *address);
/** Fills in what @p address leaves open: the place, the port. false when that is taken. */
bool bl_sim_settle(struct belay_sim *sim, struct bl_address *address);
/** Adds a socket to the network, at an address that bl_sim_settle() approved. */
void bl_sim_join(struct bl_sim_socket *socket, const struct bl_address *address);
/** Takes it out again; a network that was to end before ends with its last socket. */
void bl_sim_leave(struct bl_sim_socket *socket);
void bl_sim_trace_address(uint64_t *trace, const struct bl_address *address);

#endif
