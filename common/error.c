/*
 * The text of the last failure, one per thread, and the names of results.
 *
 * Only a failure writes the text; a success leaves it alone, as it does errno, so that a caller may
 * clean up first and ask afterwards. The text may quote what a stranger sent (a name, a path) and
 * ends up on terminals, so it is cleaned here, once, for all callers.
 */
#include "common/error.h"
#include "common/assert.h"
#include "common/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ERROR_TEXT_SIZE 512

static _Thread_local char error_text[ERROR_TEXT_SIZE];

enum belay_result bl_fail(enum belay_result result, const char *format, ...) {
    BELAY_ASSERT(result != BELAY_OK);

    /* Not straight into error_text: an argument may be belay_error(), to put words before it. */
    char text[ERROR_TEXT_SIZE] = "";
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);

    bl_text_clean(error_text, sizeof(error_text), text, strlen(text));
    return result;
}

const char *belay_error(void) {
    return error_text;
}

const char *belay_result_name(enum belay_result result) {
    switch (result) {
#define RESULT_CASE(name, value, meaning)                                                          \
    case name:                                                                                     \
        return #name;
        BELAY_RESULTS(RESULT_CASE)
#undef RESULT_CASE
    }
    return "unknown result"; /* a number from a binding or a newer library */
}
