/* The end of the demo: both ends' books side by side, and whether everybody ended as planned. */
#ifndef DEMO_LEDGER_H
#define DEMO_LEDGER_H

#include "examples/demo/board.h"

/** Prints the ledger. True when every count is exact and every outcome as in the script. */
bool ledger_print(const struct board *board);

#endif
