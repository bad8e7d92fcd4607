/*
 * Clients that hear nothing: the handshakes that they leave half done make a server ask everybody
 * for a cookie first.
 */
#ifndef BL_BENCH_RESUME_CROWD_H
#define BL_BENCH_RESUME_CROWD_H

#include "bench/fleet.h"
#include "bench/tokens.h"

#define BL_RESUME_CROWD_SIZE 97 /* no divisor of what repeats: they ask at any moment */

struct bl_resume_crowd {
    struct bl_tokens tokens;
    struct belay_client *deaf[BL_RESUME_CROWD_SIZE];
    uint32_t next; /* who makes room for another */
    uint64_t renew_ms;
};

/** Before the fleet starts, whose options it adapts; false: no place for a key file. */
bool bl_resume_crowd_open(struct bl_resume_crowd *crowd, struct bl_fleet_opts *opts);
/** Before the fleet ends. */
void bl_resume_crowd_close(struct bl_resume_crowd *crowd);
/** In every frame of the fleet. */
void bl_resume_crowd_work(struct bl_resume_crowd *crowd, struct bl_fleet *fleet);

#endif
