/*
 * narrow: a bulk transfer and small messages share a slow link with a short queue.
 *
 * The server sends the bulk on one reliable channel and a small message every 50 ms on another of
 * the same priority. What counts is how much of the link the bulk gets, how often each of its
 * segments is sent, and how long the small messages wait meanwhile.
 */
#include "bench/fleet.h"
#include "bench/goal.h"
#include "bench/latency.h"
#include "lib/wire/frame.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB               1048576U
#define CHANNEL_BULK      0
#define CHANNEL_SMALL     1
#define SMALL_SIZE        64
#define SMALL_INTERVAL_MS 50
#define WARM_UP_MS        2000   /* of small messages alone, before the bulk */
#define LIMIT_MS          600000 /* the transfer is given up after this */
#define GOODPUT_BAR       80     /* per cent of the link */
#define TRANSMISSIONS_BAR 1.3
#define SMALL_P99_BAR     299 /* below 300 */

static const struct belay_channel channels[] = {
    [CHANNEL_BULK] = {.name = "bulk", .mode = BELAY_RELIABLE},
    [CHANNEL_SMALL] = {.name = "small", .mode = BELAY_RELIABLE},
};

/** The first two have bars; the others show how far the design carries. */
static const struct narrow_case {
    const char *name;
    uint32_t rate_kbit, delay_ms, jitter_ms;
    float loss;
    uint32_t message_size, bulk_size;
    bool barred;
} cases[] = {
    {"1x1MiB", 1000, 20, 0, 0, MIB, MIB, true},
    {"16x64KiB", 1000, 20, 0, 0, MIB / 16, MIB, true},
    {"one-way-5ms", 1000, 5, 0, 0, MIB, MIB, false},
    {"one-way-150ms", 1000, 150, 0, 0, MIB, MIB, false},
    {"10Mbit", 10000, 20, 0, 0, MIB / 16, 8 * MIB, false},
    {"10Mbit-jitter", 10000, 30, 40, 0, MIB / 16, 8 * MIB, false},
    {"loss-1%", 1000, 20, 0, 0.01F, MIB, MIB, false},
};

struct transfer {
    const struct narrow_case *it;
    uint8_t *block; /* one bulk message */
    uint32_t size;  /* of the whole transfer */
    uint32_t queued, received;
    bool begun, wrong;
    uint64_t began_ms, ended_ms, next_small_ms;
    uint32_t small_sent, small_received;
};

/** Sums over the seeds of one case. */
struct tally {
    struct bl_latency small;
    uint64_t bulk_bytes, bulk_ms, segments, resent, wire_bytes;
    uint32_t unfinished, wrong;
};

/** What a small message says, at its start. */
struct small {
    uint32_t number, in_bulk;
    uint64_t sent_ms;
};

struct run {
    struct transfer transfer;
    struct tally *tally;
};

static void take_bulk(struct bl_fleet *fleet, struct transfer *transfer,
                      const struct belay_event *event) {
    transfer->wrong |= event->message.size != transfer->it->message_size ||
                       memcmp(event->message.data, transfer->block, event->message.size) != 0;
    transfer->received += (uint32_t)event->message.size;
    if (transfer->received >= transfer->size) {
        transfer->ended_ms = fleet->now_ms;
    }
}

static void take(struct bl_fleet *fleet, bool at_server, uint32_t client,
                 const struct belay_event *event) {
    struct run *run = fleet->opts.user;
    struct small small;
    (void)at_server, (void)client;
    if (event->message.channel == CHANNEL_BULK) {
        take_bulk(fleet, &run->transfer, event);
        return;
    }
    memcpy(&small, event->message.data, sizeof small);
    run->transfer.wrong |= small.number != run->transfer.small_received++;
    if (small.in_bulk != 0) {
        bl_latency_add(&run->tally->small, fleet->now_ms - small.sent_ms);
    }
}

static void send_small(struct bl_fleet *fleet, struct transfer *transfer) {
    uint8_t data[SMALL_SIZE] = {0};
    if (fleet->now_ms < transfer->next_small_ms) {
        return;
    }
    transfer->next_small_ms = fleet->now_ms + SMALL_INTERVAL_MS;
    const struct small small = {.number = transfer->small_sent++,
                                .in_bulk = transfer->begun && transfer->ended_ms == 0,
                                .sent_ms = fleet->now_ms};
    memcpy(data, &small, sizeof small);
    belay_server_send(fleet->server, fleet->clients[0].session, CHANNEL_SMALL, data, sizeof data);
}

/** Keeps below the mark of back-pressure, so that there is always room for the small messages. */
static void send_bulk(struct bl_fleet *fleet, struct transfer *transfer) {
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    uint32_t size = transfer->it->message_size;
    while (transfer->begun && transfer->queued < transfer->size) {
        belay_server_info(fleet->server, fleet->clients[0].session, &info);
        if (info.queued_bytes + size > BELAY_SEND_BYTES_DEFAULT / 4 * 3 ||
            belay_server_send(fleet->server, fleet->clients[0].session, CHANNEL_BULK,
                              transfer->block, size) != BELAY_OK) {
            return;
        }
        transfer->queued += size;
    }
}

static void send_due(struct bl_fleet *fleet) {
    struct run *run = fleet->opts.user;
    if (fleet->clients[0].open) {
        send_bulk(fleet, &run->transfer);
        send_small(fleet, &run->transfer);
    }
}

static uint64_t resent(const struct bl_fleet *fleet) {
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    belay_server_info(fleet->server, fleet->clients[0].session, &info);
    return info.resent;
}

