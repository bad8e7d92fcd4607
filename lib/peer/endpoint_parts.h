/* What the parts of the endpoint share: endpoint.c (life, and the way out), endpoint_in.c (what has
 * come over bindings), endpoint_handshake.c (how bindings come to be), endpoint_query.c (what needs
 * none). */
#ifndef BL_PEER_ENDPOINT_PARTS_H
#define BL_PEER_ENDPOINT_PARTS_H

#include "lib/peer/endpoint.h"

struct bl_endpoint {
    struct bl_memory *memory;
    struct bl_timer_wheel *wheel;
    struct bl_net *net;
    const struct bl_endpoint_ops *ops;
    void *user;
    bool server;
    uint64_t game;
    struct bl_bindings bindings;
    struct bl_gate gate;                            /* server */
    struct bl_dial dial;                            /* client */
    struct bl_address known[BL_DIAL_ADDRESSES_MAX]; /* client: the server's addresses */
    size_t known_count;
    struct bl_reset resets[2];     /* client: by which the server would disown the newest binding */
    struct bl_bucket reset_bucket; /* server: how many such words it has */
    struct bl_timer dial_timer;
    struct bl_host *host;
    struct bl_peer *released_first; /* linked by released_next */
    struct belay_stats *stats;
    size_t out_count;
    struct bl_datagram out[BL_NET_BATCH_MAX];
    uint8_t out_data[BL_NET_BATCH_MAX][BL_DATAGRAM_SIZE_MAX];
};

void bl_endpoint_drop(struct bl_endpoint *endpoint, enum belay_drop cause);
/** Room for one datagram in the batch; one of the next three sends it off. */
uint8_t *bl_endpoint_next_out(struct bl_endpoint *endpoint);
void bl_endpoint_commit(struct bl_endpoint *endpoint, const struct bl_address_pair *pair,
                        size_t size);
/** From whichever of our addresses the system chooses. */
void bl_endpoint_commit_to(struct bl_endpoint *endpoint, const struct bl_address *to, size_t size);
/** From where the question came to, to where it came from. @param size 0 = no answer */
void bl_endpoint_answer(struct bl_endpoint *endpoint, const struct bl_datagram *question,
                        size_t size);
/** Makes a peer for a pending binding; NULL: no memory for it. @param round_trip -1 = not known */
struct bl_peer *bl_endpoint_make_peer(struct bl_endpoint *endpoint, struct bl_binding *binding,
                                      bl_duration round_trip);
/** Seals the payload that bl_endpoint_next_out() made room for, and sends it where the binding's
 * other side is. */
void bl_endpoint_send_sealed(struct bl_endpoint *endpoint, struct bl_binding *binding,
                             enum bl_datagram_kind kind, size_t payload_size);

/** DATA, GONE, CHALLENGE and RESPONSE. */
void bl_endpoint_take_sealed(struct bl_endpoint *endpoint, const struct bl_datagram *datagram);

/** OPEN, ACCEPT, RETRY and DENY. */
void bl_endpoint_take_handshake(struct bl_endpoint *endpoint, const struct bl_datagram *datagram);
/** The next OPEN is due. */
void bl_endpoint_dial_due(struct bl_timer *timer, bl_time now);

/** RESET. */
void bl_endpoint_take_reset(struct bl_endpoint *endpoint, const struct bl_datagram *datagram);

/** QUERY and INFO. */
void bl_endpoint_take_query(struct bl_endpoint *endpoint, const struct bl_datagram *datagram);

#endif
