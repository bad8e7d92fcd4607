/* What clients ask for. Each call is a request, and is answered at once. */
#include "server/jobs/parts.h"

/** One call under way. */
struct call {
    struct belay_jobs *jobs;
    const struct belay_event *event;
    uint8_t user_id[16];
    struct job_reader reader;
};

/* ---- answers */

static void remove_answer(struct belay_jobs *jobs, struct answer **at) {
    struct answer *gone = *at;
    *at = gone->next;
    job_free(&jobs->hooks, gone, sizeof *gone + gone->size);
}

static bool is_to_be_repeated(enum belay_result result) {
    return result == BELAY_E_WOULD_BLOCK || result == BELAY_E_NO_MEMORY;
}

/** As many as a client may have pending requests. Without memory the call ends by its deadline. */
static void keep_answer(const struct call *call, int32_t code, const void *data, size_t size) {
    struct belay_jobs *jobs = call->jobs;
    struct answer **at = &jobs->answers;
    struct answer *kept = job_allocate(&jobs->hooks, sizeof *kept + size);
    if (kept == NULL) {
        return;
    }
    while (*at != NULL) {
        at = &(*at)->next;
    }
    kept->request = call->event->request.id;
    kept->code = code;
    kept->size = size;
    job_write_bytes(kept->data, data, size);
    *at = kept;
}

void answers_send(struct belay_jobs *jobs) {
    struct answer **at = &jobs->answers;
    while (*at != NULL) {
        const struct answer *kept = *at;
        if (is_to_be_repeated(belay_server_reply(jobs->server, kept->request, kept->code,
                                                 kept->data, kept->size))) {
            at = &(*at)->next;
        } else {
            remove_answer(jobs, at);
        }
    }
}

void answers_clear(struct belay_jobs *jobs) {
    while (jobs->answers != NULL) {
        remove_answer(jobs, &jobs->answers);
    }
}

static void answer(const struct call *call, int32_t code, const void *data, size_t size) {
    if (is_to_be_repeated(
            belay_server_reply(call->jobs->server, call->event->request.id, code, data, size))) {
        keep_answer(call, code, data, size);
    }
}

static void refuse(const struct call *call, enum belay_job_code code) {
    answer(call, (int32_t)code, NULL, 0);
}

/** The answer goes another way than what follows, which begins with the same: so whichever comes
 * first tells the client what it needs to know. */
static void begin_to_tell(const struct call *call, struct job *job) {
    uint8_t bytes[13];
    uint8_t *at = job_write(bytes, job->number, 8);
    at = job_write(at, job->state, 1);
    at = job_write(at, job->newest, 4);
    answer(call, 0, bytes, (size_t)(at - bytes));
    watchers_tell(job);
}

static bool is_owner(const struct call *call, const struct job *job) {
    return memcmp(job->user_id, call->user_id, sizeof job->user_id) == 0;
}

static bool may_watch(const struct call *call, const struct job *job) {
    const struct belay_jobs_opts *opts = &call->jobs->opts;
    return is_owner(call, job) || (opts->may_watch != NULL &&
                                   opts->may_watch(opts->user, call->event->session, job->number));
}

/* ---- submit */

struct submission {
    uint64_t tag;
    const char *key;
    size_t key_size;
    uint32_t type;
    const uint8_t *params;
    size_t params_size;
};

static bool read_submission(struct job_reader *reader, struct submission *out) {
    out->tag = job_read_u64(reader);
    out->key_size = job_read_u8(reader);
    if (out->key_size > BELAY_JOB_KEY_MAX || out->key_size > reader->left) {
        return false;
    }
    out->key = (const char *)reader->at;
    reader->at += out->key_size;
    reader->left -= out->key_size;
    out->type = job_read_u32(reader);
    out->params = reader->at;
    out->params_size = reader->left;
    return !reader->failed && out->tag != 0;
}

