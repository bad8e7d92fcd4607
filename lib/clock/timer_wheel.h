/*
 * A hierarchical timing wheel (Varghese and Lauck, 1987) with a resolution of one millisecond.
 *
 * Arming and cancelling cost O(1) whatever the number of timers; advancing costs what expires, and
 * steps over empty time by bitmaps. Timers never fire early: a deadline is rounded up to the next
 * millisecond. Timers of the same millisecond fire in the order in which they were armed.
 */
#ifndef BL_CLOCK_TIMER_WHEEL_H
#define BL_CLOCK_TIMER_WHEEL_H

#include "lib/clock/time.h"
#include <stdbool.h>

struct bl_timer;
/** Runs inside bl_timer_wheel_advance(); may arm or cancel any timer, its own included. */
typedef void (*bl_timer_callback)(struct bl_timer *timer, bl_time now);

/** Lives inside its owner's struct (see BL_CONTAINER_OF); zeroed memory is an idle timer without a callback. */
struct bl_timer {
    struct bl_timer *next, *previous; /* NULL while idle */
    bl_time deadline;                 /* BL_TIME_NEVER while idle, once initialised */
    uint64_t tick;                    /* deadline in wheel ticks */
    bl_timer_callback callback;
};

#define BL_TIMER_LEVELS 6
#define BL_TIMER_SLOTS  64 /* per level: 64^6 ms is over two years; later deadlines wait in the last level */

struct bl_timer_wheel {
    uint64_t tick; /* of the last advance */
    uint32_t count;
    uint64_t occupied[BL_TIMER_LEVELS]; /* bit per slot that holds a timer */
    struct bl_timer slots[BL_TIMER_LEVELS][BL_TIMER_SLOTS]; /* list heads */
    uint64_t visited_count; /* timers and slots looked at so far: what tests assert in place of time */
};

void bl_timer_wheel_init(struct bl_timer_wheel *wheel, bl_time now);

void bl_timer_init(struct bl_timer *timer, bl_timer_callback callback);
/** Arms or moves a timer. A deadline in the past fires at the next advance. */
void bl_timer_arm(struct bl_timer_wheel *wheel, struct bl_timer *timer, bl_time deadline);
/** Harmless on an idle timer. Must precede the end of the timer's memory. */
void bl_timer_cancel(struct bl_timer_wheel *wheel, struct bl_timer *timer);
bool bl_timer_is_armed(const struct bl_timer *timer);

/** Fires everything due by @p now, in order of deadline. Time must not go back; a repeated time is fine. */
void bl_timer_wheel_advance(struct bl_timer_wheel *wheel, bl_time now);
/** When bl_timer_wheel_advance() is next due: never later than the earliest deadline allows, BL_TIME_NEVER when empty. */
bl_time bl_timer_wheel_next(const struct bl_timer_wheel *wheel);

#endif
