/*
 * abuse: 10 million hostile datagrams in a simulated network, beside 64 honest players.
 *
 * They are made class by class, off the clock, and then sent as fast as the server takes them:
 * PER_SERVICE between two calls of its service(), from addresses all over the world. A first round
 * of a hundredth of them lets every table grow to its bound; what is asserted is asserted of the
 * second. Between and after them the network is quiet for so long that all that may be forgotten is
 * forgotten.
 */
#define _GNU_SOURCE
#include "bench/goal.h"
#include "bench/hostile.h"
#include "common/container_of.h"
#include "lib/net/sim_network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLIENTS     64
#define SPARE       64
#define SLOW        32 /* clients who have a binding and never say hello */
#define TOTAL       10000000U
#define WARM_UP     100 /* a part of it */
#define PER_SERVICE 1000
#define SERVICES    2 /* in a tick */
#define INTERVAL_MS 50
#define BURST       64
#define QUIET_MS    130000 /* more than any token lives */
#define LIMIT_S     90

struct line {
    uint32_t sent, expected;
};

struct abuse {
    struct bl_fleet fleet;
    struct bl_hostile hostile;
    struct bl_holder slow[SLOW];
    struct bl_tokens tokens;
    struct line lines[CLIENTS];
    bool sending;
    uint64_t honest_sent, honest_wrong;
    uint64_t bytes_in, bytes_out; /* of the hostile, as the server sees it */
    uint32_t source;
    uint32_t strangers; /* the most sessions at once that were nobody's */
    uint64_t datagrams;
    double seconds, worst_ratio;
};

static size_t heap;

static void *count_realloc(void *memory, size_t old_size, size_t new_size, void *user) {
    (void)user;
    heap += new_size - old_size;
    if (new_size == 0) {
        free(memory);
        return NULL;
    }
    return realloc(memory, new_size);
}

static const struct belay_hooks hooks = {.realloc = count_realloc};

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The honest. */

static void take(struct bl_fleet *fleet, bool at_server, uint32_t client,
                 const struct belay_event *event) {
    struct abuse *abuse = fleet->opts.user;
    uint32_t number;
    if (at_server && event->message.size == sizeof number) {
        memcpy(&number, event->message.data, sizeof number);
        abuse->honest_wrong += number != abuse->lines[client].expected;
        abuse->lines[client].expected = number + 1;
    }
}

static void send_one(struct abuse *abuse, uint32_t client) {
    uint32_t number = abuse->lines[client].sent++;
    abuse->honest_wrong += belay_client_send(abuse->fleet.clients[client].client, 0, &number,
                                             sizeof number) != BELAY_OK;
    abuse->honest_sent++;
}

static void send_due(struct bl_fleet *fleet) {
    struct abuse *abuse = fleet->opts.user;
    for (uint32_t i = 0; i < CLIENTS && abuse->sending; i++) {
        if ((fleet->now_ms / BL_FLEET_TICK_MS + i) % (INTERVAL_MS / BL_FLEET_TICK_MS) == 0) {
            send_one(abuse, i);
        }
    }
}

/** More at once than they will ever say again, so that their own queues have grown before. */
static void burst(struct abuse *abuse) {
    for (uint32_t i = 0; i < CLIENTS * BURST; i++) {
        send_one(abuse, i % CLIENTS);
    }
}

static uint32_t sessions(const struct abuse *abuse) {
    struct belay_stats stats = BELAY_STATS_INIT;
    belay_server_stats(abuse->fleet.server, &stats);
    return stats.sessions;
}

static void run_quietly(struct abuse *abuse, uint32_t ms) {
    for (uint64_t end = abuse->fleet.now_ms + ms; abuse->fleet.now_ms < end;) {
        bl_fleet_tick(&abuse->fleet);
        bl_hostile_work(&abuse->hostile);
    }
}

/* The hostile. */

static bool is_hostile(const struct bl_address *address) {
    return address->ip[12] == 198;
}

static void count_bytes(void *user, const struct bl_address *from, const struct bl_datagram *to) {
    struct abuse *abuse = user;
    abuse->bytes_in += is_hostile(from) ? to->size : 0;
    abuse->bytes_out += is_hostile(&to->address) ? to->size : 0;
}

static struct bl_address next_source(struct abuse *abuse) {
    uint32_t number = abuse->source++;
    struct bl_address address = abuse->hostile.own;
    address.ip[13] = 19;
    address.ip[14] = (uint8_t)(number >> 8);
    address.ip[15] = (uint8_t)number;
    address.port = (uint16_t)(1024 + (number >> 16));
    return address;
}

