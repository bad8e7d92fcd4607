/* Hooks: the only two callbacks Belay keeps, for a program that brings its own memory and log. */
#ifndef BELAY_HOOKS_H
#define BELAY_HOOKS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum belay_log_level { BELAY_LOG_ERROR, BELAY_LOG_WARNING, BELAY_LOG_INFO, BELAY_LOG_DEBUG };

/**
 * Memory and log functions. Read when a client or server is made, which keeps a copy; whatever
 * hook_user points to must outlive it. Both functions are called on the thread that calls Belay
 * and must not call back into it.
 */
struct belay_hooks {
    /**
     * As realloc(): ptr NULL allocates, new_size 0 frees and returns NULL. old_size is what the
     * block was last given. NULL uses the C library. ENet's own memory comes from the hooks of the
     * first client or server of the process, because ENet has one allocator: a program that uses
     * ENet itself, and gives hooks here, starts Belay before it makes anything of ENet's.
     */
    void *(*realloc)(void *ptr, size_t old_size, size_t new_size, void *hook_user);
    /** One line without a newline; session is 0 when the line is about none. NULL logs nothing. */
    void (*log)(int level, uint64_t session, const char *line, void *hook_user);
    void *hook_user;
};

#ifdef __cplusplus
}
#endif
#endif
