/*
 * Design notes.
 *
 * The phase moves towards a goal and stops there, so that a correction ends by itself when nothing
 * more is heard. A sample only sets a new goal.
 *
 * The path (the margin of an input at phase 0) is smoothed, and samples that are far beside it are
 * kept apart: some of them in a row on one side are a new path, taken at once and not counted as
 * jitter; a single one is neither.
 *
 * The server is known, but it may be wrong: whatever it says, all numbers stay finite and bounded.
 */
#include "client/pacer.h"

#include "common/assert.h"
#include "common/serial.h"
#include <belay/limits.h>
#include <math.h>

/* Who sleeps until bl_pacer_due() must get that tick, whatever the last bit of a double says. */
#define EARLY 1e-6 /* ticks */

#define MARGIN_MAX 128.0 /* ticks, either way: what the wire can say */

/* Of the path: 8 samples are 0.4 s. Slower, and a path that changes little by little is followed
 * late; faster, and jitter moves the ticks. */
#define PATH_GAIN (1.0 / 8)
/* Of the deviation, which is more of a property: it moves the target, and nobody likes that. */
#define DEVIATION_GAIN (1.0 / 16)
/* Of the loss, which comes smoothed over a second: 3 s, so that 5 % is told from 10 %. */
#define LOSS_GAIN (1.0 / 64)
/* What a deviation is taken for before anything is known: that of a good home network. */
#define DEVIATION_FIRST_S 0.004
#define SAMPLES_FIRST     2 /* that many samples weigh as much as that guess */

/* Farther from the path than so many deviations and ticks is beside it. Evenly spread jitter
 * reaches 2 deviations, a normal one has 1 in 60 beyond 3; the tick is for paths without any
 * jitter. */
#define BESIDE_DEVIATIONS 3.0
#define BESIDE_TICKS      1.0
/* So many in a row on one side are a new path: 0.2 s. Two late datagrams in a row are an ordinary
 * burst of jitter. */
#define BESIDE_MAX 4

/* The target: a tick of room for what the filters have not seen yet (dead band, drift, the way the
 * server's reading falls on its ticks), and what jitter and loss need. Of evenly spread jitter the
 * latest is 2 deviations later than the average. */
#define ROOM              1.0
#define TARGET_DEVIATIONS 2.0
/* An input is repeated with every tick, so each tick of margin more is one more datagram of which
 * one has to come: with this probability none of them does. */
#define STARVATION_SHARE 0.0005
#define LOSS_TICKS_MAX   8.0 /* half of the inputs of one datagram */

/* When ticks starve though the margin was what it should be, jitter has a long tail that averages
 * do not show: half a tick more each time, and it wears off by a tick in 20 s. */
#define CAUTION_STEP     0.5
#define CAUTION_MAX      4.0
#define CAUTION_WEAR_OFF (1.0 / 400) /* ticks per sample */

/* Corrections begin at an error of half a tick, since inputs come in whole ticks, and end well
 * inside of it, so that noise does not switch them on and off. */
#define BAND_BEGIN 0.5
#define BAND_END   0.1
/* An error is made good in so many seconds, as far as the speed allows. */
#define CORRECTION_S 0.5
/* A snap is seen by the player: it wants more than a first sample. */
#define SNAP_SAMPLES 3

static double ticks_in(const struct bl_pacer *pacer, bl_duration duration) {
    return (double)duration * pacer->hz / (double)BL_SECOND;
}

/** The phase at a time that is not before moved_at. */
static double phase_at(const struct bl_pacer *pacer, bl_time now) {
    double moved = pacer->speed * ticks_in(pacer, now - pacer->moved_at);
    return fabs(moved) < fabs(pacer->goal - pacer->phase) ? pacer->phase + moved : pacer->goal;
}

static void move_to(struct bl_pacer *pacer, bl_time now) {
    if (now > pacer->moved_at) {
        pacer->phase = phase_at(pacer, now);
        pacer->moved_at = now;
    }
}

/** In ticks since base, as of moved_at. */
static double position(const struct bl_pacer *pacer) {
    return ticks_in(pacer, pacer->moved_at - pacer->start) + pacer->phase;
}

