/*
 * resume: how long a game stands still when the network was away, and what it loses.
 *
 * Every client goes through outage after outage, each at its own moments, while both sides send.
 * What is measured begins when the network is back and ends with the first new message that each
 * side polls, and with RESUMED on the client. Lengths of outages vary by more than the interval of
 * anything that repeats, so that the network comes back at any moment of it.
 */
#define _GNU_SOURCE
#include "bench/book.h"
#include "bench/goal.h"
#include "bench/latency.h"
#include "bench/resume_crowd.h"
#include "common/random.h"
#include "lib/net/sim_network.h"
#include "lib/wire/datagram.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CLIENTS     BL_BOOK_CLIENTS
#define INTERVAL_MS 100 /* of messages, each way */
#define DELAY_MS    50  /* one way */
#define ROUND_TRIP  (2 * DELAY_MS)
#define STEPS_MS    (2 * BL_FLEET_TICK_MS) /* one for each crossing of a round trip */
#define UNTOLD_MS   500                    /* until the next repeat of an OPEN, or of a message */
#define REST_MS     2000                   /* between outages, and up to half of it more */
#define BACK_MAX_MS 20000                  /* whoever is not back by then never came */
#define CONNECT_MS  10000
#define DRAIN_MS    30000
#define LOST_MAX    5 /* of one kind in a row */
#define MESSAGES    1e6
#define WALL_S      120.0

/** What is cut. */
enum side { BOTH, UP, DOWN };

/** One kind of outage. */
struct scene {
    const char *name;
    uint32_t cut_ms, spread_ms; /* and up to so much more */
    enum side cut;
    bool stays;       /* no link is given up */
    bool rebinds;     /* the NAT has forgotten too */
    bool crowded;     /* the server asks for a cookie first */
    bool told;        /* the client is told when the network is back */
    bool detour;      /* one of the two round trips goes to being asked for a cookie, */
    bool told_detour; /* or to hearing that the server has forgotten */
    uint32_t lost_ms; /* 0 = the default */
    /* 1 to LOST_MAX datagrams of this kind are lost when the network is back, each of which may
     * cost a repeat. */
    enum bl_datagram_kind loses;
    uint32_t repeat_ms; /* of it; 0 = UNTOLD_MS */
};

static const struct scene scenes[] = {
    {.name = "blackout-3s", .cut_ms = 3000, .spread_ms = 500, .stays = true},
    {.name = "blackout-3s-lost-2s", .cut_ms = 3000, .spread_ms = 500, .lost_ms = 2000},
    {.name = "blackout-15s", .cut_ms = 15000, .spread_ms = 1000},
    {.name = "blackout-55s", .cut_ms = 55000, .spread_ms = 1000},
    {.name = "server-forgets", .cut_ms = 7000, .spread_ms = 4000, .cut = UP, .told_detour = true},
    {.name = "client-forgets", .cut_ms = 7000, .spread_ms = 4000, .cut = DOWN},
    {.name = "rebind-15s", .cut_ms = 15000, .spread_ms = 1000, .rebinds = true},
    {.name = "busy-15s", .cut_ms = 15000, .spread_ms = 1000, .crowded = true, .detour = true},
    {.name = "open-lost-early",
     .cut_ms = 6500,
     .spread_ms = 500,
     .loses = BL_DATAGRAM_OPEN,
     .repeat_ms = 250},
    {.name = "open-lost-late",
     .cut_ms = 15000,
     .spread_ms = 1000,
     .loses = BL_DATAGRAM_OPEN,
     .repeat_ms = 500},
    {.name = "accept-lost-early",
     .cut_ms = 6500,
     .spread_ms = 500,
     .loses = BL_DATAGRAM_ACCEPT,
     .repeat_ms = 250},
    {.name = "accept-lost-late",
     .cut_ms = 15000,
     .spread_ms = 1000,
     .loses = BL_DATAGRAM_ACCEPT,
     .repeat_ms = 500},
};
#define SCENE_COUNT (sizeof scenes / sizeof *scenes)

/** When something new came first after the network was back. */
enum sign { SIGN_UP = BL_BOOK_UP, SIGN_DOWN = BL_BOOK_DOWN, SIGN_RESUMED, SIGN_COUNT };
static const char *const sign_names[] = {"server hears", "client hears", "RESUMED"};

/** One client's outages. */
struct trial {
    enum { UP_AND_RUNNING, CUT_OFF, COMING_BACK } phase;
    uint64_t next_ms; /* when the phase ends */
    uint64_t back_ms;
    uint32_t losses; /* of this outage */
    uint32_t to_lose;
    bool resumed; /* on both sides; also during the outage, where only one way was cut */
    bool asked;   /* for a cookie */
    bool seen[SIGN_COUNT];
};

