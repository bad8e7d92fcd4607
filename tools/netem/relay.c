/*
 * Every datagram goes through the queue, without delay as well: that is the only way out, and
 * nothing overtakes by accident.
 *
 * A flow goes in chores() only, when no packet points to it; so pointers to flows hold through a
 * round of receiving and sending.
 *
 * ppoll() waits, for its nanoseconds and its mask; what it waits for is among others an epoll over
 * the flows, so that a thousand silent clients cost nothing.
 */
#define _GNU_SOURCE
#include "tools/netem/relay.h"
#include "common/error.h"
#include "lib/clock/clock.h"
#include "tools/netem/flows.h"
#include "tools/netem/queue.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BATCH_MAX 64 /* datagrams of one socket before the others have their turn */
#define READY_MAX 64 /* flows before others that are ready */

enum count {
    COUNT_IN,
    COUNT_OUT,
    COUNT_LOST,
    COUNT_BLACKOUT,
    COUNT_TAIL_DROPPED,
    COUNT_BUFFER_FULL,
    COUNT_REFUSED,
    COUNT_UNSENT,
    COUNT_UNDER_WAY,
    COUNT_DUPLICATED,
    COUNT_HELD_BACK,
    COUNT_CORRUPTED,
    COUNT_COUNT,
};

static const char *const count_names[COUNT_COUNT] = {
    [COUNT_IN] = "in",
    [COUNT_OUT] = "out",
    [COUNT_LOST] = "lost",
    [COUNT_BLACKOUT] = "lost in a blackout",
    [COUNT_TAIL_DROPPED] = "dropped by the rate",
    [COUNT_BUFFER_FULL] = "dropped, buffer full",
    [COUNT_REFUSED] = "dropped, too many clients",
    [COUNT_UNSENT] = "not taken by the system",
    [COUNT_UNDER_WAY] = "still under way",
    [COUNT_DUPLICATED] = "duplicated",
    [COUNT_HELD_BACK] = "held back",
    [COUNT_CORRUPTED] = "corrupted",
};

enum { POLL_LISTEN, POLL_WATCHED, POLL_FLOWS, POLL_COUNT };

struct netem_relay {
    struct netem_settings settings;
    struct netem_socket listen;
    struct netem_flows flows;
    struct netem_queue queue;
    int poller;           /* epoll over the flows' sockets */
    bl_time blackout_end; /* for flows to come */
    bl_time chores_at;
    uint64_t flow_count; /* ever */
    uint64_t rebind_count;
    int send_error; /* the first; 0: none */
    bool refusal_told;
    uint64_t counts[NETEM_DIRECTIONS][COUNT_COUNT];
    uint8_t data[NETEM_DATAGRAM_MAX];
};

enum belay_result netem_relay_create(struct netem_relay **out,
                                     const struct netem_settings *settings) {
    enum belay_result result = BELAY_E_NO_MEMORY;
    struct netem_relay *relay = calloc(1, sizeof *relay);
    if (relay == NULL) {
        return bl_fail(result, "out of memory");
    }
    relay->settings = *settings;
    relay->queue.bytes_max = (size_t)settings->buffer_mib << 20;
    relay->chores_at = BL_TIME_NEVER;
    result = netem_flows_init(&relay->flows, settings->clients_max);
    if (result != BELAY_OK) {
        goto free_relay;
    }
    relay->poller = epoll_create1(EPOLL_CLOEXEC);
    if (relay->poller < 0) {
        result = bl_fail(BELAY_E_SYSTEM, "out of file descriptors; raise the limit (ulimit -n)");
        goto finish_flows;
    }
    result = netem_socket_open(&relay->listen, &settings->listen);
    if (result != BELAY_OK) {
        goto close_poller;
    }
    *out = relay;
    return BELAY_OK;

close_poller:
    close(relay->poller);
finish_flows:
    netem_flows_finish(&relay->flows);
free_relay:
    free(relay);
    return result;
}

