/*
 * What both houses would do alike: the checks of arguments and the counters. Everything else is a
 * call through the socket's own table.
 */
#include "lib/net/net.h"
#include "common/assert.h"

size_t bl_net_receive(struct bl_net *net, struct bl_datagram *batch, size_t batch_max) {
    BELAY_ASSERT(batch_max <= BL_NET_BATCH_MAX);
    return batch_max == 0 ? 0 : net->ops->receive(net, batch, batch_max);
}

size_t bl_net_send(struct bl_net *net, const struct bl_datagram *batch, size_t batch_count) {
    BELAY_ASSERT(batch_count <= BL_NET_BATCH_MAX);
    size_t taken = batch_count == 0 ? 0 : net->ops->send(net, batch, batch_count);
    BELAY_ASSERT(taken <= batch_count);
    net->unsent_count += batch_count - taken;
    return taken;
}

void bl_net_wait(struct bl_net *net, bl_duration timeout) {
    net->ops->wait(net, timeout > 0 ? timeout : 0);
}

void bl_net_rest(struct bl_net *net, bl_duration duration) {
    net->ops->rest(net, duration);
}

void bl_net_wake(struct bl_net *net) {
    net->ops->wake(net);
}

bl_time bl_net_now(const struct bl_net *net) {
    return net->ops->now(net);
}

bl_time bl_net_wall(const struct bl_net *net) {
    return net->ops->wall(net);
}

intptr_t bl_net_descriptor(const struct bl_net *net) {
    return net->ops->descriptor(net);
}

intptr_t bl_net_socket(const struct bl_net *net) {
    return net->ops->socket(net);
}

struct bl_random *bl_net_random(struct bl_net *net) {
    return net->ops->random(net);
}

size_t bl_net_everybody(struct bl_net *net, struct bl_address *out, size_t max) {
    BELAY_ASSERT(max > 0);
    return net->ops->everybody(net, out, max);
}

void bl_net_close(struct bl_net *net) {
    if (net != NULL) {
        net->ops->close(net);
    }
}

bool bl_net_fits(struct bl_net *net, size_t size) {
    if (size == 0) {
        net->empty_count++;
        return false;
    }
    if (size > BL_DATAGRAM_SIZE_MAX) {
        net->oversize_count++;
        return false;
    }
    return true;
}

void bl_net_release(struct bl_net *net) {
    net->keep_socket = true;
    bl_net_close(net);
}
