/*
 * getaddrinfo() can take a minute and cannot be told to stop. So nobody waits for the thread: owner
 * and thread share a job, and whoever is done with it last frees it.
 *
 * The job's lock is held for as long as it takes to wake somebody, never during a lookup. An owner
 * that has cancelled is not woken any more: cancel takes the lock, so that no wake-up is under way
 * either once it has returned.
 *
 * A job is the C library's memory, not the caller's: it may be freed by the thread, when the
 * caller's allocator has gone, and an allocator of one thread would not bear a second.
 */
#define _GNU_SOURCE
#include "lib/net/resolver.h"

#include "common/assert.h"
#include "common/error.h"
#include "lib/net/sockaddr.h"
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bl_lookup_job {
    atomic_int holders; /* owner and thread */
    pthread_mutex_t lock;
    bool cancelled, finished; /* under the lock; with `finished` the answer is the owner's */
    bl_lookup *lookup;
    void (*wake)(void *user);
    void *user;
    struct bl_lookup_answer answer;
    uint16_t port;
    char host[BL_LOOKUP_HOST + 1];
};

static void release(struct bl_lookup_job *job) {
    if (atomic_fetch_sub(&job->holders, 1) == 1) {
        pthread_mutex_destroy(&job->lock);
        free(job);
    }
}

static void *run(void *argument) {
    struct bl_lookup_job *job = argument;
    job->lookup(&job->answer, job->host);
    pthread_mutex_lock(&job->lock);
    job->finished = true;
    if (!job->cancelled) {
        job->wake(job->user);
    }
    pthread_mutex_unlock(&job->lock);
    release(job);
    return NULL;
}

/** Detached, and without the program's signals: their handlers belong to its own threads. */
static int start_thread(struct bl_lookup_job *job) {
    pthread_t thread;
    pthread_attr_t detached;
    sigset_t all, before;
    int error = pthread_attr_init(&detached);
    if (error != 0) {
        return error;
    }
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, &detached, run, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&detached);
    return error;
}

void bl_resolver_init(struct bl_resolver *resolver, bl_lookup *lookup, void (*wake)(void *user),
                      void *user) {
    *resolver = (struct bl_resolver){.lookup = lookup, .wake = wake, .user = user};
}

static enum belay_result start_job(struct bl_resolver *resolver, const char *host, uint16_t port) {
    struct bl_lookup_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory to look up \"%s\"", host);
    }
    atomic_init(&job->holders, 2);
    pthread_mutex_init(&job->lock, NULL);
    job->lookup = resolver->lookup;
    job->wake = resolver->wake;
    job->user = resolver->user;
    job->port = port;
    snprintf(job->host, sizeof job->host, "%s", host);
    int error = start_thread(job);
    if (error != 0) {
        char words[128];
        pthread_mutex_destroy(&job->lock);
        free(job);
        return bl_fail(BELAY_E_SYSTEM,
                       "no thread to look up \"%s\": %s; raise this process's limit of threads, or "
                       "write the host's numeric address",
                       host, strerror_r(error, words, sizeof words));
    }
    resolver->job = job;
    return BELAY_OK;
}

/** No name looks like one: a name has no colon, and its last part is no number. */
static bool is_numeric(const char *host) {
    return strchr(host, ':') != NULL || host[strspn(host, "0123456789.")] == '\0';
}

static enum belay_result read_numeric(struct bl_resolver *resolver, const char *host,
                                      uint16_t port) {
    char text[BL_LOOKUP_HOST + sizeof "[]:65535"];
    snprintf(text, sizeof text, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, port);
    enum belay_result result = bl_address_parse(&resolver->ready[0], text, false);
    resolver->ready_count = result == BELAY_OK ? 1 : 0;
    return result;
}

/** Both loopback addresses (RFC 6761 6.3); IPv4 first, where a server listens by default. */
static void use_localhost(struct bl_resolver *resolver, uint16_t port) {
    resolver->ready[0] =
        (struct bl_address){.ip = {[10] = 0xFF, [11] = 0xFF, [12] = 127, [15] = 1}, .port = port};
    resolver->ready[1] = (struct bl_address){.ip = {[15] = 1}, .port = port};
    resolver->ready_count = 2;
}

enum belay_result bl_resolver_start(struct bl_resolver *resolver, const char *host, uint16_t port) {
    bl_resolver_cancel(resolver);
    size_t size = strlen(host);
    if (size == 0 || size > BL_LOOKUP_HOST) {
        return bl_fail(BELAY_E_ADDRESS, "\"%.64s\" is no host; write a name of 1 to %d characters",
                       host, BL_LOOKUP_HOST);
    }
    if (strcmp(host, "localhost") == 0) {
        use_localhost(resolver, port);
        return BELAY_OK;
    }
    return is_numeric(host) ? read_numeric(resolver, host, port) : start_job(resolver, host, port);
}

bool bl_resolver_is_busy(const struct bl_resolver *resolver) {
    return resolver->job != NULL || resolver->ready_count > 0;
}

