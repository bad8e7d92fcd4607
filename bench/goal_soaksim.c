/*
 * soaksim: a simulated day in which the network never behaves.
 *
 * Every session is cut every 30 s, each at its own moment, both ways or one way only, for 0.5 to
 * 20 s; between, up to 20 % of the datagrams are lost, and addresses change. Before memory is
 * looked at, the network is left alone for a while, so that what is in use does not hang on who is
 * cut off just then.
 */
#define _GNU_SOURCE
#include "bench/book.h"
#include "bench/goal.h"
#include "common/random.h"
#include "lib/net/sim.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CLIENTS       BL_BOOK_CLIENTS
#define TICK_MS       20
#define INTERVAL_MS   1000 /* of messages, each way */
#define PERIOD_MS     30000
#define CUT_MIN_MS    500
#define CUT_MAX_MS    20000
#define LOSS_PERCENT  20 /* at most */
#define DELAY_MS      30
#define JITTER_MS     40
#define MINUTE_MS     60000U
#define QUIET_MS      (2 * MINUTE_MS) /* before memory is looked at */
#define CONNECT_MS    30000
#define DRAIN_MS      60000
#define SAMPLES       4
#define MEMORY_GROWTH 5 /* % */

static const struct soak_case {
    const char *name;
    uint32_t minutes[SAMPLES]; /* when memory is looked at; the last is the end */
    bool short_one;            /* only if asked for by name */
} cases[] = {
    {.name = "24h", .minutes = {60, 360, 720, 1440}},
    {.name = "1h", .minutes = {15, 30, 45, 60}, .short_one = true},
};

/** Bytes in use, as the hooks of one side see them. */
struct heap {
    size_t server, client; /* the server's with ENet's of all */
};

struct soak {
    struct bl_fleet fleet;
    struct bl_book book;
    bool sending, calm;
    uint64_t mends_ms[CLIENTS], rebinds_ms[CLIENTS]; /* 0 = not in this period */
    bool tells[CLIENTS];                             /* when it mends */
    float losses[CLIENTS];
    uint64_t cuts, rebinds, resumed, ended;
    struct heap heaps[SAMPLES];
};

static void *count_realloc(void *ptr, size_t old_size, size_t new_size, void *user) {
    size_t *used = user;
    if (new_size == 0) {
        *used -= old_size;
        free(ptr);
        return NULL;
    }
    void *moved = realloc(ptr, new_size);
    if (moved != NULL) {
        *used += new_size - old_size;
    }
    return moved;
}

static uint64_t any_below(struct soak *soak, uint64_t bound) {
    return bl_random_below(bl_sim_random(soak->fleet.sim), bound);
}

static void set_link(struct soak *soak, uint32_t client, bool cut_up, bool cut_down) {
    struct belay_link link = BELAY_LINK_INIT;
    link.delay_ms = DELAY_MS;
    link.jitter_ms = JITTER_MS;
    link.loss = soak->losses[client];
    link.cut_up = cut_up;
    link.cut_down = cut_down;
    belay_sim_link(soak->fleet.sim, soak->fleet.clients[client].client, &link);
}

/** Half of all cuts are both ways, the others of one. */
static void begin_period(struct soak *soak, uint32_t client) {
    uint64_t now = soak->fleet.now_ms, sides = any_below(soak, 4);
    uint64_t cut = CUT_MIN_MS + any_below(soak, CUT_MAX_MS - CUT_MIN_MS + 1);
    soak->losses[client] = (float)any_below(soak, LOSS_PERCENT + 1) / 100.0F;
    soak->mends_ms[client] = now + cut;
    soak->tells[client] = any_below(soak, 4) == 0;
    switch (any_below(soak, 4)) {
    case 0: /* while it is cut off or not, as it happens */
        soak->rebinds_ms[client] = now + any_below(soak, PERIOD_MS);
        break;
    case 1:
        soak->rebinds_ms[client] = now + cut;
        break;
    default:
        soak->rebinds_ms[client] = 0;
        break;
    }
    soak->cuts++;
    set_link(soak, client, sides != 0, sides != 1);
}

