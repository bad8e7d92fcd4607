#include "examples/demo/cast.h"

#include <string.h>

const struct actor cast[CAST_SIZE] = {
    {"ada", ROLE_STAYS},   {"ben", ROLE_STAYS}, {"cai", ROLE_STAYS},  {"dee", ROLE_STAYS},
    {"eve", ROLE_EVICTED}, {"fay", ROLE_STAYS}, {"gil", ROLE_STAYS},  {"hal", ROLE_STOPPED},
    {"ivy", ROLE_STAYS},   {"jon", ROLE_STAYS}, {"kim", ROLE_KILLED}, {"leo", ROLE_STAYS},
    {"mal", ROLE_REFUSED}, {"ned", ROLE_STAYS}, {"oda", ROLE_STAYS},  {"pip", ROLE_STAYS},
};

int cast_find(enum role role) {
    for (int i = 0; i < CAST_SIZE; i++) {
        if (cast[i].role == role) {
            return i;
        }
    }
    return -1;
}

int cast_find_name(const char *name) {
    for (int i = 0; i < CAST_SIZE; i++) {
        if (strcmp(cast[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}
