/* What needs no binding: a server is asked, a client asks and is answered. */
#include "lib/peer/endpoint_parts.h"

#include <string.h>

void bl_endpoint_ask(struct bl_endpoint *endpoint, const struct bl_query_target *target,
                     const uint8_t query[BL_QUERY_SIZE]) {
    for (size_t i = 0; i < target->address_count; i++) {
        memcpy(bl_endpoint_next_out(endpoint), query, BL_QUERY_SIZE);
        bl_endpoint_commit_to(endpoint, &target->addresses[i], BL_QUERY_SIZE);
    }
}

static void answer_query(struct bl_endpoint *endpoint, const struct bl_datagram *datagram) {
    size_t size = endpoint->ops->queried(endpoint->user, datagram, bl_endpoint_next_out(endpoint));
    bl_endpoint_answer(endpoint, datagram, size);
}

void bl_endpoint_take_query(struct bl_endpoint *endpoint, const struct bl_datagram *datagram) {
    const struct bl_endpoint_ops *ops = endpoint->ops;
    bool asks = bl_datagram_kind(datagram->data, datagram->size) == BL_DATAGRAM_QUERY;
    if (asks && endpoint->server && ops->queried != NULL) {
        answer_query(endpoint, datagram);
    } else if (!asks && !endpoint->server && ops->informed != NULL) {
        if (!ops->informed(endpoint->user, datagram)) {
            bl_endpoint_drop(endpoint, BELAY_DROP_HANDSHAKE);
        }
    } else {
        bl_endpoint_drop(endpoint, BELAY_DROP_KIND);
    }
}
