/* The simulated network's inside: how an endpoint joins it. Users see <belay/sim.h>. */
#ifndef BL_NET_SIM_H
#define BL_NET_SIM_H

#include "lib/net/net.h"
#include <belay/sim.h>

/**
 * Binds a socket in the simulation. @p local as for bl_udp_open(); the unspecified address becomes
 * one of its own (10.0.0.n), so every socket has a place of its own, and port 0 picks one.
 *
 * @param owner  names the socket in belay_sim_link() and belay_sim_rebind(): the client; NULL for a
 *               server, which stands in the middle and has no link of its own
 * @return BELAY_OK, BELAY_E_IN_USE, BELAY_E_NO_MEMORY
 */
enum belay_result bl_sim_open(struct bl_net **out, struct belay_sim *sim,
                              const struct bl_address *local, const void *owner);

/** For the whole network: sent + duplicated = delivered + lost + what is under way. */
struct bl_sim_counts {
    uint64_t sent;       /* datagrams that sockets sent */
    uint64_t duplicated; /* copies that a link made of them */
    uint64_t delivered;  /* that reached a socket's receive, fit or not */
    uint64_t lost;       /* by loss, cut, full queue, a dead address or a lack of memory */
};
struct bl_sim_counts bl_sim_counts(const struct belay_sim *sim);
bl_time bl_sim_now(const struct belay_sim *sim);
/** The sim's own generator, for a test that wants its chances from the same seed. */
struct bl_random *bl_sim_random(struct belay_sim *sim);
/** Moves the wall clock against the virtual one, as an administrator or NTP might. */
void bl_sim_set_wall_offset(struct belay_sim *sim, bl_duration offset);
/**
 * Shows every datagram at the moment it is sent, whatever becomes of it; NULL ends it. For tests
 * that count what reaches the wire.
 */
void bl_sim_observe(struct belay_sim *sim,
                    void (*seen)(void *user, const struct bl_address *from,
                                 const struct bl_datagram *to),
                    void *user);
#define BL_SIM_STEERED_MAX 2

/** What becomes of a datagram whose way a test chooses. */
struct bl_sim_steered {
    size_t copy_count;                      /* that arrive; 0 = it is lost */
    bl_duration delays[BL_SIM_STEERED_MAX]; /* of each, from its sending */
};
/**
 * For tests that enumerate what a network can do: asks @p steer about every datagram at the moment
 * it is sent. Where it returns true, @p out is what happens, whatever the links are like and though
 * they be cut, and no luck is drawn; where it returns false, the links decide. NULL ends it.
 */
void bl_sim_steer(struct belay_sim *sim,
                  bool (*steer)(void *user, const struct bl_address *from,
                                const struct bl_datagram *to, struct bl_sim_steered *out),
                  void *user);

#endif
