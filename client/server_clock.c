/*
 * An alpha-beta filter: each sample corrects the offset by a share of the error, and the drift by a
 * much smaller one. The server is known, but it may be wrong: whatever it says, all numbers stay
 * finite and bounded.
 */
#include "client/server_clock.h"

#include "common/assert.h"
#include "common/serial.h"
#include <math.h>

#define TICKS_OF_U32 4294967296.0

/* 16 samples are 0.8 s: jitter of 60 ms then moves what is drawn by less than 10 ms. */
#define OFFSET_GAIN (1.0 / 16)
#define SHARE_GAIN  (1.0 / 16) /* of deviation and interval, likewise */
/* Quartz is off by up to 100 ppm on either side; the clamp doubles that. */
#define DRIFT_MAX 500e-6
/* Of the drift, which matters only where nothing is heard: 1 s of silence with 500 ppm too much is
 * wrong by 0.5 ms. So it may take minutes; a single late sample, or two that come at once, must
 * not count for much. */
#define DRIFT_GAIN (1.0 / 1024)
#define DRIFT_STEP 2e-6 /* by one sample, at most */
/* What a deviation is taken for before anything is known: that of a good home network. */
#define DEVIATION_FIRST_S 0.004
#define SAMPLES_FIRST     2    /* that many samples weigh as much as that guess */
#define SAMPLES_MANY      1000 /* more make no difference, and need not be counted */
#define INTERVAL_FIRST_S  0.05 /* a MOVE_ACK comes 20 times a second */

/* The server's newest tick was never due longer ago, since it leaves out what it cannot catch up
 * with. */
#define AGE_MAX BL_SECOND
/* Farther off than so many seconds is no jitter: the estimate and what is drawn jump. */
#define FAR_S 1.0
/* Behind the estimate by so many deviations, nearly all of what is to be drawn has come: evenly
 * spread jitter reaches 2, and 1 of 60 of a normal one is beyond 3. */
#define RENDER_DEVIATIONS 3.0
/* And by two intervals, so that a state that was lost is bridged by the next: as Source and Unity
 * have it. */
#define RENDER_INTERVALS 2.0

static double ticks_in(const struct bl_server_clock *clock, bl_duration duration) {
    return (double)duration * clock->hz / (double)BL_SECOND;
}

/** In ticks since base. */
static double estimate(const struct bl_server_clock *clock, bl_time now) {
    bl_duration since = now > clock->heard_at ? now - clock->heard_at : 0;
    return clock->offset + ticks_in(clock, since) * (1 + clock->drift);
}

/** At first the average of all, then the newest weigh more. */
static double gain_of(double gain, uint32_t count) {
    return fmax(gain, 1.0 / count);
}

/** From ticks since base to a tick of the server, at which it is from 0 to below 2^32. */
static double absolute(const struct bl_server_clock *clock, double ticks) {
    double tick = fmod(clock->base + ticks, TICKS_OF_U32);
    if (tick < 0) {
        tick += TICKS_OF_U32;
    }
    return tick < TICKS_OF_U32 ? tick : 0; /* a tiny negative one is rounded up to 2^32 */
}

void bl_server_clock_init(struct bl_server_clock *clock, uint16_t hz) {
    BELAY_ASSERT(hz > 0);
    *clock = (struct bl_server_clock){
        .hz = hz,
        .deviation = DEVIATION_FIRST_S * hz,
        .interval = INTERVAL_FIRST_S * hz,
    };
}

static void begin(struct bl_server_clock *clock, uint32_t tick, double age) {
    clock->base = tick;
    clock->newest = 0;
    clock->offset = age;
    clock->rendered = -FAR_S * clock->hz; /* nothing was drawn yet that it could go back from */
}

static void learn(struct bl_server_clock *clock, double sample, double error, double elapsed) {
    double far = FAR_S * clock->hz;
    if (fabs(error) > far) {
        clock->offset = sample;
        return;
    }
    clock->offset = sample - error * (1 - gain_of(OFFSET_GAIN, clock->sample_count));
    clock->deviation +=
        (fabs(error) - clock->deviation) * gain_of(SHARE_GAIN, clock->sample_count + SAMPLES_FIRST);
    if (elapsed > 0) {
        double step = DRIFT_GAIN * error / elapsed;
        clock->drift += fmax(-DRIFT_STEP, fmin(step, DRIFT_STEP));
        clock->drift = fmax(-DRIFT_MAX, fmin(clock->drift, DRIFT_MAX));
    }
}

void bl_server_clock_hear(struct bl_server_clock *clock, bl_time now, uint32_t tick,
                          bl_duration age) {
    age = age > 0 ? age : 0;
    age = age < AGE_MAX ? age : AGE_MAX;
    if (clock->sample_count == 0) {
        begin(clock, tick, ticks_in(clock, age));
    } else {
        int32_t ahead = bl_serial_distance(tick, clock->base + (uint32_t)clock->newest);
        if (ahead <= 0) {
            return;
        }
        double interval = fmin(ahead, FAR_S * clock->hz); /* a silence is not the rule */
        clock->interval += (interval - clock->interval) * SHARE_GAIN;
        clock->newest += ahead;
        double sample = (double)clock->newest + ticks_in(clock, age);
        learn(clock, sample, sample - estimate(clock, now), ticks_in(clock, now - clock->heard_at));
    }
    clock->heard_at = now;
    clock->sample_count += clock->sample_count < SAMPLES_MANY;
}

bool bl_server_clock_begun(const struct bl_server_clock *clock) {
    return clock->sample_count > 0;
}

double bl_server_clock_read(const struct bl_server_clock *clock, bl_time now) {
    return clock->sample_count > 0 ? absolute(clock, estimate(clock, now)) : 0;
}

void bl_server_clock_arrival(const struct bl_server_clock *clock, bl_time now,
                             bl_duration round_trip, uint32_t *tick, double *fraction) {
    double arrival = absolute(clock, estimate(clock, now) + ticks_in(clock, round_trip));
    *tick = (uint32_t)arrival;
    *fraction = arrival - floor(arrival);
}

double bl_server_clock_render(struct bl_server_clock *clock, bl_time now) {
    if (clock->sample_count == 0) {
        return 0;
    }
    double far = FAR_S * clock->hz;
    double delay =
        fmin(RENDER_INTERVALS * clock->interval + RENDER_DEVIATIONS * clock->deviation, far);
    double wanted = estimate(clock, now) - delay;
    if (wanted > clock->rendered || wanted < clock->rendered - far) {
        clock->rendered = wanted;
    }
    return absolute(clock, clock->rendered);
}