void netem_relay_destroy(struct netem_relay *relay) {
    if (relay == NULL) {
        return;
    }
    netem_socket_close(&relay->listen);
    netem_queue_finish(&relay->queue);
    netem_flows_finish(&relay->flows);
    close(relay->poller);
    free(relay);
}

void netem_relay_local(const struct netem_relay *relay, struct bl_address *out) {
    netem_socket_local(&relay->listen, out);
}

/* ---- one datagram ---- */

static void push_copy(struct netem_relay *relay, struct netem_flow *flow,
                      enum netem_direction direction, const struct bl_sim_copy *copy, size_t size) {
    uint64_t *counts = relay->counts[direction];
    struct netem_packet *packet = netem_queue_push(&relay->queue, copy->at, relay->data, size);
    if (packet == NULL) {
        counts[COUNT_BUFFER_FULL]++;
        return;
    }
    packet->flow = flow;
    packet->direction = direction;
    flow->queued_count++;
    counts[COUNT_UNDER_WAY]++;
    if (copy->flipped_bit != BL_SIM_NO_BIT) {
        packet->data[copy->flipped_bit / 8] ^= (uint8_t)(1U << copy->flipped_bit % 8);
        counts[COUNT_CORRUPTED]++;
    }
}

/** Sends relay->data on its way. */
static void take_in(struct netem_relay *relay, struct netem_flow *flow,
                    enum netem_direction direction, bl_time now, size_t size) {
    uint64_t *counts = relay->counts[direction];
    struct netem_fate fate = netem_link_cross(&flow->links[direction], now, size);
    flow->active = now;
    if (now < flow->blackout_end) { /* after the fate is drawn: later luck does not change */
        counts[COUNT_BLACKOUT]++;
        return;
    }
    counts[COUNT_LOST] += fate.end == NETEM_LOST;
    counts[COUNT_TAIL_DROPPED] += fate.end == NETEM_TAIL_DROPPED;
    counts[COUNT_DUPLICATED] += fate.copy_count == 2;
    counts[COUNT_HELD_BACK] += fate.held_back;
    for (size_t i = 0; i < fate.copy_count; i++) {
        push_copy(relay, flow, direction, &fate.copies[i], size);
    }
}

static void give_out(struct netem_relay *relay, const struct netem_packet *packet, bl_time now) {
    uint64_t *counts = relay->counts[packet->direction];
    struct netem_flow *flow = packet->flow;
    bool up = packet->direction == NETEM_UP;
    flow->queued_count--;
    counts[COUNT_UNDER_WAY]--;
    if (now < flow->blackout_end) {
        counts[COUNT_BLACKOUT]++;
        return;
    }
    int error =
        netem_socket_send(up ? &flow->upstream : &relay->listen,
                          up ? &relay->settings.target : &flow->client, packet->data, packet->size);
    counts[error == 0 ? COUNT_OUT : COUNT_UNSENT]++;
    if (relay->send_error == 0) {
        relay->send_error = error;
    }
}

static void give_out_due(struct netem_relay *relay, bl_time now) {
    struct netem_packet *packet;
    while ((packet = netem_queue_pop(&relay->queue, now)) != NULL) {
        give_out(relay, packet, now);
        free(packet);
    }
}

/* ---- flows ---- */

/** Has the wait end for a flow's socket. Closing it ends that. */
static enum belay_result watch(const struct netem_relay *relay, struct netem_flow *flow,
                               const struct netem_socket *sock) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = flow};
    if (epoll_ctl(relay->poller, EPOLL_CTL_ADD, sock->descriptor, &event) != 0) {
        return bl_fail(BELAY_E_SYSTEM, "epoll: %s; lower --max-clients", strerror(errno));
    }
    return BELAY_OK;
}

static void begin_flow(struct netem_relay *relay, struct netem_flow *flow, bl_time now) {
    const struct netem_settings *settings = &relay->settings;
    for (unsigned i = 0; i < NETEM_DIRECTIONS; i++) {
        netem_link_init(&flow->links[i], settings->seed, relay->flow_count, i);
        netem_link_set(&flow->links[i], &settings->troubles[i]);
    }
    relay->flow_count++;
    flow->blackout_end = relay->blackout_end;
    flow->rebind_at = settings->rebind_every > 0 ? now + settings->rebind_every : BL_TIME_NEVER;
    relay->chores_at = bl_earlier(relay->chores_at, flow->rebind_at);
    relay->chores_at = bl_earlier(relay->chores_at, now + settings->idle);
}

