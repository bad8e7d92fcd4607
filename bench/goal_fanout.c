/*
 * fanout: what it costs a server to publish one message to 1,000 subscribers, beside stock ENet
 * broadcasting the same, and how often the message is copied for that.
 *
 * The two run in turn, and each round is a ratio of its own, so that a machine that slows down
 * meanwhile slows both.
 */
#define _GNU_SOURCE
#include "bench/crowd.h"
#include "bench/fleet.h"
#include "bench/goal.h"
#include "bench/places.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SESSIONS   1000
#define SIZE       200
#define EVERY_MS   50
#define SETTLE_MS  2000
#define ROUNDS     5
#define ROUNDS_MAX 9
#define TOPIC      1
#define BAR_RATIO  1.15

struct fanout {
    struct bl_goal_run *run;
    const char *name;
    uint8_t channel;
    uint32_t measure_ms;
};

/** Of one round. */
struct cost {
    double cpu_us;    /* per delivery */
    double datagrams; /* per delivery, in and out */
    double delivered; /* as a share of what was published to all */
};

static struct cost cost_of(const struct bl_crowd_figures *figures) {
    double wanted = (double)figures->published * SESSIONS, delivered = (double)figures->delivered;
    return (struct cost){(double)figures->cpu_ns / 1000 / delivered,
                         (double)figures->datagrams / delivered, delivered / wanted};
}

static bool measure_ours(const struct fanout *fanout, struct cost *cost) {
    const struct bl_crowd_opts opts = {
        .sessions = SESSIONS,
        .settle_ms = SETTLE_MS,
        .measure_ms = fanout->measure_ms,
        .load = {.channel = fanout->channel, .size = SIZE, .every_ms = EVERY_MS},
    };
    struct bl_crowd_figures figures;
    bool fine = bl_crowd_run(&opts, &figures) && figures.delivered > 0;
    if (fine) {
        *cost = cost_of(&figures);
    }
    return fine;
}

static bool measure_raw(const struct fanout *fanout, struct cost *cost) {
    char command[1024];
    unsigned long long cpu_ns, datagrams, published, delivered;
    fflush(stdout);
    snprintf(command, sizeof command, "'%sraw-fanout' %d %d %d %u %d %d %d %d", fanout->run->folder,
             SESSIONS, BL_CROWD_WAIT_MS, SETTLE_MS, fanout->measure_ms, EVERY_MS, SIZE,
             fanout->channel == BL_CROWD_RELIABLE, BL_CROWD_DRAIN_MS);
    FILE *baseline = popen(command, "r");
    bool read = baseline != NULL && fscanf(baseline, "%llu %llu %llu %llu", &cpu_ns, &datagrams,
                                           &published, &delivered) == 4;
    bool fine = baseline != NULL && pclose(baseline) == 0 && read && delivered > 0;
    if (fine) {
        *cost = cost_of(&(struct bl_crowd_figures){.cpu_ns = cpu_ns,
                                                   .datagrams = datagrams,
                                                   .published = published,
                                                   .delivered = delivered});
    }
    return fine;
}

static bool has_baseline(const struct bl_goal_run *run) {
    char path[1024];
    snprintf(path, sizeof path, "%sraw-fanout", run->folder);
    return access(path, X_OK) == 0;
}

