/*
 * The resume exchange under everything that a network can do to its first datagrams.
 *
 * A schedule says how the link is lost, what becomes of each of the first 6 datagrams from the
 * moment the client dials its resume (both ways together, in the order in which they are sent), and
 * after which of them one side gives up once more. A real client and a real server go through it in
 * virtual time while both send; then both must be logged in, every message must have come once and
 * in order, and neither may have been told anything but DOWN, RESUMED and LINK.
 *
 * There are BL_SCHEDULES_COUNT of them. Each run of BL_SCHEDULES_FATES in a row has every
 * combination of fates once, with beginnings and troubles spread evenly over them.
 */
#ifndef BL_BENCH_SCHEDULES_H
#define BL_BENCH_SCHEDULES_H

#include <stdbool.h>
#include <stdint.h>

#define BL_SCHEDULES_DATAGRAMS 6
#define BL_SCHEDULES_FATES     46656 /* six for each of the datagrams */
#define BL_SCHEDULES_PLOTS     39    /* three beginnings, times 13: who gives up again, and when */
#define BL_SCHEDULES_COUNT     (BL_SCHEDULES_FATES * BL_SCHEDULES_PLOTS)

/**
 * Runs the schedules from @p first up to @p end, one after the other in the same world (and in a
 * new one from time to time). Each that fails is described on standard error, with the command that
 * runs it again.
 *
 * @param trace  writes down every datagram and event, on standard output
 * @return how many failed; it stops when they are too many
 */
uint32_t bl_schedules_run(uint32_t first, uint32_t end, bool trace);

#endif
