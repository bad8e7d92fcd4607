/*
 * A folder for one test: begin() and end() are its fixture; names are of files right in it. Include
 * it with _GNU_SOURCE defined.
 */
#ifndef BL_TESTS_SUPPORT_FOLDER_H
#define BL_TESTS_SUPPORT_FOLDER_H

#include "tests/support/test.h"
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char folder_path[] = "/tmp/belay-test-XXXXXX";

static inline void folder_begin(void) {
    strcpy(folder_path + sizeof folder_path - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder_path));
}

/** The path of a file; one of four that are valid at the same time. */
static inline const char *folder_file(const char *name) {
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder_path, name);
    return path;
}

static inline void folder_write(const char *name, const void *data, size_t size) {
    FILE *file = fopen(folder_file(name), "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

/** @return the size, at most @p capacity; -1 when there is no such file */
static inline long folder_read(const char *name, void *data, size_t capacity) {
    FILE *file = fopen(folder_file(name), "rb");
    if (file == NULL) {
        return -1;
    }
    size_t size = fread(data, 1, capacity, file);
    fclose(file);
    return (long)size;
}

/** How many files there are. */
static inline unsigned folder_count(void) {
    unsigned count = 0;
    DIR *folder = opendir(folder_path);
    ck_assert_ptr_nonnull(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count - 2; /* . and .. */
}

static inline void folder_end(void) {
    DIR *folder = opendir(folder_path);
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (unlink(folder_file(entry->d_name)) != 0) {
            rmdir(folder_file(entry->d_name)); /* fails for . and .. */
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    rmdir(folder_path);
}

#endif
