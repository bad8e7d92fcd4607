#define _POSIX_C_SOURCE 200809L
#include "examples/arena/demo/tone.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool coloured;

void tone_choose(void) {
    const char *no_colour = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    coloured = isatty(STDOUT_FILENO) && (no_colour == NULL || no_colour[0] == '\0') &&
               terminal != NULL && strcmp(terminal, "dumb") != 0;
}

const char *tone_on(enum tone tone) {
    static const char *const codes[TONE_COUNT] = {
        [TONE_PLAIN] = "",        [TONE_STRONG] = "\033[1m", [TONE_FAINT] = "\033[2m",
        [TONE_GOOD] = "\033[32m", [TONE_WARN] = "\033[33m",  [TONE_BAD] = "\033[31m",
    };
    return coloured ? codes[tone] : "";
}

const char *tone_off(void) {
    return coloured ? "\033[0m" : "";
}
