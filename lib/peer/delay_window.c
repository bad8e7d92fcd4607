/*
 * The controller of RFC 6817 2.4.2 with two changes: the delay is measured over the round trip,
 * since one-way clocks are not ours to compare, and growth before the first sign of a queue is one
 * segment per segment acknowledged, as in slow start (RFC 5681 3.1).
 */
#include "lib/peer/delay_window.h"

#include "lib/wire/frame.h"

#define SEGMENT     ((double)BL_FRAME_SIZE_MAX)
#define WINDOW_INIT (4 * SEGMENT)
#define WINDOW_MIN  (2 * SEGMENT)
#define WINDOW_MAX  (512 * SEGMENT)

void bl_delay_window_init(struct bl_delay_window *window) {
    *window = (struct bl_delay_window){.bytes = WINDOW_INIT, .base = BL_TIME_NEVER};
}

void bl_delay_window_sample(struct bl_delay_window *window, bl_duration round_trip) {
    window->recent[window->sample_count++ % BL_DELAY_SAMPLES] = round_trip;
    if (round_trip < window->base) {
        window->base = round_trip;
    }
}

static bl_duration queueing_delay(const struct bl_delay_window *window) {
    bl_duration least = BL_TIME_NEVER;
    for (unsigned i = 0; i < BL_DELAY_SAMPLES && i < window->sample_count; i++) {
        least = bl_earlier(least, window->recent[i]);
    }
    return least - window->base;
}

void bl_delay_window_acknowledge(struct bl_delay_window *window, size_t bytes) {
    if (window->sample_count == 0 || bytes == 0) {
        return;
    }
    double delay = (double)queueing_delay(window);
    double target = (double)BL_DELAY_TARGET;
    if (!window->steady && delay < target / 2) {
        window->bytes += (double)bytes;
    } else {
        window->steady = true;
        double off_target = (target - delay) / target;
        off_target = off_target < -1 ? -1 : off_target;
        window->bytes += off_target * (double)bytes * SEGMENT / window->bytes;
    }
    window->bytes = window->bytes < WINDOW_MIN ? WINDOW_MIN : window->bytes;
    window->bytes = window->bytes > WINDOW_MAX ? WINDOW_MAX : window->bytes;
}

size_t bl_delay_window_size(const struct bl_delay_window *window) {
    return (size_t)window->bytes;
}
