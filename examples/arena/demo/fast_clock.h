/* What a speed-hack does: the process's clock runs fast, whatever program it is. */
#ifndef ARENA_DEMO_FAST_CLOCK_H
#define ARENA_DEMO_FAST_CLOCK_H

/** From now on, in this process. */
void fast_clock_start(double factor);

#endif
