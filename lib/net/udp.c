/*
 * Real UDP on Linux: opening, adopting, options, waiting. Batches are in udp_receive.c and
 * udp_send.c.
 *
 * A socket is one of ours from attach() on, and attach() changes nothing on it that can be seen
 * before all that may fail has succeeded: an adopted socket that we refuse goes back as it came.
 * No option is worth failing for, except that a socket must not block.
 */
#define _GNU_SOURCE
#include "lib/net/udp.h"
#include "common/container_of.h"
#include "common/error.h"
#include "lib/clock/clock.h"
#include "lib/net/own_address.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOCKET_BUFFER_SIZE (4 << 20) /* bytes each way; what the system grants may be less */

/** The system's refusal as a result. */
static enum belay_result fail_system(int error, const char *what) {
    char words[128];
    switch (error) {
    case EMFILE:
        return bl_fail(BELAY_E_SYSTEM,
                       "%s: this process is out of file descriptors; raise its limit (ulimit -n)",
                       what);
    case ENFILE:
        return bl_fail(BELAY_E_SYSTEM,
                       "%s: the system is out of file descriptors; raise sysctl fs.file-max", what);
    case ENOMEM:
    case ENOBUFS:
        return bl_fail(BELAY_E_NO_MEMORY, "%s: the system is out of memory", what);
    default:
        return bl_fail(BELAY_E_SYSTEM, "%s: %s", what, strerror_r(error, words, sizeof(words)));
    }
}

static enum belay_result fail_bind(int error, const struct bl_address *address) {
    char text[BL_ADDRESS_TEXT_SIZE];
    bl_address_format(address, text, sizeof(text));
    switch (error) {
    case EADDRINUSE:
        return bl_fail(BELAY_E_IN_USE,
                       "%s is taken; stop who listens there, or choose another port", text);
    case EADDRNOTAVAIL:
    case EINVAL: /* a link-local address without its zone */
    case ENODEV: /* or with that of no interface */
        return bl_fail(BELAY_E_ADDRESS,
                       "%s is no address of this machine; \"*:%u\" takes all that it has", text,
                       (unsigned)address->port);
    default:
        return fail_system(error, text);
    }
}

static void set_option(int socket, int level, int option, int value) {
    (void)setsockopt(socket, level, option, &value, sizeof(value));
}

/** Never shrinks: an adopted socket may come with more. */
static void grow_buffer(int socket, int option) {
    int size = 0;
    socklen_t length = sizeof(size);
    /* Linux doubles what was asked for, for its own bookkeeping, and tells the double. */
    if (getsockopt(socket, SOL_SOCKET, option, &size, &length) != 0 ||
        size / 2 < SOCKET_BUFFER_SIZE) {
        set_option(socket, SOL_SOCKET, option, SOCKET_BUFFER_SIZE);
    }
}

static bool option_is(int socket, int level, int option, int value) {
    int found = -1;
    socklen_t size = sizeof(found);
    return getsockopt(socket, level, option, &found, &size) == 0 && found == value;
}

/** Has the kernel tell to which address each datagram came. A socket for both families needs both:
 * of an IPv4 broadcast IPv6's way does not tell who should answer. */
