/*
 * A job's history is the only copy of what it has said. Each watcher has a place in it, and is told
 * what follows when its session has room: who is slow waits alone, and who is slower than the
 * history is long is told of the gap.
 */
#include "server/jobs/parts.h"

/* What the jobs put into a session's send buffer, so that the game's own messages find room. */
#define AHEAD_MESSAGES (BELAY_SEND_MESSAGES_DEFAULT / 2)
#define AHEAD_BYTES    (BELAY_SEND_BYTES_DEFAULT / 2)

static struct watcher **place_of(struct job *job, belay_session session) {
    struct watcher **at = &job->watchers;
    while (*at != NULL && (*at)->session != session) {
        at = &(*at)->other;
    }
    return at;
}

bool watcher_is_there(const struct job *job, belay_session session) {
    const struct watcher *at = job->watchers;
    while (at != NULL && at->session != session) {
        at = at->other;
    }
    return at != NULL;
}

bool watcher_set(struct job *job, belay_session session, uint32_t from, uint64_t tag) {
    uint32_t next = job->newest + 1; /* when it has ended, only that is told */
    struct watcher **place = place_of(job, session);
    if (*place == NULL) {
        *place = job_allocate(&job->jobs->hooks, sizeof **place);
        if (*place == NULL) {
            return false;
        }
        (*place)->session = session;
        (*place)->next = 1;
        job->watcher_count++;
    }
    if (from > 0) {
        (*place)->next = from < next ? from : next;
        (*place)->outcome_sent = 0;
    }
    (*place)->tag = tag;
    return true;
}

static void remove_at(struct job *job, struct watcher **place) {
    struct watcher *gone = *place;
    *place = gone->other;
    job->watcher_count--;
    job_free(&job->jobs->hooks, gone, sizeof *gone);
}

void watcher_remove(struct job *job, belay_session session) {
    struct watcher **place = place_of(job, session);
    if (*place != NULL) {
        remove_at(job, place);
    }
}

void watchers_remove_all(struct job *job) {
    while (job->watchers != NULL) {
        remove_at(job, &job->watchers);
    }
}

void watchers_leave(struct belay_jobs *jobs, belay_session session) {
    for (uint32_t i = 0; i < jobs->count; i++) {
        watcher_remove(jobs->all[i], session);
    }
}

uint32_t watchers_of_session(const struct belay_jobs *jobs, belay_session session) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < jobs->count; i++) {
        count += watcher_is_there(jobs->all[i], session);
    }
    return count;
}

/* ---- history */

static void drop_oldest(struct job *job) {
    struct job_update *gone = job->oldest;
    job->oldest = gone->next;
    job->last = job->oldest != NULL ? job->last : NULL;
    job->kept--;
    job->kept_bytes -= gone->size;
    job_free(&job->jobs->hooks, gone, sizeof *gone + gone->size);
}

void history_clear(struct job *job) {
    while (job->oldest != NULL) {
        drop_oldest(job);
    }
}

bool history_add(struct job *job, uint32_t kind, const void *data, size_t size) {
    const struct belay_jobs_opts *opts = &job->jobs->opts;
    struct job_update *update = job_allocate(&job->jobs->hooks, sizeof *update + size);
    if (update == NULL) {
        return false;
    }
    update->sequence = ++job->newest;
    update->kind = kind;
    update->size = size;
    job_write_bytes(update->data, data, size);
    *(job->last != NULL ? &job->last->next : &job->oldest) = update;
    job->last = update;
    job->kept++;
    job->kept_bytes += size;
    while (job->kept > opts->history_max ||
           (job->kept_bytes > opts->history_bytes && job->kept > 1)) {
        drop_oldest(job);
    }
    return true;
}

/* ---- telling */

/** Room for any notice. */
#define NOTICE_SIZE (JOB_NOTICE_MAX + BELAY_JOB_CHUNK)

