/* The end of the demo: both ends' books side by side, and whether everybody ended as planned. */
#ifndef ARENA_DEMO_LEDGER_H
#define ARENA_DEMO_LEDGER_H

#include "examples/arena/demo/board.h"

/** Prints the ledger. True when every count is exact and every outcome as in the script. */
bool ledger_print(const struct board *board);

#endif
