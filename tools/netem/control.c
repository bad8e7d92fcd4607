/*
 * Whoever may open the path may command, so that it is made for its owner alone. An answer is sent
 * without waiting: a sender that does not read loses it, and never stops the relay.
 */
#define _GNU_SOURCE
#include "tools/netem/control.h"
#include "common/error.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define COMMAND_MAX     256 /* bytes */
#define ANSWER_SIZE     640
#define WORD_MAX        3
#define COMMAND_BATCH   16
#define ANSWER_AFTER_MS 5000
#define BLANKS          " \t\r\n"

static enum belay_result fail_path(int error, const char *path, const char *what) {
    char words[128];
    return bl_fail(BELAY_E_SYSTEM, "%s %s: %s; check the path, and who may use its folder", path,
                   what, strerror_r(error, words, sizeof words));
}

static enum belay_result open_at(int *out, struct sockaddr_un *address, const char *path) {
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof address->sun_path) {
        return bl_fail(BELAY_E_INVALID, "a control path has 1 to %zu bytes; choose a shorter one",
                       sizeof address->sun_path - 1);
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, path, size);
    *out = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return *out >= 0 ? BELAY_OK : fail_path(errno, path, "cannot be opened");
}

/* ---- listening ---- */

/** Whether nobody listens behind the path any more, which is a socket; so it may be removed. */
static bool is_dead(int sock, const struct sockaddr_un *address) {
    struct stat status;
    return connect(sock, (const struct sockaddr *)address, sizeof *address) != 0 &&
           errno == ECONNREFUSED && lstat(address->sun_path, &status) == 0 &&
           S_ISSOCK(status.st_mode);
}

static int bind_privately(int sock, const struct sockaddr_un *address) {
    mode_t before = umask(0077);
    int status = bind(sock, (const struct sockaddr *)address, sizeof *address);
    int error = status == 0 ? 0 : errno;
    umask(before);
    return error;
}

enum belay_result netem_control_open(struct netem_control *out, const char *path) {
    struct sockaddr_un address;
    int sock = -1;
    enum belay_result result = open_at(&sock, &address, path);
    if (result != BELAY_OK) {
        return result;
    }
    int error = bind_privately(sock, &address);
    if (error == EADDRINUSE && is_dead(sock, &address) && unlink(path) == 0) {
        error = bind_privately(sock, &address);
    }
    if (error != 0) {
        close(sock);
        return error == EADDRINUSE
                   ? bl_fail(BELAY_E_IN_USE,
                             "%s is taken; stop the relay that listens there, or name another "
                             "path",
                             path)
                   : fail_path(error, path, "cannot be made");
    }
    *out = (struct netem_control){sock, path};
    return BELAY_OK;
}

void netem_control_close(struct netem_control *control) {
    if (control->descriptor >= 0) {
        close(control->descriptor);
        (void)unlink(control->path);
    }
    control->descriptor = -1;
}

/* ---- commands ---- */

/** A client's port, which may be left out: 0, all. */
static enum belay_result read_port(uint16_t *out, const char *word) {
    uint64_t port = 0;
    if (word != NULL && (!netem_number_read(&port, word, UINT16_MAX) || port == 0)) {
        return bl_fail(BELAY_E_INVALID, "\"%s\" is no port; name the one a client sends from",
                       word);
    }
    *out = (uint16_t)port;
    return BELAY_OK;
}

static enum belay_result fail_unknown(uint16_t port) {
    return bl_fail(BELAY_E_GONE,
                   "no client sends from port %u, or it has been idle; name the port of its own "
                   "socket",
                   (unsigned)port);
}

static enum belay_result blackout(struct netem_relay *relay, char **words) {
    bl_duration duration;
    uint16_t port = 0;
    if (words[1] == NULL || !netem_seconds_read(&duration, words[1])) {
        return bl_fail(BELAY_E_INVALID, "say \"blackout SECONDS [PORT]\", at most a day");
    }
    enum belay_result result = read_port(&port, words[2]);
    if (result == BELAY_OK && netem_relay_blackout(relay, duration, port) == 0 && port != 0) {
        result = fail_unknown(port);
    }
    return result;
}

