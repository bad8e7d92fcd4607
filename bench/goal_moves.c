/*
 * moves: what movement costs the server, and how many ticks get their input.
 *
 * "cost" is the filter alone: as many of them as a full server has, and the inputs of a tick for
 * one after the other, so that each one's memory has been displaced by the others' meanwhile. The
 * others are whole sessions over the simulated network, each case a loss.
 */
#define _GNU_SOURCE
#include "bench/goal.h"
#include "bench/move_load.h"
#include "server/move_filter.h"

#include <belay/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SESSIONS   256
#define HZ         60
#define REDUNDANCY 8
#define SECONDS    10  /* of a round */
#define ROUNDS_MAX 45  /* an odd number: one is the median */
#define LOST       20  /* one in so many datagrams */
#define INPUTS     256 /* different ones */

struct filters {
    struct belay_move_opts opts;
    struct bl_move_filter *filters[SESSIONS];
    struct bl_tick_time now;
    uint8_t inputs[INPUTS][BELAY_MOVE_SIZE_MAX];
    uint64_t input_count;
    double take_ns, use_ns; /* all of a round */
};

struct cost {
    double take_ns, use_ns; /* of one */
};

static double cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void close_filters(struct filters *all) {
    for (uint32_t i = 0; i < SESSIONS; i++) {
        free(all->filters[i]);
    }
}

static bool open_filters(struct filters *all, uint16_t size) {
    *all = (struct filters){.opts = {.size = size,
                                     .tick_hz = HZ,
                                     .lanes = 1,
                                     .hold_ticks = BELAY_HOLD_TICKS_DEFAULT,
                                     .future_max = BELAY_FUTURE_DEFAULT,
                                     .burst_ticks = BELAY_BURST_DEFAULT},
                            .now = {.catch_up = HZ / 4}};
    for (uint32_t i = 0; i < INPUTS; i++) {
        memset(all->inputs[i], (int)i, size);
    }
    for (uint32_t i = 0; i < SESSIONS; i++) {
        all->filters[i] = calloc(1, bl_move_filter_size(&all->opts));
        if (all->filters[i] == NULL) {
            close_filters(all);
            return false;
        }
        bl_move_filter_init(all->filters[i], &all->opts, &all->now);
    }
    return true;
}

/** One datagram: the oldest input comes first. */
static void take_datagram(struct filters *all, uint32_t session) {
    uint32_t newest = all->now.due + 2 + session % REDUNDANCY;
    for (uint32_t age = REDUNDANCY; age-- > 0;) {
        const struct bl_move_input input = {
            .tick = newest - age,
            .data = all->inputs[(newest - age + session) % INPUTS],
            .repeated = age > 0,
        };
        bl_move_filter_take(all->filters[session], &all->now, &input);
    }
    all->input_count += REDUNDANCY;
}

static void run_tick(struct filters *all) {
    struct belay_move move;
    double begin = cpu_ns();
    for (uint32_t i = 0; i < SESSIONS; i++) {
        if ((i * 7 + all->now.due) % LOST != 0) {
            take_datagram(all, i);
        }
    }
    double taken = cpu_ns();
    all->now.due++;
    all->now.ran++;
    for (uint32_t i = 0; i < SESSIONS; i++) {
        bl_move_filter_use(all->filters[i], &all->now, all->now.ran, NULL, &move);
    }
    all->take_ns += taken - begin;
    all->use_ns += cpu_ns() - taken;
}

static struct cost run_round(struct filters *all) {
    all->input_count = 0;
    all->take_ns = all->use_ns = 0;
    for (int i = 0; i < SECONDS * HZ; i++) {
        run_tick(all);
    }
    return (struct cost){.take_ns = all->take_ns / (double)all->input_count,
                         .use_ns = all->use_ns / (SECONDS * HZ * SESSIONS)};
}

static int compare(const void *a, const void *b) {
    const struct cost *left = a, *right = b;
    return (left->take_ns > right->take_ns) - (left->take_ns < right->take_ns);
}

/** In percent of all that came. */
static double share_of(const struct filters *all, enum belay_move_verdict verdict) {
    uint64_t count = 0, sum = 0;
    for (uint32_t i = 0; i < SESSIONS; i++) {
        const struct bl_move_counts *counts = bl_move_filter_counts(all->filters[i]);
        count += counts->verdicts[verdict];
        for (int j = 0; j < BELAY_MOVE_VERDICT_COUNT; j++) {
            sum += counts->verdicts[j];
        }
    }
    return 100 * (double)count / (double)sum;
}

