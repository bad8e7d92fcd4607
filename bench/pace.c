/* Time goes on in steps of a millisecond, which is also how evenly a good server reads. */
#include "bench/pace.h"

#include "client/move_history.h"
#include "client/pacer.h"
#include "client/server_clock.h"
#include "common/assert.h"
#include "common/random.h"
#include "common/serial.h"
#include "server/move_filter.h"
#include <math.h>
#include <stdlib.h>

#define LINE_MAX      256 /* datagrams under way, each way */
#define ACKS_A_SECOND 20
#define FIRST_TICK    (UINT32_MAX - 600) /* 10 s later at 60 Hz, the numbers wrap */
#define CLIENT_EPOCH  (1000 * BL_SECOND) /* its clock is another one */
#define WIRE_UNITS    256.0              /* of margins, and of a share */
#define SMOOTHED_GAIN (1.0 / 8)          /* the server's own */
#define WITHIN        1.0                /* tick */

struct datagram {
    bl_time arrival;
    bl_duration late;       /* what of its way was jitter */
    struct bl_moves moves;  /* to the server */
    struct bl_move_ack ack; /* to the client */
};

struct line {
    struct datagram under_way[LINE_MAX];
    uint32_t count;
    bl_duration delay;
};

struct server {
    struct bl_tick_clock clock;
    struct bl_move_filter *filter;
    uint32_t told; /* the tick at which the last ack left */
    double margin, smoothed;
    double late; /* of datagrams that were measured, on average */
    uint32_t measured;
};

struct client {
    struct bl_pacer pacer;
    struct bl_server_clock clock;
    struct bl_move_history history;
    bl_time begun_at; /* as the model's time has it */
};

struct model {
    const struct bl_pace_plan *plan;
    bl_pace_see see;
    void *user;
    struct belay_move_opts opts;
    struct bl_memory memory;
    struct bl_random random;
    bl_time now;
    struct line up, down;
    struct server server;
    struct client client;
    struct bl_pace_result result;
    uint32_t seen;
};

static double seconds(bl_duration duration) {
    return (double)duration / (double)BL_SECOND;
}

static bl_duration draw_jitter(struct model *model) {
    uint64_t jitter = (uint64_t)bl_from_ms(model->plan->jitter_ms);
    return (bl_duration)bl_random_below(&model->random, jitter + 1);
}

static void line_send(struct model *model, struct line *line, struct datagram *datagram) {
    datagram->late = draw_jitter(model);
    datagram->arrival = model->now + line->delay + datagram->late;
    if (!bl_random_chance(&model->random, model->plan->loss_percent / 100.0)) {
        BELAY_ASSERT(line->count < LINE_MAX);
        line->under_way[line->count++] = *datagram;
    }
}

/** The next that has come by now, in the order of arrival. */
static bool line_receive(struct line *line, bl_time now, struct datagram *out) {
    uint32_t first = 0;
    for (uint32_t i = 1; i < line->count; i++) {
        if (line->under_way[i].arrival < line->under_way[first].arrival) {
            first = i;
        }
    }
    if (line->count == 0 || line->under_way[first].arrival > now) {
        return false;
    }
    *out = line->under_way[first];
    line->under_way[first] = line->under_way[--line->count];
    return true;
}

static void server_measure(struct model *model, const struct bl_tick_time *now,
                           const struct datagram *datagram) {
    struct server *server = &model->server;
    double late = seconds(datagram->late) * model->plan->hz;
    server->late += (late - server->late) / ++server->measured;
    server->margin =
        bl_serial_distance(datagram->moves.newest - datagram->moves.also_new, now->due);
    server->margin -= now->fraction / WIRE_UNITS;
    double even = server->margin + late - server->late;
    double gain = server->measured == 1 ? 1 : SMOOTHED_GAIN;
    server->smoothed += (even - server->smoothed) * gain;
}

static void server_take(struct model *model, const struct datagram *datagram) {
    static const uint8_t input = 0;
    struct server *server = &model->server;
    const struct bl_tick_time now = bl_tick_clock_read(&server->clock, model->now);
    uint32_t newest = datagram->moves.newest;
    if (bl_serial_after(newest, bl_move_filter_received(server->filter))) {
        server_measure(model, &now, datagram);
    }
    bool joined = false;
    for (uint32_t age = BELAY_MOVES_MAX; age-- > 0;) {
        bool repeated = age > datagram->moves.also_new;
        if ((datagram->moves.present >> age & 1) != 0) {
            const struct bl_move_input taken = {
                .tick = newest - age, .data = &input, .repeated = repeated, .joined = joined};
            bl_move_filter_take(server->filter, &now, &taken);
            joined = !repeated;
        }
    }
}

