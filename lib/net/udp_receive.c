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

/** Ours is one int; an adopted socket's owner may have asked for time stamps and more, which come
 * before it. */
struct control {
    alignas(struct cmsghdr) char bytes[256];
};

/** The size of each datagram in a joined buffer; one datagram of all bytes if the kernel says
 * nothing. */
static size_t segment_size(struct msghdr *header, size_t size) {
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    while (control != NULL && (control->cmsg_level != SOL_UDP || control->cmsg_type != UDP_GRO)) {
        control = CMSG_NXTHDR(header, control);
    }
    if (control == NULL) {
        return size;
    }
    int segment = 0;
    memcpy(&segment, CMSG_DATA(control), sizeof(segment));
    return segment > 0 ? (size_t)segment : size;
}

static void note_landing(struct bl_udp *udp, size_t index, struct mmsghdr *message) {
    struct bl_udp_landing *landing = &udp->landings[index];
    *landing = (struct bl_udp_landing){.size = message->msg_len};
    bl_sockaddr_read(&landing->from, message->msg_hdr.msg_name);
    landing->segment = segment_size(&message->msg_hdr, landing->size);
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
