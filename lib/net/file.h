/*
 * Small files, of keys mostly, that other users or other processes could meddle with: the only
 * place that asks the system for one.
 */
#ifndef BL_NET_FILE_H
#define BL_NET_FILE_H

#include <belay/result.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** By what a change of a file shows. All zeros: there is none. */
struct bl_file_stamp {
    int64_t modified_ns;
    uint64_t size, inode;
};

/** Cheap. @return false, and zeros in @p out, when there is no file that can be looked at */
bool bl_file_look(struct bl_file_stamp *out, const char *path);
bool bl_file_stamp_equal(const struct bl_file_stamp *a, const struct bl_file_stamp *b);
/** Whether there is no such file: not the same as one that cannot be looked at. */
bool bl_file_is_missing(const char *path);

/** The caller's memory, and how much of it a file has filled. */
struct bl_file_content {
    uint8_t *data;
    size_t capacity;
    size_t size;
};

/**
 * Reads a whole file. On failure what is in the memory is undefined, and may be part of the file.
 *
 * @return BELAY_OK, BELAY_E_SYSTEM (also when it is no regular file: nothing here may wait),
 *         BELAY_E_TOO_BIG
 */
enum belay_result bl_file_read(struct bl_file_content *content, const char *path);
/**
 * Reads a file of secret keys, unless this process owns it and lets others read or write it. A file
 * of another user is the business of whoever set it up (ssh judges the same).
 *
 * @return as bl_file_read(), and BELAY_E_KEY: it is open to others
 */
enum belay_result bl_file_read_secret(struct bl_file_content *content, const char *path);

/**
 * Makes a file that only its owner may read (mode 0600). Of several processes that try, one
 * succeeds, and whoever reads finds no file or all of it, after a crash too.
 *
 * @return BELAY_OK, BELAY_E_STATE (there is one already; it stays as it is), BELAY_E_SYSTEM
 */
enum belay_result bl_file_create(const char *path, const void *data, size_t size);

/**
 * Puts a file of mode 0600 in the place of another, or where there was none: whoever reads finds
 * the old or the new one whole, after a crash too. It keeps its owner; behind a symbolic link the
 * file is replaced, not the link.
 *
 * @return BELAY_OK, BELAY_E_SYSTEM (the old one stays as it is)
 */
enum belay_result bl_file_replace(const char *path, const void *data, size_t size);

/**
 * Keeps others who ask for it from changing the files of a folder, until it is given back or this
 * process ends. Never waits. Where the file system knows no locks there is none, and no error.
 *
 * @param path  of a file in the folder; it need not exist
 * @return BELAY_OK, BELAY_E_STATE (somebody has it at the moment)
 */
enum belay_result bl_file_lock(intptr_t *out, const char *path);
void bl_file_unlock(intptr_t lock);

#endif
