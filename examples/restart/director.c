/*
 * A server is restarted under its clients: twice gracefully, then it is killed. The servers are
 * processes of their own, each started from this program; the clients live in this one.
 * usage: restart_demo [--short]
 */
#define _GNU_SOURCE
#include "examples/restart/players.h"
#include <dirent.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#define LIMIT_MS 30000
#define VIEW_MS  100  /* between two views on a terminal */
#define LINE_MS  1000 /* between two lines elsewhere */
#define WIDTH    78

static volatile sig_atomic_t interrupted;

struct director {
    char folder[32];
    const char *program;
    struct books *books;
    struct player players[CLIENT_COUNT];
    pid_t servers[4]; /* all that were started; 0: has ended */
    unsigned server_count;
    uint64_t began_at, view_at;
    uint32_t pace_ms; /* between two things that happen */
    bool live, failed;
    int drawn; /* lines of the view on the terminal */
};

static void interrupt(int number) {
    (void)number;
    interrupted = 1;
}

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- what is shown */

static void erase_view(struct director *director) {
    if (director->drawn > 0) {
        printf("\033[%dA\033[J", director->drawn);
        director->drawn = 0;
    }
}

__attribute__((format(printf, 2, 3))) static void say(struct director *director, const char *format,
                                                      ...) {
    va_list arguments;
    erase_view(director);
    printf("%5.1f s  ", (double)(now_ms() - director->began_at) / 1000);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

static uint32_t count_up(const struct director *director) {
    uint32_t count = 0;
    for (int i = 0; i < CLIENT_COUNT; i++) {
        count += director->players[i].open;
    }
    return count;
}

static void show_clients(struct director *director) {
    puts("  client   link   sent   server has   got   server sent   resumed");
    for (int i = 0; i < CLIENT_COUNT; i++) {
        const struct player *player = &director->players[i];
        const struct account *account = &director->books->accounts[i];
        printf("  %6d   %-4s  %5u   %10u %5u   %11u   %7u\n", i + 1, player->open ? "up" : "DOWN",
               player->sent, account->newest, player->newest, account->sent, player->resumes);
    }
    director->drawn = CLIENT_COUNT + 1;
}

static void show(struct director *director, uint64_t now) {
    if (now < director->view_at) {
        return;
    }
    director->view_at = now + (director->live ? VIEW_MS : LINE_MS);
    uint32_t sent = 0, got = 0;
    for (int i = 0; i < CLIENT_COUNT; i++) {
        sent += director->players[i].sent;
        got += director->players[i].newest;
    }
    erase_view(director);
    if (!director->live) {
        say(director, "process %d serves, %u of %d clients up, %u messages up, %u down",
            director->books->serving, count_up(director), CLIENT_COUNT, sent, got);
        return;
    }
    printf("  process %d serves\n", director->books->serving);
    show_clients(director);
    director->drawn++;
    fflush(stdout);
}

/* ---- processes */

static pid_t start_server(struct director *director, bool takes_over) {
    pid_t parent = getpid();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGINT, SIG_IGN); /* Ctrl-C is for the director, who ends its children */
        signal(SIGHUP, SIG_IGN);
#ifdef __linux__
        prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
        if (getppid() == parent) {
            execl("/proc/self/exe", director->program, "--serve", director->folder,
                  takes_over ? "take-over" : "afresh", (char *)NULL);
        }
        _exit(1);
    }
    if (pid > 0) {
        director->servers[director->server_count++] = pid;
    }
    return pid;
}

static void note_end(struct director *director, pid_t pid, int status) {
    for (unsigned i = 0; i < director->server_count; i++) {
        if (director->servers[i] == pid) {
            director->servers[i] = 0;
        }
    }
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (status != 0 && !killed) {
        say(director, "process %d has failed", pid);
        director->failed = true;
    }
}

static void end_everybody(struct director *director) {
    for (unsigned i = 0; i < director->server_count; i++) {
        if (director->servers[i] > 0) {
            kill(director->servers[i], SIGKILL);
            waitpid(director->servers[i], NULL, 0);
        }
    }
    for (int i = 0; i < CLIENT_COUNT; i++) {
        belay_client_destroy(director->players[i].client);
    }
}

/** Whatever is in it: a process that is killed may leave what it was writing. */
static void remove_folder(const struct director *director) {
    DIR *folder = opendir(director->folder);
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        unlinkat(dirfd(folder), entry->d_name, 0); /* fails for . and .. */
    }
    if (folder != NULL) {
        closedir(folder);
    }
    if (rmdir(director->folder) != 0) {
        perror(director->folder);
    }
}

