/* The server: all that a game needs for a graceful restart is in main_loop() and server_run(). */
#define _POSIX_C_SOURCE 200809L
#include "examples/restart/books.h"
#include <belay/server.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t asked;

static void ask(int number) {
    (void)number;
    asked = 1;
}

struct books *books_open(const char *folder) {
    char path[128];
    snprintf(path, sizeof path, "%s/books", folder);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) {
        return NULL;
    }
    void *memory = MAP_FAILED;
    if (ftruncate(file, sizeof(struct books)) == 0) {
        memory = mmap(NULL, sizeof(struct books), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    }
    close(file);
    return memory != MAP_FAILED ? memory : NULL;
}

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/** Its user id says which client a session is of, in the next process too. */
static struct account *account_of(const struct belay_server *server, struct books *books,
                                  belay_session session) {
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    belay_server_info(server, session, &info);
    return &books->accounts[info.user_id[0] % CLIENT_COUNT];
}

static void accept_login(struct belay_server *server, struct books *books,
                         const struct belay_event *event) {
    uint8_t user_id[16] = {0};
    if (event->login.size != 1 || *(const uint8_t *)event->login.data >= CLIENT_COUNT) {
        belay_server_close(server, event->session, NULL);
        return;
    }
    user_id[0] = *(const uint8_t *)event->login.data;
    struct account *account = &books->accounts[user_id[0]];
    account->login_sent = account->sent;
    belay_server_accept(server, event->session, user_id, NULL, 0);
}

static void enter(struct account *account, const struct belay_event *event) {
    uint32_t number = 0;
    if (event->message.size == sizeof number) {
        memcpy(&number, event->message.data, sizeof number);
    }
    if (number == 0 || number >= NUMBERS_MAX || number <= account->newest) {
        account->disordered++;
    } else {
        account->newest = number;
    }
    account->seen[number % NUMBERS_MAX]++;
}

static void handle_events(struct belay_server *server, struct books *books) {
    struct belay_event event;
    while (belay_server_poll(server, &event)) {
        if (event.type == BELAY_EVENT_LOGIN) {
            accept_login(server, books, &event);
        } else if (event.type == BELAY_EVENT_MESSAGE) {
            enter(account_of(server, books, event.session), &event);
        }
    }
}

static void send_all(struct belay_server *server, struct books *books) {
    for (belay_session session = 0; (session = belay_server_next(server, session)) != 0;) {
        struct account *account = account_of(server, books, session);
        uint32_t number = account->sent + 1;
        if (number < NUMBERS_MAX &&
            belay_server_send(server, session, 0, &number, sizeof number) == BELAY_OK) {
            account->sent = number;
        }
    }
}

/** @return whether the next process has taken over */
static bool main_loop(struct belay_server *server, struct books *books, const char *path) {
    uint64_t beat_at = now_ms();
    while (!books->done) {
        uint64_t now = now_ms();
        belay_server_service(server, beat_at > now ? (uint32_t)(beat_at - now) : 0);
        handle_events(server, books);
        if (now_ms() >= beat_at) {
            beat_at = now_ms() + BEAT_MS;
            if (!books->quiet) {
                send_all(server, books);
            }
        }
        if (asked) {
            asked = 0;
            if (belay_server_hand_over(server, path) == BELAY_OK) {
                return true;
            }
            fprintf(stderr, "%s\n", belay_error());
        }
    }
    return false;
}

int server_run(const char *folder, bool takes_over) {
    char listen[32], path[128], key[128], ticket_key[128];
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_stats stats = BELAY_STATS_INIT;
    struct belay_server *server;
    struct books *books = books_open(folder);
    if (books == NULL) {
        perror(folder);
        return 1;
    }
    snprintf(listen, sizeof listen, "127.0.0.1:%u", books->port);
    snprintf(path, sizeof path, "%s/next", folder);
    snprintf(key, sizeof key, "%s/server.key", folder);
    snprintf(ticket_key, sizeof ticket_key, "%s/ticket.key", folder);
    opts.game = GAME;
    opts.listen = listen;
    opts.key_file = key;
    opts.ticket_key_file = ticket_key;
    opts.take_over = takes_over ? path : NULL;
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = ask}, NULL);
    if (belay_server_start(&server, &opts) != BELAY_OK) {
        fprintf(stderr, "%s\n", belay_error());
        return 1;
    }
    belay_server_stats(server, &stats);
    books->port = stats.port;
    books->serving = getpid();
    if (!main_loop(server, books, path)) {
        books->serving = 0;
        belay_server_stop(server, 500);
    }
    belay_server_destroy(server);
    return 0;
}
