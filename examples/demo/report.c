#define _POSIX_C_SOURCE 200809L
#include "examples/demo/report.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct report) <= _POSIX_PIPE_BUF, "a report is written in one piece");

static bool write_whole(int pipe, const void *data, size_t size) {
    ssize_t written;
    do {
        written = write(pipe, data, size);
    } while (written < 0 && errno == EINTR);
    return written == (ssize_t)size;
}

/** Pipes carry whole records, as they are read in the size in which they were written. */
static ssize_t read_whole(int pipe, void *data, size_t size) {
    ssize_t count;
    do {
        count = read(pipe, data, size);
    } while (count < 0 && errno == EINTR);
    return count;
}

void report_send(int pipe, const struct report *report) {
    if (!write_whole(pipe, report, sizeof *report)) {
        _Exit(1);
    }
}

bool report_receive(int pipe, struct report *report, bool *ended) {
    ssize_t count = read_whole(pipe, report, sizeof *report);
    *ended = count == 0;
    return count == (ssize_t)sizeof *report;
}

void report_set_text(struct report *report, const char *text) {
    snprintf(report->text, sizeof report->text, "%s", text);
}

void report_set_event(struct report *report, const struct belay_event *ev) {
    const struct belay_reason *reason = NULL;
    report->event = ev->type;
    if (ev->type == BELAY_EVENT_LINK) {
        report->suspect = ev->link.suspect;
        report->moved = ev->link.migrated;
    } else if (ev->type == BELAY_EVENT_DOWN) {
        reason = ev->down.reason;
        report->wait_ms = ev->down.window_ms;
    } else if (ev->type == BELAY_EVENT_RESUMED) {
        report->down_ms = ev->resumed.down_ms;
        report->gap_count = ev->resumed.gap_count;
        for (uint32_t i = 0; i < ev->resumed.gap_count && i < REPORT_GAPS_MAX; i++) {
            report->gaps[i] = ev->resumed.gaps[i];
        }
    } else if (ev->type == BELAY_EVENT_CLOSED) {
        reason = ev->closed.reason;
        report->state = ev->closed.info->state;
        report->unacked = ev->closed.unacked;
    }
    if (reason != NULL) {
        report->code = reason->code;
        report->by = reason->who;
        report->come_back = reason->come_back;
        report_set_text(report, reason->text);
    }
}

const struct belay_gap *report_gap(const struct report *report, bool inbound) {
    for (uint32_t i = 0; i < report->gap_count && i < REPORT_GAPS_MAX; i++) {
        if (report->gaps[i].inbound == inbound) {
            return &report->gaps[i];
        }
    }
    return NULL;
}

bool order_send(int pipe, const struct order *order) {
    return write_whole(pipe, order, sizeof *order);
}

bool order_receive(int pipe, struct order *order) {
    return read_whole(pipe, order, sizeof *order) == (ssize_t)sizeof *order;
}

uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
