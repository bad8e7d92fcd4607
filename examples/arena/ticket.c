#define _POSIX_C_SOURCE 200809L
#include "examples/arena/ticket.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

void ticket_save(const char *path, const void *data, size_t size) {
    char aside[PATH_MAX];
    if (path == NULL || snprintf(aside, sizeof aside, "%s.new", path) >= (int)sizeof aside) {
        return;
    }
    int file = open(aside, O_WRONLY | O_CREAT | O_TRUNC, S_IRUSR | S_IWUSR);
    if (file < 0) {
        perror(aside);
        return;
    }
    bool is_whole = write(file, data, size) == (ssize_t)size;
    if (close(file) < 0 || !is_whole || rename(aside, path) < 0) {
        perror(aside);
    }
}

size_t ticket_load(const char *path, uint8_t data[BELAY_TICKET_SIZE_MAX]) {
    int file = path != NULL ? open(path, O_RDONLY) : -1;
    if (file < 0) {
        return 0;
    }
    ssize_t size = read(file, data, BELAY_TICKET_SIZE_MAX);
    close(file);
    return size > 0 ? (size_t)size : 0;
}

void ticket_forget(const char *path) {
    if (path != NULL) {
        unlink(path);
    }
}
