/*
 * A datagram network: one small interface with two houses, real UDP (udp.c) and the simulation
 * (sim_socket.c). What they promise alike is written as one contract suite,
 * tests/net/net_contract.c.
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

#define BL_DATAGRAM_SIZE_MAX 1200 /* bytes of UDP payload; QUIC's size passes (RFC 9000 14) */
#define BL_NET_BATCH_MAX     64   /* datagrams per call */

/** One datagram of a batch. */
struct bl_datagram {
    struct bl_address address; /* from where, or to where */
    uint8_t *data;             /* receive: the socket's own buffer, valid until its next receive */
    size_t size;
    /* This machine's address to which it came, or from which it leaves; without a port.
     * Unspecified: not known, or the system's choice. */
    struct bl_address local;
};

struct bl_net; /* one bound socket */

/** What a socket must do; see the functions below, which are all that others call. */
struct bl_net_ops {
    /* Asks bl_net_fits() about each datagram, and drops it and goes on if it does not. */
    size_t (*receive)(struct bl_net *net, struct bl_datagram *batch, size_t batch_max);
    size_t (*send)(struct bl_net *net, const struct bl_datagram *batch, size_t batch_count);
    void (*wait)(struct bl_net *net, bl_duration timeout);
    void (*rest)(struct bl_net *net, bl_duration duration);
    void (*wake)(struct bl_net *net);
    bl_time (*now)(const struct bl_net *net);
    bl_time (*wall)(const struct bl_net *net);
    intptr_t (*descriptor)(const struct bl_net *net);
    intptr_t (*socket)(const struct bl_net *net);
    struct bl_random *(*random)(struct bl_net *net);
    size_t (*everybody)(struct bl_net *net, struct bl_address *out, size_t max);
    void (*close)(struct bl_net *net);
};

struct bl_net {
    const struct bl_net_ops *ops;
    struct bl_address local; /* what was bound; the port is real even when 0 was asked for */
    uint64_t empty_count;    /* datagrams without a byte that came in and were dropped */
    uint64_t oversize_count; /* and those over BL_DATAGRAM_SIZE_MAX */
    uint64_t unsent_count;   /* datagrams that the system did not take and that were dropped */
    bool simulated;          /* virtual time: waiting is refused, secrets come from the seed */
    bool keep_socket;        /* closing leaves the system's socket open */
};

/**
 * Takes up to @p batch_max (at most BL_NET_BATCH_MAX) datagrams that have arrived, without waiting.
 * Empty and oversize ones are dropped and counted, never returned. Never fails: an error of the
 * system that concerns one datagram (ICMP unreachable, RFC 1122 4.1.3.3) is not the socket's end.
 *
 * What is sent with a received datagram's `address` and `local` comes from where that one went to.
 * A socket that is bound to one address tells no `local`: all that it sends comes from there.
 *
 * @return how many; fewer than asked for means that no more are there now, or that a flood of
 *         unfit ones has used up this call's share of work: then the descriptor stays readable
 */
size_t bl_net_receive(struct bl_net *net, struct bl_datagram *batch, size_t batch_max);
/**
 * Sends a batch (at most BL_NET_BATCH_MAX) in order. What the system does not take at once is
 * dropped and counted in unsent_count, as a network drops datagrams. Any size is tried: keeping to
 * BL_DATAGRAM_SIZE_MAX is the sender's promise to its peer, and a simulated attacker keeps none.
 *
 * @return how many were taken
 */
size_t bl_net_send(struct bl_net *net, const struct bl_datagram *batch, size_t batch_count);
/**
 * Waits until a datagram is there, bl_net_wake() was called, a signal was handled, or the timeout
 * (BL_TIME_NEVER: none) is over. It may return early; in a simulation it always does so at once.
 */
void bl_net_wait(struct bl_net *net, bl_duration timeout);
/** The same, but whatever arrives waits too: only bl_net_wake() or a signal ends it before. */
void bl_net_rest(struct bl_net *net, bl_duration duration);
/** Any thread: ends a wait or a rest that runs now, or else the next one. */
void bl_net_wake(struct bl_net *net);
bl_time bl_net_now(const struct bl_net *net);  /* monotonic or virtual; never below 1 s */
bl_time bl_net_wall(const struct bl_net *net); /* UTC since 1970 */
/**
 * Readable when a datagram or a wake-up is there; one descriptor for the socket's whole life, -1 in
 * a simulation. Only bl_net_wait(), with any timeout, takes a wake-up off it.
 */
intptr_t bl_net_descriptor(const struct bl_net *net);
/** The system's socket, which stays ours: for another process, which gets a copy. -1 in a
 * simulation.
 */
intptr_t bl_net_socket(const struct bl_net *net);
/** Where this process's secrets and nonces come from. */
struct bl_random *bl_net_random(struct bl_net *net);
/**
 * Where to send what all on the networks of this machine shall get; ports are the caller's to fill
 * in. From now on the socket may send there.
 *
 * @param max  at least 1
 * @return how many, at least 1
 */
size_t bl_net_everybody(struct bl_net *net, struct bl_address *out, size_t max);
/** Frees everything; NULL is fine. The port can be bound again at once. */
void bl_net_close(struct bl_net *net);
/** The same, but the system's socket stays open: an adopted one goes back to whoever bound it. */
void bl_net_release(struct bl_net *net);
/** For the houses: whether a datagram of this size may be returned; counts it if not. */
bool bl_net_fits(struct bl_net *net, size_t size);

/**
 * Opens a UDP socket on @p local (port 0 picks one; the unspecified IPv6 address takes both
 * families, or IPv4 alone where the system has no IPv6).
 *
 * @return BELAY_OK, BELAY_E_IN_USE, BELAY_E_ADDRESS (not an address of this machine),
 *         BELAY_E_NO_MEMORY, BELAY_E_SYSTEM (out of descriptors, no such family ...)
 */
enum belay_result bl_udp_open(struct bl_net **out, const struct bl_address *local,
                              struct bl_memory *memory);
/**
 * The same over a socket that the caller has bound. It becomes ours on success and is closed with
 * us; on failure it stays the caller's, unchanged. BELAY_E_INVALID when it is no bound UDP socket,
 * or is connected to one peer and so deaf to all others.
 */
enum belay_result bl_udp_adopt(struct bl_net **out, intptr_t socket, struct bl_memory *memory);

#endif