struct test {
    const struct scene *scene;
    struct bl_fleet fleet;
    struct bl_book *book;
    struct bl_resume_crowd *crowd;
    struct trial trials[CLIENTS];
    bool sending, breaking; /* messages, and the network */
    uint64_t outages, resumed, asked, never_back, ended;
    struct bl_latency times[SIGN_COUNT];
};

static uint64_t any_below(struct test *test, uint64_t bound) {
    return bl_random_below(bl_sim_random(test->fleet.sim), bound);
}

static void set_link(struct test *test, uint32_t client, bool cut) {
    struct belay_link link = BELAY_LINK_INIT;
    link.delay_ms = DELAY_MS;
    link.cut_up = cut && test->scene->cut != DOWN;
    link.cut_down = cut && test->scene->cut != UP;
    belay_sim_link(test->fleet.sim, test->fleet.clients[client].client, &link);
}

static void break_off(struct test *test, uint32_t client) {
    struct trial *trial = &test->trials[client];
    const struct scene *scene = test->scene;
    set_link(test, client, true);
    *trial = (struct trial){.phase = CUT_OFF};
    trial->next_ms = test->fleet.now_ms + scene->cut_ms + any_below(test, scene->spread_ms);
    test->outages++;
}

static void give_back(struct test *test, uint32_t client) {
    struct trial *trial = &test->trials[client];
    struct belay_client *it = test->fleet.clients[client].client;
    set_link(test, client, false);
    if (test->scene->rebinds) {
        belay_sim_rebind(test->fleet.sim, it);
    }
    trial->phase = COMING_BACK;
    trial->back_ms = test->fleet.now_ms;
    trial->next_ms = trial->back_ms + BACK_MAX_MS;
    if (test->scene->loses != 0) {
        trial->losses = trial->to_lose = 1 + (uint32_t)any_below(test, LOST_MAX);
    }
    if (test->scene->told) {
        belay_client_network_changed(it);
    }
}

static void rest(struct test *test, uint32_t client) {
    struct trial *trial = &test->trials[client];
    test->resumed += trial->resumed;
    test->asked += trial->asked;
    trial->phase = UP_AND_RUNNING;
    trial->next_ms = test->fleet.now_ms + REST_MS + any_below(test, REST_MS / 2);
}

static void note(struct test *test, uint32_t client, enum sign sign) {
    struct trial *trial = &test->trials[client];
    if (trial->phase == COMING_BACK && !trial->seen[sign]) {
        uint64_t ms = test->fleet.now_ms - trial->back_ms;
        uint64_t due = trial->losses * test->scene->repeat_ms;
        trial->seen[sign] = true;
        bl_latency_add(&test->times[sign], ms > due ? ms - due : 0);
    }
}

static bool is_back(const struct test *test, const struct trial *trial) {
    return trial->seen[SIGN_UP] && trial->seen[SIGN_DOWN] && (trial->resumed || test->scene->stays);
}

static void go_on(struct test *test, uint32_t client) {
    struct trial *trial = &test->trials[client];
    bool due = test->fleet.now_ms >= trial->next_ms;
    if (trial->phase == COMING_BACK && (due || is_back(test, trial))) {
        test->never_back += !is_back(test, trial);
        rest(test, client);
    } else if (trial->phase == CUT_OFF && due) {
        give_back(test, client);
    } else if (trial->phase == UP_AND_RUNNING && due && test->breaking) {
        break_off(test, client);
    }
}

static void take(struct bl_fleet *fleet, bool at_server, uint32_t client,
                 const struct belay_event *event) {
    struct test *test = fleet->opts.user;
    if (bl_book_receive(test->book, at_server, client, event)) {
        note(test, client, at_server ? SIGN_UP : SIGN_DOWN);
    }
}

static void watch(struct bl_fleet *fleet, bool at_server, uint32_t client,
                  const struct belay_event *event) {
    struct test *test = fleet->opts.user;
    if (event->type == BELAY_EVENT_RESUMED && !at_server) {
        test->trials[client].resumed = true;
        note(test, client, SIGN_RESUMED);
    }
    test->ended += event->type == BELAY_EVENT_CLOSED;
}

static void frame(struct bl_fleet *fleet) {
    struct test *test = fleet->opts.user;
    for (uint32_t i = 0; test->sending && i < CLIENTS; i++) {
        uint64_t phase = fleet->now_ms + i * BL_FLEET_TICK_MS;
        if (phase % INTERVAL_MS == 0) {
            bl_book_send(test->book, fleet, i);
        }
        go_on(test, i);
    }
    if (test->crowd != NULL) {
        bl_resume_crowd_work(test->crowd, fleet);
    }
}

