/* From a member to the struct that holds it. */
#ifndef BL_COMMON_CONTAINER_OF_H
#define BL_COMMON_CONTAINER_OF_H

#include <stddef.h>

#define BL_CONTAINER_OF(pointer, type, member)                                                     \
    ((type *)(((char *)(pointer)) - offsetof(type, member)))

#endif
