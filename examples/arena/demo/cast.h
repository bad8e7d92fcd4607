/* Who plays in the demo, and what will happen to each. */
#ifndef ARENA_DEMO_CAST_H
#define ARENA_DEMO_CAST_H

#define CAST_SIZE 32

enum role {
    ROLE_PLAYS,
    ROLE_CUT,     /* its network fails for nine seconds, beyond the server's patience */
    ROLE_RETURNS, /* SIGKILL, and then a new process with the ticket of the old one */
    ROLE_CHEATS,  /* its clock runs fast, and it wants to */
};

struct actor {
    const char *name;
    enum role role;
    const char *plan; /* what will happen, for the audience */
};

extern const struct actor cast[CAST_SIZE];

/** The only actor with this role, or for ROLE_PLAYS the first. */
int cast_find(enum role role);

#endif
