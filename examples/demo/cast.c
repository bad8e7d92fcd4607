#include "examples/demo/cast.h"

#include <string.h>

const struct actor cast[CAST_SIZE] = {
    {"ada", ROLE_STAYS, "", NULL},
    {"ben", ROLE_CUT_SHORT, "will be cut off, 3 s", NULL},
    {"cai", ROLE_STAYS, "", NULL},
    {"dee", ROLE_STAYS, "", NULL},
    {"eve", ROLE_EVICTED, "will be evicted", NULL},
    {"fay", ROLE_CUT_LONG, "will be cut off, 9 s", NULL},
    {"gil", ROLE_STAYS, "", NULL},
    {"hal", ROLE_STOPPED, "will be stopped", NULL},
    {"ivy", ROLE_STAYS, "", NULL},
    {"jon", ROLE_RETURNS, "will die and return", NULL},
    {"kim", ROLE_KILLED, "will be killed", NULL},
    {"leo", ROLE_STAYS, "", NULL},
    {"mal", ROLE_REFUSED, "has wrong password", NULL},
    {"ned", ROLE_MOVED, "will change its port", NULL},
    {"oda", ROLE_REPLACED, "will log in twice", NULL},
    {"oda2", ROLE_SECOND, "is oda once more", "oda"},
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

bool cast_has_relay(int who) {
    enum role role = cast[who].role;
    return role == ROLE_CUT_SHORT || role == ROLE_CUT_LONG || role == ROLE_MOVED ||
           role == ROLE_RETURNS;
}

bool cast_is_to_stay(int who) {
    enum role role = cast[who].role;
    return role != ROLE_REFUSED && role != ROLE_EVICTED && role != ROLE_KILLED &&
           role != ROLE_REPLACED;
}
