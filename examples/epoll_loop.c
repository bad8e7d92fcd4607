/*
 * A server in an event loop of one's own: one epoll instance waits for Belay and for everything
 * else, which here is the signal that ends the program.
 *
 *     epoll_loop [address:port]         an echo server; Ctrl-C tells its clients, then ends it
 */
#define _GNU_SOURCE
#include <belay/server.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define GOODBYE_MS 1000

static void server_events(struct belay_server *server) {
    struct belay_event ev;
    while (belay_server_poll(server, &ev)) {
        if (ev.type == BELAY_EVENT_LOGIN) {
            belay_server_accept(server, ev.session, NULL, NULL, 0);
        } else if (ev.type == BELAY_EVENT_MESSAGE) {
            belay_server_send(server, ev.session, ev.message.channel, ev.message.data,
                              ev.message.size);
        } else if (ev.type == BELAY_EVENT_CLOSED) {
            printf("%s: %s\n", ev.closed.info->address, ev.closed.reason->text);
        }
    }
}

/** How long epoll may sleep. Rounded up: a timer that wakes too early only has to wait again. */
static int timeout_ms(const struct belay_server *server) {
    int64_t wait_ns = belay_server_wait_ns(server);
    if (wait_ns < 0) {
        return -1;
    }
    int64_t ms = (wait_ns + 999999) / 1000000;
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

static int watch(int poller, int fd) {
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(poller, EPOLL_CTL_ADD, fd, &interest);
}

static int open_signals(void) {
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    return signalfd(-1, &ending, SFD_CLOEXEC);
}

static void run(struct belay_server *server, int poller, int signals) {
    struct epoll_event ready;
    for (;;) {
        int count = epoll_wait(poller, &ready, 1, timeout_ms(server));
        if (count > 0 && ready.data.fd == signals) {
            return;
        }
        /* Readable, due, or woken for nothing: service() finds out, and never waits here. */
        belay_server_service(server, 0);
        server_events(server);
    }
}

int main(int argc, char **argv) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *server;
    opts.listen = argc > 1 ? argv[1] : "127.0.0.1:7777";
    if (belay_server_start(&server, &opts) < 0) {
        fprintf(stderr, "%s\n", belay_error());
        return 1;
    }
    int poller = epoll_create1(EPOLL_CLOEXEC);
    int signals = open_signals();
    if (watch(poller, (int)belay_server_fd(server)) < 0 || watch(poller, signals) < 0) {
        perror("epoll_ctl");
        return 1;
    }
    printf("echo server at %s; Ctrl-C ends it\n", opts.listen);
    fflush(stdout);
    run(server, poller, signals);
    belay_server_stop(server, GOODBYE_MS); /* for so long, last messages may still arrive */
    server_events(server);
    belay_server_destroy(server);
    close(signals);
    close(poller);
    return 0;
}
