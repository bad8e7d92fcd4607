/*
 * A record is a header of 16 bytes (magic 7, version 1, size 8) and the data. The descriptor comes
 * with the header; what is attached to the data the kernel throws away, as nobody asks for it.
 *
 * The files of dead and of live sockets look the same. We ask which it is with a connect() of the
 * wrong type, which the kernel refuses in either case, but in different words: nobody notices, and
 * no server takes the question for its successor. Between this question and our bind() another
 * process could do the same, so that the folder is locked.
 *
 * Every socket is non-blocking, and every call has one deadline, which progress does not move: a
 * process that is slow byte by byte gets no more time than one that is silent.
 */
#define _GNU_SOURCE
#include "lib/net/hand_over.h"

#include "common/assert.h"
#include "common/bytes.h"
#include "common/error.h"
#include "lib/clock/clock.h"
#include "lib/net/file.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG        8
#define RETRY_INTERVAL (10 * BL_MILLISECOND)
#define VERSION        1
#define MAGIC_SIZE     7
#define HEADER_SIZE    16
#define CHUNK_SIZE     ((size_t)1 << 20) /* bytes between two looks at the clock */

static const uint8_t magic[MAGIC_SIZE] = {'b', 'e', 'l', 'a', 'y', 'H', 'O'};

static_assert(sizeof((struct sockaddr_un *)NULL)->sun_path == BL_HAND_OVER_PATH_MAX + 1,
              "the longest path of a Unix socket");

static enum belay_result fail_path(int error, const char *path, const char *done) {
    char words[128];
    return bl_fail(BELAY_E_SYSTEM,
                   "%s cannot be %s: %s; check the path, and who may use its folder", path, done,
                   strerror_r(error, words, sizeof words));
}

static enum belay_result fail_link(int error) {
    char words[128];
    if (error == EPIPE || error == ECONNRESET) {
        return bl_fail(
            BELAY_E_SYSTEM,
            "the other process has hung up before all was said; look into its log, then try "
            "again");
    }
    return bl_fail(BELAY_E_SYSTEM, "the hand-over's socket failed: %s; try again",
                   strerror_r(error, words, sizeof words));
}

static enum belay_result address_write(struct sockaddr_un *out, const char *path) {
    size_t size = strlen(path);
    if (size == 0 || size > BL_HAND_OVER_PATH_MAX) {
        return bl_fail(BELAY_E_INVALID,
                       "the path of a hand-over has %zu bytes; give it 1 to %d, as the system has "
                       "no room for more",
                       size, BL_HAND_OVER_PATH_MAX);
    }
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out->sun_path, path, size + 1);
    return BELAY_OK;
}

static enum belay_result open_socket(int *out, int type) {
    *out = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return *out >= 0 ? BELAY_OK : fail_link(errno);
}

static int connect_to(int socket, const struct sockaddr_un *address) {
    return connect(socket, (const struct sockaddr *)address, sizeof *address) == 0 ? 0 : errno;
}