static bool is_among(const struct bl_address *address, const struct bl_address *list,
                     size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (bl_address_equal(address, &list[i])) {
            return true;
        }
    }
    return false;
}

/** The first address of a family that @p taken has not, or NULL. */
static const struct bl_address *next_of(const struct bl_lookup_answer *answer, bool ipv4,
                                        const struct bl_address *taken, size_t taken_count) {
    for (size_t i = 0; i < answer->count; i++) {
        const struct bl_address *address = &answer->addresses[i];
        if (bl_address_is_ipv4(address) == ipv4 && !is_among(address, taken, taken_count)) {
            return address;
        }
    }
    return NULL;
}

/** The family of the best address begins; the order within a family stays (RFC 8305 4). */
static size_t alternate(struct bl_address *out, size_t max, const struct bl_lookup_answer *answer) {
    size_t count = 0;
    bool ipv4 = answer->count > 0 && bl_address_is_ipv4(&answer->addresses[0]);
    while (count < max) {
        const struct bl_address *next = next_of(answer, ipv4, out, count);
        if (next == NULL) {
            next = next_of(answer, !ipv4, out, count);
        }
        if (next == NULL) {
            break;
        }
        ipv4 = !bl_address_is_ipv4(next);
        out[count++] = *next;
    }
    return count;
}

static int take_ready(struct bl_resolver *resolver, struct bl_address *out, size_t max) {
    unsigned count = resolver->ready_count < max ? resolver->ready_count : (unsigned)max;
    memcpy(out, resolver->ready, count * sizeof *out);
    resolver->ready_count = 0;
    return (int)count;
}

int bl_resolver_take(struct bl_resolver *resolver, struct bl_address *out, size_t max) {
    BELAY_ASSERT(bl_resolver_is_busy(resolver));
    BELAY_ASSERT(max > 0);
    struct bl_lookup_job *job = resolver->job;
    if (job == NULL) {
        return take_ready(resolver, out, max);
    }
    pthread_mutex_lock(&job->lock);
    bool finished = job->finished;
    pthread_mutex_unlock(&job->lock);
    if (!finished) {
        return 0;
    }
    for (size_t i = 0; i < job->answer.count; i++) {
        job->answer.addresses[i].port = job->port;
    }
    int count = (int)alternate(out, max, &job->answer);
    if (count == 0) {
        count = bl_fail(BELAY_E_ADDRESS, "\"%s\" cannot be resolved: %s", job->host,
                        job->answer.problem);
    }
    bl_resolver_cancel(resolver);
    return count;
}

void bl_resolver_cancel(struct bl_resolver *resolver) {
    struct bl_lookup_job *job = resolver->job;
    resolver->ready_count = 0;
    resolver->job = NULL;
    if (job != NULL) {
        pthread_mutex_lock(&job->lock);
        job->cancelled = true;
        pthread_mutex_unlock(&job->lock);
        release(job);
    }
}

/** A server's own address: whoever answers for a name must not have us send to many. */
static bool can_be_dialled(const struct bl_address *address) {
    if (bl_address_is_ipv4(address)) {
        return !bl_address_is_any(address) && address->ip[12] < 224;
    }
    return !bl_address_is_any(address) && address->ip[0] != 0xFF;
}

/** Half of the room for each family, so that a long list of one does not crowd out the other. */
static void add_address(struct bl_lookup_answer *answer, const struct addrinfo *info) {
    union bl_sockaddr from = {0};
    struct bl_address address;
    bool ipv4 = info->ai_family == AF_INET;
    if ((!ipv4 && info->ai_family != AF_INET6) || info->ai_addrlen > sizeof from) {
        return;
    }
    memcpy(&from, info->ai_addr, info->ai_addrlen);
    bl_sockaddr_read(&address, &from);
    ipv4 = bl_address_is_ipv4(&address); /* mapped ones too */
    size_t same = 0;
    for (size_t i = 0; i < answer->count; i++) {
        same += bl_address_is_ipv4(&answer->addresses[i]) == ipv4;
    }
    if (same < BL_LOOKUP_MAX / 2 && can_be_dialled(&address)) {
        answer->addresses[answer->count++] = address;
    }
}

void bl_lookup_system(struct bl_lookup_answer *answer, const char *host) {
    const struct addrinfo wanted = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_DGRAM,
        .ai_protocol = IPPROTO_UDP,
    };
    struct addrinfo *list = NULL;
    int status = getaddrinfo(host, NULL, &wanted, &list);
    int error = errno;
    if (status != 0) {
        char words[64];
        snprintf(answer->problem, sizeof answer->problem, "%.63s; %s",
                 status == EAI_SYSTEM ? strerror_r(error, words, sizeof words)
                                      : gai_strerror(status),
                 status == EAI_NONAME ? "check the name" : "check this machine's network");
        return;
    }
    for (const struct addrinfo *info = list; info != NULL; info = info->ai_next) {
        add_address(answer, info);
    }
    freeaddrinfo(list);
    if (answer->count == 0) {
        snprintf(answer->problem, sizeof answer->problem,
                 "it has no address that can be dialled; check the name");
    }
}
