/*
 * A neutral platform for unmodified ENet: the simulated network and its clock, and nothing else.
 *
 * It tunes nothing, filters nothing and batches nothing, so that ENet over it behaves as ENet does
 * over sockets. For programs of their own: it stands before libenet's platform for the whole
 * process, as Belay's port does.
 */
#ifndef BL_BENCH_NEUTRAL_PORT_H
#define BL_BENCH_NEUTRAL_PORT_H

#include <belay/sim.h>
#include <enet/enet.h>
#include <stdint.h>

/** Every ENet host made from now on lives in this network; NULL at its end. */
void bl_neutral_port_enter(struct belay_sim *sim, uint64_t seed);
/** Sets the link of a client's host from now on, by its socket. */
void bl_neutral_port_link(ENetSocket socket, const struct belay_link *link);

#endif