/** Whether the process at the other end was of our user when it connected or listened. */
static bool is_ours(int socket) {
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

/* ---- listening ---- */

static enum belay_result remove_dead(const char *path) {
    struct stat status;
    if (lstat(path, &status) == 0 && !S_ISSOCK(status.st_mode)) {
        return bl_fail(BELAY_E_SYSTEM,
                       "%s is there already and no socket; name another path, or remove it", path);
    }
    if (unlink(path) != 0 && errno != ENOENT) {
        return fail_path(errno, path, "replaced");
    }
    return BELAY_OK;
}

static enum belay_result fail_live(const char *path) {
    return bl_fail(BELAY_E_IN_USE,
                   "another process listens at %s; let this one take over from it, stop it, or "
                   "name another path",
                   path);
}

static enum belay_result make_room(const struct sockaddr_un *address) {
    int probe;
    enum belay_result result = open_socket(&probe, SOCK_DGRAM);
    if (result != BELAY_OK) {
        return result;
    }
    int error = connect_to(probe, address);
    close(probe);
    switch (error) {
    case 0:
    case EPROTOTYPE:
        return fail_live(address->sun_path);
    case ENOENT:
        return BELAY_OK;
    case ECONNREFUSED:
        return remove_dead(address->sun_path);
    default:
        return fail_path(error, address->sun_path, "listened at");
    }
}

static enum belay_result bind_and_listen(struct bl_hand_over_listener *listener,
                                         const struct sockaddr_un *address) {
    /* A file takes over the mode of its socket: at no time may others connect. */
    if (fchmod(listener->socket, S_IRUSR | S_IWUSR) != 0) {
        return fail_link(errno);
    }
    if (bind(listener->socket, (const struct sockaddr *)address, sizeof *address) != 0) {
        return errno == EADDRINUSE ? fail_live(address->sun_path)
                                   : fail_path(errno, address->sun_path, "listened at");
    }
    struct stat status;
    if (listen(listener->socket, BACKLOG) != 0 || stat(address->sun_path, &status) != 0) {
        enum belay_result result = fail_path(errno, address->sun_path, "listened at");
        unlink(address->sun_path);
        return result;
    }
    listener->device = (uint64_t)status.st_dev;
    listener->inode = (uint64_t)status.st_ino;
    return BELAY_OK;
}

static enum belay_result open_listener(struct bl_hand_over_listener *out,
                                       const struct sockaddr_un *address) {
    struct bl_hand_over_listener listener = {0};
    enum belay_result result = open_socket(&listener.socket, SOCK_STREAM);
    if (result != BELAY_OK) {
        return result;
    }
    result = bind_and_listen(&listener, address);
    if (result != BELAY_OK) {
        close(listener.socket);
        return result;
    }
    memcpy(listener.path, address->sun_path, sizeof listener.path);
    *out = listener;
    return BELAY_OK;
}

enum belay_result bl_hand_over_listen(struct bl_hand_over_listener *out, const char *path) {
    struct sockaddr_un address;
    enum belay_result result = address_write(&address, path);
    if (result != BELAY_OK) {
        return result;
    }
    intptr_t lock;
    if (bl_file_lock(&lock, path) != BELAY_OK) {
        return bl_fail(BELAY_E_IN_USE, "%s", belay_error());
    }
    result = make_room(&address);
    if (result == BELAY_OK) {
        result = open_listener(out, &address);
    }
    bl_file_unlock(lock);
    return result;
}

enum belay_result bl_hand_over_accept(intptr_t *out, struct bl_hand_over_listener *listener) {
    for (int i = 0; i <= BACKLOG; i++) { /* not for ever: strangers can come again and again */
        int link = accept4(listener->socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (link >= 0 && is_ours(link)) {
            *out = link;
            return BELAY_OK;
        }
        if (link >= 0) {
            close(link);
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return fail_path(errno, listener->path, "taken over from");
        }
    }
    *out = -1;
    return BELAY_OK;
}

void bl_hand_over_stop(struct bl_hand_over_listener *listener) {
    struct stat status;
    if (listener->path[0] == '\0') {
        return;
    }
    /* As long as our socket lives nobody replaces its file, unless somebody has removed it. */
    if (stat(listener->path, &status) == 0 && (uint64_t)status.st_dev == listener->device &&
        (uint64_t)status.st_ino == listener->inode) {
        unlink(listener->path);
    }
    close(listener->socket);
    *listener = (struct bl_hand_over_listener){0};
}

/* ---- waiting ---- */

static bl_time deadline_after(bl_duration timeout) {
    BELAY_ASSERT(timeout <= BL_FOREVER);
    return bl_clock_monotonic() + timeout;
}

/** Waits for events, a signal or the deadline. @return false once the deadline is over */
static bool wait_for(int socket, short events, bl_time deadline) {
    bl_duration left = deadline - bl_clock_monotonic();
    if (left <= 0) {
        return false;
    }
    struct pollfd ready = {.fd = socket, .events = events};
    struct timespec limit = {
        .tv_sec = (time_t)(left / BL_SECOND),
        .tv_nsec = (long)(left % BL_SECOND),
    };
    (void)ppoll(&ready, 1, &limit, NULL);
    return true;
}

static enum belay_result fail_late(void) {
    return bl_fail(BELAY_E_SYSTEM,
                   "the other process has not handed over, or taken, all in time; look whether it "
                   "hangs, or give it more time");
}

static enum belay_result check_time(bl_time deadline) {
    return bl_clock_monotonic() <= deadline ? BELAY_OK : fail_late();
}

static size_t chunk_of(size_t left) {
    return left < CHUNK_SIZE ? left : CHUNK_SIZE;
}

/* ---- connecting ---- */

static enum belay_result try_connect(intptr_t *out, const struct sockaddr_un *address) {
    int link;
    enum belay_result result = open_socket(&link, SOCK_STREAM);
    if (result != BELAY_OK) {
        return result;
    }
    int error = connect_to(link, address);
    switch (error) {
    case 0:
        if (is_ours(link)) {
            *out = link;
            return BELAY_OK;
        }
        result = bl_fail(BELAY_E_SYSTEM,
                         "who listens at %s is another user's process; run both as the same user",
                         address->sun_path);
        break;
    case ENOENT:       /* not yet there, */
    case ECONNREFUSED: /* of a dead process, or not yet listening, */
    case EAGAIN:       /* or others wait there already */
    case EINTR:
        result = bl_fail(BELAY_E_GONE,
                         "nobody listens at %s; check that the server to take over from runs, with "
                         "the same path",
                         address->sun_path);
        break;
    default:
        result = fail_path(error, address->sun_path, "connected to");
    }
    close(link);
    return result;
}

enum belay_result bl_hand_over_connect(intptr_t *out, const char *path, bl_duration timeout) {
    bl_time deadline = deadline_after(timeout);
    struct sockaddr_un address;
    enum belay_result result = address_write(&address, path);
    if (result != BELAY_OK) {
        return result;
    }
    do {
        result = try_connect(out, &address);
    } while (result == BELAY_E_GONE &&
             wait_for(-1, 0, bl_earlier(deadline, bl_clock_monotonic() + RETRY_INTERVAL)));
    return result;
}

/* ---- records ---- */

/** Room for one descriptor beside a message. */
union control {
    struct cmsghdr header;
    uint8_t bytes[CMSG_SPACE(sizeof(int))];
};

static void attach(struct msghdr *message, union control *control, int descriptor) {
    message->msg_control = control->bytes;
    message->msg_controllen = sizeof control->bytes;
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
}

/** Hands the system as much as it takes now, or takes next: at least a byte. */
static enum belay_result send_some(size_t *sent, int link, const struct msghdr *message,
                                   bl_time deadline) {
    for (;;) {
        ssize_t size = sendmsg(link, message, MSG_NOSIGNAL);
        if (size >= 0) {
            *sent = (size_t)size;
            return BELAY_OK;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return fail_link(errno);
        }
        if (!wait_for(link, POLLOUT, deadline)) {
            return fail_late();
        }
    }
}

/** @param descriptor  goes with the first byte; -1: none */
static enum belay_result send_all(int link, const uint8_t *data, size_t size, int descriptor,
                                  bl_time deadline) {
    enum belay_result result = BELAY_OK;
    for (size_t at = 0, sent = 0; at < size && result == BELAY_OK; at += sent) {
        struct iovec piece = {(uint8_t *)data + at, chunk_of(size - at)};
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
        union control control = {0};
        if (at == 0 && descriptor >= 0) {
            attach(&message, &control, descriptor);
        }
        result = at > 0 ? check_time(deadline) : BELAY_OK;
        if (result == BELAY_OK) {
            result = send_some(&sent, link, &message, deadline);
        }
    }
    return result;
}

enum belay_result bl_hand_over_send(intptr_t link, const struct bl_hand_over_record *record,
                                    bl_duration timeout) {
    bl_time deadline = deadline_after(timeout);
    uint8_t header[HEADER_SIZE];
    struct bl_writer writer = bl_writer_of(header, sizeof header);
    bl_write_bytes(&writer, magic, sizeof magic);
    bl_write_u8(&writer, VERSION);
    bl_write_u64(&writer, record->size);
    enum belay_result result =
        send_all((int)link, header, sizeof header, (int)record->descriptor, deadline);
    if (result == BELAY_OK) {
        result = send_all((int)link, record->data, record->size, -1, deadline);
    }
    return result;
}

/** Keeps the first descriptor that came with a message, closes all others. */
static enum belay_result take_descriptor(int *out, struct msghdr *message) {
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
         header = CMSG_NXTHDR(message, header)) {
        size_t count = header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS
                           ? (header->cmsg_len - CMSG_LEN(0)) / sizeof(int)
                           : 0;
        for (size_t i = 0; i < count; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(header) + i * sizeof descriptor, sizeof descriptor);
            if (*out < 0) {
                *out = descriptor;
            } else {
                close(descriptor);
            }
        }
    }
    if (*out < 0 && (message->msg_flags & MSG_CTRUNC) != 0) {
        return bl_fail(BELAY_E_SYSTEM,
                       "the descriptor of the hand-over cannot be taken; raise this process's "
                       "limit of open files (ulimit -n)");
    }
    return BELAY_OK;
}

