/*
 * memory: what an idle session that is logged in holds on the server, in all layers: the session,
 * its slot, its ENet peer and channels, its binding, maps and timers.
 *
 * The heap of a server with all of them, less that of one made for a single session that nobody
 * has, so that what is allocated at the start for every slot counts too.
 */
#include "bench/crowd.h"
#include "bench/goal.h"
#include <stdio.h>

#define SESSIONS 1000
#define BAR_TEXT 4096 /* of a later stage: shown, not judged */

void bl_goal_memory(struct bl_goal_run *run) {
    const struct bl_crowd_opts opts = {.sessions = SESSIONS,
                                       .settle_ms = run->longer ? 30000 : 3000};
    struct bl_crowd_figures figures;
    bl_goal_progress("memory: %d logins ...", SESSIONS);
    bool ran = bl_crowd_run(&opts, &figures);
    if (!ran || figures.heap_full == 0) {
        printf("memory: %s\n", ran ? "this malloc does not tell what is in use; glibc's does"
                                   : "they did not all log in");
        bl_goal_fail(run, "session");
        return;
    }
    double all = (double)(figures.heap_full - figures.heap_one) / SESSIONS;
    double slots = (double)(figures.heap_empty - figures.heap_one) / SESSIONS;
    double counted = (double)(figures.counted_full - figures.counted_empty) / SESSIONS;
    bl_goal_progress("%s", "");
    printf("memory: %.0f bytes a session, of these %.0f in its slot, made at the start, %.0f from "
           "Belay's allocator and %.0f from ENet's and the C library's overhead at its login; "
           "later bar %d\n",
           all, slots, counted, all - slots - counted, BAR_TEXT);
    bl_goal_tell(run, &(struct bl_figure){.what = "session", .value = all, .unit = "bytes"});
}