static void measure_cost(struct bl_goal_run *run, uint16_t size) {
    static struct filters all;
    struct cost rounds[ROUNDS_MAX];
    int count = run->longer ? ROUNDS_MAX : ROUNDS_MAX / 3;
    char what[16];
    snprintf(what, sizeof what, "cost/%u", size);
    if (!open_filters(&all, size)) {
        bl_goal_fail(run, what);
        return;
    }
    run_round(&all); /* warms up */
    for (int i = 0; i < count; i++) {
        bl_goal_progress("moves: %s, round %d of %d ...", what, i + 1, count);
        rounds[i] = run_round(&all);
    }
    qsort(rounds, (size_t)count, sizeof *rounds, compare);
    const struct cost *median = &rounds[count / 2];
    bl_goal_progress("%s", "");
    printf("moves: inputs of %u bytes, %d filters: %.1f ns each (median of %d; %.1f to %.1f), "
           "%.1f ns to use one; %.0f %% accepted, %.0f %% duplicate, %.0f %% stale\n",
           size, SESSIONS, median->take_ns, count, rounds[0].take_ns, rounds[count - 1].take_ns,
           median->use_ns, share_of(&all, BELAY_MOVE_ACCEPTED),
           share_of(&all, BELAY_MOVE_DUPLICATE), share_of(&all, BELAY_MOVE_STALE));
    close_filters(&all);
    bl_goal_tell(run, &(struct bl_figure){.what = what,
                                          .value = median->take_ns,
                                          .unit = "ns",
                                          .bar_kind = BL_BAR_AT_MOST,
                                          .bar = 100});
}

static const struct loss_case {
    const char *name;
    unsigned loss_percent;
    double bar; /* percent of ticks used as sent */
} cases[] = {{"0%", 0, 99.9}, {"5%", 5, 99.9}, {"20%", 20, 99}};

static void tell_case(struct bl_goal_run *run, const struct loss_case *it,
                      const struct bl_move_tally *tally) {
    const struct bl_figure figures[] = {
        {"used", 100 * (double)tally->used / (double)tally->ticks, "%", BL_BAR_AT_LEAST, it->bar},
        {"wrong", (double)tally->wrong, "ticks", BL_BAR_AT_MOST, 0},
        {"margin", tally->margin / run->seed_count, "ticks", BL_BAR_NONE, 0},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        char what[32];
        struct bl_figure figure = figures[i];
        snprintf(what, sizeof what, "%s/%s", it->name, figures[i].what);
        figure.what = what;
        bl_goal_tell(run, &figure);
    }
}

static void measure_case(struct bl_goal_run *run, const struct loss_case *it) {
    struct bl_move_load load = {
        .link = BELAY_LINK_INIT, .sessions = SESSIONS, .settle_ms = 3000, .play_ms = 20000};
    struct bl_move_tally tally = {0};
    load.link.loss = (float)it->loss_percent / 100;
    load.link.delay_ms = 40;
    load.link.jitter_ms = 20;
    for (uint32_t i = 0; i < run->seed_count; i++) {
        bl_goal_progress("moves %s: seed %u of %u ...", it->name, i + 1, run->seed_count);
        if (!bl_move_load_run(&load, run->seed + i, &tally)) {
            bl_goal_fail(run, it->name);
            return;
        }
    }
    bl_goal_progress("%s", "");
    printf("moves: %3u %% loss, 40 to 60 ms each way: %llu ticks of %d sessions, %llu without "
           "their input, %llu inputs refused\n",
           it->loss_percent, (unsigned long long)tally.ticks, SESSIONS,
           (unsigned long long)(tally.ticks - tally.used), (unsigned long long)tally.refused);
    tell_case(run, it, &tally);
}

void bl_goal_moves(struct bl_goal_run *run) {
    run->seed_count = run->longer ? 10 : 3;
    bl_calibrate();
    if (bl_goal_wants(run, "cost")) {
        measure_cost(run, 8);
        measure_cost(run, 48);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (bl_goal_wants(run, cases[i].name)) {
            measure_case(run, &cases[i]);
        }
    }
}
