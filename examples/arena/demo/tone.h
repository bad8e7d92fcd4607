/* Colours by what they mean. Without colour they are empty. */
#ifndef ARENA_DEMO_TONE_H
#define ARENA_DEMO_TONE_H

#include <stdbool.h>

enum tone { TONE_PLAIN, TONE_STRONG, TONE_FAINT, TONE_GOOD, TONE_WARN, TONE_BAD, TONE_COUNT };

/** Decides once, from the terminal and NO_COLOR, whether there is colour. */
void tone_choose(void);
/** What to print before a text in this tone. */
const char *tone_on(enum tone tone);
/** And after it. */
const char *tone_off(void);

#endif