/** The client behind an address, as its NAT shows it; NULL: the server, or one of a crowd. */
static struct trial *trial_of(struct test *test, const struct bl_address *address) {
    const struct bl_sim_socket *socket = bl_sim_find(test->fleet.sim, address);
    for (uint32_t i = 0; socket != NULL && i < CLIENTS; i++) {
        if (socket->owner == test->fleet.clients[i].client) {
            return &test->trials[i];
        }
    }
    return NULL;
}

/** Loses what is to be lost; all else is for the links. */
static bool steer(void *user, const struct bl_address *from, const struct bl_datagram *to,
                  struct bl_sim_steered *out) {
    struct test *test = user;
    uint8_t kind = bl_datagram_kind(to->data, to->size);
    if (kind != BL_DATAGRAM_RETRY && kind != test->scene->loses) {
        return false;
    }
    struct trial *trial = trial_of(test, kind == BL_DATAGRAM_OPEN ? from : &to->address);
    if (trial == NULL || trial->phase != COMING_BACK) {
        return false;
    }
    trial->asked |= kind == BL_DATAGRAM_RETRY;
    bool lost = kind == test->scene->loses && trial->to_lose > 0;
    trial->to_lose -= lost;
    out->copy_count = 0;
    return lost;
}

static bool is_quiet(const struct test *test) {
    for (uint32_t i = 0; i < CLIENTS; i++) {
        if (test->trials[i].phase != UP_AND_RUNNING) {
            return false;
        }
    }
    return true;
}

static void run_outages(struct test *test, uint32_t duration_ms) {
    struct bl_fleet *fleet = &test->fleet;
    test->sending = test->breaking = true;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        test->trials[i] =
            (struct trial){.next_ms = fleet->now_ms + any_below(test, test->scene->cut_ms)};
    }
    for (uint64_t end = fleet->now_ms + duration_ms; fleet->now_ms < end;) {
        bl_fleet_tick(fleet);
    }
    test->breaking = false;
    while (!is_quiet(test)) {
        bl_fleet_tick(fleet);
    }
    test->sending = false;
    for (uint64_t end = fleet->now_ms + DRAIN_MS;
         fleet->now_ms < end && !bl_book_is_balanced(test->book);) {
        bl_fleet_tick(fleet);
    }
}

/** What the last run left is in the sums alone. */
static bool run_seed(struct test *test, uint64_t seed, uint32_t duration_ms) {
    struct belay_link link = BELAY_LINK_INIT;
    struct bl_resume_crowd crowd;
    bool crowded = test->scene->crowded;
    link.delay_ms = DELAY_MS;
    struct bl_fleet_opts opts = {.seed = seed,
                                 .client_count = CLIENTS,
                                 .link = &link,
                                 .lost_ms = test->scene->lost_ms,
                                 .message = take,
                                 .other = watch,
                                 .frame = frame,
                                 .user = test};
    test->crowd = NULL;
    test->sending = test->breaking = false;
    if (crowded && !bl_resume_crowd_open(&crowd, &opts)) {
        return false;
    }
    bl_book_open(test->book);
    bool whole = bl_fleet_start(&test->fleet, &opts);
    if (whole) {
        bl_sim_steer(test->fleet.sim, steer, test);
        whole = bl_fleet_gather(&test->fleet, CONNECT_MS);
    }
    if (whole) {
        test->crowd = crowded ? &crowd : NULL;
        run_outages(test, duration_ms);
        bl_book_close(test->book);
    }
    if (crowded) {
        bl_resume_crowd_close(&crowd);
    }
    bl_fleet_finish(&test->fleet);
    return whole;
}

static void name_scene(const struct scene *scene, char *out, size_t size) {
    snprintf(out, size, "%s%s", scene->name, scene->told ? "-told" : "");
}

static void tell(struct bl_goal_run *run, const char *name, const char *what,
                 const struct bl_figure *figure) {
    char text[96];
    struct bl_figure named = *figure;
    snprintf(text, sizeof text, "%s%s%s", name, name[0] != '\0' ? "/" : "", what);
    named.what = text;
    bl_goal_tell(run, &named);
}

