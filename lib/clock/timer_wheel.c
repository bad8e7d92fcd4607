/*
 * Time is counted in ticks of a millisecond and read as eight digits to the base of 64. A timer
 * waits on the level of the highest digit in which its tick differs from the wheel's, in the slot
 * that this digit names. What follows, and what every change here must keep:
 *
 * - On each level only slots above the wheel's own digit are occupied (its own as well on level 0,
 *   while that slot fires), and everything on a level is due before anything on the next. So the
 *   first occupied slot of the lowest occupied level is next: one search in at most eight words.
 * - When the wheel reaches a slot of a higher level, all levels below are empty. The slot's timers
 *   are put in again, in their order. Hence timers of one tick always share a list, in the order in
 *   which they were armed.
 * - Timers that are armed for ticks the wheel has reached go to the overdue list, never to a slot.
 * So no callback can add to the slot that fires, nor to the overdue timers that fire.
 * - A callback may change anything: after each one, only the wheel itself says what comes next.
 */
#include "lib/clock/timer_wheel.h"
#include "common/assert.h"
#include "common/bits.h"
#include "common/container_of.h"
#include <stddef.h>

#define DIGIT_BITS 6

static_assert(1 << DIGIT_BITS == BL_TIMER_SLOTS, "a slot per value of a digit");
static_assert(INT64_MAX / BL_MILLISECOND >> (DIGIT_BITS * BL_TIMER_LEVELS) == 0,
              "the digits hold every tick");

/** One slot and the first tick of its span. */
struct place {
    unsigned level, slot;
    uint64_t tick;
};

static void list_init(struct bl_timer_link *list) {
    list->next = list;
    list->previous = list;
}

static bool list_is_empty(const struct bl_timer_link *list) {
    return list->next == list;
}

static void list_append(struct bl_timer_link *list, struct bl_timer_link *link) {
    link->next = list;
    link->previous = list->previous;
    list->previous->next = link;
    list->previous = link;
}

static void list_remove(struct bl_timer_link *link) {
    link->previous->next = link->next;
    link->next->previous = link->previous;
    *link = (struct bl_timer_link){0};
}

/** Moves all of @p from to the empty list @p to. */
static void list_take(struct bl_timer_link *to, struct bl_timer_link *from) {
    list_init(to);
    if (list_is_empty(from)) {
        return;
    }
    *to = *from;
    to->next->previous = to;
    to->previous->next = to;
    list_init(from);
}

static struct bl_timer *list_first(const struct bl_timer_link *list) {
    return BL_CONTAINER_OF(list->next, struct bl_timer, link);
}

/** The tick by which a deadline has passed for certain: rounded up. */
static uint64_t tick_of(bl_time deadline) {
    if (deadline <= 0) {
        return 0;
    }
    return (uint64_t)(deadline / BL_MILLISECOND) + (deadline % BL_MILLISECOND != 0);
}

static bl_time time_of(uint64_t tick) {
    return tick > INT64_MAX / BL_MILLISECOND ? BL_TIME_NEVER : (bl_time)tick * BL_MILLISECOND;
}

void bl_timer_wheel_init(struct bl_timer_wheel *wheel, bl_time now) {
    *wheel = (struct bl_timer_wheel){.tick = (uint64_t)(now / BL_MILLISECOND)};
    for (unsigned level = 0; level < BL_TIMER_LEVELS; level++) {
        for (unsigned slot = 0; slot < BL_TIMER_SLOTS; slot++) {
            list_init(&wheel->slots[level][slot]);
        }
    }
    list_init(&wheel->overdue);
}

void bl_timer_init(struct bl_timer *timer, bl_timer_callback callback) {
    *timer = (struct bl_timer){.deadline = BL_TIME_NEVER, .callback = callback};
}

bool bl_timer_is_armed(const struct bl_timer *timer) {
    return timer->link.next != NULL;
}