/* ---- time */

static bool goes_on(const struct director *director) {
    return !interrupted && !director->failed;
}

/** Everybody is at work for a moment. @return false: it is over */
static bool work(struct director *director) {
    uint64_t now = now_ms();
    int status;
    pid_t pid;
    for (uint8_t i = 0; i < CLIENT_COUNT; i++) {
        if (director->players[i].client != NULL) {
            player_work(&director->players[i], i, director->books, now);
        }
    }
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        note_end(director, pid, status);
    }
    show(director, now);
    if (now - director->began_at > LIMIT_MS && !director->failed) {
        say(director, "This takes too long.");
        director->failed = true;
    }
    nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    return goes_on(director);
}

static void run_for(struct director *director, uint32_t ms) {
    uint64_t until = now_ms() + ms;
    while (now_ms() < until && work(director)) {
    }
}

static bool all_have(const struct director *director, uint32_t logins, uint32_t resumes) {
    for (int i = 0; i < CLIENT_COUNT; i++) {
        const struct player *player = &director->players[i];
        if (!player->open || player->logins != logins || player->resumes < resumes) {
            return false;
        }
    }
    return true;
}

static void await(struct director *director, uint32_t logins, uint32_t resumes) {
    while (!all_have(director, logins, resumes) && work(director)) {
    }
}

/* ---- the script */

static void begin_measuring(struct director *director) {
    for (int i = 0; i < CLIENT_COUNT; i++) {
        director->players[i].longest_ms = 0;
    }
}

static uint32_t longest(const struct director *director) {
    uint32_t ms = 0;
    for (int i = 0; i < CLIENT_COUNT; i++) {
        ms = director->players[i].longest_ms > ms ? director->players[i].longest_ms : ms;
    }
    return ms;
}

static void open_all(struct director *director) {
    say(director, "Process %d starts.", start_server(director, false));
    while (director->books->serving == 0 && work(director)) {
    }
    for (uint8_t i = 0; i < CLIENT_COUNT && director->books->serving != 0; i++) {
        if (!player_start(&director->players[i], i, director->books)) {
            say(director, "%s", belay_error());
            director->failed = true;
        }
    }
    await(director, 1, 0);
    say(director, "%d clients are in; each sends and gets %d messages a second.", CLIENT_COUNT,
        1000 / BEAT_MS);
}

static void restart(struct director *director, uint32_t times) {
    pid_t old = director->books->serving;
    begin_measuring(director);
    pid_t next = start_server(director, true);
    say(director, "RESTART: process %d is to take over from process %d.", next, old);
    kill(old, SIGTERM);
    while (director->books->serving != next && work(director)) {
    }
    await(director, 1, times);
    run_for(director, director->pace_ms / 2);
    if (!goes_on(director)) {
        return;
    }
    say(director,
        "Process %d serves. Longest interruption of any client: %u ms (messages come "
        "every %d ms).",
        next, longest(director), BEAT_MS);
}

static void kill_and_start(struct director *director) {
    pid_t old = director->books->serving;
    say(director, "KILL: process %d gets SIGKILL. It says goodbye to nobody.", old);
    kill(old, SIGKILL);
    director->books->serving = 0;
    run_for(director, 300);
    if (!goes_on(director)) {
        return;
    }
    pid_t next = start_server(director, false);
    while (director->books->serving != next && work(director)) {
    }
    uint64_t back_at = now_ms();
    await(director, 2, 0);
    if (!goes_on(director)) {
        return;
    }
    uint32_t told_ms = 0, returned = 0, losses = 0;
    for (int i = 0; i < CLIENT_COUNT; i++) {
        const struct player *player = &director->players[i];
        uint32_t ms = player->told_at > back_at ? (uint32_t)(player->told_at - back_at) : 0;
        told_ms = ms > told_ms ? ms : told_ms;
        returned += player->returned;
        losses += player->losses;
    }
    director->failed |= losses != CLIENT_COUNT;
    say(director, "Process %d serves in its place, with the same ticket key.", next);
    say(director, "%u clients were told that it was restarted, the last %u ms after it was back;",
        losses, told_ms);
    say(director, "they got %u messages back and have logged in anew.", returned);
}

