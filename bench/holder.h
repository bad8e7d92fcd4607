/*
 * A hostile client that has been let in: it keeps the protocol as far as it must to be believed,
 * and says what it likes over its binding. Made from the private layers below the session.
 */
#ifndef BL_BENCH_HOLDER_H
#define BL_BENCH_HOLDER_H

#include "lib/net/sim.h"
#include "lib/peer/endpoint.h"

struct bl_holder {
    struct bl_memory memory;
    struct bl_timer_wheel wheel;
    struct bl_net *net;
    struct bl_endpoint *endpoint;
    struct bl_peer *peer; /* NULL: not let in, or thrown out */
    struct belay_stats stats;
};

/** Dials by key; work() does the rest. False: no memory. */
bool bl_holder_open(struct bl_holder *holder, struct belay_sim *sim, const struct bl_address *local,
                    const struct bl_address *server);
void bl_holder_close(struct bl_holder *holder);
void bl_holder_work(struct bl_holder *holder);
/** Says a hello as a client of default options does. */
void bl_holder_login(struct bl_holder *holder);
/** Seals any bytes where ENet's would be. @return the size of the datagram at @p out */
size_t bl_holder_seal(struct bl_holder *holder, uint8_t *out, const void *payload, size_t size);

#endif
