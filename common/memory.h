/* Memory of one client or server: the caller's allocator, what is in use, and a limit. */
#ifndef BL_COMMON_MEMORY_H
#define BL_COMMON_MEMORY_H

#include <belay/hooks.h>
#include <stdbool.h>

struct bl_memory {
    struct belay_hooks hooks; /* realloc NULL: the C library's */
    size_t used;              /* bytes given out and not yet taken back */
    size_t used_max;          /* bl_allocate() fails beyond; 0 = no limit */
};

/** @param hooks may be NULL; copied */
void bl_memory_init(struct bl_memory *memory, const struct belay_hooks *hooks, size_t used_max);

/** Zeroed memory of @p size > 0 bytes, or NULL. Free with bl_free() and the same size. */
void *bl_allocate(struct bl_memory *memory, size_t size);

/**
 * As realloc() to @p new_size > 0, with @p old_size as the block was last given (NULL: 0); grown
 * bytes are zeroed. NULL leaves the block as it was. Shrinking is within any limit.
 */
void *bl_resize(struct bl_memory *memory, void *block, size_t old_size, size_t new_size);

/** @param block may be NULL */
void bl_free(struct bl_memory *memory, void *block, size_t size);

#endif
