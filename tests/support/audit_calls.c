/*
 * Keeps the books of this process. The linker puts these functions in front of the true ones
 * (tests/meson.build), so that no test has to think of it, and none can forget.
 *
 * Books are opened with the first client or server and closed with the last. Clients and servers
 * may be in different threads.
 */
#include "tests/support/audit.h"

#include "tests/support/test.h"
#include <belay/client.h>
#include <belay/server.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct audit *books;
static unsigned party_count;
static uint64_t run_seed;

enum belay_result __real_belay_client_create(struct belay_client **out,
                                             const struct belay_client_opts *opts);
enum belay_result __wrap_belay_client_create(struct belay_client **out,
                                             const struct belay_client_opts *opts);
enum belay_result __real_belay_server_start(struct belay_server **out,
                                            const struct belay_server_opts *opts);
enum belay_result __wrap_belay_server_start(struct belay_server **out,
                                            const struct belay_server_opts *opts);
void __real_belay_client_destroy(struct belay_client *client);
void __wrap_belay_client_destroy(struct belay_client *client);
void __real_belay_server_destroy(struct belay_server *server);
void __wrap_belay_server_destroy(struct belay_server *server);
enum belay_result __real_belay_client_send(struct belay_client *client, uint8_t channel,
                                           const void *data, size_t size);
enum belay_result __wrap_belay_client_send(struct belay_client *client, uint8_t channel,
                                           const void *data, size_t size);
enum belay_result __real_belay_server_send(struct belay_server *server, belay_session session,
                                           uint8_t channel, const void *data, size_t size);
enum belay_result __wrap_belay_server_send(struct belay_server *server, belay_session session,
                                           uint8_t channel, const void *data, size_t size);
enum belay_result __real_belay_client_request(struct belay_client *client, uint32_t type,
                                              const void *data, size_t size, uint32_t deadline_ms,
                                              uint64_t cookie, belay_request *out);
enum belay_result __wrap_belay_client_request(struct belay_client *client, uint32_t type,
                                              const void *data, size_t size, uint32_t deadline_ms,
                                              uint64_t cookie, belay_request *out);
enum belay_result __real_belay_server_request(struct belay_server *server, belay_session session,
                                              uint32_t type, const void *data, size_t size,
                                              uint32_t deadline_ms, uint64_t cookie,
                                              belay_request *out);
enum belay_result __wrap_belay_server_request(struct belay_server *server, belay_session session,
                                              uint32_t type, const void *data, size_t size,
                                              uint32_t deadline_ms, uint64_t cookie,
                                              belay_request *out);
enum belay_result __real_belay_server_subscribe(struct belay_server *server, belay_session session,
                                                belay_topic topic);
enum belay_result __wrap_belay_server_subscribe(struct belay_server *server, belay_session session,
                                                belay_topic topic);
enum belay_result __real_belay_server_publish(struct belay_server *server, belay_topic topic,
                                              uint8_t channel, const void *data, size_t size);
enum belay_result __wrap_belay_server_publish(struct belay_server *server, belay_topic topic,
                                              uint8_t channel, const void *data, size_t size);
enum belay_result __real_belay_server_retain(struct belay_server *server, belay_topic topic,
                                             uint8_t channel, const void *data, size_t size);
enum belay_result __wrap_belay_server_retain(struct belay_server *server, belay_topic topic,
                                             uint8_t channel, const void *data, size_t size);
bool __real_belay_client_poll(struct belay_client *client, struct belay_event *event);
bool __wrap_belay_client_poll(struct belay_client *client, struct belay_event *event);
bool __real_belay_server_poll(struct belay_server *server, struct belay_event *event);
bool __wrap_belay_server_poll(struct belay_server *server, struct belay_event *event);

void audit_name_run(uint64_t seed) {
    run_seed = seed;
}

struct audit *audit_of_calls(void) {
    return books;
}

static void close_books(void) {
    audit_destroy(books);
    books = NULL;
    party_count = 0;
}

