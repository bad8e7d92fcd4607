/*
 * The program behind tools/goal: `goal --list`, `goal NAME... [--long] [--seed N] [--only CASE]`.
 *
 * Output for people and GOAL lines go to standard output, progress to standard error, so that a
 * log of the first is clean.
 */
#define _GNU_SOURCE
#include "bench/goal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct goal {
    const char *name;
    const char *what;
    void (*measure)(struct bl_goal_run *run);
} goals[] = {
    {"loss", "sessions, order and latency at 0 to 30 % loss, beside raw ENet", bl_goal_loss},
    {"narrow", "a bulk transfer and small messages on a slow link", bl_goal_narrow},
    {"memory", "bytes per idle session on the server, all layers", bl_goal_memory},
    {"idle", "server CPU and datagrams of 1,000 idle sessions, beside raw ENet", bl_goal_idle},
    {"simspeed", "simulated session-seconds per second", bl_goal_simspeed},
    {"handshake", "round trips from connect() to LOGGED_IN", bl_goal_handshake},
    {"logins", "secured logins per CPU second of the server", bl_goal_logins},
    {"rebind", "gaps and losses when a client's address changes", bl_goal_rebind},
    {"abuse", "10 million hostile datagrams beside honest players", bl_goal_abuse},
    {"resume", "how fast a session is back when the network is, and what it lost", bl_goal_resume},
    {"soaksim", "a simulated day of cuts, loss and changes of address", bl_goal_soaksim},
    {"exhaustive", "the resume exchange under every loss, delay and second loss of its link",
     bl_goal_exhaustive},
    {"fanout", "server CPU and copies per delivery of what is published, beside raw ENet",
     bl_goal_fanout},
    {"moves", "what movement costs the server, input by input", bl_goal_moves},
};
#define GOAL_COUNT (sizeof goals / sizeof *goals)

static bool on_terminal(void) {
    return isatty(STDERR_FILENO) != 0;
}

void bl_goal_progress(const char *format, ...) {
    va_list arguments;
    if (!on_terminal()) {
        return;
    }
    va_start(arguments, format);
    fputs("\r\033[K", stderr);
    vfprintf(stderr, format, arguments);
    fflush(stderr);
    va_end(arguments);
}

static void clear_progress(void) {
    if (on_terminal()) {
        fputs("\r\033[K", stderr);
    }
}

static const char *judge(const struct bl_figure *figure) {
    switch (figure->bar_kind) {
    case BL_BAR_AT_MOST:
        return figure->value <= figure->bar ? "PASS" : "FAIL";
    case BL_BAR_AT_LEAST:
        return figure->value >= figure->bar ? "PASS" : "FAIL";
    case BL_BAR_NONE:
        break;
    }
    return "INFO";
}

static void print_seeds(const struct bl_goal_run *run) {
    unsigned long long first = run->seed;
    if (run->seed_count == 0) {
        printf("seed=-\n");
    } else if (run->seed_count == 1) {
        printf("seed=%llu\n", first);
    } else {
        printf("seed=%llu..%llu\n", first, first + run->seed_count - 1);
    }
}

void bl_goal_tell(struct bl_goal_run *run, const struct bl_figure *figure) {
    char bar[32] = "-";
    const char *verdict = judge(figure);
    if (figure->bar_kind != BL_BAR_NONE) {
        const char *sign = figure->bar_kind == BL_BAR_AT_MOST ? "<=" : ">=";
        snprintf(bar, sizeof bar, "%s%g", sign, figure->bar);
    }
    clear_progress();
    printf("GOAL %s/%s %.6g %s %s %s ", run->name, figure->what, figure->value, figure->unit, bar,
           verdict);
    print_seeds(run);
    fflush(stdout);
    run->missed += verdict[0] == 'F';
}

void bl_goal_fail(struct bl_goal_run *run, const char *what) {
    clear_progress();
    printf("GOAL %s/%s - - - FAIL ", run->name, what);
    print_seeds(run);
    fflush(stdout);
    run->missed++;
}

bool bl_goal_wants(const struct bl_goal_run *run, const char *name) {
    return run->only == NULL || strncmp(name, run->only, strlen(run->only)) == 0;
}

static int list(void) {
    for (size_t i = 0; i < GOAL_COUNT; i++) {
        printf("%-10s %s\n", goals[i].name, goals[i].what);
    }
    return 0;
}

static int explain(const char *wrong) {
    fprintf(stderr,
            "goal: '%s' is no goal (--list names them) and no option\n"
            "usage: goal --list\n"
            "       goal NAME... [--long] [--seed N] [--only CASE]\n",
            wrong);
    return 2;
}

static const struct goal *find(const char *name) {
    for (size_t i = 0; i < GOAL_COUNT; i++) {
        if (strcmp(name, goals[i].name) == 0) {
            return &goals[i];
        }
    }
    return NULL;
}

/** Everything up to the last slash of how this program was called. */
static const char *folder_of(char *program) {
    char *slash = strrchr(program, '/');
    if (slash == NULL) {
        return "./";
    }
    slash[1] = '\0';
    return program;
}

static bool read_seed(uint64_t *seed, const char *text) {
    char *end;
    *seed = text != NULL ? strtoull(text, &end, 10) : 0;
    return text != NULL && *text != '\0' && *end == '\0';
}

int main(int argument_count, char **arguments) {
    struct bl_goal_run run = {.seed = 1};
    const struct goal *wanted[GOAL_COUNT];
    size_t wanted_count = 0;
    for (int i = 1; i < argument_count; i++) {
        const char *argument = arguments[i], *value = arguments[i + 1]; /* NULL after the last */
        if (strcmp(argument, "--list") == 0) {
            return list();
        }
        if (strcmp(argument, "--long") == 0) {
            run.longer = true;
        } else if (strcmp(argument, "--seed") == 0 && read_seed(&run.seed, value)) {
            i++;
        } else if (strcmp(argument, "--only") == 0 && value != NULL) {
            run.only = value;
            i++;
        } else if (find(argument) != NULL && wanted_count < GOAL_COUNT) {
            wanted[wanted_count++] = find(argument);
        } else {
            return explain(argument);
        }
    }
    if (wanted_count == 0) {
        return explain("");
    }
    run.folder = folder_of(arguments[0]);
    for (size_t i = 0; i < wanted_count; i++) {
        run.name = wanted[i]->name;
        run.seed_count = 0;
        wanted[i]->measure(&run);
    }
    clear_progress();
    return run.missed > 0 ? 1 : 0;
}