static struct job *find_by_key(const struct call *call, const struct submission *submission) {
    const struct belay_jobs *jobs = call->jobs;
    for (uint32_t i = jobs->count; i > 0 && submission->key_size > 0; i--) {
        struct job *job = jobs->all[i - 1];
        if (job->key_size == submission->key_size && is_owner(call, job) &&
            memcmp(job->key, submission->key, submission->key_size) == 0) {
            return job;
        }
    }
    return NULL;
}

static bool is_same(const struct job *job, const struct submission *submission) {
    return job->type == submission->type && job->params_size == submission->params_size &&
           memcmp(job->params, submission->params, submission->params_size) == 0;
}

static uint32_t count_open(const struct call *call) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < call->jobs->count; i++) {
        count += is_owner(call, call->jobs->all[i]) && !job_has_ended(call->jobs->all[i]);
    }
    return count;
}

/** One user's ended jobs cannot take the place of all others': of too many the oldest goes, if it
 * has been told. */
static void make_room(const struct call *call) {
    struct belay_jobs *jobs = call->jobs;
    struct job *oldest = NULL;
    uint32_t count = 0;
    for (uint32_t i = jobs->count; i > 0; i--) {
        struct job *job = jobs->all[i - 1];
        if (is_owner(call, job) && job_has_ended(job)) {
            count++;
            oldest = job->watchers == NULL ? job : oldest;
        }
    }
    if (count >= jobs->opts.user_max && oldest != NULL) {
        job_remove(jobs, oldest);
    }
}

static struct job *create(const struct call *call, const struct submission *submission) {
    struct belay_jobs *jobs = call->jobs;
    make_room(call);
    struct job *job = job_add(jobs);
    if (job == NULL) {
        return NULL;
    }
    job->params = job_allocate(&jobs->hooks, submission->params_size + 1); /* so that it is there */
    if (job->params == NULL) {
        job_remove(jobs, job);
        return NULL;
    }
    memcpy(job->user_id, call->user_id, sizeof job->user_id);
    job->type = submission->type;
    job->params_size = submission->params_size;
    job_write_bytes(job->params, submission->params, submission->params_size);
    memcpy(job->key, submission->key, submission->key_size);
    job->key_size = (uint8_t)submission->key_size;
    job->untold_start = true;
    return job;
}

/** Takes a job that is there to whoever submits it again. */
static void submit(struct call *call) {
    struct submission submission;
    struct belay_jobs *jobs = call->jobs;
    belay_session session = call->event->session;
    if (!read_submission(&call->reader, &submission)) {
        refuse(call, BELAY_JOB_MALFORMED);
        return;
    }
    if (submission.params_size > jobs->opts.params_max) {
        refuse(call, BELAY_JOB_TOO_BIG);
        return;
    }
    struct job *job = find_by_key(call, &submission);
    if (job != NULL && !is_same(job, &submission)) {
        refuse(call, BELAY_JOB_CONFLICT);
        return;
    }
    bool fits = (job != NULL || count_open(call) < jobs->opts.user_max) &&
                ((job != NULL && watcher_is_there(job, session)) ||
                 watchers_of_session(jobs, session) < jobs->opts.watch_max);
    bool fresh = fits && job == NULL;
    job = fresh ? create(call, &submission) : job;
    if (!fits || job == NULL || !watcher_set(job, session, 0, submission.tag)) {
        if (fresh && job != NULL) {
            job_remove(jobs, job);
        }
        refuse(call, BELAY_JOB_LIMIT);
        return;
    }
    begin_to_tell(call, job);
}

/* ---- one job */

/** The job that a call names, with so many bytes behind it, if it may; else the call is answered,
 * and NULL. */