/** Leaves the mutex, and the test if the books are wrong. */
static void leave(void) {
    static char complaint[256];
    const char *found = books != NULL ? audit_complaint(books) : NULL;
    if (found != NULL) {
        snprintf(complaint, sizeof complaint, "%s", found);
        close_books(); /* the next test begins with its own */
    } else if (books != NULL && party_count == 0) {
        close_books();
    }
    pthread_mutex_unlock(&mutex);
    if (found != NULL) {
        ck_abort_msg("audit, seed %llu: %s", (unsigned long long)run_seed, complaint);
    }
}

static void join(const struct audit_party *party) {
    pthread_mutex_lock(&mutex);
    books = books != NULL ? books : audit_create();
    party_count++;
    audit_join(books, party);
    leave();
}

/** The last of them closes the books. */
static void depart(const void *party) {
    audit_leave(books, party);
    if (--party_count == 0) {
        audit_judge(books);
    }
}

void audit_settle_calls(const void *party) {
    pthread_mutex_lock(&mutex);
    if (books != NULL) {
        audit_settle(books, party);
    }
    leave();
}

static void hear(const void *party, const struct belay_event *event) {
    pthread_mutex_lock(&mutex);
    if (books != NULL) {
        audit_event(books, party, event);
    }
    leave();
}

/* ---- clients */

enum belay_result __wrap_belay_client_create(struct belay_client **out,
                                             const struct belay_client_opts *opts) {
    enum belay_result result = __real_belay_client_create(out, opts);
    if (result == BELAY_OK) {
        join(&(struct audit_party){
            .it = *out, .channels = opts->channels, .channel_count = opts->channel_count});
    }
    return result;
}

void __wrap_belay_client_destroy(struct belay_client *client) {
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    pthread_mutex_lock(&mutex);
    if (books != NULL && client != NULL) {
        if (belay_client_info(client, &info) == BELAY_OK && info.session != 0) {
            audit_compare(books, client, &info);
        }
        depart(client);
    }
    leave();
    __real_belay_client_destroy(client);
}

enum belay_result __wrap_belay_client_send(struct belay_client *client, uint8_t channel,
                                           const void *data, size_t size) {
    struct belay_session_info before = BELAY_SESSION_INFO_INIT, after = before;
    pthread_mutex_lock(&mutex); /* until it is written down that the message may come */
    belay_client_info(client, &before);
    enum belay_result result = __real_belay_client_send(client, channel, data, size);
    if (result == BELAY_OK && books != NULL) {
        belay_client_info(client, &after);
        audit_send(books, client, after.session, channel, after.sequence_out - before.sequence_out);
    }
    leave();
    return result;
}

enum belay_result __wrap_belay_client_request(struct belay_client *client, uint32_t type,
                                              const void *data, size_t size, uint32_t deadline_ms,
                                              uint64_t cookie, belay_request *out) {
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    belay_request made;
    pthread_mutex_lock(&mutex);
    enum belay_result result =
        __real_belay_client_request(client, type, data, size, deadline_ms, cookie, &made);
    if (result == BELAY_OK && books != NULL) {
        belay_client_info(client, &info);
        audit_request(books, client, info.session, made);
    }
    if (result == BELAY_OK && out != NULL) {
        *out = made;
    }
    leave();
    return result;
}

bool __wrap_belay_client_poll(struct belay_client *client, struct belay_event *event) {
    bool polled = __real_belay_client_poll(client, event);
    if (polled) {
        hear(client, event);
    }
    return polled;
}

/* ---- servers */

enum belay_result __wrap_belay_server_start(struct belay_server **out,
                                            const struct belay_server_opts *opts) {
    enum belay_result result = __real_belay_server_start(out, opts);
    if (result == BELAY_OK) {
        join(&(struct audit_party){.it = *out,
                                   .server = true,
                                   .channels = opts->channels,
                                   .channel_count = opts->channel_count});
    }
    return result;
}

void __wrap_belay_server_destroy(struct belay_server *server) {
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    pthread_mutex_lock(&mutex);
    if (books != NULL && server != NULL) {
        for (belay_session at = 0; (at = audit_next(books, server, at)) != 0;) {
            if (belay_server_info(server, at, &info) == BELAY_OK) {
                audit_compare(books, server, &info);
            }
        }
        depart(server);
    }
    leave();
    __real_belay_server_destroy(server);
}

