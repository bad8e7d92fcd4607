/*
 * `first` and `start` move on together by whole seconds, hz ticks each, which loses nothing: so
 * they are near the present, and neither products nor the wrap of the tick number are a concern.
 */
#include "server/tick_clock.h"

#include "common/serial.h"
#include <belay/limits.h>

#define FRACTIONS 256 /* of a tick */

void bl_tick_clock_start(struct bl_tick_clock *clock, uint16_t hz, uint32_t first, bl_time now) {
    uint16_t quarter = hz / 4 > 1 ? hz / 4 : 1; /* of a second */
    *clock = (struct bl_tick_clock){
        .start = now,
        .first = first,
        .hz = hz,
        .catch_up = quarter < BELAY_CATCH_UP_MAX ? quarter : BELAY_CATCH_UP_MAX,
        .ran = first - 1,
    };
}

static void move_on(struct bl_tick_clock *clock) {
    uint32_t seconds = (clock->ran - clock->first) / clock->hz;
    clock->first += seconds * clock->hz;
    clock->start += seconds * BL_SECOND;
}

bool bl_tick_clock_next(struct bl_tick_clock *clock, bl_time now, uint32_t *tick) {
    const struct bl_tick_time time = bl_tick_clock_read(clock, now);
    if (time.due == time.ran) {
        return false;
    }
    uint32_t next = bl_tick_time_oldest(&time);
    clock->left_out_count += next - time.ran - 1;
    clock->run_count++;
    clock->ran = next;
    move_on(clock);
    clock->lateness = now - bl_tick_clock_time_of(clock, next);
    *tick = next;
    return true;
}

struct bl_tick_time bl_tick_clock_read(const struct bl_tick_clock *clock, bl_time now) {
    struct bl_tick_time time = {.ran = clock->ran, .due = clock->ran, .catch_up = clock->catch_up};
    if (now < clock->start || now < bl_tick_clock_time_of(clock, clock->ran)) {
        return time; /* what was given out is not taken back */
    }
    uint64_t elapsed = (uint64_t)(now - clock->start), second = BL_SECOND;
    uint64_t part = elapsed % second * clock->hz; /* of the last second, in 1/hz ns */
    time.due = clock->first + (uint32_t)(elapsed / second * clock->hz + part / second);
    time.fraction = (uint8_t)(part % second * FRACTIONS / second);
    return time;
}

bl_time bl_tick_clock_due(const struct bl_tick_clock *clock) {
    return bl_tick_clock_time_of(clock, clock->ran + 1);
}

/** Rounded up: at that very nanosecond it is due. */
bl_time bl_tick_clock_time_of(const struct bl_tick_clock *clock, uint32_t tick) {
    int64_t distance = bl_serial_distance(tick, clock->first);
    int64_t seconds = distance / clock->hz, rest = distance % clock->hz;
    if (rest < 0) {
        rest += clock->hz;
        seconds--;
    }
    return clock->start + seconds * BL_SECOND + (rest * BL_SECOND + clock->hz - 1) / clock->hz;
}