static void server_tell(struct model *model) {
    struct server *server = &model->server;
    struct datagram datagram = {0};
    bl_move_filter_report(server->filter, &datagram.ack);
    bl_duration age = model->now - bl_tick_clock_time_of(&server->clock, datagram.ack.consumed);
    datagram.ack.age_us = (uint32_t)(age / BL_MICROSECOND);
    line_send(model, &model->down, &datagram);
}

static void judge(struct model *model, bool starved) {
    bool stepped = model->now >= bl_from_ms(model->plan->step_at_ms);
    struct bl_pace_part *part = stepped ? &model->result.after : &model->result.before;
    bl_time from = stepped ? bl_from_ms(model->plan->step_at_ms) : model->client.begun_at;
    double target = model->client.pacer.target;
    double off = fabs(model->server.smoothed - target);
    if (off > WITHIN) {
        part->settled = seconds(model->now - from);
    }
    if (model->now >= from + bl_from_ms(BL_PACE_SETTLING_MS)) {
        part->ticks++;
        part->starved += starved;
        part->off_max = fmax(part->off_max, off);
    }
    model->result.target_mean += (target - model->result.target_mean) / ++model->seen;
}

static void show(const struct model *model, bool starved) {
    const struct bl_pacer *pacer = &model->client.pacer;
    model->see(model->user, &(struct bl_pace_point){
                                .time = seconds(model->now),
                                .phase = pacer->phase,
                                .speed = pacer->speed,
                                .target = pacer->target,
                                .margin = model->server.margin,
                                .expected = bl_pacer_margin(pacer),
                                .smoothed = model->server.smoothed,
                                .starved = starved,
                            });
}

static void server_run(struct model *model, uint32_t tick) {
    struct server *server = &model->server;
    const struct bl_tick_time now = bl_tick_clock_read(&server->clock, model->now);
    uint64_t before = bl_move_filter_counts(server->filter)->substituted;
    struct belay_move move;
    bl_move_filter_use(server->filter, &now, tick, NULL, &move);
    bool starved = bl_move_filter_counts(server->filter)->substituted > before;
    if (server->measured > 0) {
        judge(model, starved);
        if (model->see != NULL) {
            show(model, starved);
        }
    }
}

static void server_update(struct model *model) {
    struct server *server = &model->server;
    bool due = bl_tick_clock_due(&server->clock) <= model->now;
    struct datagram datagram;
    while ((due || !model->plan->server_frames) &&
           line_receive(&model->up, model->now, &datagram)) {
        server_take(model, &datagram);
    }
    uint32_t tick;
    while (bl_tick_clock_next(&server->clock, model->now, &tick)) {
        server_run(model, tick);
    }
    uint32_t every = model->plan->hz / ACKS_A_SECOND;
    if (server->clock.ran / every != server->told / every) {
        server->told = server->clock.ran;
        server_tell(model);
    }
}

/** With the round trip of a single ping, which jitter made longer. */
static void client_begin(struct model *model, bl_time local) {
    bl_duration round_trip = model->up.delay + draw_jitter(model);
    round_trip += model->down.delay + draw_jitter(model);
    uint32_t tick;
    double fraction;
    bl_server_clock_arrival(&model->client.clock, local, round_trip, &tick, &fraction);
    bl_pacer_begin(&model->client.pacer, local, tick, fraction);
    model->client.begun_at = model->now;
}

static void client_hear(struct model *model, bl_time local, const struct bl_move_ack *ack) {
    struct client *client = &model->client;
    uint16_t starved = client->history.ack.starved;
    if (!bl_move_history_acknowledge(&client->history, ack)) {
        return;
    }
    bl_server_clock_hear(&client->clock, local, ack->consumed, ack->age_us * BL_MICROSECOND);
    if (!client->pacer.running) {
        client_begin(model, local);
    } else if (ack->begun) {
        const struct bl_margin_sample sample = {
            .tick = ack->received,
            .margin = ack->margin / WIRE_UNITS,
            .loss = ack->loss / WIRE_UNITS,
            .starved = (uint16_t)(ack->starved - starved),
        };
        bl_pacer_hear(&client->pacer, local, &sample);
    }
}

