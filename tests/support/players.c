#include "tests/support/players.h"

#include "common/serial.h"
#include <string.h>

struct input {
    uint32_t tick;
    uint16_t client;
    uint8_t lane, sign; /* sign: 1, as zeros are the neutral input */
};

struct belay_move_opts players_move_opts(uint8_t lanes) {
    return (struct belay_move_opts){
        .size = sizeof(struct input), .tick_hz = PLAYERS_TICK_HZ, .lanes = lanes};
}

static int client_of(const struct world *world, belay_session session) {
    for (unsigned i = 0; i < world->client_count; i++) {
        if (world->clients[i].session == session) {
            return (int)i;
        }
    }
    return -1;
}

static void count(struct players *players, unsigned client, uint8_t lane, uint32_t tick,
                  const struct belay_move *move) {
    struct played *played = &players->played[client];
    struct input input;
    memcpy(&input, move->data, sizeof input);
    played->ticks++;
    played->used += move->as_sent;
    played->substituted += !move->as_sent;
    bool own = input.client == client && input.lane == lane && input.sign == 1;
    if (move->as_sent) {
        played->wrong += !own || input.tick != tick;
        players->newest_used[client] = tick;
        players->in_a_row[client] = 0;
    } else {
        played->wrong += input.sign != 0 && (!own || !bl_serial_after(tick, input.tick));
        uint32_t in_a_row = ++players->in_a_row[client];
        played->longest_substituted =
            in_a_row > played->longest_substituted ? in_a_row : played->longest_substituted;
    }
}

static void run_tick(struct players *players, uint32_t tick) {
    struct world *world = players->world;
    must(players->server_tick == 0 || bl_serial_after(tick, players->server_tick));
    players->server_tick = tick;
    for (belay_session session = 0; (session = belay_server_next(world->server, session)) != 0;) {
        int client = client_of(world, session);
        for (uint8_t lane = 0; client >= 0 && lane < players->lanes; lane++) {
            struct belay_move move;
            if (belay_server_take_move(world->server, session, lane, tick, &move) == BELAY_OK) {
                count(players, (unsigned)client, lane, tick, &move);
            }
        }
    }
}

static void send_input(struct players *players, unsigned client, uint32_t tick) {
    for (uint8_t lane = 0; lane < players->lanes; lane++) {
        const struct input input = {
            .tick = tick, .client = (uint16_t)client, .lane = lane, .sign = 1};
        must(belay_client_send_move(players->world->clients[client].it, lane, tick, &input) ==
             BELAY_OK);
    }
    players->newest_sent[client] = tick;
    players->sent_any[client] = true;
}

static void play(struct players *players, unsigned client) {
    struct belay_client *it = players->world->clients[client].it;
    uint32_t tick;
    while (belay_client_next_tick(it, &tick)) {
        players->played[client].given++;
        players->ahead[client] += players->speed[client];
        tick += (uint32_t)players->ahead[client];
        if (players->speed[client] == 0 || !players->sent_any[client]) {
            send_input(players, client, tick);
            continue;
        }
        while (bl_serial_after(tick, players->newest_sent[client])) {
            send_input(players, client, players->newest_sent[client] + 1);
        }
    }
    belay_client_flush(it);
}

static void each_step(struct world *world) {
    struct players *players = world->user;
    uint32_t tick;
    while (!world->server_asleep && belay_server_next_tick(world->server, &tick)) {
        run_tick(players, tick);
    }
    if (!world->server_asleep) {
        belay_server_flush(world->server);
    }
    bool frame = players->frame_ms == 0 || world->ms % players->frame_ms < WORLD_STEP_MS;
    for (unsigned i = 0; i < world->client_count; i++) {
        if (frame && !world->clients[i].asleep) {
            play(players, i);
        }
    }
}

static void watch(struct world *world, enum world_side side, const struct belay_event *event) {
    struct players *players = world->user;
    int client = side == SERVER ? client_of(world, event->session) : -1;
    if (client >= 0 && event->type == BELAY_EVENT_MOVE_REFUSED) {
        players->played[client].refused[event->move_refused.verdict] += event->move_refused.count;
    }
}

void players_join(struct players *players, struct world *world, uint8_t lanes) {
    *players = (struct players){.world = world, .lanes = lanes};
    world->user = players;
    world->each_step = each_step;
    world->watch = watch;
}

void players_count_anew(struct players *players) {
    memset(players->played, 0, sizeof players->played);
    memset(players->in_a_row, 0, sizeof players->in_a_row);
}
