/*
 * Goals: what tools/goal measures, and how a figure is told.
 *
 * A goal runs its cases, prints lines for people, and one GOAL line for each figure, so that two
 * runs can be compared by a program. Figures with a bar decide the exit status.
 */
#ifndef BL_BENCH_GOAL_H
#define BL_BENCH_GOAL_H

#include <stdbool.h>
#include <stdint.h>

struct bl_goal_run {
    const char *folder;  /* where the programs of the baselines stand; ends with a slash */
    const char *only;    /* measure only cases whose name begins so; NULL = all of them */
    uint64_t seed;       /* of the first run */
    bool longer;         /* more seeds, longer runs */
    uint32_t seed_count; /* set by the goal; 0 where nothing is drawn by chance */
    const char *name;    /* of the goal that runs */
    uint32_t missed;     /* bars, and cases that could not be measured */
};

enum bl_bar { BL_BAR_NONE, BL_BAR_AT_MOST, BL_BAR_AT_LEAST };

struct bl_figure {
    const char *what; /* behind the goal's name: "5%/p99" */
    double value;
    const char *unit;
    enum bl_bar bar_kind;
    double bar;
};

/** Prints the GOAL line, and notes a missed bar. */
void bl_goal_tell(struct bl_goal_run *run, const struct bl_figure *figure);
/** A case could not be measured at all, which is a miss. */
void bl_goal_fail(struct bl_goal_run *run, const char *what);
/** Whether the user wants this case. */
bool bl_goal_wants(const struct bl_goal_run *run, const char *name);
/** Shows what runs now, on a terminal only; the next line of output overwrites it. */
void bl_goal_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** How fast this machine is, beside figures that depend on it: prints one line. */
void bl_calibrate(void);

void bl_goal_loss(struct bl_goal_run *run);
void bl_goal_narrow(struct bl_goal_run *run);
void bl_goal_memory(struct bl_goal_run *run);
void bl_goal_idle(struct bl_goal_run *run);
void bl_goal_simspeed(struct bl_goal_run *run);
void bl_goal_handshake(struct bl_goal_run *run);
void bl_goal_logins(struct bl_goal_run *run);
void bl_goal_rebind(struct bl_goal_run *run);
void bl_goal_abuse(struct bl_goal_run *run);
void bl_goal_resume(struct bl_goal_run *run);
void bl_goal_soaksim(struct bl_goal_run *run);
void bl_goal_exhaustive(struct bl_goal_run *run);
void bl_goal_fanout(struct bl_goal_run *run);
void bl_goal_moves(struct bl_goal_run *run);

#endif
