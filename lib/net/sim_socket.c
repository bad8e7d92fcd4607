/*
 * A socket of the simulated network: the house that stands beside udp.c, and a datagram's way from
 * one to the other.
 *
 * A client may stand behind a NAT: `address` is where the others see it, net.local what it
 * believes. A datagram takes the sender's link up, then the receiver's link down; servers stand in
 * the middle and have none.
 */
#include "common/container_of.h"
#include "common/error.h"
#include "lib/net/sim_network.h"
#include "lib/net/sim_trace.h"
#include <string.h>

static const struct bl_address broadcast = {
    .ip = {[10] = 0xFF, [11] = 0xFF, [12] = 0xFF, [13] = 0xFF, [14] = 0xFF, [15] = 0xFF}};

/** One datagram between its sending and an inbox. */
struct journey {
    struct bl_sim_socket *sender, *receiver;
    const struct bl_datagram *datagram;
    bool steered; /* takes no link */
};

static void note_fate(struct belay_sim *sim, const struct bl_sim_fate *fate) {
    if (fate->copy_count == 0) {
        sim->counts.lost++;
    } else {
        sim->counts.duplicated += fate->copy_count - 1;
    }
    bl_trace_word(&sim->trace, fate->copy_count);
    for (size_t i = 0; i < fate->copy_count; i++) {
        bl_trace_word(&sim->trace, (uint64_t)fate->copies[i].at);
        bl_trace_word(&sim->trace, fate->copies[i].flipped_bit);
    }
}

/** Crosses a socket's own link in one direction; a server has none, and what is steered takes none.
 */
static struct bl_sim_fate cross(const struct journey *journey, struct bl_sim_socket *socket,
                                struct bl_sim_way *way, bl_time at) {
    struct belay_sim *sim = socket->sim;
    struct bl_sim_fate fate = {.copy_count = 1, .copies = {{at, BL_SIM_NO_BIT}}};
    if (socket->owner != NULL && !journey->steered) {
        fate = bl_sim_way_cross(way, &sim->random, at, journey->datagram->size);
    }
    note_fate(sim, &fate);
    return fate;
}

/** Takes the way that a test chooses for this datagram; false: none does. */
static bool take_steered(const struct journey *journey, struct bl_sim_fate *fate) {
    struct belay_sim *sim = journey->sender->sim;
    struct bl_sim_steered steered = {0};
    if (sim->steer == NULL ||
        !sim->steer(sim->steer_user, &journey->sender->address, journey->datagram, &steered)) {
        return false;
    }
    *fate = (struct bl_sim_fate){.copy_count = steered.copy_count};
    for (size_t i = 0; i < fate->copy_count; i++) {
        fate->copies[i] = (struct bl_sim_copy){sim->now + steered.delays[i], BL_SIM_NO_BIT};
    }
    note_fate(sim, fate);
    return true;
}

