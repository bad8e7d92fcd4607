/*
 * From a host to the addresses to dial, without waiting: a name is looked up by a thread that lives
 * as long as the lookup.
 *
 * A resolver belongs to one thread, as its socket does, and has at most one lookup at a time.
 */
#ifndef BL_NET_RESOLVER_H
#define BL_NET_RESOLVER_H

#include "lib/net/address.h"

#define BL_LOOKUP_MAX  32  /* addresses of one name; more are left out */
#define BL_LOOKUP_HOST 253 /* bytes of a name (RFC 1035 2.3.4) */

/** What a name stands for. */
struct bl_lookup_answer {
    struct bl_address addresses[BL_LOOKUP_MAX]; /* the best first; the port does not matter */
    size_t count;
    char problem[128]; /* when there is none: why, and what to do */
};

/**
 * Looks a name up; @p answer is zeroed before. It runs in a thread of its own, takes as long as it
 * likes, and may still run when whoever asked is no more.
 */
typedef void bl_lookup(struct bl_lookup_answer *answer, const char *host);
/** As the system does it: getaddrinfo(). */
void bl_lookup_system(struct bl_lookup_answer *answer, const char *host);

/** Zeroed: nothing is looked up. */
struct bl_resolver {
    bl_lookup *lookup;
    void (*wake)(void *user);
    void *user;
    struct bl_lookup_job *job; /* shared with the thread */
    struct bl_address ready[2];
    unsigned ready_count; /* known without a lookup */
};

/**
 * @param wake  called from the lookup's thread when there is something to take, never after a
 *              cancel has returned. It may not wait, and not call the resolver
 */
void bl_resolver_init(struct bl_resolver *resolver, bl_lookup *lookup, void (*wake)(void *user),
                      void *user);

/**
 * Begins, and ends what was begun before. For numbers and "localhost" no thread is started and
 * nobody woken: the answer can be taken at once.
 *
 * @param host  a name, or a number; IPv6 without brackets
 * @return BELAY_OK, BELAY_E_ADDRESS, BELAY_E_NO_MEMORY, BELAY_E_SYSTEM (no thread)
 */
enum belay_result bl_resolver_start(struct bl_resolver *resolver, const char *host, uint16_t port);
/** Whether there is something that will have to be taken. */
bool bl_resolver_is_busy(const struct bl_resolver *resolver);
/**
 * Takes the answer; only while the resolver is busy, which it then no longer is.
 *
 * @param max  of addresses wanted, at least 1
 * @return how many addresses there are, each once, IPv6 and IPv4 in turn (RFC 8305 4); 0: not yet;
 *         BELAY_E_ADDRESS: the name has none
 */
int bl_resolver_take(struct bl_resolver *resolver, struct bl_address *out, size_t max);
/** Forgets the lookup, without waiting for it. Twice is harmless; also the end of a resolver. */
void bl_resolver_cancel(struct bl_resolver *resolver);

#endif