static struct netem_flow *refuse(struct netem_relay *relay) {
    if (!relay->refusal_told) {
        fprintf(stderr, "belay-netem: a client is refused: %s\n", belay_error());
    }
    relay->refusal_told = true;
    return NULL;
}

/** The flow of a client, which may be new; NULL: there is no room for it. */
static struct netem_flow *flow_of(struct netem_relay *relay, const struct bl_address *client,
                                  bl_time now) {
    struct netem_flow *flow = netem_flows_find(&relay->flows, client);
    if (flow != NULL) {
        return flow;
    }
    if (netem_flows_add(&flow, &relay->flows, client, &relay->settings.target) != BELAY_OK) {
        return refuse(relay);
    }
    if (watch(relay, flow, &flow->upstream) != BELAY_OK) {
        netem_flows_remove(&relay->flows, flow);
        return refuse(relay);
    }
    begin_flow(relay, flow, now);
    return flow;
}

static bool rebind(struct netem_relay *relay, struct netem_flow *flow) {
    struct netem_socket fresh;
    if (netem_socket_open_towards(&fresh, &relay->settings.target) != BELAY_OK) {
        return false;
    }
    if (watch(relay, flow, &fresh) != BELAY_OK) {
        netem_socket_close(&fresh);
        return false;
    }
    netem_socket_close(&flow->upstream); /* not before: the new port must be another */
    flow->upstream = fresh;
    relay->rebind_count++;
    return true;
}

/** When a flow has been idle for too long, as seen from now. */
static bl_time idle_at(const struct netem_relay *relay, const struct netem_flow *flow,
                       bl_time now) {
    return (flow->queued_count > 0 ? now : flow->active) + relay->settings.idle;
}

/** What is due for flows at their own times. */
static void chores(struct netem_relay *relay, bl_time now) {
    if (now < relay->chores_at) {
        return;
    }
    relay->chores_at = BL_TIME_NEVER;
    for (size_t i = relay->flows.count; i-- > 0;) { /* backwards: removing moves the last */
        struct netem_flow *flow = relay->flows.all[i];
        if (idle_at(relay, flow, now) <= now) {
            netem_flows_remove(&relay->flows, flow);
            continue;
        }
        if (flow->rebind_at <= now) {
            (void)rebind(relay, flow);
            flow->rebind_at = now + relay->settings.rebind_every;
        }
        relay->chores_at = bl_earlier(relay->chores_at, flow->rebind_at);
        relay->chores_at = bl_earlier(relay->chores_at, idle_at(relay, flow, now));
    }
}

/* ---- one round ---- */

static void receive_up(struct netem_relay *relay, bl_time now) {
    struct bl_address from;
    for (unsigned i = 0; i < BATCH_MAX; i++) {
        ptrdiff_t size = netem_socket_receive(&relay->listen, &from, relay->data);
        if (size < 0) {
            return;
        }
        relay->counts[NETEM_UP][COUNT_IN]++;
        struct netem_flow *flow = flow_of(relay, &from, now);
        if (flow != NULL) {
            take_in(relay, flow, NETEM_UP, now, (size_t)size);
        } else {
            relay->counts[NETEM_UP][COUNT_REFUSED]++;
        }
    }
}

/** What others than the target send to a client's port is not for the client. */
static void receive_down(struct netem_relay *relay, struct netem_flow *flow, bl_time now) {
    struct bl_address from;
    for (unsigned i = 0; i < BATCH_MAX; i++) {
        ptrdiff_t size = netem_socket_receive(&flow->upstream, &from, relay->data);
        if (size < 0) {
            return;
        }
        if (bl_address_equal(&from, &relay->settings.target)) {
            relay->counts[NETEM_DOWN][COUNT_IN]++;
            take_in(relay, flow, NETEM_DOWN, now, (size_t)size);
        }
    }
}

