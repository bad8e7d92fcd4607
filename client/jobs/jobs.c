/*
 * The client's end of jobs: writes calls, and reads what requests and messages bring into events.
 *
 * A call is remembered until its answer. That to submit and watch may be overtaken by what it is
 * the beginning of, so that begins with a notice which says the same: the first of the two is told.
 *
 * Another process that goes on with the session gets what the one before was sent. It knows its own
 * by the tags, which no process of the session repeats, and ignores the rest.
 */
#include "common/jobs/format.h"
#include <belay/client.h>

/** A call that has not ended. */
struct call {
    struct call *next;
    uint64_t tag; /* its number; not 0 */
    uint64_t cookie;
    belay_request request;
    enum job_call kind;
    bool told; /* by its notice; the answer has nothing to add */
};

struct belay_job_client {
    struct belay_client *client;
    struct belay_job_client_opts opts;
    struct belay_hooks hooks;
    struct call *calls;
    uint32_t count;         /* of calls ever made */
    uint64_t first;         /* tag of the first; 0 = none was made */
    bool anew;              /* what comes was meant for a process before this one */
    struct job_reader list; /* what next() has not given of it */
    uint64_t list_cookie;
    belay_job list_more;
};

enum belay_result belay_job_client_create(struct belay_job_client **out,
                                          struct belay_client *client,
                                          const struct belay_job_client_opts *given) {
    const struct belay_hooks none = {0};
    struct belay_job_client_opts opts = BELAY_JOB_CLIENT_OPTS_INIT;
    if (client == NULL || !job_copy_opts(&opts, sizeof opts, given)) {
        return BELAY_E_INVALID;
    }
    opts.call_type = opts.call_type != 0 ? opts.call_type : BELAY_JOB_CALLS;
    const struct belay_hooks *hooks = opts.hooks != NULL ? opts.hooks : &none;
    struct belay_job_client *jobs = job_allocate(hooks, sizeof *jobs);
    if (jobs == NULL) {
        return BELAY_E_NO_MEMORY;
    }
    jobs->client = client;
    jobs->opts = opts;
    jobs->hooks = *hooks;
    *out = jobs;
    return BELAY_OK;
}

/** The call leaves the list. */
static void forget(struct belay_job_client *jobs, struct call *call) {
    struct call **at = &jobs->calls;
    while (*at != call) {
        at = &(*at)->next;
    }
    *at = call->next;
    job_free(&jobs->hooks, call, sizeof *call);
}

void belay_job_client_destroy(struct belay_job_client *jobs) {
    if (jobs == NULL) {
        return;
    }
    while (jobs->calls != NULL) {
        forget(jobs, jobs->calls);
    }
    const struct belay_hooks hooks = jobs->hooks;
    job_free(&hooks, jobs, sizeof *jobs);
}

/* ---- calls */

/** Larger than those of a process before: it goes on at much higher numbers. */
static uint64_t next_tag(struct belay_job_client *jobs) {
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    (void)belay_client_info(jobs->client, &info);
    uint64_t tag = (uint64_t)info.sequence_out << 32 | ++jobs->count;
    jobs->first = jobs->first != 0 ? jobs->first : tag;
    return tag;
}

/** A call and room for @p size bytes of it, at *bytes, the caller's; NULL: no memory. */
static struct call *begin(struct belay_job_client *jobs, enum job_call kind, uint64_t cookie,
                          size_t size, uint8_t **bytes) {
    struct call *call = job_allocate(&jobs->hooks, sizeof *call);
    *bytes = job_allocate(&jobs->hooks, size);
    if (call == NULL || *bytes == NULL) {
        job_free(&jobs->hooks, call, sizeof *call);
        job_free(&jobs->hooks, *bytes, size);
        return NULL;
    }
    call->kind = kind;
    call->cookie = cookie;
    call->tag = next_tag(jobs);
    **bytes = (uint8_t)kind;
    return call;
}

static enum belay_result ask(struct belay_job_client *jobs, struct call *call, uint8_t *bytes,
                             size_t size) {
    enum belay_result result =
        belay_client_request(jobs->client, jobs->opts.call_type, bytes, size, jobs->opts.call_ms,
                             call->cookie, &call->request);
    job_free(&jobs->hooks, bytes, size);
    if (result != BELAY_OK) {
        job_free(&jobs->hooks, call, sizeof *call);
        return result;
    }
    call->next = jobs->calls;
    jobs->calls = call;
    return BELAY_OK;
}

enum belay_result belay_job_submit(struct belay_job_client *jobs, const char *key, uint32_t type,
                                   const void *params, size_t size, uint64_t cookie) {
    size_t key_size = key != NULL ? strlen(key) : 0;
    uint8_t *bytes;
    if (key_size > BELAY_JOB_KEY_MAX || (key != NULL && key_size == 0) ||
        (params == NULL && size > 0)) {
        return BELAY_E_INVALID;
    }
    size_t total = 14 + key_size + size;
    struct call *call = begin(jobs, JOB_SUBMIT, cookie, total, &bytes);
    if (call == NULL) {
        return BELAY_E_NO_MEMORY;
    }
    uint8_t *at = job_write(bytes + 1, call->tag, 8);
    at = job_write(at, key_size, 1);
    at = job_write_bytes(at, key, key_size);
    at = job_write(at, type, 4);
    job_write_bytes(at, params, size);
    return ask(jobs, call, bytes, total);
}

