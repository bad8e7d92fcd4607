/*
 * loss: what a lossy network does to sessions, order and latency.
 *
 * Each case is one loss rate, over several seeds. The baseline, unmodified ENet with the same load,
 * runs beside it in a process of its own.
 */
#define _GNU_SOURCE
#include "bench/goal.h"
#include "bench/load.h"
#include <stdio.h>
#include <stdlib.h>

#define MINUTE_MS          60000U
#define DATAGRAMS_BAR      3.5 /* per message, at DATAGRAMS_BAR_LOSS */
#define DATAGRAMS_BAR_LOSS 30

static const struct loss_case {
    const char *name;
    unsigned loss_percent;
    unsigned p99_ms_bar;
} cases[] = {
    {"0%", 0, 85}, {"5%", 5, 230}, {"10%", 10, 330}, {"20%", 20, 470}, {"30%", 30, 640},
};

struct tally {
    struct bl_ledger ledger;
    uint64_t resent;
    uint32_t downs;
};

/** Sends for so long, then waits until everything has arrived or never will. */
static void run_load(struct bl_fleet *fleet, struct tally *tally, uint32_t duration_ms) {
    uint64_t end = fleet->now_ms + duration_ms;
    while (fleet->now_ms < end) {
        bl_fleet_tick(fleet);
    }
    bl_ledger_stop(&tally->ledger);
    end += BL_LOAD_DRAIN_MS;
    while (fleet->now_ms < end && !bl_ledger_is_balanced(&tally->ledger)) {
        bl_fleet_tick(fleet);
    }
}

static bool run_seed(struct tally *tally, unsigned loss_percent, uint64_t seed,
                     uint32_t duration_ms) {
    const struct belay_link link = bl_load_link((float)loss_percent / 100.0F);
    const struct bl_fleet_opts opts = bl_load_opts(seed, &link, &tally->ledger);
    struct bl_fleet fleet;
    if (!bl_fleet_start(&fleet, &opts)) {
        return false;
    }
    bl_fleet_gather(&fleet, BL_LOAD_CONNECT_MS);
    bl_ledger_open(&tally->ledger, fleet.now_ms);
    uint64_t before = bl_fleet_datagrams(&fleet);
    run_load(&fleet, tally, duration_ms);
    bl_ledger_close(&tally->ledger);
    tally->ledger.datagrams += bl_fleet_datagrams(&fleet) - before;
    tally->resent += bl_fleet_resent(&fleet);
    tally->ledger.sessions += BL_LOAD_CLIENTS;
    for (uint32_t i = 0; i < BL_LOAD_CLIENTS; i++) {
        tally->ledger.sessions_lost += !fleet.clients[i].open;
    }
    tally->downs += fleet.down_count;
    bl_fleet_finish(&fleet);
    return true;
}

static void print_row(const struct loss_case *it, const struct tally *tally) {
    bl_goal_progress("%s", "");
    printf("%4s  %-9s", it->name, "Belay");
    bl_ledger_print_row(&tally->ledger);
    printf(" %8llu %5u\n", (unsigned long long)tally->resent, tally->downs);
}

static void tell(struct bl_goal_run *run, const struct loss_case *it, const struct tally *tally) {
    static const char *const whats[] = {"p99", "sessions-lost", "messages-wrong", "datagrams"};
    const struct bl_figure figures[] = {
        {NULL, bl_latency_percentile(&tally->ledger.latency, 99), "ms", BL_BAR_AT_MOST,
         it->p99_ms_bar},
        {NULL, tally->ledger.sessions_lost, "sessions", BL_BAR_AT_MOST, 0},
        {NULL, (double)bl_ledger_wrong(&tally->ledger), "messages", BL_BAR_AT_MOST, 0},
        {NULL, bl_ledger_datagrams_per_message(&tally->ledger), "per-message",
         it->loss_percent == DATAGRAMS_BAR_LOSS ? BL_BAR_AT_MOST : BL_BAR_NONE, DATAGRAMS_BAR},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        char what[64];
        struct bl_figure figure = figures[i];
        snprintf(what, sizeof what, "%s/%s", it->name, whats[i]);
        figure.what = what;
        bl_goal_tell(run, &figure);
    }
}

/** The baseline prints one line, which it has ready when we read it. */
static FILE *start_baseline(const struct bl_goal_run *run, const struct loss_case *it,
                            unsigned minutes) {
    char command[1024];
    fflush(stdout);
    snprintf(command, sizeof command, "'%sraw-enet' %u %u %llu %u", run->folder, it->loss_percent,
             minutes, (unsigned long long)run->seed, run->seed_count);
    return popen(command, "r");
}

static bool print_baseline(const struct loss_case *it, FILE *baseline) {
    char line[512];
    bool said = baseline != NULL && fgets(line, sizeof line, baseline) != NULL;
    if (said) {
        printf("%4s  %-9s%s", it->name, "raw ENet", line);
    }
    return baseline != NULL && pclose(baseline) == 0 && said;
}

static void measure_case(struct bl_goal_run *run, const struct loss_case *it, unsigned minutes) {
    struct tally *tally = calloc(1, sizeof *tally);
    bool ran = tally != NULL;
    FILE *baseline = start_baseline(run, it, minutes);
    for (uint32_t i = 0; ran && i < run->seed_count; i++) {
        bl_goal_progress("loss %s: seed %u of %u ...", it->name, i + 1, run->seed_count);
        ran = run_seed(tally, it->loss_percent, run->seed + i, minutes * MINUTE_MS);
    }
    if (ran) {
        print_row(it, tally);
    }
    bl_goal_progress("loss %s: waiting for the baseline ...", it->name);
    if (!print_baseline(it, baseline)) {
        bl_goal_fail(run, "baseline");
    }
    if (ran) {
        tell(run, it, tally);
    } else {
        bl_goal_fail(run, it->name);
    }
    free(tally);
}

void bl_goal_loss(struct bl_goal_run *run) {
    const unsigned minutes = run->longer ? 30 : 10;
    run->seed_count = run->longer ? 10 : 3;
    bl_ledger_print_head();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (bl_goal_wants(run, cases[i].name)) {
            measure_case(run, &cases[i], minutes);
        }
    }
}