static void ask_for_local(struct bl_udp *udp) {
    udp->told_ipv4 = option_is(udp->socket, IPPROTO_IP, IP_PKTINFO, 1);
    set_option(udp->socket, IPPROTO_IP, IP_PKTINFO, 1);
    if (udp->family == AF_INET6) {
        udp->told_ipv6 = option_is(udp->socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
        set_option(udp->socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    }
}

static void set_options(struct bl_udp *udp) {
    int flags = fcntl(udp->socket, F_GETFL);
    (void)fcntl(udp->socket, F_SETFL, flags | O_NONBLOCK);
    (void)fcntl(udp->socket, F_SETFD, FD_CLOEXEC);
    grow_buffer(udp->socket, SO_RCVBUF);
    grow_buffer(udp->socket, SO_SNDBUF);

    /* Don't fragment, and believe no "too big" message: anybody can forge one (RFC 8899 4.6). */
    set_option(udp->socket, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    /* With these on, every ICMP message would keep the descriptor readable until it is fetched. */
    set_option(udp->socket, IPPROTO_IP, IP_RECVERR, 0);
    if (udp->family == AF_INET6) {
        set_option(udp->socket, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
        set_option(udp->socket, IPPROTO_IPV6, IPV6_RECVERR, 0);
    }

    if (udp->multihomed) {
        ask_for_local(udp);
    }
    set_option(udp->socket, SOL_UDP, UDP_GRO, 1);
    /* Asked for per message. A kernel that does not know it would ignore that and send a giant. */
    udp->gso = setsockopt(udp->socket, SOL_UDP, UDP_SEGMENT, &(int){0}, sizeof(int)) == 0;
}

static enum belay_result watch(const struct bl_udp *udp, int descriptor) {
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(udp->poller, EPOLL_CTL_ADD, descriptor, &event) != 0) {
        return fail_system(errno, "epoll_ctl");
    }
    return BELAY_OK;
}

/** Makes the descriptors beside the socket. */
static enum belay_result open_poller(struct bl_udp *udp) {
    udp->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (udp->wake < 0) {
        return fail_system(errno, "eventfd");
    }
    enum belay_result result = BELAY_OK;
    udp->poller = epoll_create1(EPOLL_CLOEXEC);
    if (udp->poller < 0) {
        result = fail_system(errno, "epoll_create");
        goto close_wake;
    }
    result = watch(udp, udp->wake);
    if (result == BELAY_OK) {
        result = watch(udp, udp->socket);
    }
    if (result != BELAY_OK) {
        goto close_poller;
    }
    return BELAY_OK;

close_poller:
    close(udp->poller);
close_wake:
    close(udp->wake);
    return result;
}

/** @param socket  -1: only a wake-up is waited for */
static void wait_on(const struct bl_udp *udp, int socket, bl_duration timeout) {
    struct pollfd ready[] = {
        {.fd = socket, .events = POLLIN},
        {.fd = udp->wake, .events = POLLIN},
    };
    struct timespec limit = {
        .tv_sec = (time_t)(timeout / BL_SECOND),
        .tv_nsec = (long)(timeout % BL_SECOND),
    };
    if (ppoll(ready, 2, &limit, NULL) > 0 && ready[1].revents != 0) {
        uint64_t wakes = 0;
        ssize_t got = read(udp->wake, &wakes, sizeof(wakes));
        (void)got; /* nothing there: a child process that inherited it was faster */
    }
}

static void udp_wait(struct bl_net *net, bl_duration timeout) {
    const struct bl_udp *udp = BL_CONTAINER_OF(net, struct bl_udp, net);
    wait_on(udp, udp->socket, timeout);
}

static void udp_rest(struct bl_net *net, bl_duration duration) {
    wait_on(BL_CONTAINER_OF(net, struct bl_udp, net), -1, duration);
}

void bl_udp_wake(struct bl_net *net) {
    const struct bl_udp *udp = BL_CONTAINER_OF(net, struct bl_udp, net);
    ssize_t put = write(udp->wake, &(uint64_t){1}, sizeof(uint64_t));
    (void)put; /* fails only when the counter is full, and then it is readable */
}

static bl_time udp_now(const struct bl_net *net) {
    (void)net;
    bl_time now = bl_clock_monotonic();
    return now > BL_SECOND ? now : BL_SECOND; /* a virtual machine may run us in its first second */
}

static bl_time udp_wall(const struct bl_net *net) {
    (void)net;
    return bl_clock_wall();
}

static intptr_t udp_descriptor(const struct bl_net *net) {
    return BL_CONTAINER_OF(net, const struct bl_udp, net)->poller;
}

static struct bl_random *udp_random(struct bl_net *net) {
    return &BL_CONTAINER_OF(net, struct bl_udp, net)->random;
}

static size_t udp_everybody(struct bl_net *net, struct bl_address *out, size_t max) {
    const struct bl_udp *udp = BL_CONTAINER_OF(net, struct bl_udp, net);
    set_option(udp->socket, SOL_SOCKET, SO_BROADCAST, 1);
    return bl_everybody_near(out, max, udp->family == AF_INET6);
}

/** Its owner may expect neither joined datagrams nor control messages that it has not asked for. */
static void give_back(const struct bl_udp *udp) {
    set_option(udp->socket, SOL_UDP, UDP_GRO, 0);
    if (!udp->multihomed) {
        return;
    }
    set_option(udp->socket, IPPROTO_IP, IP_PKTINFO, udp->told_ipv4);
    if (udp->family == AF_INET6) {
        set_option(udp->socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, udp->told_ipv6);
    }
}

static void udp_close(struct bl_net *net) {
    struct bl_udp *udp = BL_CONTAINER_OF(net, struct bl_udp, net);
    close(udp->poller);
    close(udp->wake);
    if (net->keep_socket) {
        give_back(udp);
    } else {
        close(udp->socket);
    }
    bl_free(udp->memory, udp, sizeof(*udp));
}

static intptr_t udp_socket(const struct bl_net *net) {
    return BL_CONTAINER_OF(net, const struct bl_udp, net)->socket;
}

static const struct bl_net_ops udp_ops = {
    .receive = bl_udp_receive,
    .send = bl_udp_send,
    .wait = udp_wait,
    .rest = udp_rest,
    .wake = bl_udp_wake,
    .now = udp_now,
    .wall = udp_wall,
    .descriptor = udp_descriptor,
    .socket = udp_socket,
    .random = udp_random,
    .everybody = udp_everybody,
    .close = udp_close,
};

/** Builds the object over a bound socket, which stays the caller's on failure. */
static enum belay_result attach(struct bl_net **out, int socket, struct bl_memory *memory) {
    union bl_sockaddr local = {0};
    socklen_t local_size = sizeof(local);
    if (getsockname(socket, &local.any, &local_size) != 0) {
        return fail_system(errno, "getsockname");
    }
    struct bl_udp *udp = bl_allocate(memory, sizeof(*udp));
    if (udp == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for a socket's buffers (%zu bytes)",
                       sizeof(*udp));
    }
    udp->net.ops = &udp_ops;
    udp->memory = memory;
    udp->socket = socket;
    udp->family = local.any.sa_family;
    bl_sockaddr_read(&udp->net.local, &local);
    udp->multihomed = bl_address_is_any(&udp->net.local);
    bl_random_init_system(&udp->random);
    enum belay_result result = open_poller(udp);
    if (result != BELAY_OK) {
        bl_free(memory, udp, sizeof(*udp));
        return result;
    }
    set_options(udp);
    *out = &udp->net;
    return BELAY_OK;
}

static enum belay_result open_bound(int *out, const struct bl_address *local) {
    int family = bl_address_is_ipv4(local) ? AF_INET : AF_INET6;
    int descriptor = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    if (descriptor < 0) {
        return fail_system(errno, family == AF_INET6 ? "IPv6 socket" : "IPv4 socket");
    }
    if (family == AF_INET6 && bl_address_is_any(local)) {
        set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    }
    union bl_sockaddr address;
    socklen_t size = bl_sockaddr_write(&address, local, family);
    if (bind(descriptor, &address.any, size) != 0) {
        enum belay_result result = fail_bind(errno, local);
        close(descriptor);
        return result;
    }
    *out = descriptor;
    return BELAY_OK;
}

/** Whether this system can make IPv6 sockets at all. */
static bool has_ipv6(void) {
    int descriptor = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
    if (descriptor < 0) {
        return errno != EAFNOSUPPORT;
    }
    close(descriptor);
    return true;
}

enum belay_result bl_udp_open(struct bl_net **out, const struct bl_address *local,
                              struct bl_memory *memory) {
    static const struct bl_address ipv4_any = {.ip = {[10] = 0xFF, [11] = 0xFF}};
    struct bl_address wanted = *local;
    if (bl_address_is_any(local) && !bl_address_is_ipv4(local) && !has_ipv6()) {
        wanted = ipv4_any;
        wanted.port = local->port;
    }
    int descriptor = -1;
    enum belay_result result = open_bound(&descriptor, &wanted);
    if (result != BELAY_OK) {
        return result;
    }
    result = attach(out, descriptor, memory);
    if (result != BELAY_OK) {
        close(descriptor);
    }
    return result;
}

static bool is_kind(int socket, int option, int value) {
    return option_is(socket, SOL_SOCKET, option, value);
}

enum belay_result bl_udp_adopt(struct bl_net **out, intptr_t socket, struct bl_memory *memory) {
    if (socket < 0 || socket > INT_MAX) {
        return bl_fail(BELAY_E_INVALID, "socket: %jd is no descriptor", (intmax_t)socket);
    }
    int descriptor = (int)socket;
    bool is_ip =
        is_kind(descriptor, SO_DOMAIN, AF_INET) || is_kind(descriptor, SO_DOMAIN, AF_INET6);
    if (!is_ip || !is_kind(descriptor, SO_TYPE, SOCK_DGRAM) ||
        !is_kind(descriptor, SO_PROTOCOL, IPPROTO_UDP)) {
        return bl_fail(BELAY_E_INVALID, "socket: descriptor %d is no UDP socket", descriptor);
    }
    union bl_sockaddr address = {0};
    socklen_t size = sizeof(address);
    struct bl_address local = {0};
    if (getsockname(descriptor, &address.any, &size) == 0) {
        bl_sockaddr_read(&local, &address);
    }
    if (local.port == 0) {
        return bl_fail(BELAY_E_INVALID, "socket: descriptor %d is not bound; bind() it first",
                       descriptor);
    }
    size = sizeof(address);
    if (getpeername(descriptor, &address.any, &size) == 0) {
        return bl_fail(BELAY_E_INVALID,
                       "socket: descriptor %d is connected to one peer and would "
                       "hear nobody else; do not connect() it",
                       descriptor);
    }
    return attach(out, descriptor, memory);
}