static void receive_all_down(struct netem_relay *relay, bl_time now) {
    struct epoll_event ready[READY_MAX];
    int count = epoll_wait(relay->poller, ready, READY_MAX, 0);
    for (int i = 0; i < count; i++) {
        receive_down(relay, ready[i].data.ptr, now);
    }
}

/** @return whether one is ready; false when the time is up or a signal came */
static bool wait_ready(struct netem_relay *relay, struct pollfd polls[POLL_COUNT],
                       const sigset_t *mask) {
    bl_time due = bl_earlier(netem_queue_next(&relay->queue), relay->chores_at);
    bl_time now = bl_clock_monotonic();
    bl_duration left = due > now ? due - now : 0;
    struct timespec limit = {(time_t)(left / BL_SECOND), (long)(left % BL_SECOND)};
    return ppoll(polls, POLL_COUNT, due == BL_TIME_NEVER ? NULL : &limit, mask) > 0;
}

bool netem_relay_service(struct netem_relay *relay, int watched, const sigset_t *mask) {
    struct pollfd polls[POLL_COUNT] = {
        [POLL_LISTEN] = {.fd = relay->listen.descriptor, .events = POLLIN},
        [POLL_WATCHED] = {.fd = watched, .events = POLLIN},
        [POLL_FLOWS] = {.fd = relay->poller, .events = POLLIN},
    };
    bool ready = wait_ready(relay, polls, mask);
    bl_time now = bl_clock_monotonic();
    if (ready && polls[POLL_LISTEN].revents != 0) {
        receive_up(relay, now);
    }
    if (ready && polls[POLL_FLOWS].revents != 0) {
        receive_all_down(relay, now);
    }
    give_out_due(relay, now);
    chores(relay, now);
    return ready && polls[POLL_WATCHED].revents != 0;
}

/* ---- from outside ---- */

static bool is_meant(const struct netem_flow *flow, uint16_t port) {
    return port == 0 || flow->client.port == port;
}

size_t netem_relay_blackout(struct netem_relay *relay, bl_duration duration, uint16_t port) {
    bl_time end = bl_clock_monotonic() + duration;
    size_t count = 0;
    for (size_t i = 0; i < relay->flows.count; i++) {
        struct netem_flow *flow = relay->flows.all[i];
        if (is_meant(flow, port)) {
            flow->blackout_end = end;
            count++;
        }
    }
    if (port == 0) {
        relay->blackout_end = end;
    }
    return count;
}

size_t netem_relay_rebind(struct netem_relay *relay, uint16_t port) {
    size_t count = 0;
    for (size_t i = 0; i < relay->flows.count; i++) {
        struct netem_flow *flow = relay->flows.all[i];
        count += is_meant(flow, port) && rebind(relay, flow);
    }
    return count;
}

enum belay_result netem_relay_change(struct netem_relay *relay, const char *name,
                                     const char *value) {
    enum belay_result result = netem_settings_change(&relay->settings, name, value);
    for (size_t i = 0; result == BELAY_OK && i < relay->flows.count; i++) {
        for (unsigned way = 0; way < NETEM_DIRECTIONS; way++) {
            netem_link_set(&relay->flows.all[i]->links[way], &relay->settings.troubles[way]);
        }
    }
    return result;
}

void netem_relay_print(const struct netem_relay *relay, FILE *out) {
    fprintf(out, "%-26s %12s %12s\n", "datagrams", "up", "down");
    for (unsigned i = 0; i < COUNT_COUNT; i++) {
        fprintf(out, "%-26s %12llu %12llu\n", count_names[i],
                (unsigned long long)relay->counts[NETEM_UP][i],
                (unsigned long long)relay->counts[NETEM_DOWN][i]);
    }
    fprintf(out, "clients %llu, rebound %llu times\n", (unsigned long long)relay->flow_count,
            (unsigned long long)relay->rebind_count);
    if (relay->send_error != 0) {
        fprintf(out, "the first that the system did not take: %s\n", strerror(relay->send_error));
    }
}