/** Sends the notice that ends at @p end; false: the session has no room now. */
static bool say(const struct job *job, const struct watcher *watcher, const uint8_t *notice,
                const uint8_t *end) {
    const struct belay_jobs *jobs = job->jobs;
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    return belay_server_info(jobs->server, watcher->session, &info) == BELAY_OK &&
           info.queued_messages < AHEAD_MESSAGES && info.queued_bytes < AHEAD_BYTES &&
           belay_server_send(jobs->server, watcher->session, jobs->opts.channel, notice,
                             (size_t)(end - notice)) == BELAY_OK;
}

static uint8_t *begin(uint8_t *notice, enum job_notice kind, const struct job *job,
                      uint32_t sequence) {
    uint8_t *at = job_write(notice, kind, 1);
    at = job_write(at, job->number, 8);
    return job_write(at, sequence, 4);
}

/** The first event at or after a sequence that the history has; NULL: it has none. */
static const struct job_update *find_update(const struct job *job, uint32_t sequence) {
    const struct job_update *at = job->oldest;
    while (at != NULL && at->sequence < sequence) {
        at = at->next;
    }
    return at;
}

static bool tell_begun(const struct job *job, struct watcher *watcher) {
    uint8_t notice[JOB_NOTICE_MAX];
    uint8_t *at = job_write(begin(notice, JOB_BEGUN, job, job->newest), watcher->tag, 8);
    bool said = say(job, watcher, notice, job_write(at, job->state, 1));
    watcher->tag = said ? 0 : watcher->tag;
    return said;
}

static bool tell_gap(const struct job *job, struct watcher *watcher, uint32_t to) {
    uint8_t notice[JOB_NOTICE_MAX];
    uint8_t *at = begin(notice, JOB_GAP, job, watcher->next);
    bool said = say(job, watcher, notice, job_write(at, to, 4));
    watcher->next = said ? to + 1 : watcher->next;
    return said;
}

static bool tell_update(const struct job *job, struct watcher *watcher,
                        const struct job_update *update) {
    uint8_t notice[NOTICE_SIZE];
    uint8_t *at = job_write(begin(notice, JOB_UPDATE, job, update->sequence), update->kind, 4);
    bool said = say(job, watcher, notice, job_write_bytes(at, update->data, update->size));
    watcher->next += said;
    return said;
}

/** The next piece of the outcome; false: no room. It is over when all of it has been sent. */
static bool tell_outcome(const struct job *job, struct watcher *watcher, bool *over) {
    uint8_t notice[NOTICE_SIZE];
    bool result = job->state == BELAY_JOB_SUCCEEDED;
    size_t left = job->outcome_size - watcher->outcome_sent;
    size_t size = left < BELAY_JOB_CHUNK ? left : BELAY_JOB_CHUNK;
    uint8_t *at = begin(notice, result ? JOB_RESULT : JOB_END, job, job->newest);
    at = result ? job_write(at, job->outcome_size, 4) : job_write(at, job->state, 1);
    at = job_write(at, result ? watcher->outcome_sent : (uint32_t)job->code, 4);
    if (size > 0) {
        at = job_write_bytes(at, job->outcome + watcher->outcome_sent, size);
    }
    bool said = say(job, watcher, notice, at);
    watcher->outcome_sent += said ? size : 0;
    *over = said && size == left;
    return said;
}

/** Tells one watcher what it has room for; true when it has heard the end. */
static bool tell(const struct job *job, struct watcher *watcher) {
    uint32_t updates = job_has_ended(job) ? job->newest - 1 : job->newest;
    bool over = false;
    if (watcher->tag != 0 && !tell_begun(job, watcher)) {
        return false;
    }
    while (watcher->next <= updates) {
        const struct job_update *update = find_update(job, watcher->next);
        uint32_t first = update != NULL ? update->sequence : updates + 1;
        bool told = first > watcher->next ? tell_gap(job, watcher, first - 1)
                                          : tell_update(job, watcher, update);
        if (!told) {
            return false;
        }
    }
    while (job_has_ended(job) && !over) {
        if (!tell_outcome(job, watcher, &over)) {
            return false;
        }
    }
    return over;
}

void watchers_tell(struct job *job) {
    struct watcher **place = &job->watchers;
    while (*place != NULL) {
        if (tell(job, *place)) {
            remove_at(job, place);
        } else {
            place = &(*place)->other;
        }
    }
}
