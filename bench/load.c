#include "bench/load.h"

_Static_assert(BL_FLEET_TICK_MS == BL_LOAD_TICK_MS, "the baseline runs at the fleet's tick");

struct belay_link bl_load_link(float loss) {
    struct belay_link link = BELAY_LINK_INIT;
    link.loss = loss;
    link.delay_ms = BL_LOAD_DELAY_MS;
    link.jitter_ms = BL_LOAD_JITTER_MS;
    return link;
}

static void take(struct bl_fleet *fleet, bool at_server, uint32_t client,
                 const struct belay_event *event) {
    (void)client; /* the message says whose it is, and the book checks it */
    if (at_server) {
        bl_ledger_receive(fleet->opts.user, event->message.data, event->message.size,
                          fleet->now_ms);
    }
}

static void send_due(struct bl_fleet *fleet) {
    struct bl_load_message message;
    for (uint32_t i = 0; i < BL_LOAD_CLIENTS; i++) {
        const struct bl_fleet_client *client = &fleet->clients[i];
        if (client->open && bl_ledger_next(fleet->opts.user, i, fleet->now_ms, &message) &&
            belay_client_send(client->client, 0, &message, sizeof message) != BELAY_OK) {
            bl_ledger_refuse(fleet->opts.user, i);
        }
    }
}

struct bl_fleet_opts bl_load_opts(uint64_t seed, const struct belay_link *link,
                                  struct bl_ledger *ledger) {
    return (struct bl_fleet_opts){
        .seed = seed,
        .client_count = BL_LOAD_CLIENTS,
        .link = link,
        .message = take,
        .frame = send_due,
        .user = ledger,
    };
}
