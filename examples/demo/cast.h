/* Who plays in the demo, and what will happen to each. */
#ifndef DEMO_CAST_H
#define DEMO_CAST_H

#define CAST_SIZE 16

enum role {
    ROLE_STAYS,
    ROLE_REFUSED, /* has a wrong password */
    ROLE_EVICTED, /* by the server */
    ROLE_KILLED,  /* SIGKILL: nobody says goodbye */
    ROLE_STOPPED, /* SIGSTOP, and SIGCONT three seconds later */
};

struct actor {
    const char *name;
    enum role role;
};

extern const struct actor cast[CAST_SIZE];

/** The only actor with this role, or for ROLE_STAYS the first. */
int cast_find(enum role role);
/** -1 when nobody has this name. */
int cast_find_name(const char *name);

#endif