static void flip(struct bl_sim_packet *packet, size_t bit) {
    if (bit / 8 < sizeof(packet->data)) {
        packet->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

/** Puts one copy into the receiver's inbox. */
static void deliver(const struct journey *journey, const struct bl_sim_copy *up,
                    const struct bl_sim_copy *down) {
    struct belay_sim *sim = journey->sender->sim;
    struct bl_sim_packet *packet = bl_sim_pool_take(&sim->pool);
    if (packet == NULL) {
        sim->counts.lost++;
        return;
    }
    size_t size = journey->datagram->size;
    packet->from = journey->sender->address;
    packet->sender = journey->sender->number;
    packet->size = size;
    size_t kept = size < sizeof(packet->data) ? size : sizeof(packet->data);
    if (kept > 0) {
        memcpy(packet->data, journey->datagram->data, kept);
    }
    flip(packet, up->flipped_bit);
    flip(packet, down->flipped_bit);

    struct bl_sim_arrival arrival = {down->at, sim->sequence++, packet};
    if (bl_sim_inbox_put(&journey->receiver->inbox, &sim->memory, &arrival) != BELAY_OK) {
        bl_sim_pool_give(&sim->pool, packet);
        sim->counts.lost++;
    }
}

static void note_sent(struct bl_sim_socket *sender, const struct bl_datagram *datagram) {
    struct belay_sim *sim = sender->sim;
    sim->counts.sent++;
    if (sim->seen != NULL) {
        sim->seen(sim->seen_user, &sender->address, datagram);
    }
    bl_trace_word(&sim->trace, (uint64_t)sim->now);
    bl_sim_trace_address(&sim->trace, &sender->address);
    bl_sim_trace_address(&sim->trace, &datagram->address);
    bl_trace_bytes(&sim->trace, datagram->data, datagram->size);
}

/** Takes what has come up the sender's link down the receiver's. */
static void descend(const struct journey *journey, const struct bl_sim_fate *up) {
    struct bl_sim_socket *receiver = journey->receiver;
    for (size_t i = 0; i < up->copy_count; i++) {
        struct bl_sim_fate down = cross(journey, receiver, &receiver->down, up->copies[i].at);
        for (size_t j = 0; j < down.copy_count; j++) {
            deliver(journey, &up->copies[i], &down.copies[j]);
        }
    }
}

/** To whoever else has that port. @return how many they are */
static size_t descend_to_all(struct journey *journey, const struct bl_sim_fate *up) {
    struct belay_sim *sim = journey->sender->sim;
    size_t count = 0;
    for (struct bl_sim_socket *socket = sim->sockets; socket != NULL; socket = socket->next) {
        if (socket != journey->sender && socket->address.port == journey->datagram->address.port) {
            sim->counts.duplicated += count > 0 ? up->copy_count : 0;
            journey->receiver = socket;
            descend(journey, up);
            count++;
        }
    }
    return count;
}

static bool is_broadcast(const struct bl_address *address) {
    return memcmp(address->ip, broadcast.ip, sizeof(address->ip)) == 0;
}

static void lose(struct belay_sim *sim, size_t copy_count) {
    sim->counts.lost += copy_count;
    bl_trace_word(&sim->trace, 0);
}

static void transmit(struct bl_sim_socket *sender, const struct bl_datagram *datagram) {
    struct belay_sim *sim = sender->sim;
    note_sent(sender, datagram);
    struct journey journey = {
        .sender = sender, .receiver = bl_sim_find(sim, &datagram->address), .datagram = datagram};
    struct bl_sim_fate up;
    journey.steered = take_steered(&journey, &up);
    if (!journey.steered) {
        up = cross(&journey, sender, &sender->up, sim->now);
    }
    if (journey.receiver != NULL) {
        descend(&journey, &up);
    } else if (!is_broadcast(&datagram->address) || descend_to_all(&journey, &up) == 0) {
        lose(sim, up.copy_count);
    }
}

static size_t sim_send(struct bl_net *net, const struct bl_datagram *batch, size_t batch_count) {
    struct bl_sim_socket *socket = BL_CONTAINER_OF(net, struct bl_sim_socket, net);
    for (size_t i = 0; i < batch_count; i++) {
        transmit(socket, &batch[i]);
    }
    return batch_count;
}

static void give_back_lent(struct bl_sim_socket *socket) {
    while (socket->lent != NULL) {
        struct bl_sim_packet *packet = socket->lent;
        socket->lent = packet->next;
        bl_sim_pool_give(&socket->sim->pool, packet);
    }
}

static size_t sim_receive(struct bl_net *net, struct bl_datagram *batch, size_t batch_max) {
    struct bl_sim_socket *socket = BL_CONTAINER_OF(net, struct bl_sim_socket, net);
    struct belay_sim *sim = socket->sim;
    give_back_lent(socket);
    size_t count = 0;
    while (count < batch_max) {
        struct bl_sim_packet *packet = bl_sim_inbox_take(&socket->inbox, sim->now);
        if (packet == NULL) {
            break;
        }
        sim->counts.delivered++;
        packet->next = socket->lent;
        socket->lent = packet;
        if (bl_net_fits(net, packet->size)) {
            batch[count] = (struct bl_datagram){
                .address = packet->from, .data = packet->data, .size = packet->size};
            count++;
        }
    }
    return count;
}

/** Virtual time passes in belay_sim_advance() alone, so to wait here would be to wait for ever. */
static void sim_wait(struct bl_net *net, bl_duration timeout) {
    (void)net;
    (void)timeout;
}

/** Nobody waits. */
static void sim_wake(struct bl_net *net) {
    (void)net;
}

static bl_time sim_now(const struct bl_net *net) {
    return BL_CONTAINER_OF(net, const struct bl_sim_socket, net)->sim->now;
}

static bl_time sim_wall(const struct bl_net *net) {
    const struct belay_sim *sim = BL_CONTAINER_OF(net, const struct bl_sim_socket, net)->sim;
    return sim->now + sim->wall_offset;
}

static intptr_t sim_descriptor(const struct bl_net *net) {
    (void)net;
    return -1;
}

static struct bl_random *sim_random(struct bl_net *net) {
    return &BL_CONTAINER_OF(net, struct bl_sim_socket, net)->random;
}

/** The whole simulation is one network. */
static size_t sim_everybody(struct bl_net *net, struct bl_address *out, size_t max) {
    (void)net;
    (void)max;
    *out = broadcast;
    return 1;
}

static void sim_close(struct bl_net *net) {
    struct bl_sim_socket *socket = BL_CONTAINER_OF(net, struct bl_sim_socket, net);
    give_back_lent(socket);
    bl_sim_leave(socket);
}

static const struct bl_net_ops sim_ops = {
    .receive = sim_receive,
    .send = sim_send,
    .wait = sim_wait,
    .rest = sim_wait,
    .wake = sim_wake,
    .now = sim_now,
    .wall = sim_wall,
    .descriptor = sim_descriptor,
    .socket = sim_descriptor,
    .random = sim_random,
    .everybody = sim_everybody,
    .close = sim_close,
};

enum belay_result bl_sim_open(struct bl_net **out, struct belay_sim *sim,
                              const struct bl_address *local, const void *owner) {
    struct bl_address address = *local;
    if (!bl_sim_settle(sim, &address)) {
        char text[BL_ADDRESS_TEXT_SIZE];
        bl_address_format(&address, text, sizeof(text));
        return bl_fail(BELAY_E_IN_USE, "%s is taken in this simulation; choose another port", text);
    }
    struct bl_sim_socket *socket = bl_allocate(&sim->memory, sizeof(*socket));
    if (socket == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for a simulated socket");
    }
    socket->net = (struct bl_net){.ops = &sim_ops, .local = address, .simulated = true};
    socket->sim = sim;
    socket->owner = owner;
    socket->number = ++sim->socket_number;
    uint64_t secret = sim->seed;
    bl_trace_word(&secret, socket->number);
    bl_random_init_seeded(&socket->random, secret);
    bl_sim_join(socket, &address);
    *out = &socket->net;
    return BELAY_OK;
}