static struct job *named(struct call *call, size_t behind, bool for_owner) {
    struct job *job = job_find(call->jobs, job_read_u64(&call->reader));
    if (call->reader.failed || call->reader.left != behind) {
        refuse(call, BELAY_JOB_MALFORMED);
        return NULL;
    }
    /* Who may not see a job does not learn that there is one. */
    if (job == NULL || !may_watch(call, job)) {
        refuse(call, BELAY_JOB_NOT_FOUND);
        return NULL;
    }
    if (for_owner && !is_owner(call, job)) {
        refuse(call, BELAY_JOB_DENIED);
        return NULL;
    }
    return job;
}

static void cancel(struct call *call) {
    struct job *job = named(call, 0, true);
    if (job == NULL) {
        return;
    }
    if (job_has_ended(job)) {
        refuse(call, BELAY_JOB_ENDED);
    } else {
        job_stop(job, false);
        answer(call, 0, NULL, 0);
    }
}

static void watch(struct call *call) {
    const struct belay_jobs *jobs = call->jobs;
    belay_session session = call->event->session;
    uint64_t tag = job_read_u64(&call->reader);
    struct job *job = named(call, 4, false);
    if (job == NULL) {
        return;
    }
    uint32_t from = job_read_u32(&call->reader);
    bool fits =
        watcher_is_there(job, session) || watchers_of_session(jobs, session) < jobs->opts.watch_max;
    if (tag == 0 || from == 0) {
        refuse(call, BELAY_JOB_MALFORMED);
    } else if (!fits || !watcher_set(job, session, from, tag)) {
        refuse(call, BELAY_JOB_LIMIT);
    } else {
        begin_to_tell(call, job);
    }
}

static void unwatch(struct call *call) {
    struct job *job = named(call, 0, false);
    if (job != NULL) {
        watcher_remove(job, call->event->session);
        answer(call, 0, NULL, 0);
    }
}

/* ---- list */

static uint8_t *list_one(uint8_t *at, const struct job *job) {
    at = job_write(at, job->number, 8);
    at = job_write(at, job->state, 1);
    at = job_write(at, job->type, 4);
    return job_write(at, job->newest, 4);
}

static void list(struct call *call) {
    uint8_t bytes[8 + JOB_LISTED_SIZE * BELAY_JOB_LIST_MAX];
    const struct belay_jobs *jobs = call->jobs;
    uint32_t states = job_read_u32(&call->reader);
    belay_job after = job_read_u64(&call->reader), last = 0, more = 0;
    uint32_t max = (uint32_t)job_read(&call->reader, 2);
    if (!job_read_all(&call->reader) || max == 0 || max > BELAY_JOB_LIST_MAX) {
        refuse(call, BELAY_JOB_MALFORMED);
        return;
    }
    uint8_t *at = bytes + 8;
    for (uint32_t i = 0; i < jobs->count; i++) {
        const struct job *job = jobs->all[i];
        bool wanted = job->number > after && (states == 0 || (states >> job->state & 1) != 0) &&
                      may_watch(call, job);
        if (wanted && max == 0) {
            more = last;
            break;
        }
        if (wanted) {
            at = list_one(at, job);
            last = job->number;
            max--;
        }
    }
    job_write(bytes, more, 8);
    answer(call, 0, bytes, (size_t)(at - bytes));
}

void call_take(struct belay_jobs *jobs, const struct belay_event *event) {
    static void (*const calls[])(struct call *) = {
        [JOB_SUBMIT] = submit,   [JOB_CANCEL] = cancel, [JOB_WATCH] = watch,
        [JOB_UNWATCH] = unwatch, [JOB_LIST] = list,
    };
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    struct call call = {.jobs = jobs,
                        .event = event,
                        .reader = job_reader_of(event->request.data, event->request.size)};
    uint8_t kind = job_read_u8(&call.reader);
    if (kind < JOB_SUBMIT || kind > JOB_LIST ||
        belay_server_info(jobs->server, event->session, &info) != BELAY_OK) {
        refuse(&call, BELAY_JOB_MALFORMED);
        return;
    }
    memcpy(call.user_id, info.user_id, sizeof call.user_id);
    calls[kind](&call);
}