static int compare(const void *a, const void *b) {
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/** Of one side, in all rounds. */
static double print_cost(const struct fanout *fanout, const char *who, const struct cost *costs,
                         int rounds) {
    double cpu[ROUNDS_MAX], datagrams[ROUNDS_MAX], delivered[ROUNDS_MAX];
    for (int i = 0; i < rounds; i++) {
        cpu[i] = costs[i].cpu_us;
        datagrams[i] = costs[i].datagrams;
        delivered[i] = costs[i].delivered;
    }
    qsort(cpu, (size_t)rounds, sizeof *cpu, compare);
    qsort(datagrams, (size_t)rounds, sizeof *datagrams, compare);
    qsort(delivered, (size_t)rounds, sizeof *delivered, compare);
    bl_goal_progress("%s", "");
    printf("fanout %-9s %-8s %.2f us of server CPU and %.2f datagrams per delivery, %.2f %% "
           "delivered at least (median of %d; CPU %.2f to %.2f)\n",
           fanout->name, who, cpu[rounds / 2], datagrams[rounds / 2], 100 * delivered[0], rounds,
           cpu[0], cpu[rounds - 1]);
    return cpu[rounds / 2];
}

static void tell(const struct fanout *fanout, const char *what, struct bl_figure figure) {
    char name[64];
    snprintf(name, sizeof name, "%s/%s", fanout->name, what);
    figure.what = name;
    bl_goal_tell(fanout->run, &figure);
}

static void fail(const struct fanout *fanout, const char *what) {
    char name[64];
    snprintf(name, sizeof name, "%s/%s", fanout->name, what);
    bl_goal_fail(fanout->run, name);
}

static void tell_delivered(const struct fanout *fanout, const char *what, const struct cost *costs,
                           int rounds) {
    double least = costs[0].delivered;
    for (int i = 1; i < rounds; i++) {
        least = costs[i].delivered < least ? costs[i].delivered : least;
    }
    tell(fanout, what,
         (struct bl_figure){
             .value = 100 * least, .unit = "%", .bar_kind = BL_BAR_AT_LEAST, .bar = 100});
}

static void measure_cpu(const struct fanout *fanout) {
    struct cost ours[ROUNDS_MAX], raw[ROUNDS_MAX];
    double ratios[ROUNDS_MAX];
    int rounds = fanout->run->longer ? ROUNDS_MAX : ROUNDS;
    bool with_raw = has_baseline(fanout->run);
    for (int i = 0; i < rounds; i++) {
        bl_goal_progress("fanout: %s, round %d of %d ...", fanout->name, i + 1, rounds);
        if (!measure_ours(fanout, &ours[i])) {
            fail(fanout, "cpu");
            return;
        }
        if (with_raw && !measure_raw(fanout, &raw[i])) {
            fail(fanout, "baseline");
            return;
        }
        ratios[i] = with_raw ? ours[i].cpu_us / raw[i].cpu_us : 0;
    }
    double cpu_us = print_cost(fanout, "Belay", ours, rounds);
    tell(fanout, "cpu", (struct bl_figure){.value = cpu_us, .unit = "us-per-delivery"});
    tell_delivered(fanout, "delivered", ours, rounds);
    if (!with_raw) {
        printf("fanout: no stock ENet here to compare with (libenet-dev when Belay was built)\n");
        return;
    }
    print_cost(fanout, "raw ENet", raw, rounds);
    tell_delivered(fanout, "raw-delivered", raw, rounds);
    qsort(ratios, (size_t)rounds, sizeof *ratios, compare);
    printf("fanout %-9s the rounds' ratios are %.3f to %.3f\n", fanout->name, ratios[0],
           ratios[rounds - 1]);
    tell(fanout, "cpu-ratio",
         (struct bl_figure){.value = ratios[rounds / 2],
                            .unit = "x-raw-ENet",
                            .bar_kind = BL_BAR_AT_MOST,
                            .bar = BAR_RATIO});
}

/** What the server's memory says of one publication. */
struct witness {
    struct bl_places places;
    uint8_t data[SIZE];
    uint8_t channel;
    uint64_t queued; /* places when it had been queued for all */
    bool now;
};

static void subscribe(struct bl_fleet *fleet, bool at_server, uint32_t client,
                      const struct belay_event *event) {
    (void)client;
    if (at_server && event->type == BELAY_EVENT_OPEN) {
        belay_server_subscribe(fleet->server, event->session, TOPIC);
    }
}

static void publish(struct bl_fleet *fleet) {
    struct witness *witness = fleet->opts.user;
    if (witness->now) {
        bl_places_look_for(&witness->places, witness->data, sizeof witness->data);
        belay_server_publish(fleet->server, TOPIC, witness->channel, witness->data,
                             sizeof witness->data);
        witness->queued = bl_places_count(&witness->places);
    }
}

/** Publishes in one tick, at whose end everything leaves, and nothing has arrived yet. */
static bool watch(struct witness *witness, const struct bl_fleet_opts *opts, double *copies,
                  double *blocks) {
    struct bl_fleet fleet;
    struct belay_topic_info info = BELAY_TOPIC_INFO_INIT;
    bool fine = bl_fleet_start(&fleet, opts) && bl_fleet_gather(&fleet, 30000);
    if (fine) {
        witness->now = true;
        bl_fleet_tick(&fleet);
        witness->now = false;
        uint64_t sent = bl_places_count(&witness->places);
        uint64_t most = sent > witness->queued ? sent : witness->queued;
        belay_server_topic_info(fleet.server, TOPIC, &info);
        fine = info.delivered == SESSIONS && witness->queued > 0;
        *copies = ((double)most - 1) / SESSIONS;
        *blocks = (double)witness->places.blocks / SESSIONS;
    }
    witness->places.bytes = NULL;
    bl_fleet_finish(&fleet);
    return fine;
}

static void count_copies(const struct fanout *fanout, struct witness *witness) {
    const struct belay_hooks hooks = bl_places_hooks(&witness->places);
    const struct belay_link link = {.delay_ms = 50};
    double copies, blocks;
    witness->channel = fanout->channel;
    const struct bl_fleet_opts opts = {.seed = fanout->run->seed,
                                       .client_count = SESSIONS,
                                       .link = &link,
                                       .channels = bl_crowd_channels,
                                       .channel_count = BL_CROWD_CHANNELS,
                                       .other = subscribe,
                                       .frame = publish,
                                       .user = witness,
                                       .hooks = &hooks};
    if (!watch(witness, &opts, &copies, &blocks)) {
        fail(fanout, "copies");
        return;
    }
    bl_goal_progress("%s", "");
    printf("fanout %-9s %.3f blocks of memory per delivery\n", fanout->name, blocks);
    tell(fanout, "copies",
         (struct bl_figure){
             .value = copies, .unit = "per-delivery", .bar_kind = BL_BAR_AT_MOST, .bar = 0});
}

static const struct fanout cases[] = {
    {.name = "reliable", .channel = BL_CROWD_RELIABLE},
    {.name = "sequenced", .channel = BL_CROWD_SEQUENCED},
};
#define CASE_COUNT (sizeof cases / sizeof *cases)

static _Noreturn void count_all_copies(struct bl_goal_run *run) {
    struct witness witness = {0};
    for (size_t i = 0; i < sizeof witness.data; i++) {
        witness.data[i] = (uint8_t)(i * 7 + 1);
    }
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct fanout fanout = cases[i];
        fanout.run = run;
        if (bl_goal_wants(run, fanout.name)) {
            count_copies(&fanout, &witness);
        }
    }
    fflush(stdout);
    _exit(run->missed > 0 ? 1 : 0);
}

/** In a process of its own: ENet keeps the allocator of the first server for good. */
static void run_count_of_copies(struct bl_goal_run *run) {
    int status = -1;
    bl_goal_progress("fanout: counting copies ...");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        run->missed = 0;
        count_all_copies(run);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        run->missed++;
    }
}

void bl_goal_fanout(struct bl_goal_run *run) {
    bl_calibrate();
    run_count_of_copies(run);
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct fanout fanout = cases[i];
        fanout.run = run;
        fanout.measure_ms = run->longer ? 20000 : 5000;
        if (bl_goal_wants(run, fanout.name)) {
            measure_cpu(&fanout);
        }
    }
}