/** Puts a timer where its tick, not before the wheel's, belongs. */
static void put_in_slot(struct bl_timer_wheel *wheel, struct bl_timer *timer, uint64_t tick) {
    unsigned level = bl_bit_highest(tick ^ wheel->tick) / DIGIT_BITS;
    unsigned slot = (unsigned)(tick >> (level * DIGIT_BITS)) % BL_TIMER_SLOTS;
    timer->level = (uint8_t)level;
    timer->slot = (uint8_t)slot;
    wheel->occupied[level] |= UINT64_C(1) << slot;
    list_append(&wheel->slots[level][slot], &timer->link);
}

/**
 * Takes a timer out of whatever list it is in. An overdue one still names the slot it was in
 * before, if any; that slot's bit is right already and does not change.
 */
static void take_out(struct bl_timer_wheel *wheel, struct bl_timer *timer) {
    list_remove(&timer->link);
    if (list_is_empty(&wheel->slots[timer->level][timer->slot])) {
        wheel->occupied[timer->level] &= ~(UINT64_C(1) << timer->slot);
    }
}

void bl_timer_arm(struct bl_timer_wheel *wheel, struct bl_timer *timer, bl_time deadline) {
    BELAY_ASSERT(timer->callback != NULL);
    bl_timer_cancel(wheel, timer);
    if (deadline == BL_TIME_NEVER) {
        return;
    }
    timer->deadline = deadline;
    wheel->count++;
    uint64_t tick = tick_of(deadline);
    if (tick > wheel->tick) {
        put_in_slot(wheel, timer, tick);
    } else {
        list_append(&wheel->overdue, &timer->link);
    }
}

void bl_timer_cancel(struct bl_timer_wheel *wheel, struct bl_timer *timer) {
    if (!bl_timer_is_armed(timer)) {
        return;
    }
    take_out(wheel, timer);
    timer->deadline = BL_TIME_NEVER;
    wheel->count--;
}

/** Finds the slot that comes first; false when all are empty. */
static bool first_place(const struct bl_timer_wheel *wheel, struct place *out) {
    for (unsigned level = 0; level < BL_TIMER_LEVELS; level++) {
        if (wheel->occupied[level] == 0) {
            continue;
        }
        unsigned slot = bl_bit_lowest(wheel->occupied[level]);
        unsigned shift = level * DIGIT_BITS;
        uint64_t higher_digits = wheel->tick >> (shift + DIGIT_BITS) << DIGIT_BITS;
        *out = (struct place){level, slot, (higher_digits | slot) << shift};
        return true;
    }
    return false;
}

static void fire_all(struct bl_timer_wheel *wheel, struct bl_timer_link *list, bl_time now) {
    while (!list_is_empty(list)) {
        struct bl_timer *timer = list_first(list);
        wheel->visited_count++;
        bl_timer_cancel(wheel, timer);
        timer->callback(timer, now);
    }
}

static void move_down(struct bl_timer_wheel *wheel, struct bl_timer_link *list) {
    while (!list_is_empty(list)) {
        struct bl_timer *timer = list_first(list);
        wheel->visited_count++;
        take_out(wheel, timer);
        put_in_slot(wheel, timer, tick_of(timer->deadline));
    }
}

void bl_timer_wheel_advance(struct bl_timer_wheel *wheel, bl_time now) {
    BELAY_ASSERT(!wheel->advancing);
    BELAY_ASSERT(now >= 0);
    uint64_t target = (uint64_t)(now / BL_MILLISECOND);
    BELAY_ASSERT(target >= wheel->tick);
    wheel->advancing = true;

    struct bl_timer_link overdue;
    list_take(&overdue, &wheel->overdue);
    fire_all(wheel, &overdue, now);

    struct place place;
    while (first_place(wheel, &place)) {
        wheel->visited_count++;
        if (place.tick > target) {
            break;
        }
        wheel->tick = place.tick;
        struct bl_timer_link *list = &wheel->slots[place.level][place.slot];
        if (place.level == 0) {
            fire_all(wheel, list, now);
        } else {
            move_down(wheel, list);
        }
    }
    wheel->tick = target;
    wheel->advancing = false;
}

bl_time bl_timer_wheel_next(const struct bl_timer_wheel *wheel) {
    if (!list_is_empty(&wheel->overdue)) {
        return time_of(wheel->tick);
    }
    struct place place;
    return first_place(wheel, &place) ? time_of(place.tick) : BL_TIME_NEVER;
}
