/*
 * Formatting happens on the stack and only when somebody listens. The line is cleaned here, once
 * for all callers, because it may quote a name or a reason that a stranger sent.
 */
#include "common/log.h"
#include "common/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_SIZE 256

void bl_log(const struct belay_hooks *hooks, enum belay_log_level level, uint64_t session,
            const char *format, ...) {
    if (hooks == NULL || hooks->log == NULL) {
        return;
    }
    char text[LINE_SIZE] = "";
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);

    char line[LINE_SIZE];
    bl_text_clean(line, sizeof(line), text, strlen(text));
    hooks->log((int)level, session, line, hooks->hook_user);
}
