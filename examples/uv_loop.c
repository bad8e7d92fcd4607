/*
 * A server in libuv's loop: a poll handle for Belay's descriptor, a timer for its next deadline,
 * and beside them whatever else the program does, which here is to end on Ctrl-C.
 *
 *     uv_loop [address:port]            an echo server; Ctrl-C tells its clients, then ends it
 */
#define _GNU_SOURCE
#include <belay/server.h>
#include <signal.h>
#include <stdio.h>
#include <uv.h>

#define GOODBYE_MS 1000

struct app {
    struct belay_server *server;
    uv_poll_t readable;
    uv_timer_t due;
    uv_signal_t interrupted, terminated;
};

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

static void on_due(uv_timer_t *timer);

/** One turn: do what there is to do, then ask to be called again in time. */
static void work(struct app *app) {
    belay_server_service(app->server, 0);
    server_events(app->server);
    int64_t wait_ns = belay_server_wait_ns(app->server); /* sending has changed it: ask last */
    if (wait_ns < 0) {
        uv_timer_stop(&app->due);
        return;
    }
    uv_update_time(app->due.loop);
    uv_timer_start(&app->due, on_due, (uint64_t)(wait_ns + 999999) / 1000000, 0);
}

static void on_due(uv_timer_t *timer) {
    work(timer->data);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    work(poll->data);
}

/** Closing all handles is what lets uv_run() return. */
static void on_signal(uv_signal_t *signal, int number) {
    struct app *app = signal->data;
    (void)number;
    uv_close((uv_handle_t *)&app->readable, NULL); /* before the descriptor goes with the server */
    uv_close((uv_handle_t *)&app->due, NULL);
    uv_close((uv_handle_t *)&app->interrupted, NULL);
    uv_close((uv_handle_t *)&app->terminated, NULL);
    belay_server_stop(app->server, GOODBYE_MS);
    server_events(app->server);
}

static int start_handles(struct app *app, uv_loop_t *loop) {
    int result = uv_poll_init(loop, &app->readable, (int)belay_server_fd(app->server));
    if (result < 0) {
        return result;
    }
    uv_timer_init(loop, &app->due);
    uv_signal_init(loop, &app->interrupted);
    uv_signal_init(loop, &app->terminated);
    app->readable.data = app->due.data = app->interrupted.data = app->terminated.data = app;
    uv_signal_start(&app->interrupted, on_signal, SIGINT);
    uv_signal_start(&app->terminated, on_signal, SIGTERM);
    return uv_poll_start(&app->readable, UV_READABLE, on_readable);
}

int main(int argc, char **argv) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    uv_loop_t *loop = uv_default_loop();
    struct app app;
    opts.listen = argc > 1 ? argv[1] : "127.0.0.1:7777";
    if (belay_server_start(&app.server, &opts) < 0) {
        fprintf(stderr, "%s\n", belay_error());
        return 1;
    }
    int result = start_handles(&app, loop);
    if (result < 0) {
        fprintf(stderr, "%s\n", uv_strerror(result));
        return 1;
    }
    printf("echo server at %s; Ctrl-C ends it\n", opts.listen);
    fflush(stdout);
    work(&app); /* sets the first timer */
    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);
    belay_server_destroy(app.server);
    return 0;
}
