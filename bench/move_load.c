#include "bench/move_load.h"

#include "bench/fleet.h"
#include <string.h>

#define CONNECT_MS 10000

struct input {
    uint32_t client, tick;
};

/** What the fleet's frames work on. */
struct play {
    struct bl_move_tally *tally;
    bool counts;
};

static void run_tick(struct bl_fleet *fleet, uint32_t tick) {
    struct play *play = fleet->opts.user;
    for (uint32_t i = 0; i < fleet->opts.client_count; i++) {
        struct belay_move move;
        struct input input;
        if (belay_server_take_move(fleet->server, fleet->clients[i].session, 0, tick, &move) !=
                BELAY_OK ||
            !play->counts) {
            continue;
        }
        memcpy(&input, move.data, sizeof input);
        play->tally->ticks++;
        play->tally->used += move.as_sent;
        play->tally->wrong += move.as_sent && (input.client != i || input.tick != tick);
    }
}

static void frame(struct bl_fleet *fleet) {
    uint32_t tick;
    while (belay_server_next_tick(fleet->server, &tick)) {
        run_tick(fleet, tick);
    }
    for (uint32_t i = 0; i < fleet->opts.client_count; i++) {
        struct belay_client *client = fleet->clients[i].client;
        while (belay_client_next_tick(client, &tick)) {
            belay_client_send_move(client, 0, tick, &(struct input){i, tick});
        }
    }
}

static void run_for(struct bl_fleet *fleet, uint32_t ms) {
    for (uint64_t end = fleet->now_ms + ms; fleet->now_ms < end;) {
        bl_fleet_tick(fleet);
    }
}

static void add_infos(const struct bl_fleet *fleet, struct bl_move_tally *tally) {
    for (uint32_t i = 0; i < fleet->opts.client_count; i++) {
        struct belay_session_info info = BELAY_SESSION_INFO_INIT;
        if (belay_server_info(fleet->server, fleet->clients[i].session, &info) == BELAY_OK) {
            tally->refused += info.moves_refused;
            tally->margin += (double)info.margin_ticks / fleet->opts.client_count;
        }
    }
}

bool bl_move_load_run(const struct bl_move_load *load, uint64_t seed, struct bl_move_tally *tally) {
    struct play play = {.tally = tally};
    const struct bl_fleet_opts opts = {
        .seed = seed,
        .client_count = load->sessions,
        .link = &load->link,
        .move = {.size = sizeof(struct input), .tick_hz = BL_MOVE_LOAD_HZ},
        .frame = frame,
        .user = &play,
    };
    struct bl_fleet fleet;
    if (!bl_fleet_start(&fleet, &opts)) {
        return false;
    }
    bool gathered = bl_fleet_gather(&fleet, CONNECT_MS);
    run_for(&fleet, load->settle_ms);
    uint64_t before = bl_fleet_datagrams(&fleet);
    play.counts = true;
    run_for(&fleet, load->play_ms);
    tally->datagrams += bl_fleet_datagrams(&fleet) - before;
    add_infos(&fleet, tally);
    bl_fleet_finish(&fleet);
    return gathered;
}