static uint32_t newest_given(const struct bl_pacer *pacer) {
    return pacer->base + (uint32_t)pacer->next - 1;
}

static double target_now(const struct bl_pacer *pacer) {
    double loss_ticks = 0;
    if (pacer->loss > STARVATION_SHARE) {
        loss_ticks = fmin(log(STARVATION_SHARE) / log(fmin(pacer->loss, 0.99)) - 1, LOSS_TICKS_MAX);
    }
    return ROOM + TARGET_DEVIATIONS * pacer->deviation + loss_ticks + pacer->caution;
}

void bl_pacer_init(struct bl_pacer *pacer, uint16_t hz) {
    BELAY_ASSERT(hz > 0);
    *pacer = (struct bl_pacer){.hz = hz, .deviation = DEVIATION_FIRST_S * hz};
    for (uint32_t i = 0; i < BL_PACER_PHASES; i++) {
        pacer->given[i].tick = i + 1; /* a tick that is not kept there: nothing was given out */
    }
    pacer->target = target_now(pacer);
}

void bl_pacer_begin(struct bl_pacer *pacer, bl_time now, uint32_t arrival, double fraction) {
    int64_t oldest = INT64_MIN;
    if (pacer->running) {
        oldest = (int64_t)bl_serial_distance(newest_given(pacer), arrival) + 1;
    }
    pacer->running = true;
    pacer->correcting = false;
    pacer->start = now;
    pacer->moved_at = now;
    pacer->base = arrival;
    pacer->speed = 0;
    pacer->phase = fmax(0, fmin(fraction, 1)) + pacer->target;
    pacer->goal = pacer->phase;
    pacer->next = (int64_t)ceil(pacer->phase);
    if (pacer->next < oldest) {
        pacer->next = oldest;
    }
    /* What is under way was sent on another path. */
    pacer->sample_count = 0;
    pacer->newest_sample = newest_given(pacer);
    pacer->outside = 0;
}

/** Ticks at once: as many as the server runs. */
static int64_t catch_up(const struct bl_pacer *pacer) {
    int64_t quarter = pacer->hz / 4;
    if (quarter < 1) {
        return 1;
    }
    return quarter < BELAY_CATCH_UP_MAX ? quarter : BELAY_CATCH_UP_MAX;
}

bool bl_pacer_next(struct bl_pacer *pacer, bl_time now, uint32_t *tick) {
    if (!pacer->running) {
        return false;
    }
    move_to(pacer, now);
    int64_t due = (int64_t)floor(position(pacer) + EARLY);
    if (due < pacer->next) {
        return false;
    }
    int64_t oldest = due - catch_up(pacer) + 1;
    if (pacer->next < oldest) {
        pacer->next = oldest;
    }
    *tick = pacer->base + (uint32_t)pacer->next;
    pacer->next++;
    pacer->given[*tick % BL_PACER_PHASES].tick = *tick;
    pacer->given[*tick % BL_PACER_PHASES].phase = pacer->phase;
    return true;
}

bl_time bl_pacer_due(const struct bl_pacer *pacer) {
    if (!pacer->running) {
        return BL_TIME_NEVER;
    }
    double missing = (double)pacer->next - position(pacer);
    if (missing <= 0) {
        return pacer->moved_at;
    }
    double correction = pacer->goal - pacer->phase;
    double ticks = missing / (1 + pacer->speed); /* of the local clock */
    if (fabs(ticks * pacer->speed) > fabs(correction)) {
        ticks = missing - correction;
    }
    return pacer->moved_at + (bl_duration)ceil(ticks * (double)BL_SECOND / pacer->hz);
}

static double phase_given(const struct bl_pacer *pacer, uint32_t tick) {
    return pacer->given[tick % BL_PACER_PHASES].phase;
}

static bool is_news(const struct bl_pacer *pacer, uint32_t tick) {
    int32_t age = bl_serial_distance(newest_given(pacer), tick);
    return pacer->running && bl_serial_after(tick, pacer->newest_sample) && age >= 0 &&
           age < BL_PACER_PHASES && pacer->given[tick % BL_PACER_PHASES].tick == tick;
}

