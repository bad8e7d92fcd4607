/*
 * Sending: one system call for a batch, and one pass of the kernel's network stack for a run.
 *
 * A run is what stands together in the batch, goes from one address to one and has one size (the
 * last may be shorter): the kernel takes it as one buffer and cuts it up late (UDP_SEGMENT). When a
 * message is refused its datagrams are tried once more, one at a time: the error may belong to an
 * earlier datagram (a pending ICMP message is told to whoever calls next), to one datagram of the
 * run, or to the run as such. Only the last is remembered, and only on proof: when the run's first
 * datagram then passes alone. So a bad address in a batch cannot switch runs off for everybody.
 *
 * A full send buffer ends the batch: what is behind would fare no better.
 */
#define _GNU_SOURCE
#include "common/container_of.h"
#include "lib/net/udp.h"
#include <errno.h>
#include <netinet/udp.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>

#define RUN_COUNT_MAX 64    /* UDP_MAX_SEGMENTS of Linux 4.18; later kernels take more */
#define RUN_SIZE_MAX  65000 /* bytes; an IP packet ends at 65,535 with its headers */

/** Where a message goes to; and as control messages, where it leaves from and how it is cut up. */
struct envelope {
    union bl_sockaddr to;
    alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
                                         CMSG_SPACE(sizeof(uint16_t))];
};

/** The messages of one system call. */
struct plan {
    struct mmsghdr messages[BL_NET_BATCH_MAX];
    struct iovec pieces[BL_NET_BATCH_MAX];
    struct envelope envelopes[BL_NET_BATCH_MAX];
    size_t run_counts[BL_NET_BATCH_MAX]; /* datagrams in each message */
    unsigned count;
};

/** How many datagrams from the start of the batch can go as one message. */
static size_t run_length(const struct bl_udp *udp, const struct bl_datagram *batch, size_t count) {
    size_t segment = batch[0].size;
    if (!udp->gso) {
        return 1;
    }
    size_t total = segment;
    size_t length = 1;
    while (length < count && length < RUN_COUNT_MAX) {
        const struct bl_datagram *next = &batch[length];
        bool joins = next->size > 0 && next->size <= segment &&
                     total + next->size <= RUN_SIZE_MAX &&
                     bl_address_equal(&next->address, &batch[0].address) &&
                     bl_address_equal(&next->local, &batch[0].local);
        if (!joins) {
            break;
        }
        total += next->size;
        length++;
        if (next->size < segment) {
            break;
        }
    }
    return length;
}

/** Adds a control message to those that the header has. */
static void add_control(struct msghdr *header, int level, int type, const void *data, size_t size) {
    void *end = (char *)header->msg_control + header->msg_controllen;
    struct cmsghdr *item = end;
    memset(item, 0, CMSG_SPACE(size)); /* its padding reaches the kernel, too */
    item->cmsg_level = level;
    item->cmsg_type = type;
    item->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(item), data, size);
    header->msg_controllen += CMSG_SPACE(size);
}