/** The attacker's socket takes the address for this one. */
static void send_from(struct abuse *abuse, const struct bl_address *from,
                      const struct bl_datagram *datagram) {
    struct bl_sim_socket *socket = BL_CONTAINER_OF(abuse->hostile.net, struct bl_sim_socket, net);
    socket->address = *from;
    bl_net_send(abuse->hostile.net, datagram, 1);
    socket->address = abuse->hostile.own;
}

static void drain(struct bl_net *net) {
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    while (bl_net_receive(net, batch, BL_NET_BATCH_MAX) == BL_NET_BATCH_MAX) {
    }
}

static void send_some(struct abuse *abuse, const struct bl_hostile_class *class,
                      const struct bl_pool *pool, uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < first + count; i++) {
        const struct bl_pooled *item = &pool->items[i % pool->count];
        const struct bl_datagram datagram = {
            .address = abuse->hostile.server, .data = pool->bytes + item->at, .size = item->size};
        const struct bl_address from = class->own_address ? abuse->hostile.own : next_source(abuse);
        send_from(abuse, &from, &datagram);
    }
    belay_server_service(abuse->fleet.server, 0);
    belay_server_flush(abuse->fleet.server);
    drain(abuse->hostile.net);
}

static void flood(struct abuse *abuse, const struct bl_hostile_class *class,
                  const struct bl_pool *pool, uint32_t count) {
    uint32_t known = CLIENTS + SLOW + 1; /* the holder */
    for (uint32_t sent = 0, service = 0; sent < count; service++) {
        uint32_t some = count - sent < PER_SERVICE ? count - sent : PER_SERVICE;
        send_some(abuse, class, pool, sent, some);
        sent += some;
        if (service % SERVICES == SERVICES - 1) {
            bl_fleet_tick(&abuse->fleet);
            if (!class->once) { /* else its own numbers would make the made ones old */
                bl_hostile_work(&abuse->hostile);
            }
        }
        uint32_t now = sessions(abuse);
        uint32_t strangers = now > known ? now - known : 0;
        abuse->strangers = strangers > abuse->strangers ? strangers : abuse->strangers;
    }
}

/** One class. @param part of its share that is sent */
static void run_class(struct abuse *abuse, const struct bl_hostile_class *class, uint32_t part,
                      bool print) {
    struct bl_pool pool;
    uint64_t count = (uint64_t)TOTAL / part * class->share / 1000000;
    uint32_t max = class->once && count < class->pool ? (uint32_t)count : class->pool;
    if (!bl_pool_open(&pool, max)) {
        exit(1);
    }
    class->fill(&abuse->hostile, &pool);
    drain(abuse->hostile.net);
    count = class->once && count > pool.count ? pool.count : count;
    abuse->bytes_in = abuse->bytes_out = 0;
    double begin = seconds();
    if (pool.count > 0) {
        flood(abuse, class, &pool, (uint32_t)count);
    }
    double spent = seconds() - begin;
    double ratio = abuse->bytes_in > 0 ? (double)abuse->bytes_out / (double)abuse->bytes_in : 0;
    abuse->seconds += spent;
    abuse->datagrams += count;
    abuse->worst_ratio = ratio > abuse->worst_ratio ? ratio : abuse->worst_ratio;
    if (print) {
        printf("abuse: %-23s %8llu datagrams, %6.2f us each, bytes out/in %.3f\n", class->name,
               (unsigned long long)count, spent * 1e6 / (double)(count > 0 ? count : 1), ratio);
    }
    bl_pool_close(&pool);
}

static bool open_slow(struct abuse *abuse) {
    struct bl_address local = abuse->hostile.own;
    for (uint8_t i = 0; i < SLOW; i++) {
        local.ip[14] = 1;
        local.ip[15] = i;
        if (!bl_holder_open(&abuse->slow[i], abuse->fleet.sim, &local, &abuse->hostile.server)) {
            return false;
        }
    }
    for (int tick = 0; tick < 4; tick++) {
        bl_fleet_tick(&abuse->fleet);
        for (int i = 0; i < SLOW; i++) {
            bl_holder_work(&abuse->slow[i]);
        }
    }
    return true;
}

static void close_slow(struct abuse *abuse) {
    for (int i = 0; i < SLOW; i++) {
        bl_holder_close(&abuse->slow[i]);
    }
}

/** Expired tokens are forgotten when the next one is used. */
static void use_one_token(struct abuse *abuse) {
    static const struct bl_hostile_class one = {.name = "one token", .own_address = true};
    struct bl_pool pool;
    if (bl_pool_open(&pool, 1)) {
        bl_hostile_fresh_token(&abuse->hostile, &pool);
        send_some(abuse, &one, &pool, 0, pool.count);
        bl_pool_close(&pool);
    }
}

