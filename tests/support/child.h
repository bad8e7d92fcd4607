/* Mistakes that end the process, tried out in a child so that the test lives on, forked or not. */
#ifndef BL_TESTS_SUPPORT_CHILD_H
#define BL_TESTS_SUPPORT_CHILD_H

#include <check.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/** Runs @p act in a child process; gives what it wrote to stderr (cut), returns its wait status. */
static inline int run_in_child(void (*act)(void), char *said, size_t said_size) {
    int words[2];
    ck_assert_int_eq(pipe(words), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        dup2(words[1], STDERR_FILENO);
        act();
        _exit(EXIT_SUCCESS);
    }
    close(words[1]);
    size_t size = 0;
    ssize_t got;
    while ((got = read(words[0], said + size, said_size - 1 - size)) > 0) {
        size += (size_t)got;
    }
    said[size] = '\0';
    close(words[0]);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

/** Whether @p mistake breaks an invariant that BELAY_ASSERT guards. */
static inline bool is_asserted(void (*mistake)(void)) {
    char said[1024];
    int status = run_in_child(mistake, said, sizeof(said));
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
           strstr(said, "broken invariant") != NULL;
}

#endif