/** @return false: @p local is no address of this socket's family */
static bool set_local(struct msghdr *header, const struct bl_address *local, int family) {
    union bl_sockaddr from;
    if (bl_sockaddr_write(&from, local, family) == 0) {
        return false;
    }
    if (family == AF_INET6) { /* takes a mapped IPv4 address, too */
        const struct in6_pktinfo info = {.ipi6_addr = from.ipv6.sin6_addr,
                                         .ipi6_ifindex = local->scope};
        add_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    } else {
        const struct in_pktinfo info = {.ipi_spec_dst = from.ipv4.sin_addr};
        add_control(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    }
    return true;
}

/** Writes between which addresses a message travels; false: this socket's family has not both. */
static bool address_message(struct msghdr *header, struct envelope *envelope,
                            const struct bl_datagram *datagram, int family) {
    socklen_t to_size = bl_sockaddr_write(&envelope->to, &datagram->address, family);
    *header = (struct msghdr){
        .msg_name = &envelope->to,
        .msg_namelen = to_size,
        .msg_control = envelope->control,
    };
    return to_size > 0 &&
           (bl_address_is_any(&datagram->local) || set_local(header, &datagram->local, family));
}

/** Plans a batch from its start, up to the first datagram that this socket's family cannot address.
 */
static void make_plan(struct plan *plan, const struct bl_udp *udp, const struct bl_datagram *batch,
                      size_t count) {
    plan->count = 0;
    for (size_t at = 0; at < count;) {
        unsigned index = plan->count;
        struct msghdr *header = &plan->messages[index].msg_hdr;
        if (!address_message(header, &plan->envelopes[index], &batch[at], udp->family)) {
            return;
        }
        size_t length = run_length(udp, batch + at, count - at);
        header->msg_iov = plan->pieces + at;
        header->msg_iovlen = length;
        for (size_t i = at; i < at + length; i++) {
            plan->pieces[i] = (struct iovec){batch[i].data, batch[i].size};
        }
        if (length > 1) {
            uint16_t segment = (uint16_t)batch[at].size;
            add_control(header, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
        }
        plan->run_counts[index] = length;
        plan->count++;
        at += length;
    }
}

/** Repeats a system call that a signal interrupted. @return messages taken, or -1 and errno */
static int send_messages(const struct bl_udp *udp, struct plan *plan) {
    int sent = -1;
    do {
        sent = sendmmsg(udp->socket, plan->messages, plan->count, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

static bool is_full(int error) {
    return error == EAGAIN || error == EWOULDBLOCK;
}

static bool is_run_refused(int error) {
    return error == EIO || error == EINVAL || error == EOPNOTSUPP;
}

/** Sends one datagram. @return 0 or errno */
static int send_single(const struct bl_udp *udp, const struct bl_datagram *datagram) {
    struct envelope envelope;
    struct msghdr header;
    struct iovec piece = {datagram->data, datagram->size};
    /* Cannot fail: what is sent singly has been planned before. */
    (void)address_message(&header, &envelope, datagram, udp->family);
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    ssize_t sent = -1;
    do {
        sent = sendmsg(udp->socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? errno : 0;
}

/** What became of a part of the batch. */
struct outcome {
    size_t done; /* datagrams decided: taken or dropped */
    size_t taken;
    bool full; /* the rest has no chance now */
};

/** Sends a message's datagrams one at a time after it was refused with @p error. */
static struct outcome send_singly(struct bl_udp *udp, const struct bl_datagram *batch,
                                  size_t run_count, int error) {
    struct outcome outcome = {0};
    for (size_t i = 0; i < run_count && !outcome.full; i++) {
        int refusal = send_single(udp, &batch[i]);
        if (i == 0 && refusal == 0 && run_count > 1 && is_run_refused(error)) {
            udp->gso = false;
        }
        outcome.full = is_full(refusal);
        outcome.taken += refusal == 0;
        outcome.done++;
    }
    return outcome;
}

/** Sends as much of the batch as one plan covers, at least one datagram. */
static struct outcome send_some(struct bl_udp *udp, const struct bl_datagram *batch, size_t count) {
    struct plan plan;
    make_plan(&plan, udp, batch, count);
    if (plan.count == 0) {
        return (struct outcome){.done = 1}; /* no address for this socket's family */
    }
    int sent = send_messages(udp, &plan);
    if (sent < 0) {
        int error = errno;
        return is_full(error) ? (struct outcome){.full = true}
                              : send_singly(udp, batch, plan.run_counts[0], error);
    }
    struct outcome outcome = {0};
    for (size_t i = 0; i < (size_t)sent; i++) {
        outcome.taken += plan.run_counts[i];
    }
    outcome.done = outcome.taken;
    return outcome;
}

size_t bl_udp_send(struct bl_net *net, const struct bl_datagram *batch, size_t batch_count) {
    struct bl_udp *udp = BL_CONTAINER_OF(net, struct bl_udp, net);
    size_t done = 0;
    size_t taken = 0;
    bool full = false;
    while (done < batch_count && !full) {
        struct outcome outcome = send_some(udp, batch + done, batch_count - done);
        done += outcome.done;
        taken += outcome.taken;
        full = outcome.full;
    }
    return taken;
}
