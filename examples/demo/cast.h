/* Who plays in the demo, and what will happen to each. */
#ifndef DEMO_CAST_H
#define DEMO_CAST_H

#include <stdbool.h>

#define CAST_SIZE 16

enum role {
    ROLE_STAYS,
    ROLE_REFUSED,   /* has a wrong password */
    ROLE_EVICTED,   /* by the server */
    ROLE_KILLED,    /* SIGKILL: nobody says goodbye */
    ROLE_STOPPED,   /* SIGSTOP, and SIGCONT three seconds later */
    ROLE_CUT_SHORT, /* its network fails for three seconds, within the server's patience */
    ROLE_CUT_LONG,  /* for nine, beyond it */
    ROLE_MOVED,     /* its NAT gives it another port */
    ROLE_RETURNS,   /* SIGKILL, and then a new process with the ticket of the old one */
    ROLE_REPLACED,  /* by a second login of the same user */
    ROLE_SECOND,    /* this second login */
};

struct actor {
    const char *name;
    enum role role;
    const char *plan; /* what will happen, for the audience */
    const char *user; /* as whom it logs in; NULL: as itself */
};

extern const struct actor cast[CAST_SIZE];

/** The only actor with this role, or for ROLE_STAYS the first. */
int cast_find(enum role role);
/** -1 when nobody has this name. */
int cast_find_name(const char *name);
/** Whether its network can be disturbed. */
bool cast_has_relay(int who);
/** Whether it is meant to be there until the server drains. */
bool cast_is_to_stay(int who);

#endif
