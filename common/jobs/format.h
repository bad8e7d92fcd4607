/*
 * What jobs put into requests and messages, docs/protocol.md "Jobs". The client writes what the
 * server reads, and the other way round; this is what both have in common. Header only: the jobs
 * library knows nothing of the core's inside.
 */
#ifndef BL_COMMON_JOBS_FORMAT_H
#define BL_COMMON_JOBS_FORMAT_H

#include <belay/jobs.h>
#include <stdlib.h>
#include <string.h>

enum job_call {
    JOB_SUBMIT = 1, /* tag 8, key size 1, key, type 4, params; answer: job 8, state 1, newest 4 */
    JOB_CANCEL,     /* job 8 */
    JOB_WATCH,      /* tag 8, job 8, from 4; answer: as SUBMIT */
    JOB_UNWATCH,    /* job 8 */
    JOB_LIST,       /* states 4, after 8, max 2; answer: more 8, per job JOB_LISTED_SIZE */
};
#define JOB_LISTED_SIZE 17 /* job 8, state 1, type 4, newest 4 */

enum job_notice {                 /* of the channel: kind 1, job 8, sequence 4, and */
                  JOB_UPDATE = 1, /* kind 4, data */
                  JOB_GAP,        /* to 4 */
                  JOB_RESULT,     /* total 4, offset 4, data */
                  JOB_END,        /* state 1, code 4, data */
                  JOB_BEGUN,      /* tag 8, state 1: what that call is answered with, should it be
                                     overtaken */
};
#define JOB_NOTICE_MAX 22 /* before the data */

/** Bytes that are read once, in order; after the first miss all are zero. */
struct job_reader {
    const uint8_t *at;
    size_t left;
    bool failed;
};

static inline struct job_reader job_reader_of(const void *data, size_t size) {
    return (struct job_reader){data, size, false};
}

static inline uint64_t job_read(struct job_reader *reader, size_t size) {
    uint64_t value = 0;
    reader->failed |= reader->left < size;
    if (reader->failed) {
        return 0;
    }
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | reader->at[i];
    }
    reader->at += size;
    reader->left -= size;
    return value;
}

static inline uint8_t job_read_u8(struct job_reader *reader) {
    return (uint8_t)job_read(reader, 1);
}

static inline uint32_t job_read_u32(struct job_reader *reader) {
    return (uint32_t)job_read(reader, 4);
}

static inline uint64_t job_read_u64(struct job_reader *reader) {
    return job_read(reader, 8);
}

/** Everything was there, and nothing more. */
static inline bool job_read_all(const struct job_reader *reader) {
    return !reader->failed && reader->left == 0;
}

/** Writes into what the caller has made large enough; returns where it goes on. */
static inline uint8_t *job_write(uint8_t *at, uint64_t value, size_t size) {
    for (size_t i = size; i > 0; i--) {
        at[i - 1] = (uint8_t)value;
        value >>= 8;
    }
    return at + size;
}

static inline uint8_t *job_write_bytes(uint8_t *at, const void *data, size_t size) {
    if (size > 0) {
        memcpy(at, data, size);
    }
    return at + size;
}

/* ---- options */

/** Copies an options struct of the caller's size over one of ours; false: it has no such size. */
static inline bool job_copy_opts(void *out, size_t size, const void *given) {
    size_t given_size = 0;
    if (given != NULL) {
        memcpy(&given_size, given, sizeof given_size); /* its first field */
    }
    if (given_size < sizeof given_size || given_size > size) {
        return false;
    }
    memcpy(out, given, given_size);
    return true;
}

/* ---- memory */

static inline void *job_allocate(const struct belay_hooks *hooks, size_t size) {
    void *memory =
        hooks->realloc != NULL ? hooks->realloc(NULL, 0, size, hooks->hook_user) : malloc(size);
    if (memory != NULL) {
        memset(memory, 0, size);
    }
    return memory;
}

static inline void job_free(const struct belay_hooks *hooks, void *memory, size_t size) {
    if (memory == NULL) {
        return;
    }
    if (hooks->realloc != NULL) {
        hooks->realloc(memory, size, 0, hooks->hook_user);
    } else {
        free(memory);
    }
}

#endif
