/*
 * The end of a process whose own invariant is broken.
 *
 * Straight to stderr and abort(): log hooks, memory and locks may be what broke. A core dump taken
 * here still shows the state that was wrong.
 */
#include "common/assert.h"
#include <stdio.h>
#include <stdlib.h>

void bl_assert_failed(const char *fact, const char *file, int line) {
    fprintf(stderr, "belay: %s:%d: broken invariant: %s\n", file, line, fact);
    abort();
}
