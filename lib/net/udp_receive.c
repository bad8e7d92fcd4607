/*
 * Receiving: few system calls, no copy in the common case.
 *
 * recvmmsg() fills up to BL_UDP_LANDING_MAX landing buffers. The kernel may have joined datagrams
 * of one sender in each (UDP_GRO); they are taken apart where they lie, and the batch points into
 * the buffer. When the batch wants more than one call brought, what it already holds moves to
 * packed_bytes, so that the landing buffers can be filled again. What does not fit the batch stays
 * in its landing for the next call; the socket no longer knows of it, so a wake-up keeps the
 * descriptor readable.
 */
#define _GNU_SOURCE
#include "common/container_of.h"
#include "lib/net/udp.h"
#include <errno.h>
#include <netinet/udp.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>

/* System calls in one receive: enough for a full batch of single datagrams, four times over. */
#define CALLS_MAX (4 * BL_NET_BATCH_MAX / BL_UDP_LANDING_MAX)

/** Ours are one int and the local address, twice; an adopted socket's owner may have asked for time
 * stamps and more, which come before them. */
struct control {
    alignas(struct cmsghdr) char bytes[256];
};

static bool is_item(const struct cmsghdr *item, int level, int type) {
    return item->cmsg_level == level && item->cmsg_type == type;
}

/** The size of each datagram in a joined buffer. */
static void read_segment(struct bl_udp_landing *landing, const struct cmsghdr *item) {
    int segment = 0;
    memcpy(&segment, CMSG_DATA(item), sizeof(segment));
    if (segment > 0) {
        landing->segment = (size_t)segment;
    }
}

/** Of a broadcast this is the address that answers. */
static void read_local_ipv4(struct bl_udp_landing *landing, const struct cmsghdr *item) {
    struct in_pktinfo info;
    memcpy(&info, CMSG_DATA(item), sizeof(info));
    const union bl_sockaddr local = {
        .ipv4 = {.sin_family = AF_INET, .sin_addr = info.ipi_spec_dst}};
    bl_sockaddr_read(&landing->local, &local);
}

/** Nobody can answer from a multicast address; of an IPv4 one read_local_ipv4() knows more. Only a
 * link-local address is tied to its interface: any other's answer leaves by the best route. */
static void read_local_ipv6(struct bl_udp_landing *landing, const struct cmsghdr *item) {
    struct in6_pktinfo info;
    memcpy(&info, CMSG_DATA(item), sizeof(info));
    if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr) || IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr)) {
        return;
    }
    bool tied = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr);
    const union bl_sockaddr local = {.ipv6 = {.sin6_family = AF_INET6,
                                              .sin6_addr = info.ipi6_addr,
                                              .sin6_scope_id = tied ? info.ipi6_ifindex : 0}};
    bl_sockaddr_read(&landing->local, &local);
}

static void read_control(struct bl_udp_landing *landing, struct msghdr *header, bool multihomed) {
    for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item != NULL;
         item = CMSG_NXTHDR(header, item)) {
        if (is_item(item, SOL_UDP, UDP_GRO)) {
            read_segment(landing, item);
        } else if (multihomed && is_item(item, IPPROTO_IP, IP_PKTINFO)) {
            read_local_ipv4(landing, item);
        } else if (multihomed && is_item(item, IPPROTO_IPV6, IPV6_PKTINFO)) {
            read_local_ipv6(landing, item);
        }
    }
}

static void note_landing(struct bl_udp *udp, size_t index, struct mmsghdr *message) {
    struct bl_udp_landing *landing = &udp->landings[index];
    *landing = (struct bl_udp_landing){.size = message->msg_len, .segment = message->msg_len};
    bl_sockaddr_read(&landing->from, message->msg_hdr.msg_name);
    read_control(landing, &message->msg_hdr, udp->multihomed);
    if (landing->size == 0) {
        (void)bl_net_fits(&udp->net, 0); /* counts it; there is nothing to take apart */
    }
}

/** Fills the landing buffers, all of which are free; false when the system has no more than it
 * gave. */
static bool land(struct bl_udp *udp) {
    struct mmsghdr messages[BL_UDP_LANDING_MAX] = {0};
    struct iovec pieces[BL_UDP_LANDING_MAX];
    union bl_sockaddr from[BL_UDP_LANDING_MAX];
    struct control controls[BL_UDP_LANDING_MAX];
    for (size_t i = 0; i < BL_UDP_LANDING_MAX; i++) {
        pieces[i] = (struct iovec){udp->landing_bytes[i], BL_UDP_LANDING_SIZE};
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &from[i],
            .msg_namelen = sizeof(from[i]),
            .msg_iov = &pieces[i],
            .msg_iovlen = 1,
            .msg_control = &controls[i],
            .msg_controllen = sizeof(controls[i]),
        };
    }

    udp->landing_first = udp->landing_count = 0;
    int landed = recvmmsg(udp->socket, messages, BL_UDP_LANDING_MAX, MSG_DONTWAIT, NULL);
    if (landed < 0) {
        /* Any other error (an ICMP message about an earlier send) is spent by being told. */
        return errno != EAGAIN && errno != EWOULDBLOCK;
    }
    for (size_t i = 0; i < (size_t)landed; i++) {
        note_landing(udp, i, &messages[i]);
    }
    udp->landing_count = (size_t)landed;
    return landed == BL_UDP_LANDING_MAX;
}

/** The next datagram of a landing that is not empty. */
static struct bl_datagram cut_next(struct bl_udp *udp, size_t index) {
    struct bl_udp_landing *landing = &udp->landings[index];
    size_t left = landing->size - landing->at;
    struct bl_datagram datagram = {
        .address = landing->from,
        .data = udp->landing_bytes[index] + landing->at,
        .size = left < landing->segment ? left : landing->segment,
        .local = landing->local,
    };
    landing->at += datagram.size;
    return datagram;
}

/** Whether a landing still holds something; steps over those that do not. */
static bool has_landed(struct bl_udp *udp) {
    while (udp->landing_first < udp->landing_count) {
        const struct bl_udp_landing *landing = &udp->landings[udp->landing_first];
        if (landing->at < landing->size) {
            return true;
        }
        udp->landing_first++;
    }
    return false;
}

/** Takes landed datagrams until the batch is full or every landing is empty. */
static size_t take_landed(struct bl_udp *udp, struct bl_datagram *batch, size_t batch_max) {
    size_t count = 0;
    while (count < batch_max && has_landed(udp)) {
        batch[count] = cut_next(udp, udp->landing_first);
        if (bl_net_fits(&udp->net, batch[count].size)) {
            count++;
        }
    }
    return count;
}

/** Moves datagrams [from, to) of the batch out of the landing buffers. */
static void pack(struct bl_udp *udp, struct bl_datagram *batch, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        memcpy(udp->packed_bytes[i], batch[i].data, batch[i].size);
        batch[i].data = udp->packed_bytes[i];
    }
}

size_t bl_udp_receive(struct bl_net *net, struct bl_datagram *batch, size_t batch_max) {
    struct bl_udp *udp = BL_CONTAINER_OF(net, struct bl_udp, net);
    size_t count = take_landed(udp, batch, batch_max);
    size_t packed_count = 0;
    bool more = true;
    for (unsigned calls = 0; more && count < batch_max && calls < CALLS_MAX; calls++) {
        pack(udp, batch, packed_count, count);
        packed_count = count;
        more = land(udp);
        count += take_landed(udp, batch + count, batch_max - count);
    }
    if (has_landed(udp)) {
        bl_udp_wake(net);
    }
    return count;
}
