/* simspeed: how much simulated time of sessions a second buys; what all tests in virtual time live
 * on. */
#define _GNU_SOURCE
#include "bench/goal.h"
#include "bench/load.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 3

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct speed {
    double wall, cpu; /* session-seconds per second of each */
};

static bool run_round(uint64_t seed, uint32_t duration_ms, struct bl_ledger *ledger,
                      struct speed *speed) {
    const struct belay_link link = bl_load_link(0);
    const struct bl_fleet_opts opts = bl_load_opts(seed, &link, ledger);
    struct bl_fleet fleet;
    bl_ledger_open(ledger, 0);
    if (!bl_fleet_start(&fleet, &opts)) {
        return false;
    }
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    while (fleet.now_ms < duration_ms) {
        bl_fleet_tick(&fleet);
    }
    double simulated = BL_LOAD_CLIENTS * (double)duration_ms / 1000;
    speed->wall = simulated / (seconds(CLOCK_MONOTONIC) - wall);
    speed->cpu = simulated / (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    bool whole = fleet.open_count == BL_LOAD_CLIENTS && fleet.closed_count == 0;
    bl_fleet_finish(&fleet);
    return whole;
}

static int compare(const void *a, const void *b) {
    const struct speed *left = a, *right = b;
    return (left->wall > right->wall) - (left->wall < right->wall);
}

void bl_goal_simspeed(struct bl_goal_run *run) {
    struct speed speeds[ROUNDS];
    uint32_t duration_ms = run->longer ? 600000 : 120000;
    struct bl_ledger *ledger = calloc(1, sizeof *ledger);
    bool ran = ledger != NULL;
    run->seed_count = 1;
    bl_calibrate();
    for (int i = 0; ran && i < ROUNDS; i++) {
        bl_goal_progress("simspeed: round %d of %d ...", i + 1, ROUNDS);
        ran = run_round(run->seed, duration_ms, ledger, &speeds[i]);
    }
    free(ledger);
    if (!ran) {
        bl_goal_fail(run, "sessions");
        return;
    }
    qsort(speeds, ROUNDS, sizeof *speeds, compare);
    bl_goal_progress("%s", "");
    printf("simspeed: %d sessions, %d messages a second each: %.0f to %.0f session-seconds per "
           "wall second, median of %d %.0f (%.0f per CPU second)\n",
           BL_LOAD_CLIENTS, 1000 / BL_LOAD_INTERVAL_MS, speeds[0].wall, speeds[ROUNDS - 1].wall,
           ROUNDS, speeds[ROUNDS / 2].wall, speeds[ROUNDS / 2].cpu);
    bl_goal_tell(run, &(struct bl_figure){.what = "sessions",
                                          .value = speeds[ROUNDS / 2].wall,
                                          .unit = "session-seconds-per-second"});
}