static void mend(struct soak *soak, uint32_t client) {
    soak->mends_ms[client] = 0;
    set_link(soak, client, false, false);
    if (soak->tells[client]) {
        belay_client_network_changed(soak->fleet.clients[client].client);
    }
}

static bool is_due(uint64_t at_ms, uint64_t now_ms) {
    return at_ms != 0 && now_ms >= at_ms;
}

static void trouble(struct soak *soak, uint32_t client) {
    uint64_t now = soak->fleet.now_ms;
    uint64_t phase = now + client * PERIOD_MS / CLIENTS / TICK_MS * TICK_MS;
    if (is_due(soak->rebinds_ms[client], now)) {
        soak->rebinds_ms[client] = 0;
        soak->rebinds++;
        belay_sim_rebind(soak->fleet.sim, soak->fleet.clients[client].client);
    }
    if (is_due(soak->mends_ms[client], now)) {
        mend(soak, client);
    }
    if (!soak->calm && phase % PERIOD_MS == 0) {
        begin_period(soak, client);
    }
}

static void frame(struct bl_fleet *fleet) {
    struct soak *soak = fleet->opts.user;
    for (uint32_t i = 0; soak->sending && i < CLIENTS; i++) {
        uint64_t phase = fleet->now_ms + i * TICK_MS;
        if (phase % INTERVAL_MS == 0) {
            bl_book_send(&soak->book, fleet, i);
        }
        trouble(soak, i);
    }
}

static void take(struct bl_fleet *fleet, bool at_server, uint32_t client,
                 const struct belay_event *event) {
    struct soak *soak = fleet->opts.user;
    bl_book_receive(&soak->book, at_server, client, event);
}

static void watch(struct bl_fleet *fleet, bool at_server, uint32_t client,
                  const struct belay_event *event) {
    struct soak *soak = fleet->opts.user;
    soak->resumed += event->type == BELAY_EVENT_RESUMED && !at_server;
    if (event->type == BELAY_EVENT_CLOSED) {
        soak->ended++;
        bl_goal_progress("%s", "");
        printf("soaksim: at %.1f s the session of client %u ended on the %s's side: %s (%s)\n",
               (double)fleet->now_ms / 1000, client, at_server ? "server" : "client",
               belay_reason_name(event->closed.reason->code), event->closed.reason->text);
    }
}

static void run_until(struct soak *soak, uint64_t end_ms) {
    while (soak->fleet.now_ms < end_ms) {
        bl_fleet_tick(&soak->fleet);
    }
}

/** Leaves the network alone, and then looks. */
static void sample(struct soak *soak, const struct heap *now, uint32_t index, uint64_t at_ms) {
    run_until(soak, at_ms - QUIET_MS);
    soak->calm = true;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        soak->mends_ms[i] = soak->rebinds_ms[i] = 0;
        soak->losses[i] = 0;
        set_link(soak, i, false, false);
    }
    run_until(soak, at_ms);
    soak->heaps[index] = *now;
    soak->calm = false;
}

static void run_day(struct soak *soak, const struct soak_case *it, const struct heap *heap) {
    uint64_t begun = soak->fleet.now_ms;
    soak->sending = true;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        sample(soak, heap, i, begun + (uint64_t)it->minutes[i] * MINUTE_MS);
        bl_goal_progress("soaksim %s: %u of %u minutes ...", it->name, it->minutes[i],
                         it->minutes[SAMPLES - 1]);
    }
    soak->sending = false;
    uint64_t end = soak->fleet.now_ms + DRAIN_MS;
    while (soak->fleet.now_ms < end && !bl_book_is_balanced(&soak->book)) {
        bl_fleet_tick(&soak->fleet);
    }
    bl_book_close(&soak->book);
}

