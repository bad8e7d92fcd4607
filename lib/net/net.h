/*
 * A datagram network: one small interface with two houses, real UDP (udp.c) and the simulation
 * (sim.c). What they promise alike is written as one contract suite, tests/net_contract.c.
 *
 * A socket belongs to one thread; only bl_net_wake() may be called from another.
 */
#ifndef BL_NET_NET_H
#define BL_NET_NET_H

#include "common/memory.h"
#include "common/random.h"
#include "lib/clock/time.h"
#include "lib/net/address.h"
#include <belay/result.h>

#define BL_DATAGRAM_SIZE_MAX 1200 /* UDP payload, RFC 9000 14: passes every path that QUIC passes */
#define BL_NET_BATCH_MAX     64   /* datagrams per call */

/** One datagram of a batch. */
struct bl_datagram {
    struct bl_address address; /* from where, or to where */
    uint8_t *data;             /* receive: the socket's own buffer, valid until its next call */
    size_t size;
};

struct bl_net; /* one bound socket */

/** What a socket must do; see the functions below, which are all that others call. */
struct bl_net_ops {
    size_t (*receive)(struct bl_net *net, struct bl_datagram *batch, size_t batch_max);
    size_t (*send)(struct bl_net *net, const struct bl_datagram *batch, size_t batch_count);
    void (*wait)(struct bl_net *net, bl_duration timeout);
    void (*wake)(struct bl_net *net);
    bl_time (*now)(const struct bl_net *net);
    bl_time (*wall)(const struct bl_net *net);
    intptr_t (*descriptor)(const struct bl_net *net);
    struct bl_random *(*random)(struct bl_net *net);
    void (*close)(struct bl_net *net);
};

struct bl_net {
    const struct bl_net_ops *ops;
    struct bl_address local; /* what was bound; the port is real even when 0 was asked for */
    uint64_t oversize_count; /* datagrams over BL_DATAGRAM_SIZE_MAX that came in and were dropped */
    uint64_t unsent_count;   /* datagrams that the system did not take and that were dropped */
    bool simulated;          /* virtual time: waiting is refused, secrets come from the seed */
};

/**
 * Takes up to @p batch_max (at most BL_NET_BATCH_MAX) datagrams that have arrived, without waiting.
 * Empty and oversize ones are dropped and counted, never returned. Never fails: an error of the
 * system that concerns one datagram (ICMP unreachable, RFC 1122 4.1.3.3) is not the socket's end.
 *
 * @return how many; fewer than asked for means that no more are there now
 */
size_t bl_net_receive(struct bl_net *net, struct bl_datagram *batch, size_t batch_max);
/**
 * Sends a batch in order. What the system does not take at once is dropped and counted in
 * unsent_count, as a network drops datagrams.
 *
 * @return how many were taken
 */
size_t bl_net_send(struct bl_net *net, const struct bl_datagram *batch, size_t batch_count);
/** Waits until a datagram is there, bl_net_wake() was called, or the timeout is over; returns at once in a simulation. */
void bl_net_wait(struct bl_net *net, bl_duration timeout);
/** Any thread: ends a wait that runs now, or else the next one. */
void bl_net_wake(struct bl_net *net);
bl_time bl_net_now(const struct bl_net *net);  /* monotonic or virtual; never below 1 s */
bl_time bl_net_wall(const struct bl_net *net); /* UTC since 1970 */
/** Readable when a datagram or a wake-up is there; one descriptor for the socket's whole life, -1 in a simulation. */
intptr_t bl_net_descriptor(const struct bl_net *net);
/** Where this process's secrets and nonces come from. */
struct bl_random *bl_net_random(struct bl_net *net);
/** Frees everything; NULL is fine. */
void bl_net_close(struct bl_net *net);

/**
 * Opens a UDP socket on @p local (port 0 picks one; the unspecified IPv6 address takes both families).
 *
 * @return BELAY_OK, BELAY_E_IN_USE, BELAY_E_ADDRESS (not an address of this machine), BELAY_E_NO_MEMORY,
 *         BELAY_E_SYSTEM (out of descriptors, no such family ...)
 */
enum belay_result bl_udp_open(struct bl_net **out, const struct bl_address *local, struct bl_memory *memory);
/**
 * The same over a socket that the caller has bound. It becomes ours on success and is closed with
 * us; on failure it stays the caller's. BELAY_E_INVALID when it is no bound UDP socket.
 */
enum belay_result bl_udp_adopt(struct bl_net **out, intptr_t socket, struct bl_memory *memory);

#endif
