/*
 * The client's ticks: as fast as the server's, and so far ahead of them that each input comes just
 * in time.
 *
 * The pacer's phase is how far its ticks are ahead of the local clock. A margin that the server
 * reports, less the phase at which that input was sent, does not depend on what was corrected
 * since: so corrections still in flight are subtracted by construction, and what is left is the
 * network and the two clocks. Pure: time is an argument.
 */
#ifndef BL_CLIENT_PACER_H
#define BL_CLIENT_PACER_H

#include "lib/clock/time.h"
#include <stdbool.h>
#include <stdint.h>

#define BL_PACER_SPEED_MAX 0.05 /* faster or slower by so much */
#define BL_PACER_SNAP      10.0 /* ticks: beyond that it jumps, or stands still */
#define BL_PACER_PHASES    256  /* ticks whose phase is remembered */

/** What the server has said of one input, in ticks. */
struct bl_margin_sample {
    uint32_t tick;
    double margin;    /* by how much it came before its tick was due */
    double loss;      /* of datagrams with inputs, 0 to 1 */
    uint32_t starved; /* ticks run without their input since the last sample */
};

/** Samples that are, on the whole, on one side of the path. */
struct bl_pacer_run {
    uint32_t count; /* 0: none */
    bool above;
    double sum;       /* of what they are beside it, beyond jitter */
    double path_sum;  /* of what they say */
    double deviation; /* as it was before them */
};

struct bl_pacer {
    uint16_t hz;
    bool running;
    bool correcting; /* the latch of the dead band */

    /* The ticks are at: base, what the local clock has made since start, and the phase. */
    bl_time start;
    uint32_t base;
    double phase;     /* as of moved_at */
    double goal;      /* where the phase is going, and stays */
    double speed;     /* towards the goal, -BL_PACER_SPEED_MAX to BL_PACER_SPEED_MAX */
    bl_time moved_at; /* the time it was last told */
    int64_t next;     /* to be given out, since base */
    struct {
        uint32_t tick;
        double phase;
    } given[BL_PACER_PHASES]; /* newest ticks given out */

    uint32_t sample_count, newest_sample;
    uint32_t path_count; /* samples of this path */
    double path;         /* smoothed: margin at phase 0 */
    double deviation;    /* of path, on average: the jitter */
    struct bl_pacer_run run;
    double loss;
    bool starved;   /* ticks have, and it is not known yet why */
    bool on_target; /* the sample before had, on average, the margin to have */
    double caution; /* ticks, for what no average shows */
    double target;  /* the margin to have, in ticks */
};

void bl_pacer_init(struct bl_pacer *pacer, uint16_t hz);
/** Begins, or begins anew: an input that is sent now will come when the server is at tick @p
 * arrival and a fraction. Ticks that were given out do not come again. */
void bl_pacer_begin(struct bl_pacer *pacer, bl_time now, uint32_t arrival, double fraction);
/** The next tick to sample an input for, if it is time; few at once after a stall. */
bool bl_pacer_next(struct bl_pacer *pacer, bl_time now, uint32_t *tick);
/** When the next tick will come, as things are. BL_TIME_NEVER before it has begun. */
bl_time bl_pacer_due(const struct bl_pacer *pacer);
/** One report. Rejected are those of ticks that were not given out lately, and of ones not newer
 * than the newest heard of. */
void bl_pacer_hear(struct bl_pacer *pacer, bl_time now, const struct bl_margin_sample *sample);
/** The margin that an input sent now is expected to have, in ticks. */
double bl_pacer_margin(const struct bl_pacer *pacer);

#endif
