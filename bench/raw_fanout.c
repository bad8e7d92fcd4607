/*
 * The baseline of `goal fanout`: stock ENet on its own sockets, broadcasting.
 *
 * usage: raw-fanout PEERS WAIT_MS SETTLE_MS MEASURE_MS EVERY_MS SIZE RELIABLE DRAIN_MS. Broadcasts
 * for MEASURE_MS and serves for DRAIN_MS more. Prints the server's CPU in nanoseconds, its
 * datagrams, in and out, how often it broadcast, and how many messages the peers got.
 */
#define _GNU_SOURCE
#include "bench/raw_crowd.h"

#include <stdio.h>
#include <stdlib.h>

#define SIZE_MAX_BYTES 1024

enum { PEERS, WAIT_MS, SETTLE_MS, MEASURE_MS, EVERY_MS, SIZE, RELIABLE, DRAIN_MS, NUMBERS };

static void broadcast(const struct bl_raw_crowd *crowd, const uint32_t *numbers) {
    static const uint8_t data[SIZE_MAX_BYTES] = {1, 2, 3};
    enet_uint32 flags = numbers[RELIABLE] != 0 ? ENET_PACKET_FLAG_RELIABLE : 0; /* 0: sequenced */
    ENetPacket *packet = enet_packet_create(data, numbers[SIZE], flags);
    if (packet == NULL) {
        bl_raw_give_up("no memory");
    }
    enet_host_broadcast(crowd->host, numbers[RELIABLE] != 0 ? 0 : 1, packet);
    enet_host_flush(crowd->host);
}

/** @return how many milliseconds to wait for what comes next, as in crowd.c */
static uint32_t wait_for(uint64_t due_ns, uint32_t wait_ms) {
    uint64_t now = bl_raw_now_ns(CLOCK_MONOTONIC);
    if (due_ns > now + wait_ms * 1000000ULL) {
        return wait_ms;
    }
    return due_ns > now ? (uint32_t)((due_ns - now + 999999) / 1000000) : 0;
}

/** @return how often it was broadcast */
static uint32_t run(const struct bl_raw_crowd *crowd, const uint32_t *numbers) {
    uint32_t wanted = numbers[MEASURE_MS] / numbers[EVERY_MS], done = 0;
    uint64_t due_ns = bl_raw_now_ns(CLOCK_MONOTONIC);
    uint64_t until = due_ns + (numbers[MEASURE_MS] + numbers[DRAIN_MS]) * 1000000ULL;
    while (bl_raw_now_ns(CLOCK_MONOTONIC) < until) {
        if (done < wanted && bl_raw_now_ns(CLOCK_MONOTONIC) >= due_ns) {
            broadcast(crowd, numbers);
            due_ns += numbers[EVERY_MS] * 1000000ULL;
            done++;
        }
        bl_raw_crowd_serve(crowd, wait_for(done < wanted ? due_ns : UINT64_MAX, numbers[WAIT_MS]));
    }
    return done;
}

int main(int argument_count, char **arguments) {
    struct bl_raw_crowd crowd;
    uint32_t numbers[NUMBERS];
    if (argument_count != NUMBERS + 1 || enet_initialize() != 0) {
        fprintf(stderr, "usage: raw-fanout PEERS WAIT_MS SETTLE_MS MEASURE_MS EVERY_MS SIZE "
                        "RELIABLE DRAIN_MS\n");
        return 2;
    }
    for (int i = 0; i < NUMBERS; i++) {
        numbers[i] = (uint32_t)strtoul(arguments[i + 1], NULL, 10);
    }
    if (numbers[SIZE] > SIZE_MAX_BYTES || numbers[EVERY_MS] == 0) {
        bl_raw_give_up("SIZE or EVERY_MS");
    }
    bl_raw_crowd_open(&crowd, numbers[PEERS], numbers[WAIT_MS], numbers[SETTLE_MS]);
    uint64_t cpu = bl_raw_now_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t datagrams = bl_raw_crowd_datagrams(&crowd);
    uint32_t published = run(&crowd, numbers);
    cpu = bl_raw_now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    datagrams = bl_raw_crowd_datagrams(&crowd) - datagrams;
    printf("%llu %llu %u %llu\n", (unsigned long long)cpu, (unsigned long long)datagrams, published,
           (unsigned long long)*crowd.delivered);
    bl_raw_crowd_close(&crowd);
    return 0;
}
