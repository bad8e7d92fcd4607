/*
 * Design notes.
 *
 * The phase moves towards a goal and stops there, so a correction ends by itself when nothing more
 * is heard. A sample only sets a new goal.
 *
 * The path (the margin of an input at phase 0) is smoothed slowly, since jitter must not move the
 * ticks. What would make that late, a network that is another one all at once, is looked for on its
 * own: it is taken at once, and is not counted as jitter.
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

/* Of the path: 64 samples are 3 s. Clocks that differ by 200 ppm are followed to 0.04 ticks, and
 * jitter of 60 ms moves the ticks by 2 ms; steps are found by learn_step(). */
#define PATH_GAIN (1.0 / 64)
/* Of the deviation, as slow: it moves the target. */
#define DEVIATION_GAIN (1.0 / 64)
/* Of the loss, which comes smoothed over a second: 3 s, so that 5 % is told from 10 %. */
#define LOSS_GAIN (1.0 / 64)
/* What a deviation is taken for before anything is known: that of a good home network. */
#define DEVIATION_FIRST_S 0.004
#define SAMPLES_FIRST     2    /* that many samples weigh as much as that guess */
#define SAMPLES_MANY      1000 /* more make no difference, and need not be counted */

/* A sample farther from the path than so many deviations and ticks counts as one that is as far: a
 * single outlier teaches little. The tick is for paths without any jitter. */
#define BESIDE_DEVIATIONS 3.0
#define BESIDE_TICKS      1.0
/* A run (see learn_step()) wears off by so much with each sample: jitter alone is beside its path
 * by a deviation on average, half of the time on the other side. */
#define SLACK_DEVIATIONS 1.0
#define SLACK_TICKS      0.25 /* the server may read in steps of its ticks */
/* And it is a step when it adds up to so much: 100 ms at 60 Hz take 2 to 4 samples. Jitter of 60 ms
 * gets there once in minutes, which moves the path by less than a tick. */
#define STEP_DEVIATIONS 4.0
#define STEP_TICKS      1.0
#define STEP_SAMPLES    8 /* before, nobody knows what is jitter */

/* The target: a tick of room for what the filters have not seen yet (dead band, drift, the way the
 * server's reading falls on its ticks), and what jitter and loss need. Inputs that overtake others
 * are those that are heard of, so the average is early: of evenly spread jitter the latest is up to
 * 4 deviations later than that. Repeats make good the rest. */
#define ROOM              1.0
#define TARGET_DEVIATIONS 3.5
/* An input is repeated with every tick, so each tick of margin more is one more datagram of which
 * one has to come: with this probability none of them does. */
#define STARVATION_SHARE 0.0005
#define LOSS_TICKS_MAX   8.0  /* half of the inputs of one datagram */
#define LOSS_MAX         0.99 /* whose logarithm is not 0 */

/* When ticks starve though the margin was what it should be, jitter has a long tail that averages
 * do not show: a quarter of a tick more each time, and it wears off by a tick in 20 s. */
#define CAUTION_STEP     0.25
#define CAUTION_MAX      4.0
#define CAUTION_WEAR_OFF (1.0 / 400) /* ticks per sample */

/* Corrections begin at a quarter of a tick, which nobody feels, and end well inside of it, so that
 * noise does not switch them on and off. */
#define BAND_BEGIN 0.25
#define BAND_END   0.05
/* An error is made good in so many seconds, as far as the speed allows. A correction stops at its
 * goal, and no other is made for what is in flight: so it needs no slower end. */
#define CORRECTION_S 0.25
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
        loss_ticks =
            fmin(log(STARVATION_SHARE) / log(fmin(pacer->loss, LOSS_MAX)) - 1, LOSS_TICKS_MAX);
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
    pacer->path_count = 0;
    pacer->newest_sample = newest_given(pacer);
    pacer->run.count = 0;
    pacer->starved = false;
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

static void begin_run(struct bl_pacer *pacer, bool above) {
    pacer->run = (struct bl_pacer_run){.above = above, .deviation = pacer->deviation};
}

/**
 * Page's CUSUM ("Continuous inspection schemes", Biometrika 41, 1954): adds up what the samples of
 * a run are beside the path, less what jitter explains. While the path is the same that falls back
 * to nothing; otherwise the run's samples are the new path.
 *
 * @return true when there is a new path, which was taken
 */
static bool learn_step(struct bl_pacer *pacer, double path, double error) {
    struct bl_pacer_run *run = &pacer->run;
    if (run->count == 0) {
        begin_run(pacer, error > 0);
    }
    double slack = SLACK_DEVIATIONS * run->deviation + SLACK_TICKS;
    run->sum += (run->above ? error : -error) - slack;
    if (run->sum <= 0) {
        run->count = 0;
        return false;
    }
    run->count++;
    run->path_sum += path;
    double limit = STEP_DEVIATIONS * run->deviation + STEP_TICKS;
    if (run->sum < limit || pacer->sample_count < STEP_SAMPLES) {
        return false;
    }
    pacer->path = run->path_sum / run->count;
    pacer->path_count = run->count;
    pacer->deviation = run->deviation;
    run->count = 0;
    pacer->starved = false;
    return true;
}

static void learn_path(struct bl_pacer *pacer, double path) {
    pacer->path_count += pacer->path_count < SAMPLES_MANY;
    if (pacer->path_count == 1) {
        pacer->path = path;
        return;
    }
    double beside = BESIDE_DEVIATIONS * pacer->deviation + BESIDE_TICKS;
    double error = fmax(-beside, fmin(path - pacer->path, beside));
    if (!learn_step(pacer, path, error)) {
        pacer->path += error * gain_of(PATH_GAIN, pacer->path_count);
        pacer->deviation += (fabs(error) - pacer->deviation) *
                            gain_of(DEVIATION_GAIN, pacer->sample_count + SAMPLES_FIRST);
    }
}

static void learn_loss(struct bl_pacer *pacer, double loss) {
    pacer->loss += (fmax(0, fmin(loss, 1)) - pacer->loss) * LOSS_GAIN;
}

/** Starved ticks are no reason for more margin where the margin was not even what it should be, nor
 * when the network has become another one, which is known at the end of a run. */
static void learn_starvation(struct bl_pacer *pacer, const struct bl_margin_sample *sample) {
    pacer->caution = fmax(pacer->caution - CAUTION_WEAR_OFF, 0);
    pacer->starved = pacer->starved || sample->starved > 0;
    if (pacer->run.count > 0) {
        return;
    }
    if (pacer->starved && pacer->on_target) {
        pacer->caution = fmin(pacer->caution + CAUTION_STEP, CAUTION_MAX);
    }
    pacer->starved = false;
    pacer->on_target = pacer->path + phase_given(pacer, sample->tick) > pacer->target - ROOM;
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
    pacer->sample_count += pacer->sample_count < SAMPLES_MANY;
    double margin = fmax(-MARGIN_MAX, fmin(sample->margin, MARGIN_MAX));
    learn_path(pacer, margin - phase_given(pacer, sample->tick));
    learn_loss(pacer, sample->loss);
    learn_starvation(pacer, sample);
    pacer->target = target_now(pacer);
    steer(pacer);
}

double bl_pacer_margin(const struct bl_pacer *pacer) {
    return pacer->sample_count > 0 ? pacer->path + pacer->phase : pacer->target;
}