static uint64_t wire_bytes(const struct bl_fleet *fleet) {
    struct belay_stats stats = BELAY_STATS_INIT;
    belay_server_stats(fleet->server, &stats);
    return stats.bytes_out;
}

static void count(struct tally *tally, const struct transfer *transfer) {
    uint32_t per_message =
        (transfer->it->message_size + BL_SEGMENT_DATA_MAX - 1) / BL_SEGMENT_DATA_MAX;
    tally->wrong += transfer->wrong;
    if (transfer->ended_ms == 0) {
        tally->unfinished++;
        return;
    }
    tally->bulk_bytes += transfer->size;
    tally->bulk_ms += transfer->ended_ms - transfer->began_ms;
    tally->segments += (uint64_t)transfer->size / transfer->it->message_size * per_message;
}

static void run_transfer(struct bl_fleet *fleet, struct run *run) {
    struct transfer *transfer = &run->transfer;
    bl_fleet_gather(fleet, WARM_UP_MS);
    while (fleet->now_ms < 2 * WARM_UP_MS) {
        bl_fleet_tick(fleet);
    }
    uint64_t resent_before = resent(fleet), wire_before = wire_bytes(fleet);
    transfer->begun = true;
    transfer->began_ms = fleet->now_ms;
    while (transfer->ended_ms == 0 && fleet->closed_count == 0 &&
           fleet->now_ms < transfer->began_ms + LIMIT_MS) {
        bl_fleet_tick(fleet);
    }
    run->tally->resent += resent(fleet) - resent_before;
    run->tally->wire_bytes += wire_bytes(fleet) - wire_before;
    count(run->tally, transfer);
}

static bool run_seed(const struct bl_goal_run *goal, const struct narrow_case *it, uint64_t seed,
                     struct tally *tally) {
    struct belay_link link = BELAY_LINK_INIT;
    struct bl_fleet fleet;
    struct run run = {.tally = tally};
    link.rate_kbit = it->rate_kbit;
    link.delay_ms = it->delay_ms;
    link.jitter_ms = it->jitter_ms;
    link.loss = it->loss;
    link.queue_ms = 200;
    const struct bl_fleet_opts opts = {
        .seed = seed,
        .client_count = 1,
        .link = &link,
        .channels = channels,
        .channel_count = sizeof channels / sizeof *channels,
        .message = take,
        .frame = send_due,
        .user = &run,
    };
    run.transfer = (struct transfer){.it = it,
                                     .size = it->bulk_size * (goal->longer ? 8 : 1),
                                     .block = malloc(it->message_size)};
    bool started = run.transfer.block != NULL && bl_fleet_start(&fleet, &opts);
    if (started) {
        for (uint32_t i = 0; i < it->message_size; i++) {
            run.transfer.block[i] = (uint8_t)(i * 2654435761U >> 24);
        }
        run_transfer(&fleet, &run);
        bl_fleet_finish(&fleet);
    }
    free(run.transfer.block);
    return started;
}

static void tell(struct bl_goal_run *goal, const struct narrow_case *it,
                 const struct tally *tally) {
    static const char *const whats[] = {"goodput", "transmissions", "small-p99"};
    double goodput = (double)tally->bulk_bytes * 8 / (double)tally->bulk_ms;
    double segments = (double)tally->segments;
    const struct bl_figure figures[] = {
        {NULL, 100 * goodput / it->rate_kbit, "%-of-link", BL_BAR_AT_LEAST, GOODPUT_BAR},
        {NULL, (segments + (double)tally->resent) / segments, "per-segment", BL_BAR_AT_MOST,
         TRANSMISSIONS_BAR},
        {NULL, bl_latency_percentile(&tally->small, 99), "ms", BL_BAR_AT_MOST, SMALL_P99_BAR},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        char what[64];
        struct bl_figure figure = figures[i];
        snprintf(what, sizeof what, "%s/%s", it->name, whats[i]);
        figure.what = what;
        figure.bar_kind = it->barred ? figure.bar_kind : BL_BAR_NONE;
        bl_goal_tell(goal, &figure);
    }
}

static void measure_case(struct bl_goal_run *goal, const struct narrow_case *it) {
    struct tally *tally = calloc(1, sizeof *tally);
    bool ran = tally != NULL;
    for (uint32_t i = 0; ran && i < goal->seed_count; i++) {
        bl_goal_progress("narrow %s: seed %u of %u ...", it->name, i + 1, goal->seed_count);
        ran = run_seed(goal, it, goal->seed + i, tally);
    }
    if (!ran || tally->unfinished > 0 || tally->wrong > 0) {
        bl_goal_fail(goal, it->name); /* did not start, did not end, or bytes were not those sent */
    } else {
        bl_goal_progress("%s", "");
        printf(
            "narrow %-13s %u kbit/s, %u-%u ms one way, %g %% loss: bulk %.1f s, %.3f bytes on the "
            "wire per byte; %llu small messages: p50 %u p99 %u max %u ms; resent %llu\n",
            it->name, it->rate_kbit, it->delay_ms, it->delay_ms + it->jitter_ms,
            (double)it->loss * 100, (double)tally->bulk_ms / 1000 / goal->seed_count,
            (double)tally->wire_bytes / (double)tally->bulk_bytes,
            (unsigned long long)tally->small.count, bl_latency_percentile(&tally->small, 50),
            bl_latency_percentile(&tally->small, 99), tally->small.max_ms,
            (unsigned long long)tally->resent);
        tell(goal, it, tally);
    }
    free(tally);
}

void bl_goal_narrow(struct bl_goal_run *run) {
    run->seed_count = 3;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (bl_goal_wants(run, cases[i].name)) {
            measure_case(run, &cases[i]);
        }
    }
}
