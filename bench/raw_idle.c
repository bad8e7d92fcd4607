/*
 * The baseline of `goal idle`: stock ENet on its own sockets, with peers that say nothing.
 *
 * usage: raw-idle PEERS WAIT_MS SETTLE_MS MEASURE_MS. Prints the server's CPU in nanoseconds and
 * its datagrams, in and out.
 */
#define _GNU_SOURCE
#include "bench/raw_crowd.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argument_count, char **arguments) {
    struct bl_raw_crowd crowd;
    if (argument_count != 5 || enet_initialize() != 0) {
        fprintf(stderr, "usage: raw-idle PEERS WAIT_MS SETTLE_MS MEASURE_MS\n");
        return 2;
    }
    uint32_t numbers[4];
    for (int i = 0; i < 4; i++) {
        numbers[i] = (uint32_t)strtoul(arguments[i + 1], NULL, 10);
    }
    bl_raw_crowd_open(&crowd, numbers[0], numbers[1], numbers[2]);
    uint64_t cpu = bl_raw_now_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t datagrams = bl_raw_crowd_datagrams(&crowd);
    uint64_t until = bl_raw_now_ns(CLOCK_MONOTONIC) + numbers[3] * 1000000ULL;
    while (bl_raw_now_ns(CLOCK_MONOTONIC) < until) {
        bl_raw_crowd_serve(&crowd, numbers[1]);
    }
    cpu = bl_raw_now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    datagrams = bl_raw_crowd_datagrams(&crowd) - datagrams;
    printf("%llu %llu\n", (unsigned long long)cpu, (unsigned long long)datagrams);
    bl_raw_crowd_close(&crowd);
    return 0;
}
