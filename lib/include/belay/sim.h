/*
 * A network to test a game on: virtual time, seeded trouble, every run repeatable.
 *
 * Make one, give it to the options of a server and of clients, then advance its clock in small
 * steps and call service() and poll() on each of them after each step. Nothing waits, nothing
 * touches a real socket, and the same seed gives the same run, bit for bit.
 */
#ifndef BELAY_SIM_H
#define BELAY_SIM_H

#include <belay/init.h>
#include <belay/result.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct belay_sim;
struct belay_client;

/**
 * What the network between one client and everybody else does. Both directions are alike unless a
 * cut_ field says otherwise; each draws its own luck. Start from BELAY_LINK_INIT: a perfect link.
 */
struct belay_link {
    size_t struct_size;    /* filled in by the INIT macro */
    float loss;            /* share of datagrams lost, 0 to 1 */
    float duplicate;       /* share that arrives twice */
    float reorder;         /* share held back by one more delay_ms + jitter_ms, past later ones */
    float corrupt;         /* share of which one bit is flipped */
    uint32_t burst;        /* mean length of a run of losses, in datagrams; default 1: by chance */
    uint32_t delay_ms;     /* one way, at least */
    uint32_t jitter_ms;    /* and up to this much more, evenly */
    uint32_t rate_kbit;    /* 1,000 bits a second, counting 28 bytes of IP and UDP; 0 = unlimited */
    uint32_t queue_ms;     /* what the rate may hold up before it drops at the tail; default 200 */
    bool cut_up, cut_down; /* nothing from / to the client passes, what is under way included */
};
#define BELAY_LINK_INIT BELAY_INIT_(struct belay_link)

/** A network without links or trouble, whose clock stands at 1,000 s. NULL when memory is out. */
struct belay_sim *belay_sim_create(uint64_t seed);
/** After every server and client in it; else it ends with the last of them. NULL is fine. */
void belay_sim_destroy(struct belay_sim *sim);
/** Moves the only clock. Call service() on everything in the network afterwards. */
void belay_sim_advance(struct belay_sim *sim, uint32_t ms);
/** Sets the wall clock, by which tokens are judged; it then goes on with the virtual one. */
void belay_sim_set_wall(struct belay_sim *sim, uint64_t unix_ms);
/**
 * Sets a client's link from now on; what is under way keeps its time, unless a cut ends it. client
 * NULL sets every client's, later ones included; link NULL is a perfect one.
 */
void belay_sim_link(struct belay_sim *sim, struct belay_client *client,
                    const struct belay_link *link);
/** A NAT forgets: the client has a new port from now on, and the old one leads nowhere. */
void belay_sim_rebind(struct belay_sim *sim, struct belay_client *client);
/** A hash of every datagram so far, its time and fate: equal seeds and calls give equal traces. */
uint64_t belay_sim_trace(const struct belay_sim *sim);

#ifdef __cplusplus
}
#endif
#endif
