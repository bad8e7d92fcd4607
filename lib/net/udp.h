/* The inside of a UDP socket on Linux, shared by udp.c, udp_receive.c and udp_send.c. */
#ifndef BL_NET_UDP_H
#define BL_NET_UDP_H

#include "lib/net/net.h"
#include "lib/net/sockaddr.h"

/* Buffers filled by one system call: more of them gained nothing that could be measured. */
#define BL_UDP_LANDING_MAX 4
/* The longest run of datagrams that the kernel joins (UDP_GRO). */
#define BL_UDP_LANDING_SIZE 65536

/** What one buffer received: datagrams of one sender, back to back. */
struct bl_udp_landing {
    struct bl_address from, local;
    size_t size;    /* bytes that landed */
    size_t segment; /* of each datagram, but the last may be shorter */
    size_t at;      /* bytes already given to the caller */
};

struct bl_udp {
    struct bl_net net;
    struct bl_memory *memory;
    struct bl_random random;
    int socket;
    int wake;        /* eventfd */
    int poller;      /* epoll over both, for a loop of the caller's own */
    int family;      /* of the socket: AF_INET or AF_INET6 */
    bool gso;        /* the kernel cuts up long sends (UDP_SEGMENT), so far as we know */
    bool multihomed; /* bound to the unspecified address: what comes tells to which it came */
    bool told_ipv4, told_ipv6; /* an adopted socket's owner had asked for that, too */

    struct bl_udp_landing landings[BL_UDP_LANDING_MAX];
    size_t landing_count; /* of the last system call */
    size_t landing_first; /* the first with something left */
    uint8_t landing_bytes[BL_UDP_LANDING_MAX][BL_UDP_LANDING_SIZE];
    /* Datagrams of the batch that had to leave their landing. */
    uint8_t packed_bytes[BL_NET_BATCH_MAX][BL_DATAGRAM_SIZE_MAX];
};

size_t bl_udp_receive(struct bl_net *net, struct bl_datagram *batch, size_t batch_max);
size_t bl_udp_send(struct bl_net *net, const struct bl_datagram *batch, size_t batch_count);
void bl_udp_wake(struct bl_net *net);

#endif
