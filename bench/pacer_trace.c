/* A closed loop of bench/pace.h as CSV, one line for each tick of the server: what tools/draw-pacer
 * draws, and what shows why a seed fails. What is not asked for is as the seed has it. */
#include "bench/pace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: pacer-trace --seed N [--rtt MS] [--jitter MS] [--drift PPM] [--step MS]\n"
    "                   [--loss PERCENT] [--hz N] [--back 0|1] [--client-frame MS]\n"
    "                   [--server-frames 0|1]\n";

/** The largest keep delays short enough for what the client remembers of its ticks. */
static const struct option {
    const char *name;
    long min, max;
} options[] = {
    {"--seed", 0, 1000000000}, {"--rtt", 0, 500},     {"--jitter", 0, 100},
    {"--drift", -1000, 1000},  {"--step", -200, 200}, {"--loss", 0, 90},
    {"--hz", 20, 240},         {"--back", 0, 1},      {"--client-frame", 1, 100},
    {"--server-frames", 0, 1},
};
enum { SEED, RTT, JITTER, DRIFT, STEP, LOSS, HZ, BACK, CLIENT_FRAME, SERVER_FRAMES, OPTION_COUNT };

static bool read_options(int argc, char **argv, long values[OPTION_COUNT],
                         bool given[OPTION_COUNT]) {
    for (int i = 1; i < argc; i += 2) {
        int option = 0;
        while (option < OPTION_COUNT && strcmp(argv[i], options[option].name) != 0) {
            option++;
        }
        char *end = NULL;
        if (option == OPTION_COUNT || i + 1 == argc) {
            return false;
        }
        values[option] = strtol(argv[i + 1], &end, 10);
        given[option] = true;
        if (end == argv[i + 1] || *end != '\0' || values[option] < options[option].min ||
            values[option] > options[option].max) {
            return false;
        }
    }
    return given[SEED];
}

static void print_point(void *user, const struct bl_pace_point *point) {
    (void)user;
    printf("%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.4f,%d\n", point->time, point->phase, point->margin,
           point->smoothed, point->expected, point->target, point->speed, point->starved);
}

int main(int argc, char **argv) {
    long values[OPTION_COUNT] = {0};
    bool given[OPTION_COUNT] = {false};
    if (!read_options(argc, argv, values, given)) {
        fputs(usage, stderr);
        return 2;
    }
    struct bl_pace_plan plan = bl_pace_plan_of((uint64_t)values[SEED]);
    plan.rtt_ms = given[RTT] ? (uint32_t)values[RTT] : plan.rtt_ms;
    plan.jitter_ms = given[JITTER] ? (uint32_t)values[JITTER] : plan.jitter_ms;
    plan.drift_ppm = given[DRIFT] ? (int32_t)values[DRIFT] : plan.drift_ppm;
    plan.step_ms = given[STEP] ? (int32_t)values[STEP] : plan.step_ms;
    plan.loss_percent = given[LOSS] ? (uint32_t)values[LOSS] : plan.loss_percent;
    plan.hz = given[HZ] ? (uint16_t)values[HZ] : plan.hz;
    plan.step_back = given[BACK] ? values[BACK] != 0 : plan.step_back;
    plan.client_frame_ms =
        given[CLIENT_FRAME] ? (uint32_t)values[CLIENT_FRAME] : plan.client_frame_ms;
    plan.server_frames = given[SERVER_FRAMES] ? values[SERVER_FRAMES] != 0 : plan.server_frames;
    puts("time,phase,margin,smoothed,expected,target,speed,starved");
    bl_pace_run(&plan, print_point, NULL);
    return 0;
}
