/*
 * exhaustive: does a session survive whatever a network can do to its resume?
 *
 * Tests run the first 50,000 of these schedules; this runs more of them, or one again.
 */
#include "bench/goal.h"
#include "bench/schedules.h"

#include <stdio.h>

#define ROUNDS 3     /* of all fates; --long goes through all plots */
#define CHUNK  10240 /* between two lines of progress */

/** `--only N` or `--only N-M`: one schedule, or several in one world. */
static bool read_range(const char *text, uint32_t *first, uint32_t *end) {
    unsigned from, to;
    char rest;
    int count = sscanf(text, "%u-%u%c", &from, &to, &rest);
    if (count == 1) {
        to = from;
    }
    *first = from;
    *end = to + 1;
    return (count == 1 || count == 2) && from <= to && to < BL_SCHEDULES_COUNT;
}

static void tell(struct bl_goal_run *run, uint32_t count, uint32_t failures) {
    bl_goal_tell(run, &(struct bl_figure){"schedules", count, "", BL_BAR_NONE, 0});
    bl_goal_tell(run, &(struct bl_figure){"failed", failures, "", BL_BAR_AT_MOST, 0});
}

void bl_goal_exhaustive(struct bl_goal_run *run) {
    uint32_t first = 0, end = (run->longer ? BL_SCHEDULES_PLOTS : ROUNDS) * BL_SCHEDULES_FATES;
    uint32_t failures = 0;
    if (run->only != NULL && !read_range(run->only, &first, &end)) {
        fprintf(stderr, "exhaustive: --only takes the number of a schedule below %d, or N-M\n",
                BL_SCHEDULES_COUNT);
        bl_goal_fail(run, "schedules");
        return;
    }
    bool trace = run->only != NULL && end == first + 1;
    uint32_t at = first;
    while (at < end && failures == 0) {
        uint32_t until = end - at < CHUNK ? end : at + CHUNK;
        bl_goal_progress("exhaustive: %u of %u ...", at - first, end - first);
        failures += bl_schedules_run(at, until, trace);
        at = until;
    }
    tell(run, at - first, failures);
}
