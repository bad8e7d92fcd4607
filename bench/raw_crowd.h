/*
 * The crowd of the baselines: one stock ENet server on its own socket, and many peers in a child,
 * which say nothing and count what they get.
 */
#ifndef BL_BENCH_RAW_CROWD_H
#define BL_BENCH_RAW_CROWD_H

#include <enet/enet.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define BL_RAW_CHANNELS 2

struct bl_raw_crowd {
    ENetHost *host;
    uint32_t peers;
    pid_t clients;
    _Atomic uint64_t *delivered; /* messages that the peers have got, all together */
};

uint64_t bl_raw_now_ns(clockid_t clock);
_Noreturn void bl_raw_give_up(const char *what);

/** Has @p peers connect, and serves them for @p settle_ms more. Ends the program when they do not.
 */
void bl_raw_crowd_open(struct bl_raw_crowd *crowd, uint32_t peers, uint32_t wait_ms,
                       uint32_t settle_ms);
/** One wait, and everything that has come. Ends the program when a peer is lost. */
void bl_raw_crowd_serve(const struct bl_raw_crowd *crowd, uint32_t wait_ms);
/** Datagrams so far, in and out. */
uint64_t bl_raw_crowd_datagrams(const struct bl_raw_crowd *crowd);
/** Ends the child. */
void bl_raw_crowd_close(struct bl_raw_crowd *crowd);

#endif
