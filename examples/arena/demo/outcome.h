/* Whether everybody fared as the script wants it. */
#ifndef ARENA_DEMO_OUTCOME_H
#define ARENA_DEMO_OUTCOME_H

#include "examples/arena/demo/board.h"

#define FAULTS_MAX 32

struct verdict {
    int count;
    char faults[FAULTS_MAX][96];
};

void verdict_expect(struct verdict *verdict, bool fact, const char *who, const char *what);

void outcome_check(struct verdict *verdict, const struct board *board, int who);
/** In a few words. */
const char *outcome_of(const struct board *board, int who);
bool outcome_is_success(const struct task *task);

#endif