/** A call that names one job. */
static enum belay_result ask_about(struct belay_job_client *jobs, enum job_call kind, belay_job job,
                                   uint64_t cookie) {
    uint8_t *bytes;
    struct call *call = begin(jobs, kind, cookie, 9, &bytes);
    if (call == NULL) {
        return BELAY_E_NO_MEMORY;
    }
    job_write(bytes + 1, job, 8);
    return ask(jobs, call, bytes, 9);
}

enum belay_result belay_job_cancel(struct belay_job_client *jobs, belay_job job, uint64_t cookie) {
    return ask_about(jobs, JOB_CANCEL, job, cookie);
}

enum belay_result belay_job_unwatch(struct belay_job_client *jobs, belay_job job, uint64_t cookie) {
    return ask_about(jobs, JOB_UNWATCH, job, cookie);
}

enum belay_result belay_job_watch(struct belay_job_client *jobs, belay_job job, uint32_t from,
                                  uint64_t cookie) {
    uint8_t *bytes;
    struct call *call = begin(jobs, JOB_WATCH, cookie, 21, &bytes);
    if (call == NULL) {
        return BELAY_E_NO_MEMORY;
    }
    uint8_t *at = job_write(bytes + 1, call->tag, 8);
    at = job_write(at, job, 8);
    job_write(at, from > 0 ? from : 1, 4);
    return ask(jobs, call, bytes, 21);
}

enum belay_result belay_job_list(struct belay_job_client *jobs, uint32_t states, belay_job after,
                                 uint16_t max, uint64_t cookie) {
    uint8_t *bytes;
    struct call *call = begin(jobs, JOB_LIST, cookie, 15, &bytes);
    if (call == NULL) {
        return BELAY_E_NO_MEMORY;
    }
    uint8_t *at = job_write(bytes + 1, states, 4);
    at = job_write(at, after, 8);
    job_write(at, max, 2);
    return ask(jobs, call, bytes, 15);
}

/* ---- events */

static struct job_reader rest_of(struct job_reader reader) {
    return reader.failed ? job_reader_of("", 0) : reader;
}

static struct call *find_by_request(const struct belay_job_client *jobs, belay_request request) {
    struct call *call = jobs->calls;
    while (call != NULL && call->request != request) {
        call = call->next;
    }
    return call;
}

static struct call *find_by_tag(const struct belay_job_client *jobs, uint64_t tag) {
    struct call *call = jobs->calls;
    while (call != NULL && call->tag != tag) {
        call = call->next;
    }
    return call;
}

static void begin_list(struct belay_job_client *jobs, const struct call *call,
                       const struct belay_reply_event *reply, struct belay_job_event *out) {
    jobs->list = job_reader_of(reply->data, reply->size);
    jobs->list_cookie = call->cookie;
    jobs->list_more = job_read_u64(&jobs->list);
    if (jobs->list.left % JOB_LISTED_SIZE != 0 || jobs->list.failed) {
        jobs->list = (struct job_reader){0};
        out->type = BELAY_JOB_EVENT_CALL;
        out->cookie = call->cookie;
        out->code = BELAY_JOB_MALFORMED;
        return;
    }
    belay_job_client_next(jobs, out);
}

static void take_reply(struct belay_job_client *jobs, struct call *call,
                       const struct belay_reply_event *reply, struct belay_job_event *out) {
    if (reply->code == 0 && call->kind == JOB_LIST) {
        begin_list(jobs, call, reply, out);
    } else if (!call->told) {
        out->type = BELAY_JOB_EVENT_CALL;
        out->cookie = call->cookie;
        out->code = reply->code;
    }
    if (reply->code == 0 && !call->told && (call->kind == JOB_SUBMIT || call->kind == JOB_WATCH)) {
        struct job_reader reader = job_reader_of(reply->data, reply->size);
        out->job = job_read_u64(&reader);
        out->state = (enum belay_job_state)job_read_u8(&reader);
        out->sequence = job_read_u32(&reader);
        out->code = job_read_all(&reader) ? 0 : BELAY_JOB_MALFORMED;
    }
    forget(jobs, call);
}

static bool take_begun(struct belay_job_client *jobs, struct job_reader *reader,
                       struct belay_job_event *out) {
    uint64_t tag = job_read_u64(reader);
    struct call *call = find_by_tag(jobs, tag);
    jobs->anew = jobs->anew && (jobs->first == 0 || tag < jobs->first);
    out->state = (enum belay_job_state)job_read_u8(reader);
    if (!job_read_all(reader) || call == NULL || call->told) { /* its answer has told it */
        return false;
    }
    out->type = BELAY_JOB_EVENT_CALL;
    out->cookie = call->cookie;
    call->told = true;
    return true;
}

