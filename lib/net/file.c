/*
 * Every failure names the path and the cure: these files are set up by hand, once, by somebody who
 * has not read this.
 *
 * A new file is written and synced aside, in the same folder, before it gets its name: half a key
 * file is never found. The folder is locked, not the file: one that is replaced would take its lock
 * with it, and a file for nothing but locking would be left behind.
 */
#define _GNU_SOURCE
#include "lib/net/file.h"

#include "common/error.h"
#include "lib/clock/time.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define OTHERS     (S_IRWXG | S_IRWXO)
#define ASIDE_SIZE (PATH_MAX + sizeof ".XXXXXX")

static const char *cure(int error) {
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return "check the path";
    case EACCES:
    case EPERM:
        return "check the owner and mode of the file and its folder";
    case EEXIST:
        return "remove it first, if nobody needs it any more";
    case ENOSPC:
    case EDQUOT:
        return "make room on its file system";
    case EOPNOTSUPP:
        return "name a file on another file system";
    case EMFILE:
        return "raise this process's limit of open files (ulimit -n)";
    default:
        return "name another file";
    }
}

static enum belay_result fail_file(int error, const char *path, const char *done) {
    char words[128];
    return bl_fail(error == EEXIST ? BELAY_E_STATE : BELAY_E_SYSTEM, "%.256s cannot be %s: %s; %s",
                   path, done, strerror_r(error, words, sizeof words), cure(error));
}

bool bl_file_look(struct bl_file_stamp *out, const char *path) {
    struct stat status;
    *out = (struct bl_file_stamp){0};
    if (stat(path, &status) != 0) {
        return false;
    }
    out->modified_ns = (int64_t)status.st_mtim.tv_sec * BL_SECOND + status.st_mtim.tv_nsec;
    out->size = (uint64_t)status.st_size;
    out->inode = (uint64_t)status.st_ino;
    return true;
}

bool bl_file_stamp_equal(const struct bl_file_stamp *a, const struct bl_file_stamp *b) {
    return a->modified_ns == b->modified_ns && a->size == b->size && a->inode == b->inode;
}

bool bl_file_is_missing(const char *path) {
    struct stat status;
    return stat(path, &status) != 0 && errno == ENOENT;
}