static bool run_round(struct abuse *abuse, uint64_t seed, uint32_t part, bool print) {
    abuse->strangers = 0;
    abuse->datagrams = 0;
    abuse->seconds = abuse->worst_ratio = 0;
    abuse->hostile = (struct bl_hostile){0};
    bool fine =
        bl_hostile_open(&abuse->hostile, &abuse->fleet, &abuse->tokens, seed) && open_slow(abuse);
    bl_sim_observe(abuse->fleet.sim, count_bytes, abuse);
    for (unsigned i = 0; fine && i < bl_hostile_class_count; i++) {
        bl_goal_progress("abuse: %s ...", bl_hostile_classes[i].name);
        run_class(abuse, &bl_hostile_classes[i], part, print);
    }
    bl_sim_observe(abuse->fleet.sim, NULL, NULL);
    close_slow(abuse);
    abuse->sending = false;
    run_quietly(abuse, QUIET_MS);
    use_one_token(abuse);
    bl_hostile_close(&abuse->hostile);
    abuse->hostile = (struct bl_hostile){0};
    run_quietly(abuse, QUIET_MS);
    return fine;
}

static bool start(struct abuse *abuse, uint64_t seed) {
    const struct bl_fleet_opts opts = {.seed = seed,
                                       .client_count = CLIENTS,
                                       .message = take,
                                       .frame = send_due,
                                       .user = abuse,
                                       .token_keys = abuse->tokens.key_file,
                                       .spare_sessions = SPARE,
                                       .hooks = &hooks};
    return bl_fleet_start(&abuse->fleet, &opts) && bl_fleet_gather(&abuse->fleet, 5000);
}

static void tell_most(struct bl_goal_run *run, const char *what, double value, const char *unit,
                      double bar) {
    bl_goal_tell(run, &(struct bl_figure){what, value, unit, BL_BAR_AT_MOST, bar});
}

static void print_drops(const struct abuse *abuse) {
    struct belay_stats stats = BELAY_STATS_INIT;
    belay_server_stats(abuse->fleet.server, &stats);
    printf("abuse: dropped by the server, with the round before:");
#define PRINT_DROP(name, value, meaning)                                                           \
    if (stats.dropped[value] > 0) {                                                                \
        printf(" %s %llu", &#name[sizeof "BELAY_DROP_" - 1],                                       \
               (unsigned long long)stats.dropped[value]);                                          \
    }
    BELAY_DROPS(PRINT_DROP)
#undef PRINT_DROP
    printf("\n");
}

static void report(struct bl_goal_run *run, const struct abuse *abuse, size_t before) {
    uint64_t lost = abuse->honest_wrong;
    for (int i = 0; i < CLIENTS; i++) {
        lost += abuse->lines[i].sent - abuse->lines[i].expected;
    }
    printf("abuse: %llu datagrams of %u classes; honest: %llu messages of %d sessions beside "
           "them\n",
           (unsigned long long)abuse->datagrams, bl_hostile_class_count,
           (unsigned long long)abuse->honest_sent, CLIENTS);
    print_drops(abuse);
    tell_most(run, "time", abuse->seconds, "s", LIMIT_S);
    tell_most(run, "slots", abuse->strangers, "of-strangers", 0);
    tell_most(run, "sessions-left", (double)sessions(abuse) - CLIENTS, "of-strangers", 0);
    tell_most(run, "heap", (double)heap - (double)before, "bytes", 0);
    tell_most(run, "amplification", abuse->worst_ratio, "bytes-out-per-byte-in", 1);
    tell_most(run, "honest-lost", (double)lost, "messages", 0);
    tell_most(run, "honest-down", abuse->fleet.down_count + abuse->fleet.closed_count, "sessions",
              0);
}

static void run_baseline(const struct bl_goal_run *run) {
    char command[1024];
    fflush(stdout);
    snprintf(command, sizeof command, "'%sraw-abuse'", run->folder);
    if (system(command) != 0) {
        printf("abuse: the baseline did not run\n");
    }
}

void bl_goal_abuse(struct bl_goal_run *run) {
    struct abuse *abuse = calloc(1, sizeof *abuse);
    run->seed_count = 1;
    bl_calibrate();
    bool fine = abuse != NULL && bl_tokens_open(&abuse->tokens) && start(abuse, run->seed);
    if (fine) {
        burst(abuse);
        abuse->sending = true;
        fine = run_round(abuse, run->seed, WARM_UP, false);
        size_t before = heap;
        abuse->sending = true;
        fine = fine && run_round(abuse, run->seed + 1, 1, true);
        report(run, abuse, before);
    }
    if (!fine) {
        bl_goal_fail(run, "abuse");
    }
    if (abuse != NULL) {
        bl_fleet_finish(&abuse->fleet);
        bl_tokens_close(&abuse->tokens);
    }
    free(abuse);
    run_baseline(run);
}
