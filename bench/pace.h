/*
 * A player's ticks in a closed loop, in virtual time: the client's pacer and its history of inputs,
 * a line of delay, jitter and loss, the server's tick clock and filter, and a line back.
 */
#ifndef BL_BENCH_PACE_H
#define BL_BENCH_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define BL_PACE_SETTLING_MS 3000 /* in that time margins come to their target */

/** A network, two clocks, and how often each side looks at its own. */
struct bl_pace_plan {
    uint64_t seed; /* of jitter and losses */
    uint16_t hz;
    uint32_t rtt_ms, jitter_ms; /* a datagram takes half of it, and evenly 0 to jitter longer */
    int32_t drift_ppm;          /* by so much the client's clock is faster */
    int32_t step_ms;            /* by so much one way's delay changes */
    uint32_t step_at_ms;
    bool step_back;           /* on the way to the client, not to the server */
    uint32_t loss_percent;    /* of datagrams, each way */
    uint32_t client_frame_ms; /* the client looks once in so many */
    bool server_frames;       /* the server looks once in a tick, not each millisecond */
    uint32_t length_ms;
};

/** How it stands when the server has run a tick. */
struct bl_pace_point {
    double time; /* seconds */
    double phase, speed, target;
    double margin;   /* of the newest input that came in its own datagram */
    double expected; /* the client's idea of it */
    double smoothed; /* as struct bl_pace_part means it */
    bool starved;    /* the tick was run without its input */
};

/**
 * What came of the time before the step, or of the time after it.
 *
 * Margins are smoothed as the server smooths them, over 8 inputs. Jitter alone would still move
 * that by half a tick; so what each datagram was later or earlier than the average is taken out
 * before, and what is left is what the pacer answers for.
 */
struct bl_pace_part {
    uint32_t ticks, starved; /* after BL_PACE_SETTLING_MS */
    double off_max;          /* by how much the smoothed margin was beside its target then */
    double settled;          /* seconds until it was within a tick of it for good */
};

struct bl_pace_result {
    struct bl_pace_part before, after;
    double target_mean; /* ticks */
};

/** What a seed stands for: 60 Hz and no loss; everything else is drawn. */
struct bl_pace_plan bl_pace_plan_of(uint64_t seed);

typedef void (*bl_pace_see)(void *user, const struct bl_pace_point *point);
/** @param see  is told of every tick; may be NULL */
struct bl_pace_result bl_pace_run(const struct bl_pace_plan *plan, bl_pace_see see, void *user);

#endif
