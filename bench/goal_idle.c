/*
 * idle: what a server pays for sessions that say nothing: CPU and datagrams, beside stock ENet with
 * as many idle peers on its own sockets.
 *
 * The two run in turn, and the medians are compared, so that a machine that slows down meanwhile
 * slows both.
 */
#define _GNU_SOURCE
#include "bench/crowd.h"
#include "bench/goal.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SESSIONS  1000
#define ROUNDS    3
#define SETTLE_MS 3000

/** Of one round, per session and second. */
struct cost {
    double cpu_us, datagrams;
};

static struct cost cost_of(uint64_t cpu_ns, uint64_t datagrams, uint32_t measure_ms) {
    double session_seconds = SESSIONS * (double)measure_ms / 1000;
    return (struct cost){(double)cpu_ns / 1000 / session_seconds,
                         (double)datagrams / session_seconds};
}

static bool measure_ours(struct cost *cost, uint32_t measure_ms) {
    const struct bl_crowd_opts opts = {
        .sessions = SESSIONS, .settle_ms = SETTLE_MS, .measure_ms = measure_ms};
    struct bl_crowd_figures figures;
    if (!bl_crowd_run(&opts, &figures)) {
        return false;
    }
    *cost = cost_of(figures.cpu_ns, figures.datagrams, measure_ms);
    return true;
}

static bool measure_raw(const struct bl_goal_run *run, struct cost *cost, uint32_t measure_ms) {
    char command[1024];
    unsigned long long cpu_ns = 0, datagrams = 0;
    fflush(stdout);
    snprintf(command, sizeof command, "'%sraw-idle' %d %d %d %u", run->folder, SESSIONS,
             BL_CROWD_WAIT_MS, SETTLE_MS, measure_ms);
    FILE *baseline = popen(command, "r");
    bool read = baseline != NULL && fscanf(baseline, "%llu %llu", &cpu_ns, &datagrams) == 2;
    bool fine = baseline != NULL && pclose(baseline) == 0 && read;
    *cost = cost_of(cpu_ns, datagrams, measure_ms);
    return fine;
}

static bool has_baseline(const struct bl_goal_run *run) {
    char path[1024];
    snprintf(path, sizeof path, "%sraw-idle", run->folder);
    return access(path, X_OK) == 0;
}

static int compare(const void *a, const void *b) {
    const struct cost *left = a, *right = b;
    return (left->cpu_us > right->cpu_us) - (left->cpu_us < right->cpu_us);
}

static const struct cost *print_median(const char *who, struct cost *costs) {
    qsort(costs, ROUNDS, sizeof *costs, compare);
    bl_goal_progress("%s", "");
    printf("idle %-9s %.2f us of server CPU and %.2f datagrams per session and second (median of "
           "%d; CPU %.2f to %.2f)\n",
           who, costs[ROUNDS / 2].cpu_us, costs[ROUNDS / 2].datagrams, ROUNDS, costs[0].cpu_us,
           costs[ROUNDS - 1].cpu_us);
    return &costs[ROUNDS / 2];
}

static void tell(struct bl_goal_run *run, const char *what, double value, const char *unit) {
    bl_goal_tell(run, &(struct bl_figure){.what = what, .value = value, .unit = unit});
}

void bl_goal_idle(struct bl_goal_run *run) {
    struct cost ours[ROUNDS], raw[ROUNDS];
    uint32_t measure_ms = run->longer ? 60000 : 10000;
    bool with_raw = has_baseline(run);
    bl_calibrate();
    for (int i = 0; i < ROUNDS; i++) {
        bl_goal_progress("idle: round %d of %d ...", i + 1, ROUNDS);
        if (!measure_ours(&ours[i], measure_ms)) {
            bl_goal_fail(run, "cpu");
            return;
        }
        if (with_raw && !measure_raw(run, &raw[i], measure_ms)) {
            bl_goal_fail(run, "baseline");
            return;
        }
    }
    const struct cost *our_cost = print_median("Belay", ours);
    tell(run, "cpu", our_cost->cpu_us, "us-per-session-second");
    tell(run, "datagrams", our_cost->datagrams, "per-session-second");
    if (!with_raw) {
        printf("idle: no stock ENet here to compare with (libenet-dev when Belay was built)\n");
        return;
    }
    const struct cost *raw_cost = print_median("raw ENet", raw);
    tell(run, "cpu-ratio", our_cost->cpu_us / raw_cost->cpu_us, "x-raw-ENet");
    tell(run, "datagram-ratio", our_cost->datagrams / raw_cost->datagrams, "x-raw-ENet");
}
