/*
 * A program's own clock_gettime() stands in front of the C library's. Until fast_clock_start() it
 * says what the system says.
 */
#define _GNU_SOURCE
#include "examples/arena/demo/fast_clock.h"

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

static double extra; /* time that passes beside the real one, by its share */
static int64_t started_at;

static int64_t nanoseconds(const struct timespec *time) {
    return (int64_t)time->tv_sec * SECOND + time->tv_nsec;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int status = (int)syscall(SYS_clock_gettime, clock, time);
    if (status == 0 && extra > 0 && clock != CLOCK_REALTIME) {
        int64_t real = nanoseconds(time);
        int64_t shown = real + (int64_t)((double)(real - started_at) * extra);
        time->tv_sec = (time_t)(shown / SECOND);
        time->tv_nsec = (long)(shown % SECOND);
    }
    return status;
}

/* The clocks of the system differ by the time that it has slept: for a short show they do not. */
void fast_clock_start(double factor) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    started_at = nanoseconds(&now);
    extra = factor - 1;
}