static void report(struct bl_goal_run *run, const struct test *test, const char *name) {
    const struct scene *scene = test->scene;
    bool detour = scene->detour || (scene->told && scene->told_detour);
    uint32_t max = 0, heard = 0;
    for (int sign = 0; sign < (scene->stays ? SIGN_RESUMED : SIGN_COUNT); sign++) {
        const struct bl_latency *times = &test->times[sign];
        printf("resume: %-24s %5llu outages, %-12s p50 %4u, p95 %4u, max %4u ms\n", name,
               (unsigned long long)test->outages, sign_names[sign],
               bl_latency_percentile(times, 50), bl_latency_percentile(times, 95), times->max_ms);
        heard = times->max_ms > heard ? times->max_ms : heard;
        if (!detour || sign == SIGN_RESUMED) {
            max = times->max_ms > max ? times->max_ms : max;
        }
    }
    uint32_t repeat = scene->repeat_ms != 0 ? scene->repeat_ms : UNTOLD_MS;
    uint32_t bar = 2 * (ROUND_TRIP + STEPS_MS) + (scene->told ? 0 : repeat);
    uint64_t wrong = scene->stays ? test->resumed : test->outages - test->resumed;
    tell(run, name, "back-max", &(struct bl_figure){NULL, max, "ms", BL_BAR_AT_MOST, bar});
    if (detour) {
        tell(run, name, "heard-max", &(struct bl_figure){NULL, heard, "ms", BL_BAR_NONE, 0});
    }
    tell(run, name, "never-back",
         &(struct bl_figure){NULL, (double)(test->never_back + wrong), "", BL_BAR_AT_MOST, 0});
    if (scene->crowded) {
        double share = (double)test->asked * 100 / (double)test->outages;
        tell(run, name, "asked-for-cookie",
             &(struct bl_figure){NULL, share, "%", BL_BAR_AT_LEAST, 90});
    }
}

/** @return sessions that ended */
static uint64_t measure(struct bl_goal_run *run, struct bl_book *book, const struct scene *scene) {
    static struct test test;
    char name[64];
    name_scene(scene, name, sizeof name);
    if (!bl_goal_wants(run, name)) {
        return 0;
    }
    test = (struct test){.scene = scene, .book = book};
    uint32_t duration_ms = (run->longer ? 4 : 1) * (60000 + 4 * scene->cut_ms);
    for (uint32_t i = 0; i < run->seed_count; i++) {
        bl_goal_progress("resume: %s, seed %llu ...", name, (unsigned long long)run->seed + i);
        if (!run_seed(&test, run->seed + i, duration_ms)) {
            bl_goal_fail(run, name);
            return test.ended;
        }
    }
    bl_goal_progress("%s", "");
    report(run, &test, name);
    return test.ended;
}

/** The baseline runs beside us; its lines are for people. */
static FILE *start_baseline(const struct bl_goal_run *run) {
    char command[1024];
    fflush(stdout);
    snprintf(command, sizeof command, "'%sraw-resume' %llu %u", run->folder,
             (unsigned long long)run->seed, run->seed_count);
    return popen(command, "r");
}

static void print_baseline(struct bl_goal_run *run, FILE *baseline) {
    char line[512];
    bl_goal_progress("resume: waiting for the baseline ...");
    bool said = false;
    while (baseline != NULL && fgets(line, sizeof line, baseline) != NULL) {
        bl_goal_progress("%s", "");
        printf("resume: raw ENet, %s", line);
        said = true;
    }
    if (baseline == NULL || pclose(baseline) != 0 || !said) {
        bl_goal_fail(run, "baseline");
    }
}

static void tell_sums(struct bl_goal_run *run, const struct bl_book *book, uint64_t ended) {
    const struct bl_figure none = {NULL, 0, "", BL_BAR_AT_MOST, 0};
    const struct sum {
        const char *what;
        uint64_t value;
    } sums[] = {{"messages-lost", book->missing + book->refused},
                {"messages-repeated", book->repeated},
                {"messages-misordered", book->misordered},
                {"sessions-ended", ended}};
    tell(run, "", "messages",
         &(struct bl_figure){NULL, (double)book->sent, "",
                             run->only == NULL ? BL_BAR_AT_LEAST : BL_BAR_NONE, MESSAGES});
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        struct bl_figure figure = none;
        figure.value = (double)sums[i].value;
        tell(run, "", sums[i].what, &figure);
    }
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void bl_goal_resume(struct bl_goal_run *run) {
    static struct bl_book book;
    double begun = now_s();
    uint64_t ended = 0;
    run->seed_count = run->longer ? 10 : 3;
    book = (struct bl_book){0};
    FILE *baseline = start_baseline(run);
    printf("resume: round trip %d ms, steps of %d ms, a message each way every %d ms\n", ROUND_TRIP,
           BL_FLEET_TICK_MS, INTERVAL_MS);
    for (size_t i = 0; i < SCENE_COUNT; i++) {
        struct scene scene = scenes[i];
        ended += measure(run, &book, &scene);
        if (scene.loses == 0) {
            scene.told = true;
            ended += measure(run, &book, &scene);
        }
    }
    print_baseline(run, baseline);
    tell_sums(run, &book, ended);
    tell(run, "", "time",
         &(struct bl_figure){NULL, now_s() - begun, "s", run->longer ? BL_BAR_NONE : BL_BAR_AT_MOST,
                             WALL_S});
}