static bool run_seed(struct soak *soak, const struct soak_case *it, uint64_t seed) {
    static struct heap heap; /* ENet keeps the hooks of the first server for good */
    struct belay_link link = BELAY_LINK_INIT;
    const struct belay_hooks hooks = {.realloc = count_realloc, .hook_user = &heap.server};
    const struct belay_hooks client_hooks = {.realloc = count_realloc, .hook_user = &heap.client};
    link.delay_ms = DELAY_MS;
    link.jitter_ms = JITTER_MS;
    const struct bl_fleet_opts opts = {.seed = seed,
                                       .client_count = CLIENTS,
                                       .link = &link,
                                       .tick_ms = TICK_MS,
                                       .message = take,
                                       .other = watch,
                                       .frame = frame,
                                       .user = soak,
                                       .hooks = &hooks,
                                       .client_hooks = &client_hooks};
    bl_book_open(&soak->book);
    soak->sending = soak->calm = false;
    if (!bl_fleet_start(&soak->fleet, &opts)) {
        return false;
    }
    bool whole = bl_fleet_gather(&soak->fleet, CONNECT_MS);
    if (whole) {
        run_day(soak, it, &heap);
    }
    bl_fleet_finish(&soak->fleet);
    return whole;
}

static void tell(struct bl_goal_run *run, const char *name, const char *what,
                 const struct bl_figure *figure) {
    char text[64];
    struct bl_figure named = *figure;
    snprintf(text, sizeof text, "%s/%s", name, what);
    named.what = text;
    bl_goal_tell(run, &named);
}

static void tell_zero(struct bl_goal_run *run, const char *name, const char *what, uint64_t value) {
    tell(run, name, what, &(struct bl_figure){NULL, (double)value, "", BL_BAR_AT_MOST, 0});
}

/** @return how much more than at first is in use at the end, in percent */
static double growth(size_t first, size_t last) {
    return ((double)last / (double)first - 1) * 100;
}

static double worse_growth(const struct heap heaps[SAMPLES]) {
    const struct heap *first = &heaps[0], *last = &heaps[SAMPLES - 1];
    double server = growth(first->server, last->server);
    double client = growth(first->client, last->client);
    return server > client ? server : client;
}

static void print_heaps(const struct soak *soak, const struct soak_case *it) {
    for (uint32_t i = 0; i < SAMPLES; i++) {
        printf("soaksim: after %4u minutes the server and ENet use %zu bytes, %d clients %zu\n",
               it->minutes[i], soak->heaps[i].server, CLIENTS, soak->heaps[i].client);
    }
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void measure(struct bl_goal_run *run, const struct soak_case *it) {
    static struct soak soak;
    double begun = now_s(), memory = -100;
    soak = (struct soak){0};
    for (uint32_t i = 0; i < run->seed_count; i++) {
        bl_goal_progress("soaksim %s: seed %llu ...", it->name, (unsigned long long)run->seed + i);
        if (!run_seed(&soak, it, run->seed + i)) {
            bl_goal_fail(run, it->name);
            return;
        }
        bl_goal_progress("%s", "");
        print_heaps(&soak, it);
        double worse = worse_growth(soak.heaps);
        memory = worse > memory ? worse : memory;
    }
    printf("soaksim: %s, %d sessions, %llu cuts, %llu changes of address, %llu resumed, %llu "
           "messages\n",
           it->name, CLIENTS, (unsigned long long)soak.cuts, (unsigned long long)soak.rebinds,
           (unsigned long long)soak.resumed, (unsigned long long)soak.book.sent);
    tell_zero(run, it->name, "messages-lost", soak.book.missing + soak.book.refused);
    tell_zero(run, it->name, "messages-repeated", soak.book.repeated);
    tell_zero(run, it->name, "messages-misordered", soak.book.misordered);
    tell_zero(run, it->name, "sessions-ended", soak.ended);
    tell(run, it->name, "memory-growth",
         &(struct bl_figure){NULL, memory, "%", BL_BAR_AT_MOST, MEMORY_GROWTH});
    tell(run, it->name, "time", &(struct bl_figure){NULL, now_s() - begun, "s", BL_BAR_NONE, 0});
}

void bl_goal_soaksim(struct bl_goal_run *run) {
    run->seed_count = run->longer ? 3 : 1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (run->only == NULL ? !cases[i].short_one : bl_goal_wants(run, cases[i].name)) {
            measure(run, &cases[i]);
        }
    }
}