static void client_update(struct model *model) {
    static const uint8_t input = 0;
    struct client *client = &model->client;
    bl_time local = CLIENT_EPOCH + model->now + model->now / 1000000 * model->plan->drift_ppm;
    struct datagram datagram;
    while (line_receive(&model->down, model->now, &datagram)) {
        client_hear(model, local, &datagram.ack);
    }
    uint32_t tick;
    while (bl_pacer_next(&client->pacer, local, &tick)) {
        bl_move_history_add(&client->history, tick, &input);
    }
    datagram = (struct datagram){0};
    if (bl_move_history_collect(&client->history, &datagram.moves)) {
        line_send(model, &model->up, &datagram);
    }
}

/** What becomes shorter was longer before. */
static void start_lines(struct model *model) {
    const struct bl_pace_plan *plan = model->plan;
    struct line *stepping = plan->step_back ? &model->down : &model->up;
    model->up.delay = bl_from_ms(plan->rtt_ms) / 2;
    model->down.delay = bl_from_ms(plan->rtt_ms) / 2;
    if (plan->step_ms < 0) {
        stepping->delay -= plan->step_ms * BL_MILLISECOND;
    }
}

static void step(struct model *model) {
    struct line *stepping = model->plan->step_back ? &model->down : &model->up;
    stepping->delay += model->plan->step_ms * BL_MILLISECOND;
}

static struct model *start(const struct bl_pace_plan *plan) {
    struct model *model = calloc(1, sizeof *model);
    BELAY_ASSERT(model != NULL);
    model->plan = plan;
    model->opts = (struct belay_move_opts){
        .size = 1,
        .tick_hz = plan->hz,
        .lanes = 1,
        .hold_ticks = BELAY_HOLD_TICKS_DEFAULT,
        .future_max = BELAY_FUTURE_DEFAULT,
        .burst_ticks = BELAY_BURST_DEFAULT,
    };
    bl_memory_init(&model->memory, NULL, 0);
    bl_random_init_seeded(&model->random, plan->seed);
    start_lines(model);
    bl_pacer_init(&model->client.pacer, plan->hz);
    bl_server_clock_init(&model->client.clock, plan->hz);
    BELAY_ASSERT(bl_move_history_init(&model->client.history, &model->opts, &model->memory));
    bl_tick_clock_start(&model->server.clock, plan->hz, FIRST_TICK, 0);
    model->server.told = model->server.clock.ran;
    model->server.filter = calloc(1, bl_move_filter_size(&model->opts));
    BELAY_ASSERT(model->server.filter != NULL);
    const struct bl_tick_time now = bl_tick_clock_read(&model->server.clock, 0);
    bl_move_filter_init(model->server.filter, &model->opts, &now);
    return model;
}

static void finish(struct model *model) {
    free(model->server.filter);
    bl_move_history_finish(&model->client.history, &model->memory);
    free(model);
}

struct bl_pace_result bl_pace_run(const struct bl_pace_plan *plan, bl_pace_see see, void *user) {
    struct model *model = start(plan);
    model->see = see;
    model->user = user;
    for (uint32_t ms = 0; ms < plan->length_ms; ms++) {
        model->now = bl_from_ms(ms);
        if (ms == plan->step_at_ms) {
            step(model);
        }
        server_update(model);
        if (ms % plan->client_frame_ms == 0) {
            client_update(model);
        }
    }
    struct bl_pace_result result = model->result;
    finish(model);
    return result;
}

struct bl_pace_plan bl_pace_plan_of(uint64_t seed) {
    static const uint32_t frames[] = {1, 1, 1, 7, 16}; /* of a good, a usual and a slow screen */
    struct bl_random random;
    bl_random_init_seeded(&random, seed);
    struct bl_pace_plan plan = {.seed = seed, .hz = 60, .length_ms = 60000, .step_at_ms = 30000};
    plan.rtt_ms = 20 + (uint32_t)bl_random_below(&random, 281);
    plan.jitter_ms = (uint32_t)bl_random_below(&random, 61);
    plan.drift_ppm = (int32_t)bl_random_below(&random, 401) - 200;
    plan.step_ms = bl_random_chance(&random, 0.5) ? 100 : -100;
    plan.step_back = bl_random_chance(&random, 0.25);
    plan.server_frames = bl_random_chance(&random, 0.2);
    plan.client_frame_ms = frames[bl_random_below(&random, 5)];
    return plan;
}
