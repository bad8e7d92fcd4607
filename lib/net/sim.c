/*
 * The simulated network: its clock, its links and who is where in it.
 *
 * A datagram's whole fate is drawn when it is sent (sim_socket.c, sim_link.c); it then lies in its
 * receiver's inbox (sim_inbox.c) until the clock has come to its time. So a run depends on the seed
 * and on the order of calls, and on nothing else: no pointer, no allocation and no real time enters
 * a decision.
 *
 * One generator serves all links, in the order of sending. Sockets' secrets have generators of
 * their own: a program that draws one key more must not change which datagrams are lost.
 */
#include "lib/net/sim_network.h"
#include "lib/net/sim_trace.h"
#include <string.h>

#define CLOCK_START (1000 * BL_SECOND)
#define PORT_FIRST  49152 /* of those that are picked, up to 65,535 (RFC 6335 6) */
#define PORT_COUNT  16384
#define PLACE_COUNT ((1U << 24) - 1) /* 10.0.0.1 to 10.255.255.255 */

void bl_sim_trace_address(uint64_t *trace, const struct bl_address *address) {
    bl_trace_bytes(trace, address->ip, sizeof(address->ip));
    bl_trace_word(trace, (uint64_t)address->scope << 16 | address->port);
}

static struct bl_sim_socket **bucket_of(struct belay_sim *sim, const struct bl_address *address) {
    uint64_t hash = 0;
    bl_sim_trace_address(&hash, address);
    return &sim->bound[hash % BL_SIM_BUCKET_COUNT];
}

struct bl_sim_socket *bl_sim_find(struct belay_sim *sim, const struct bl_address *address) {
    struct bl_sim_socket *socket = *bucket_of(sim, address);
    while (socket != NULL && !bl_address_equal(&socket->address, address)) {
        socket = socket->next_bound;
    }
    return socket;
}

static void bind_socket(struct bl_sim_socket *socket, const struct bl_address *address) {
    struct bl_sim_socket **bucket = bucket_of(socket->sim, address);
    socket->address = *address;
    socket->next_bound = *bucket;
    *bucket = socket;
}

static void unbind_socket(struct bl_sim_socket *socket) {
    struct bl_sim_socket **at = bucket_of(socket->sim, &socket->address);
    while (*at != socket) {
        at = &(*at)->next_bound;
    }
    *at = socket->next_bound;
}

/** Gives @p address a port that nobody has there; false when all are taken. */
static bool pick_port(struct belay_sim *sim, struct bl_address *address) {
    for (uint32_t i = 0; i < PORT_COUNT; i++) {
        address->port = (uint16_t)(PORT_FIRST + sim->port_number++ % PORT_COUNT);
        if (bl_sim_find(sim, address) == NULL) {
            return true;
        }
    }
    return false;
}

static bool is_inhabited(const struct belay_sim *sim, const struct bl_address *address) {
    const struct bl_sim_socket *socket = sim->sockets;
    while (socket != NULL && memcmp(socket->address.ip, address->ip, sizeof(address->ip)) != 0) {
        socket = socket->next;
    }
    return socket != NULL;
}

/** Moves @p address, keeping its port, to the next 10.x.y.z where nobody lives. */
static void pick_place(struct belay_sim *sim, struct bl_address *address) {
    do {
        uint32_t number = 1 + sim->place_number++ % PLACE_COUNT;
        const uint8_t ip[16] = {[10] = 0xFF,
                                [11] = 0xFF,
                                [12] = 10,
                                [13] = (uint8_t)(number >> 16),
                                [14] = (uint8_t)(number >> 8),
                                [15] = (uint8_t)number};
        memcpy(address->ip, ip, sizeof(ip));
        address->scope = 0;
    } while (is_inhabited(sim, address));
}

bool bl_sim_settle(struct belay_sim *sim, struct bl_address *address) {
    if (bl_address_is_any(address)) {
        pick_place(sim, address);
    }
    return address->port == 0 ? pick_port(sim, address) : bl_sim_find(sim, address) == NULL;
}

void bl_sim_join(struct bl_sim_socket *socket, const struct bl_address *address) {
    struct belay_sim *sim = socket->sim;
    bl_sim_way_set(&socket->up, &sim->link, sim->link.cut_up);
    bl_sim_way_set(&socket->down, &sim->link, sim->link.cut_down);
    bind_socket(socket, address);
    socket->next = sim->sockets;
    sim->sockets = socket;
}

static void free_sim(struct belay_sim *sim) {
    bl_sim_pool_finish(&sim->pool);
    struct bl_memory memory = sim->memory; /* it lies in what it is about to free */
    bl_free(&memory, sim, sizeof(*sim));
}