static bool all_is_quiet(const struct director *director) {
    for (int i = 0; i < CLIENT_COUNT; i++) {
        struct belay_session_info info = BELAY_SESSION_INFO_INIT;
        const struct player *player = &director->players[i];
        if (belay_client_info(player->client, &info) != BELAY_OK || info.queued_messages > 0 ||
            player->newest != director->books->accounts[i].sent) {
            return false;
        }
    }
    return true;
}

struct ledger {
    uint32_t sent, lost, twice, disordered, returned, returned_and_seen, died;
};

static void add_up(struct ledger *ledger, const struct player *player,
                   const struct account *account) {
    for (uint32_t number = 1; number <= player->sent; number++) {
        ledger->lost += account->seen[number] == 0 && !player->was_returned[number];
        ledger->twice += account->seen[number] > 1;
        ledger->returned_and_seen += account->seen[number] > 0 && player->was_returned[number];
    }
    for (uint32_t number = 1; number <= account->sent; number++) {
        ledger->lost += player->seen[number] == 0;
        ledger->twice += player->seen[number] > 1;
    }
    ledger->sent += player->sent + account->sent;
    ledger->disordered += player->disordered + account->disordered;
    ledger->returned += player->returned;
    ledger->died += player->died;
}

/** @return whether every message is accounted for */
static bool judge(struct director *director) {
    struct ledger ledger = {0};
    for (int i = 0; i < CLIENT_COUNT; i++) {
        add_up(&ledger, &director->players[i], &director->books->accounts[i]);
    }
    erase_view(director);
    director->view_at = UINT64_MAX; /* nothing below the ledger */
    puts("");
    printf("  %6u messages were sent, both ways\n", ledger.sent);
    printf("  %6u lost without a word\n", ledger.lost);
    printf("  %6u came twice\n", ledger.twice);
    printf("  %6u came out of order\n", ledger.disordered);
    puts("By the kill, and by nothing else:");
    printf("  %6u came back to clients as RETURNED, %u of which the dead process had handled\n",
           ledger.returned, ledger.returned_and_seen);
    printf("  %6u that the dead process had not delivered yet died with it\n", ledger.died);
    return ledger.sent > 0 && ledger.lost == 0 && ledger.twice == 0 && ledger.disordered == 0;
}

static bool nothing_was_returned(const struct director *director) {
    uint32_t count = 0;
    for (int i = 0; i < CLIENT_COUNT; i++) {
        const struct player *player = &director->players[i];
        count += player->returned + player->died + (player->logins != 1);
    }
    return count == 0;
}

static bool follow_script(struct director *director) {
    open_all(director);
    run_for(director, director->pace_ms);
    for (uint32_t times = 1; times <= 2 && goes_on(director); times++) {
        restart(director, times);
        run_for(director, director->pace_ms / 2);
    }
    if (goes_on(director) && !nothing_was_returned(director)) {
        say(director, "A graceful restart has cost messages or a login.");
        director->failed = true;
    }
    if (goes_on(director)) {
        kill_and_start(director);
    }
    run_for(director, director->pace_ms);
    director->books->quiet = true;
    while (!all_is_quiet(director) && work(director)) {
    }
    if (!goes_on(director)) {
        return false;
    }
    director->books->done = true;
    bool good = judge(director);
    while (director->servers[director->server_count - 1] != 0 && work(director)) {
    }
    return good && !director->failed;
}

static bool prepare(struct director *director) {
    strcpy(director->folder, "/tmp/belay-restart-XXXXXX");
    if (mkdtemp(director->folder) == NULL) {
        perror(director->folder);
        return false;
    }
    director->books = books_open(director->folder);
    director->began_at = now_ms();
    director->live = isatty(STDOUT_FILENO);
    const struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    return director->books != NULL;
}

int main(int argc, char **argv) {
    static struct director director; /* too large for a stack */
    if (argc == 4 && strcmp(argv[1], "--serve") == 0) {
        return server_run(argv[2], strcmp(argv[3], "take-over") == 0);
    }
    director.program = argv[0];
    director.pace_ms = argc == 2 && strcmp(argv[1], "--short") == 0 ? 400 : 3000;
    if (!prepare(&director)) {
        return 1;
    }
    bool good = follow_script(&director);
    end_everybody(&director);
    remove_folder(&director);
    puts(good          ? "\nEvery message is accounted for."
         : interrupted ? "\nInterrupted."
                       : "\nThis is not as it should be.");
    return good ? 0 : 1;
}
