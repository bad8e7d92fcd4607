/*
 * A hierarchical timing wheel (Varghese and Lauck, 1987) with a resolution of one millisecond.
 *
 * Arming and cancelling cost O(1) whatever the number of timers; advancing costs what expires (and
 * moves each timer down at most once per level in its life), and steps over empty time by bitmaps.
 * Timers never fire early: a deadline is rounded up to the next millisecond. Timers of the same
 * millisecond fire in the order in which they were armed.
 */
#ifndef BL_CLOCK_TIMER_WHEEL_H
#define BL_CLOCK_TIMER_WHEEL_H

#include "lib/clock/time.h"
#include <stdbool.h>

struct bl_timer;
/** Runs inside bl_timer_wheel_advance(); may arm or cancel any timer, its own included. */
typedef void (*bl_timer_callback)(struct bl_timer *timer, bl_time now);

/** A place in a ring of timers; a list head is one too. */
struct bl_timer_link {
    struct bl_timer_link *next, *previous;
};

/**
 * Lives inside its owner's struct (see BL_CONTAINER_OF), at one address while armed; zeroed memory
 * is an idle timer without a callback.
 */
struct bl_timer {
    struct bl_timer_link link; /* NULLs while idle */
    bl_time deadline;          /* BL_TIME_NEVER while idle, once initialised */
    bl_timer_callback callback;
    uint8_t level, slot; /* where it waits, unless it is overdue */
};

#define BL_TIMER_SLOTS  64 /* per level: a bitmap word */
#define BL_TIMER_LEVELS 8  /* 64^8 ms is more than a bl_time can name: no deadline is too far */

/** Never copied or moved: its list heads point at themselves. */
struct bl_timer_wheel {
    uint64_t tick; /* the millisecond up to which everything has fired */
    uint32_t count;
    bool advancing;
    uint64_t occupied[BL_TIMER_LEVELS]; /* bit per slot that holds a timer */
    struct bl_timer_link slots[BL_TIMER_LEVELS][BL_TIMER_SLOTS];
    struct bl_timer_link overdue; /* armed for the past: fire first in the next advance */
    uint64_t visited_count; /* timers and slots looked at: what tests assert in place of time */
};

void bl_timer_wheel_init(struct bl_timer_wheel *wheel, bl_time now);

void bl_timer_init(struct bl_timer *timer, bl_timer_callback callback);
/**
 * Arms or moves a timer; BL_TIME_NEVER cancels it. A deadline before the time of the last advance,
 * or of the timer that fires now, fires in the next advance: a callback cannot hold up an advance
 * by arming its own timer for the past again and again.
 */
void bl_timer_arm(struct bl_timer_wheel *wheel, struct bl_timer *timer, bl_time deadline);
/** Harmless on an idle timer. Must precede the end of the timer's memory. */
void bl_timer_cancel(struct bl_timer_wheel *wheel, struct bl_timer *timer);
bool bl_timer_is_armed(const struct bl_timer *timer);

/**
 * Fires everything due by @p now, in order of deadline. Time must not go back; a repeated time is
 * fine. Not to be called from a callback.
 */
void bl_timer_wheel_advance(struct bl_timer_wheel *wheel, bl_time now);
/**
 * When bl_timer_wheel_advance() is next due: BL_TIME_NEVER when empty, else never later than the
 * earliest deadline allows. May be earlier, once per level, for a timer to move down; a time
 * already past means now.
 */
bl_time bl_timer_wheel_next(const struct bl_timer_wheel *wheel);

#endif