/** Pieces lie in what they are pieces of, and ends are ends: the application relies on it. */
static bool is_sound(const struct belay_job_event *event) {
    switch (event->type) {
    case BELAY_JOB_EVENT_RESULT:
        return event->offset <= event->total && event->size <= event->total - event->offset;
    case BELAY_JOB_EVENT_ENDED:
        return event->state >= BELAY_JOB_FAILED && event->state <= BELAY_JOB_TIMED_OUT;
    case BELAY_JOB_EVENT_GAP:
        return event->to >= event->sequence && event->size == 0;
    default:
        return true;
    }
}

/** Reads what is behind the kind, the job and the sequence. False: it is nothing to tell. */
static bool take_notice(struct belay_job_client *jobs, uint8_t kind, struct job_reader *reader,
                        struct belay_job_event *out) {
    switch (kind) {
    case JOB_UPDATE:
        out->type = BELAY_JOB_EVENT_UPDATE;
        out->kind = job_read_u32(reader);
        break;
    case JOB_GAP:
        out->type = BELAY_JOB_EVENT_GAP;
        out->to = job_read_u32(reader);
        break;
    case JOB_RESULT:
        out->type = BELAY_JOB_EVENT_RESULT;
        out->state = BELAY_JOB_SUCCEEDED;
        out->total = job_read_u32(reader);
        out->offset = job_read_u32(reader);
        break;
    case JOB_END:
        out->type = BELAY_JOB_EVENT_ENDED;
        out->state = (enum belay_job_state)job_read_u8(reader);
        out->code = (int32_t)job_read_u32(reader);
        break;
    case JOB_BEGUN:
        return take_begun(jobs, reader, out);
    default:
        return false;
    }
    struct job_reader data = rest_of(*reader);
    out->data = data.at;
    out->size = data.left;
    return !reader->failed && !jobs->anew && is_sound(out);
}

static void take_message(struct belay_job_client *jobs, const struct belay_message_event *message,
                         struct belay_job_event *out) {
    const struct belay_job_event nothing = {.data = ""};
    struct job_reader reader = job_reader_of(message->data, message->size);
    uint8_t kind = job_read_u8(&reader);
    out->job = job_read_u64(&reader);
    out->sequence = job_read_u32(&reader);
    if (reader.failed || !take_notice(jobs, kind, &reader, out)) {
        *out = nothing;
    }
}

bool belay_job_client_take(struct belay_job_client *jobs, const struct belay_event *event,
                           struct belay_job_event *out) {
    *out = (struct belay_job_event){.data = ""};
    jobs->list = (struct job_reader){0};
    if (event->type == BELAY_EVENT_OPEN) {
        jobs->anew = false;
    } else if (event->type == BELAY_EVENT_RESUMED && event->resumed.gap_count > 0) {
        jobs->anew = true;
    }
    if (event->type == BELAY_EVENT_MESSAGE && event->message.channel == jobs->opts.channel) {
        take_message(jobs, &event->message, out);
        return true;
    }
    struct call *call =
        event->type == BELAY_EVENT_REPLY ? find_by_request(jobs, event->reply.id) : NULL;
    if (call != NULL) {
        take_reply(jobs, call, &event->reply, out);
    }
    return call != NULL;
}

bool belay_job_client_next(struct belay_job_client *jobs, struct belay_job_event *out) {
    struct job_reader *list = &jobs->list;
    *out = (struct belay_job_event){.data = ""};
    if (list->at == NULL) {
        return false;
    }
    out->cookie = jobs->list_cookie;
    if (list->left == 0) {
        out->type = BELAY_JOB_EVENT_CALL;
        out->more = jobs->list_more;
        list->at = NULL;
        return true;
    }
    out->type = BELAY_JOB_EVENT_LISTED;
    out->job = job_read_u64(list);
    out->state = (enum belay_job_state)job_read_u8(list);
    out->kind = job_read_u32(list);
    out->sequence = job_read_u32(list);
    return true;
}

const char *belay_job_meaning(int32_t code) {
    switch (code) {
#define MEANING_CASE(name, value, meaning)                                                         \
    case value:                                                                                    \
        return meaning;
        BELAY_JOB_CODES(MEANING_CASE)
#undef MEANING_CASE
    default:
        return code == 0 ? "yes" : belay_reply_meaning(code);
    }
}

const char *belay_job_state_name(enum belay_job_state state) {
    static const char *const names[] = {"PENDING", "RUNNING",   "SUCCEEDED",
                                        "FAILED",  "CANCELLED", "TIMED_OUT"};
    unsigned index = (unsigned)state - BELAY_JOB_PENDING;
    return index < sizeof names / sizeof *names ? names[index] : "unknown state";
}