enum belay_result __wrap_belay_server_send(struct belay_server *server, belay_session session,
                                           uint8_t channel, const void *data, size_t size) {
    struct belay_session_info before = BELAY_SESSION_INFO_INIT, after = before;
    pthread_mutex_lock(&mutex); /* until it is written down that the message may come */
    (void)belay_server_info(server, session, &before);
    enum belay_result result = __real_belay_server_send(server, session, channel, data, size);
    if (result == BELAY_OK && books != NULL) {
        (void)belay_server_info(server, session, &after);
        audit_send(books, server, session, channel, after.sequence_out - before.sequence_out);
    }
    leave();
    return result;
}

enum belay_result __wrap_belay_server_request(struct belay_server *server, belay_session session,
                                              uint32_t type, const void *data, size_t size,
                                              uint32_t deadline_ms, uint64_t cookie,
                                              belay_request *out) {
    belay_request made;
    pthread_mutex_lock(&mutex);
    enum belay_result result =
        __real_belay_server_request(server, session, type, data, size, deadline_ms, cookie, &made);
    if (result == BELAY_OK && books != NULL) {
        audit_request(books, server, session, made);
    }
    if (result == BELAY_OK && out != NULL) {
        *out = made;
    }
    leave();
    return result;
}

/** What each session has sent so far, to see what a call that is about many has sent. */
struct snapshot {
    uint32_t count;
    struct belay_session_info *sessions;
};

static struct snapshot look_at_all(struct belay_server *server) {
    struct snapshot all = {0};
    for (belay_session at = 0; (at = belay_server_next(server, at)) != 0;) {
        struct belay_session_info info = BELAY_SESSION_INFO_INIT;
        if (belay_server_info(server, at, &info) == BELAY_OK) {
            all.sessions = realloc(all.sessions, (all.count + 1) * sizeof info);
            ck_assert_ptr_nonnull(all.sessions);
            all.sessions[all.count++] = info;
        }
    }
    return all;
}

/** @param channel  of what was retained, where a subscription is looked at: as last retained */
static void note_sent(struct belay_server *server, struct snapshot *before, uint8_t channel) {
    for (uint32_t i = 0; i < before->count && books != NULL; i++) {
        const struct belay_session_info *was = &before->sessions[i];
        struct belay_session_info is = BELAY_SESSION_INFO_INIT;
        if (belay_server_info(server, was->session, &is) == BELAY_OK &&
            is.messages_out > was->messages_out) {
            audit_send(books, server, was->session, channel, is.sequence_out - was->sequence_out);
        }
    }
    free(before->sessions);
}

static uint8_t retained_channel;

enum belay_result __wrap_belay_server_subscribe(struct belay_server *server, belay_session session,
                                                belay_topic topic) {
    pthread_mutex_lock(&mutex);
    struct snapshot before = look_at_all(server);
    enum belay_result result = __real_belay_server_subscribe(server, session, topic);
    note_sent(server, &before, retained_channel);
    leave();
    return result;
}

enum belay_result __wrap_belay_server_publish(struct belay_server *server, belay_topic topic,
                                              uint8_t channel, const void *data, size_t size) {
    pthread_mutex_lock(&mutex);
    struct snapshot before = look_at_all(server);
    enum belay_result result = __real_belay_server_publish(server, topic, channel, data, size);
    note_sent(server, &before, channel);
    leave();
    return result;
}

enum belay_result __wrap_belay_server_retain(struct belay_server *server, belay_topic topic,
                                             uint8_t channel, const void *data, size_t size) {
    pthread_mutex_lock(&mutex);
    struct snapshot before = look_at_all(server);
    enum belay_result result = __real_belay_server_retain(server, topic, channel, data, size);
    note_sent(server, &before, channel);
    retained_channel = channel; /* tests retain on one channel */
    leave();
    return result;
}

bool __wrap_belay_server_poll(struct belay_server *server, struct belay_event *event) {
    bool polled = __real_belay_server_poll(server, event);
    if (polled) {
        hear(server, event);
    }
    return polled;
}