static enum belay_result rebind(struct netem_relay *relay, char **words) {
    uint16_t port = 0;
    if (words[2] != NULL) {
        return bl_fail(BELAY_E_INVALID, "say \"rebind [PORT]\"");
    }
    enum belay_result result = read_port(&port, words[1]);
    if (result == BELAY_OK && netem_relay_rebind(relay, port) == 0 && port != 0) {
        result = fail_unknown(port);
    }
    return result;
}

static enum belay_result set(struct netem_relay *relay, char **words) {
    if (words[2] == NULL) {
        return bl_fail(BELAY_E_INVALID, "say \"set NAME VALUE\", as in \"set up-loss 20\"");
    }
    return netem_relay_change(relay, words[1], words[2]);
}

static enum belay_result run(struct netem_relay *relay, char *command) {
    char *words[WORD_MAX + 1] = {strtok_r(command, BLANKS, &command)};
    for (size_t i = 1; i <= WORD_MAX && words[i - 1] != NULL; i++) {
        words[i] = strtok_r(NULL, BLANKS, &command);
    }
    if (words[0] != NULL && words[WORD_MAX] == NULL) {
        if (strcmp(words[0], "blackout") == 0) {
            return blackout(relay, words);
        }
        if (strcmp(words[0], "rebind") == 0) {
            return rebind(relay, words);
        }
        if (strcmp(words[0], "set") == 0) {
            return set(relay, words);
        }
    }
    return bl_fail(BELAY_E_INVALID,
                   "say \"blackout SECONDS [PORT]\", \"rebind [PORT]\" or \"set NAME VALUE\"");
}

void netem_control_serve(struct netem_control *control, struct netem_relay *relay) {
    for (unsigned i = 0; i < COMMAND_BATCH; i++) {
        char raw[COMMAND_MAX];
        char command[COMMAND_MAX + 1];
        char answer[ANSWER_SIZE] = "ok\n";
        struct sockaddr_un from;
        socklen_t from_size = sizeof from;
        ssize_t size = recvfrom(control->descriptor, raw, sizeof raw, MSG_DONTWAIT,
                                (struct sockaddr *)&from, &from_size);
        if (size < 0) {
            return;
        }
        memcpy(command, raw, (size_t)size);
        command[size] = '\0';
        if (run(relay, command) != BELAY_OK) {
            snprintf(answer, sizeof answer, "error: %s\n", belay_error());
        }
        if (from_size > sizeof(sa_family_t)) { /* else a sender without an address */
            (void)sendto(control->descriptor, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL,
                         (const struct sockaddr *)&from, from_size);
        }
    }
}

/* ---- the other end ---- */

static enum belay_result wait_answer(int sock, const char *path) {
    char answer[ANSWER_SIZE];
    struct pollfd ready = {.fd = sock, .events = POLLIN};
    if (poll(&ready, 1, ANSWER_AFTER_MS) <= 0) {
        return bl_fail(BELAY_E_SYSTEM, "the relay at %s does not answer; see what it is doing",
                       path);
    }
    ssize_t size = recv(sock, answer, sizeof answer - 1, MSG_DONTWAIT);
    if (size < 0) {
        return fail_path(errno, path, "has not answered");
    }
    answer[size] = '\0';
    answer[strcspn(answer, "\n")] = '\0';
    if (strcmp(answer, "ok") == 0) {
        return BELAY_OK;
    }
    const char *error = strncmp(answer, "error: ", 7) == 0 ? answer + 7 : answer;
    return bl_fail(BELAY_E_INVALID, "%s", error);
}

enum belay_result netem_control_tell(const char *path, const char *command) {
    struct sockaddr_un address;
    const struct sockaddr_un anonymous = {.sun_family = AF_UNIX};
    int sock = -1;
    enum belay_result result = open_at(&sock, &address, path);
    if (result != BELAY_OK) {
        return result;
    }
    /* Linux gives a name to who binds none: it is where the answer goes. */
    if (bind(sock, (const struct sockaddr *)&anonymous, sizeof anonymous.sun_family) != 0 ||
        connect(sock, (const struct sockaddr *)&address, sizeof address) != 0 ||
        send(sock, command, strlen(command), MSG_NOSIGNAL) < 0) {
        result = fail_path(errno, path, "cannot be reached");
    } else {
        result = wait_answer(sock, path);
    }
    close(sock);
    return result;
}