/** Takes what has come, or what comes next: at least a byte. */
static enum belay_result receive_some(size_t *got, int link, struct msghdr *message,
                                      bl_time deadline) {
    for (;;) {
        ssize_t size = recvmsg(link, message, MSG_CMSG_CLOEXEC);
        if (size > 0) {
            *got = (size_t)size;
            return BELAY_OK;
        }
        if (size == 0) {
            return fail_link(EPIPE);
        }
        if (errno != EAGAIN && errno != EINTR) {
            return fail_link(errno);
        }
        if (!wait_for(link, POLLIN, deadline)) {
            return fail_late();
        }
    }
}

static enum belay_result receive_all(int link, uint8_t *data, size_t size, bl_time deadline) {
    enum belay_result result = BELAY_OK;
    for (size_t at = 0, got = 0; at < size && result == BELAY_OK; at += got) {
        struct iovec piece = {data + at, chunk_of(size - at)};
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
        result = at > 0 ? check_time(deadline) : BELAY_OK;
        if (result == BELAY_OK) {
            result = receive_some(&got, link, &message, deadline);
        }
    }
    return result;
}

/** @param descriptor  -1; receives what came with the first byte, on failure too */
static enum belay_result receive_header(uint8_t header[HEADER_SIZE], int *descriptor, int link,
                                        bl_time deadline) {
    union control control;
    struct iovec piece = {header, HEADER_SIZE};
    struct msghdr message = {
        .msg_iov = &piece,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    size_t got = 0;
    enum belay_result result = receive_some(&got, link, &message, deadline);
    if (result == BELAY_OK) {
        result = take_descriptor(descriptor, &message);
    }
    return result != BELAY_OK ? result
                              : receive_all(link, header + got, HEADER_SIZE - got, deadline);
}

/** Gives the size of the data, at most @p size_max. */
static enum belay_result read_header(size_t *out, const uint8_t header[HEADER_SIZE],
                                     size_t size_max) {
    struct bl_reader reader = bl_reader_of(header, HEADER_SIZE);
    bool is_record = memcmp(bl_read_span(&reader, MAGIC_SIZE), magic, MAGIC_SIZE) == 0;
    unsigned version = bl_read_u8(&reader);
    uint64_t size = bl_read_u64(&reader);
    if (!is_record) {
        return bl_fail(BELAY_E_SYSTEM,
                       "the other process speaks no hand-over; check whose socket the path is");
    }
    if (version != VERSION) {
        return bl_fail(BELAY_E_SYSTEM,
                       "the other process hands over in version %u and this one in %u; restart "
                       "without taking over",
                       version, VERSION);
    }
    if (size > size_max) {
        return bl_fail(BELAY_E_TOO_BIG,
                       "the hand-over has %ju bytes and at most %zu are taken; restart without "
                       "taking over",
                       (uintmax_t)size, size_max);
    }
    *out = (size_t)size;
    return BELAY_OK;
}

static enum belay_result receive_data(struct bl_hand_over_record *record, int link,
                                      bl_time deadline, struct bl_memory *memory) {
    if (record->size == 0) {
        return BELAY_OK;
    }
    record->data = bl_allocate(memory, record->size);
    if (record->data == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for a hand-over of %zu bytes", record->size);
    }
    enum belay_result result = receive_all(link, record->data, record->size, deadline);
    if (result != BELAY_OK) {
        explicit_bzero(record->data, record->size); /* there may be keys in it */
        bl_free(memory, record->data, record->size);
    }
    return result;
}

enum belay_result bl_hand_over_receive(struct bl_hand_over_record *out, intptr_t link,
                                       size_t size_max, bl_duration timeout,
                                       struct bl_memory *memory) {
    bl_time deadline = deadline_after(timeout);
    uint8_t header[HEADER_SIZE];
    int descriptor = -1;
    struct bl_hand_over_record record = {0};
    enum belay_result result = receive_header(header, &descriptor, (int)link, deadline);
    if (result == BELAY_OK) {
        result = read_header(&record.size, header, size_max);
    }
    if (result == BELAY_OK) {
        result = receive_data(&record, (int)link, deadline, memory);
    }
    if (result != BELAY_OK) {
        bl_hand_over_close(descriptor);
        return result;
    }
    record.descriptor = descriptor;
    *out = record;
    return BELAY_OK;
}

void bl_hand_over_close(intptr_t link) {
    if (link >= 0) {
        close((int)link);
    }
}