/** At first the average of all, then the newest weigh more. */
static double gain_of(double gain, uint32_t count) {
    return fmax(gain, 1.0 / count);
}

/** Counts samples in a row beside the path, until they are the path. */
static void learn_outside(struct bl_pacer *pacer, double path, double error) {
    bool above = error > 0;
    if (pacer->outside == 0 || above != (pacer->outside > 0)) {
        pacer->outside = 0;
        pacer->outside_sum = 0;
    }
    pacer->outside += above ? 1 : -1;
    pacer->outside_sum += path;
    if (pacer->outside == BESIDE_MAX || pacer->outside == -BESIDE_MAX) {
        pacer->path = pacer->outside_sum / BESIDE_MAX;
        pacer->outside = 0;
    }
}

static void learn_path(struct bl_pacer *pacer, double path) {
    uint32_t count = pacer->sample_count;
    double error = path - pacer->path;
    double beside = BESIDE_DEVIATIONS * pacer->deviation + BESIDE_TICKS;
    if (count == 1) {
        pacer->path = path;
        return;
    }
    if (fabs(error) > beside) {
        learn_outside(pacer, path, error);
        return;
    }
    if (pacer->outside != 0) {
        pacer->outside = 0;
        pacer->deviation += (beside - pacer->deviation) * DEVIATION_GAIN;
    }
    pacer->path += error * gain_of(PATH_GAIN, count);
    pacer->deviation +=
        (fabs(error) - pacer->deviation) * gain_of(DEVIATION_GAIN, count + SAMPLES_FIRST);
}

static void learn_loss(struct bl_pacer *pacer, const struct bl_margin_sample *sample) {
    double loss = fmax(0, fmin(sample->loss, 1));
    pacer->loss += (loss - pacer->loss) * LOSS_GAIN;
    pacer->caution = fmax(pacer->caution - CAUTION_WEAR_OFF, 0);
    double margin = pacer->path + phase_given(pacer, sample->tick);
    if (sample->starved > 0 && margin > pacer->target - ROOM) {
        pacer->caution = fmin(pacer->caution + CAUTION_STEP, CAUTION_MAX);
    }
}

/** Forward, ticks are left out; backward, none comes until it is time for it. */
static void snap(struct bl_pacer *pacer, double error) {
    pacer->phase += error;
    pacer->goal = pacer->phase;
    pacer->speed = 0;
    pacer->correcting = false;
    int64_t next = (int64_t)ceil(position(pacer));
    if (pacer->next < next) {
        pacer->next = next;
    }
}

static void steer(struct bl_pacer *pacer) {
    double error = pacer->target - bl_pacer_margin(pacer);
    if (fabs(error) > BL_PACER_SNAP && pacer->sample_count >= SNAP_SAMPLES) {
        snap(pacer, error);
        return;
    }
    pacer->correcting = fabs(error) > (pacer->correcting ? BAND_END : BAND_BEGIN);
    double speed = pacer->correcting ? error / (pacer->hz * CORRECTION_S) : 0;
    pacer->speed = fmax(-BL_PACER_SPEED_MAX, fmin(speed, BL_PACER_SPEED_MAX));
    pacer->goal = pacer->correcting ? pacer->phase + error : pacer->phase;
}

void bl_pacer_hear(struct bl_pacer *pacer, bl_time now, const struct bl_margin_sample *sample) {
    if (!is_news(pacer, sample->tick)) {
        return;
    }
    move_to(pacer, now);
    pacer->newest_sample = sample->tick;
    pacer->sample_count += pacer->sample_count < UINT16_MAX; /* more make no difference */
    double margin = fmax(-MARGIN_MAX, fmin(sample->margin, MARGIN_MAX));
    learn_path(pacer, margin - phase_given(pacer, sample->tick));
    learn_loss(pacer, sample);
    pacer->target = target_now(pacer);
    steer(pacer);
}

double bl_pacer_margin(const struct bl_pacer *pacer) {
    return pacer->sample_count > 0 ? pacer->path + pacer->phase : pacer->target;
}