void bl_sim_leave(struct bl_sim_socket *socket) {
    struct belay_sim *sim = socket->sim;
    struct bl_sim_socket **at = &sim->sockets;
    while (*at != socket) {
        at = &(*at)->next;
    }
    *at = socket->next;
    unbind_socket(socket);
    sim->counts.lost += bl_sim_inbox_finish(&socket->inbox, &sim->pool);
    bl_free(&sim->memory, socket, sizeof(*socket));
    if (sim->destroyed && sim->sockets == NULL) {
        free_sim(sim);
    }
}

/** Drops what is under way from a client, whoever would have received it. */
static void drop_sent(struct bl_sim_socket *sender) {
    struct belay_sim *sim = sender->sim;
    for (struct bl_sim_socket *socket = sim->sockets; socket != NULL; socket = socket->next) {
        sim->counts.lost += bl_sim_inbox_drop(&socket->inbox, &sim->pool, sim->now, sender->number);
    }
}

/** Drops what is under way to a client; what has arrived waits in it and stays. */
static void drop_coming(struct bl_sim_socket *receiver) {
    struct belay_sim *sim = receiver->sim;
    sim->counts.lost += bl_sim_inbox_drop(&receiver->inbox, &sim->pool, sim->now, 0);
}

static void set_link(struct bl_sim_socket *socket, const struct belay_link *clean) {
    bl_sim_way_set(&socket->up, clean, clean->cut_up);
    bl_sim_way_set(&socket->down, clean, clean->cut_down);
    if (clean->cut_up) {
        drop_sent(socket);
    }
    if (clean->cut_down) {
        drop_coming(socket);
    }
}

struct belay_sim *belay_sim_create(uint64_t seed) {
    struct bl_memory memory;
    bl_memory_init(&memory, NULL, 0);
    struct belay_sim *sim = bl_allocate(&memory, sizeof(*sim));
    if (sim == NULL) {
        return NULL;
    }
    sim->memory = memory;
    sim->pool.memory = &sim->memory;
    sim->seed = seed;
    sim->now = CLOCK_START;
    sim->link = bl_sim_link_clean(NULL);
    bl_random_init_seeded(&sim->random, seed);
    return sim;
}

void belay_sim_destroy(struct belay_sim *sim) {
    if (sim == NULL) {
        return;
    }
    /* A binding with a garbage collector destroys in any order, so open sockets keep us alive. */
    sim->destroyed = true;
    if (sim->sockets == NULL) {
        free_sim(sim);
    }
}

void belay_sim_advance(struct belay_sim *sim, uint32_t ms) {
    sim->now += bl_from_ms(ms);
}

void belay_sim_link(struct belay_sim *sim, struct belay_client *client,
                    const struct belay_link *link) {
    struct belay_link clean = bl_sim_link_clean(link);
    if (client == NULL) {
        sim->link = clean;
    }
    for (struct bl_sim_socket *socket = sim->sockets; socket != NULL; socket = socket->next) {
        if (socket->owner != NULL && (client == NULL || socket->owner == client)) {
            set_link(socket, &clean);
        }
    }
}

void belay_sim_rebind(struct belay_sim *sim, struct belay_client *client) {
    for (struct bl_sim_socket *socket = sim->sockets; socket != NULL; socket = socket->next) {
        struct bl_address address = socket->address;
        if (socket->owner == NULL || socket->owner != client || !pick_port(sim, &address)) {
            continue;
        }
        unbind_socket(socket);
        bind_socket(socket, &address);
        drop_coming(socket);
    }
}

uint64_t belay_sim_trace(const struct belay_sim *sim) {
    return sim->trace;
}

struct bl_sim_counts bl_sim_counts(const struct belay_sim *sim) {
    return sim->counts;
}

bl_time bl_sim_now(const struct belay_sim *sim) {
    return sim->now;
}

struct bl_random *bl_sim_random(struct belay_sim *sim) {
    return &sim->random;
}

void belay_sim_set_wall(struct belay_sim *sim, uint64_t unix_ms) {
    bl_sim_set_wall_offset(sim, (bl_time)unix_ms * BL_MILLISECOND - sim->now);
}

void bl_sim_set_wall_offset(struct belay_sim *sim, bl_duration offset) {
    sim->wall_offset = offset;
}

void bl_sim_observe(struct belay_sim *sim,
                    void (*seen)(void *user, const struct bl_address *from,
                                 const struct bl_datagram *to),
                    void *user) {
    sim->seen = seen;
    sim->seen_user = user;
}

void bl_sim_steer(struct belay_sim *sim,
                  bool (*steer)(void *user, const struct bl_address *from,
                                const struct bl_datagram *to, struct bl_sim_steered *out),
                  void *user) {
    sim->steer = steer;
    sim->steer_user = user;
}
