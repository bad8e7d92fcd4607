#include "examples/arena/demo/cast.h"

const struct actor cast[CAST_SIZE] = {
    {"ada", ROLE_PLAYS, "plays"},
    {"bea", ROLE_PLAYS, ""},
    {"cai", ROLE_PLAYS, ""},
    {"dan", ROLE_PLAYS, ""},
    {"eve", ROLE_PLAYS, ""},
    {"fay", ROLE_CUT, "will be cut off, 9 s"},
    {"gil", ROLE_PLAYS, ""},
    {"hal", ROLE_PLAYS, ""},
    {"ivy", ROLE_PLAYS, ""},
    {"jon", ROLE_RETURNS, "will die and return"},
    {"kim", ROLE_PLAYS, ""},
    {"leo", ROLE_PLAYS, ""},
    {"mal", ROLE_CHEATS, "a fast clock, 1.5 x"},
    {"ned", ROLE_PLAYS, ""},
    {"oda", ROLE_PLAYS, ""},
    {"pia", ROLE_PLAYS, ""},
    {"quy", ROLE_PLAYS, ""},
    {"rob", ROLE_PLAYS, ""},
    {"sue", ROLE_PLAYS, ""},
    {"tim", ROLE_PLAYS, ""},
    {"ugo", ROLE_PLAYS, ""},
    {"vic", ROLE_PLAYS, ""},
    {"wes", ROLE_PLAYS, ""},
    {"xia", ROLE_PLAYS, ""},
    {"yan", ROLE_PLAYS, ""},
    {"zoe", ROLE_PLAYS, ""},
    {"amy", ROLE_PLAYS, ""},
    {"bob", ROLE_PLAYS, ""},
    {"cem", ROLE_PLAYS, ""},
    {"dot", ROLE_PLAYS, ""},
    {"eli", ROLE_PLAYS, ""},
    {"flo", ROLE_PLAYS, ""},
};

int cast_find(enum role role) {
    int who = 0;
    while (cast[who].role != role) {
        who++;
    }
    return who;
}
