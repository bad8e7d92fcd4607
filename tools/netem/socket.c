/*
 * Not connected, not even to the target: a connected socket would hand the ICMP errors of one
 * datagram to the next one's send(), which then sends nothing.
 */
#define _GNU_SOURCE
#include "tools/netem/socket.h"
#include "common/error.h"
#include "lib/net/sockaddr.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE (4 << 20) /* bytes each way; what the system grants may be less */

static enum belay_result fail_open(int error, const struct bl_address *local) {
    char address[BL_ADDRESS_TEXT_SIZE];
    char words[128];
    bl_address_format(local, address, sizeof address);
    if (error == EADDRINUSE) {
        return bl_fail(BELAY_E_IN_USE,
                       "%s is taken; stop who listens there, or choose another port", address);
    }
    if (error == EADDRNOTAVAIL) {
        return bl_fail(BELAY_E_ADDRESS, "%s is no address of this machine; choose one that is",
                       address);
    }
    if (error == EMFILE) {
        return bl_fail(BELAY_E_SYSTEM,
                       "out of file descriptors; raise the limit (ulimit -n), each client needs "
                       "one");
    }
    return bl_fail(BELAY_E_SYSTEM, "%s cannot be opened: %s", address,
                   strerror_r(error, words, sizeof words));
}

static void set_option(int descriptor, int level, int option, int value) {
    (void)setsockopt(descriptor, level, option, &value, sizeof value);
}

enum belay_result netem_socket_open(struct netem_socket *out, const struct bl_address *local) {
    union bl_sockaddr address;
    int family = bl_address_is_ipv4(local) ? AF_INET : AF_INET6;
    int descriptor = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return fail_open(errno, local);
    }
    set_option(descriptor, SOL_SOCKET, SO_RCVBUF, BUFFER_SIZE);
    set_option(descriptor, SOL_SOCKET, SO_SNDBUF, BUFFER_SIZE);
    if (family == AF_INET6) {
        set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    }
    socklen_t size = bl_sockaddr_write(&address, local, family);
    if (bind(descriptor, &address.any, size) != 0) {
        int error = errno;
        close(descriptor);
        return fail_open(error, local);
    }
    *out = (struct netem_socket){descriptor, family};
    return BELAY_OK;
}

enum belay_result netem_socket_open_towards(struct netem_socket *out,
                                            const struct bl_address *target) {
    struct bl_address local = {0};
    if (bl_address_is_ipv4(target)) {
        memset(local.ip + 10, 0xFF, 2); /* 0.0.0.0 in its IPv6-mapped form */
    }
    return netem_socket_open(out, &local);
}

void netem_socket_close(struct netem_socket *sock) {
    close(sock->descriptor);
    sock->descriptor = -1;
}

void netem_socket_local(const struct netem_socket *sock, struct bl_address *out) {
    union bl_sockaddr address = {.any = {.sa_family = (sa_family_t)sock->family}};
    socklen_t size = sizeof address;
    (void)getsockname(sock->descriptor, &address.any, &size);
    bl_sockaddr_read(out, &address);
}

ptrdiff_t netem_socket_receive(const struct netem_socket *sock, struct bl_address *from,
                               uint8_t *data) {
    union bl_sockaddr address;
    socklen_t address_size = sizeof address;
    ptrdiff_t size = recvfrom(sock->descriptor, data, NETEM_DATAGRAM_MAX, MSG_DONTWAIT,
                              &address.any, &address_size);
    if (size >= 0) {
        bl_sockaddr_read(from, &address);
    }
    return size;
}

int netem_socket_send(const struct netem_socket *sock, const struct bl_address *to,
                      const uint8_t *data, size_t size) {
    union bl_sockaddr address;
    socklen_t address_size = bl_sockaddr_write(&address, to, sock->family);
    ssize_t sent = sendto(sock->descriptor, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, &address.any,
                          address_size);
    return sent < 0 ? errno : 0;
}
