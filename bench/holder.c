#include "bench/holder.h"

#include "lib/wire/frame.h"
#include <string.h>

static void accepted(void *user, struct bl_peer *peer, const struct bl_dialed *dialed) {
    struct bl_holder *holder = user;
    (void)dialed;
    holder->peer = peer;
    peer->receiver = holder;
}

static void take_packet(void *receiver, struct bl_packet *packet) {
    (void)receiver;
    bl_packet_release(packet);
}

static void ignore(void *receiver) {
    (void)receiver;
}

static void denied(void *user, const struct bl_deny *deny) {
    (void)user, (void)deny;
}

bool bl_holder_open(struct bl_holder *holder, struct belay_sim *sim, const struct bl_address *local,
                    const struct bl_address *server) {
    static const struct bl_endpoint_ops ops = {.accepted = accepted,
                                               .migrated = ignore,
                                               .packet = take_packet,
                                               .progress = ignore,
                                               .gone = ignore,
                                               .denied = denied};
    static const struct belay_hooks hooks;
    const struct bl_dial_target target = {
        .addresses = {*server}, .address_count = 1, .trust = true};
    *holder = (struct bl_holder){0};
    bl_memory_init(&holder->memory, &hooks, 0);
    if (bl_sim_open(&holder->net, sim, local, NULL) != BELAY_OK) {
        return false;
    }
    bl_timer_wheel_init(&holder->wheel, bl_net_now(holder->net));
    const struct bl_endpoint_opts opts = {
        .memory = &holder->memory,
        .wheel = &holder->wheel,
        .net = holder->net,
        .ops = &ops,
        .user = holder,
        .stats = &holder->stats,
        .game = bl_wire_hash(NULL),
        .peer_max = 2,
        .channel_count = BELAY_CHANNELS_MAX + 1,
    };
    if (bl_endpoint_create(&holder->endpoint, &opts) != BELAY_OK) {
        return false;
    }
    bl_endpoint_dial(holder->endpoint, &target);
    bl_holder_work(holder);
    return true;
}

void bl_holder_close(struct bl_holder *holder) {
    bl_endpoint_destroy(holder->endpoint);
    bl_net_close(holder->net);
    *holder = (struct bl_holder){0};
}

void bl_holder_work(struct bl_holder *holder) {
    while (bl_endpoint_receive(holder->endpoint)) {
    }
    bl_timer_wheel_advance(&holder->wheel, bl_net_now(holder->net));
    bl_endpoint_flush(holder->endpoint);
}

void bl_holder_login(struct bl_holder *holder) {
    uint8_t frame[BL_FRAME_SIZE_MAX];
    const struct bl_hello hello = {
        .version = BL_WIRE_VERSION,
        .features = BL_FEATURES_KNOWN,
        .credit_messages = BELAY_CREDIT_MESSAGES,
        .credit_bytes = BELAY_CREDIT_BYTES,
        .channel_count = 2,
        .channels = {{BELAY_RELIABLE, (uint16_t)bl_wire_hash("reliable")},
                     {BELAY_UNRELIABLE, (uint16_t)bl_wire_hash("unreliable")}},
        .login = (const uint8_t *)"",
    };
    size_t size = bl_hello_write(frame, sizeof frame, &hello);
    struct bl_packet *packet = bl_packet_create(size, BL_ORDERED);
    if (packet != NULL) {
        memcpy(bl_packet_data(packet), frame, size);
        bl_peer_send(holder->peer, 0, packet);
        bl_packet_release(packet);
    }
    bl_holder_work(holder);
}

size_t bl_holder_seal(struct bl_holder *holder, uint8_t *out, const void *payload, size_t size) {
    memcpy(out + BL_DATA_HEADER_SIZE, payload, size);
    return bl_binding_seal(holder->peer->binding, BL_DATAGRAM_DATA, out, size,
                           bl_net_now(holder->net));
}