/** Reads until the end or until @p size bytes are there; their number, or -1. */
static ssize_t read_up_to(int file, uint8_t *data, size_t size) {
    size_t at = 0;
    while (at < size) {
        ssize_t got = read(file, data + at, size - at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        at += (size_t)got;
    }
    return (ssize_t)at;
}

static enum belay_result check_status(int file, const char *path, bool is_secret) {
    struct stat status;
    if (fstat(file, &status) != 0) {
        return fail_file(errno, path, "read");
    }
    if (!S_ISREG(status.st_mode)) {
        return bl_fail(BELAY_E_SYSTEM, "%.256s is no regular file; name one", path);
    }
    if (is_secret && status.st_uid == geteuid() && (status.st_mode & OTHERS) != 0) {
        return bl_fail(BELAY_E_KEY,
                       "%.256s is open to others than its owner, so what is in it may be no "
                       "secret; do \"chmod 600\" on it, or remove it and have a new one made, if "
                       "somebody may have read it",
                       path);
    }
    return BELAY_OK;
}

static enum belay_result read_all(struct bl_file_content *content, int file, const char *path) {
    ssize_t size = read_up_to(file, content->data, content->capacity);
    uint8_t more;
    ssize_t more_size = size < 0 ? -1 : read_up_to(file, &more, 1);
    if (more_size < 0) {
        return fail_file(errno, path, "read");
    }
    if (more_size > 0) {
        return bl_fail(BELAY_E_TOO_BIG,
                       "%.256s has more than %zu bytes: it is not what it is taken for; "
                       "check the path",
                       path, content->capacity);
    }
    content->size = (size_t)size;
    return BELAY_OK;
}

static enum belay_result read_path(struct bl_file_content *content, const char *path,
                                   bool is_secret) {
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hold us up */
    if (file < 0) {
        return fail_file(errno, path, "read");
    }
    enum belay_result result = check_status(file, path, is_secret);
    if (result == BELAY_OK) {
        result = read_all(content, file, path);
    }
    close(file);
    return result;
}

enum belay_result bl_file_read(struct bl_file_content *content, const char *path) {
    return read_path(content, path, false);
}

enum belay_result bl_file_read_secret(struct bl_file_content *content, const char *path) {
    return read_path(content, path, true);
}

/** Opens a new file of mode 0600 beside another. @return -1 with errno on failure */
static int open_aside(char aside[ASIDE_SIZE], const char *path) {
    int length = snprintf(aside, ASIDE_SIZE, "%s.XXXXXX", path);
    if (length >= (int)ASIDE_SIZE) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return mkostemp(aside, O_CLOEXEC);
}

/** Writes, syncs and closes. @return 0, or the system's error */
static int write_out(int file, const void *data, size_t size) {
    const uint8_t *bytes = data;
    int error = 0;
    for (size_t at = 0; at < size && error == 0;) {
        ssize_t put = write(file, bytes + at, size - at);
        at += put > 0 ? (size_t)put : 0;
        error = put < 0 && errno != EINTR ? errno : 0;
    }
    if (error == 0 && fsync(file) != 0) {
        error = errno;
    }
    if (close(file) != 0 && error == 0 && errno != EINTR) {
        error = errno;
    }
    return error;
}

/** The folder that a file is in; -1 when it cannot be opened. */
static int open_folder(const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = slash != NULL ? (int)(slash - path) + 1 : 0;
    if (snprintf(folder, sizeof folder, "%.*s.", length, path) >= (int)sizeof folder) {
        return -1;
    }
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/** So that the name survives a crash as well; what the file system cannot promise, it cannot. */
static void sync_folder(const char *path) {
    int folder = open_folder(path);
    if (folder >= 0) {
        (void)fsync(folder);
        close(folder);
    }
}

enum belay_result bl_file_create(const char *path, const void *data, size_t size) {
    char aside[ASIDE_SIZE];
    int file = open_aside(aside, path);
    if (file < 0) {
        return fail_file(errno, path, "made");
    }
    int error = write_out(file, data, size);
    /* rename() would take the place of another. EPERM: that file system has no links. */
    if (error == 0 && link(aside, path) != 0) {
        error = errno == EPERM ? EOPNOTSUPP : errno;
    }
    unlink(aside);
    if (error != 0) {
        return fail_file(error, path, "made");
    }
    sync_folder(path);
    return BELAY_OK;
}

/** Only the superuser may give a file away; for others the new one must be theirs as the old. */
static int keep_owner(int file, const char *path) {
    struct stat status;
    if (stat(path, &status) != 0) {
        return errno == ENOENT ? 0 : errno;
    }
    return fchown(file, status.st_uid, (gid_t)-1) == 0 ? 0 : errno;
}

enum belay_result bl_file_replace(const char *path, const void *data, size_t size) {
    char target[PATH_MAX];
    char aside[ASIDE_SIZE];
    if (realpath(path, target) == NULL) { /* nothing there yet */
        if (errno != ENOENT || strlen(path) >= sizeof target) {
            return fail_file(errno != ENOENT ? errno : ENAMETOOLONG, path, "replaced");
        }
        memcpy(target, path, strlen(path) + 1);
    }
    int file = open_aside(aside, target);
    if (file < 0) {
        return fail_file(errno, path, "replaced");
    }
    int error = keep_owner(file, target);
    int write_error = write_out(file, data, size);
    error = error != 0 ? error : write_error;
    if (error == 0 && rename(aside, target) != 0) {
        error = errno;
    }
    if (error != 0) {
        unlink(aside);
        return fail_file(error, path, "replaced");
    }
    sync_folder(target);
    return BELAY_OK;
}

enum belay_result bl_file_lock(intptr_t *out, const char *path) {
    char target[PATH_MAX];
    int folder = open_folder(realpath(path, target) != NULL ? target : path);
    if (folder >= 0 && flock(folder, LOCK_EX | LOCK_NB) != 0) {
        bool is_taken = errno == EWOULDBLOCK;
        close(folder);
        if (is_taken) {
            return bl_fail(BELAY_E_STATE,
                           "%.256s: another process is changing files in its folder; try again",
                           path);
        }
        folder = -1;
    }
    *out = folder;
    return BELAY_OK;
}

void bl_file_unlock(intptr_t lock) {
    if (lock >= 0) {
        close((int)lock);
    }
}
