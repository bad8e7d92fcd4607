/* Log lines to the hook of the options. Nothing a stranger can trigger per datagram may log. */
#ifndef BL_COMMON_LOG_H
#define BL_COMMON_LOG_H

#include "common/error.h"
#include <belay/hooks.h>

/**
 * Formats one line of at most 255 bytes, cleans it (see common/text.h: it may quote a stranger) and
 * gives it to hooks->log, if there are hooks and a log.
 */
void bl_log(const struct belay_hooks *hooks, enum belay_log_level level, uint64_t session,
            const char *format, ...) BL_PRINTF(4, 5);

#endif
