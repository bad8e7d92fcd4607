/* What the tests of lib/net share. */
#ifndef BL_TESTS_NET_SUPPORT_H
#define BL_TESTS_NET_SUPPORT_H

#include "lib/net/net.h"
#include <check.h>

/** ck_assert_msg() for loops of many thousands: Check writes a note about each of its own
 * successes. */
#define ASSERT_QUIETLY(fact, ...)                                                                  \
    do {                                                                                           \
        if (!(fact)) {                                                                             \
            ck_abort_msg(__VA_ARGS__);                                                             \
        }                                                                                          \
    } while (0)

static inline struct bl_address address_of(const char *text) {
    struct bl_address address;
    ck_assert_msg(bl_address_parse(&address, text, true) == BELAY_OK, "%s", belay_error());
    return address;
}

/** Whether this machine has IPv6 to test with. */
static inline bool has_ipv6(struct bl_memory *memory) {
    struct bl_net *net = NULL;
    struct bl_address loopback = address_of("[::1]:0");
    bool opened = bl_udp_open(&net, &loopback, memory) == BELAY_OK;
    bl_net_close(net);
    return opened;
}

/** Receives a part of a batch; waits up to a second for its first datagram. */
static inline size_t receive(struct bl_net *net, struct bl_datagram *batch, size_t batch_max) {
    size_t count = bl_net_receive(net, batch, batch_max);
    bl_time end = bl_net_now(net) + BL_SECOND;
    while (count == 0 && !net->simulated && bl_net_now(net) < end) {
        bl_net_wait(net, end - bl_net_now(net));
        count = bl_net_receive(net, batch, batch_max);
    }
    return count;
}

/** Sends @p count datagrams of @p size in one batch. @return how many were taken */
static inline size_t send_equal(struct bl_net *from, const struct bl_address *to, size_t count,
                                size_t size) {
    static uint8_t data[BL_DATAGRAM_SIZE_MAX];
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    for (size_t i = 0; i < count; i++) {
        batch[i] = (struct bl_datagram){.address = *to, .data = data, .size = size};
    }
    return bl_net_send(from, batch, count);
}

#endif
