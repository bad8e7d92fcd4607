/* Sizes first: nothing is read or written beyond what the caller's struct has. */
#include "common/options.h"

#include "common/error.h"
#include <string.h>

enum belay_result bl_options_copy(void *out, size_t out_size, const void *in, const char *init) {
    size_t size = 0;
    if (in == NULL) {
        return bl_fail(BELAY_E_INVALID, "opts: NULL; start from %s", init);
    }
    memcpy(&size, in, sizeof size);
    if (size < sizeof size || size > out_size) {
        return bl_fail(BELAY_E_INVALID,
                       "struct_size: %zu where this library knows %zu; start from %s, and compile "
                       "against the headers of the library that is linked",
                       size, out_size, init);
    }
    memset(out, 0, out_size);
    memcpy(out, in, size);
    return BELAY_OK;
}

enum belay_result bl_options_give(void *out, const void *value, size_t size, const char *field) {
    size_t out_size = 0;
    if (out != NULL) {
        memcpy(&out_size, out, sizeof out_size);
    }
    if (out_size < sizeof out_size || out_size > size) {
        return bl_fail(BELAY_E_INVALID, "%s: start from its INIT macro (struct_size is %zu)", field,
                       out_size);
    }
    memcpy((char *)out + sizeof out_size, (const char *)value + sizeof out_size,
           out_size - sizeof out_size);
    return BELAY_OK;
}
