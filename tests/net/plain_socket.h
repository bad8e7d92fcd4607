/* Plain sockets: the tests' view from outside of what our own do to the kernel. */
#ifndef BL_TESTS_NET_PLAIN_SOCKET_H
#define BL_TESTS_NET_PLAIN_SOCKET_H

#include "lib/net/net.h"
#include "tests/net/net_support.h"
#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static inline struct sockaddr_in loopback_at(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
}

static inline int open_plain(struct bl_address *at) {
    int plain = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in address = loopback_at(0);
    socklen_t size = sizeof(address);
    ck_assert_int_eq(bind(plain, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(getsockname(plain, (struct sockaddr *)&address, &size), 0);
    *at = address_of("127.0.0.1:0");
    at->port = ntohs(address.sin_port);
    return plain;
}

/** Lets a plain socket see what the kernel has joined. */
static inline void show_runs(int plain) {
    ck_assert_int_eq(setsockopt(plain, SOL_UDP, UDP_GRO, &(int){1}, sizeof(int)), 0);
}

struct run {
    size_t size, segment; /* segment 0: a single datagram */
};

/** The next run or datagram that came to a plain socket. */
static inline struct run receive_run(int plain) {
    static uint8_t data[65536];
    alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec piece = {data, sizeof(data)};
    struct msghdr header = {.msg_iov = &piece,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof(control)};
    ssize_t size = recvmsg(plain, &header, 0);
    ck_assert_int_ge(size, 0);
    struct run run = {.size = (size_t)size};
    struct cmsghdr *item = CMSG_FIRSTHDR(&header);
    if (item != NULL && item->cmsg_type == UDP_GRO) {
        int segment = 0;
        memcpy(&segment, CMSG_DATA(item), sizeof(segment));
        run.segment = (size_t)segment;
    }
    return run;
}

static inline void send_run(int plain, const struct bl_net *to, const void *data, struct run run) {
    alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(uint16_t))] = {0};
    uint16_t segment = (uint16_t)run.segment;
    struct sockaddr_in address = loopback_at(to->local.port);
    struct iovec piece = {(void *)(uintptr_t)data, run.size};
    struct msghdr header = {.msg_name = &address,
                            .msg_namelen = sizeof(address),
                            .msg_iov = &piece,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof(control)};
    struct cmsghdr *item = CMSG_FIRSTHDR(&header);
    item->cmsg_level = SOL_UDP;
    item->cmsg_type = UDP_SEGMENT;
    item->cmsg_len = CMSG_LEN(sizeof(segment));
    memcpy(CMSG_DATA(item), &segment, sizeof(segment));
    ck_assert_int_eq(sendmsg(plain, &header, 0), (ssize_t)run.size);
}

static inline int count_descriptors(void) {
    int count = 0;
    for (int descriptor = 0; descriptor < 1024; descriptor++) {
        count += fcntl(descriptor, F_GETFD) >= 0;
    }
    return count;
}

#endif
