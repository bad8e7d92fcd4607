/*
 * A client that need not keep the protocol: it has a link of its own to a world's server, and says
 * whatever frame or datagram the test puts into its mouth. Made from the private layers below the
 * session, so that what it says really arrives.
 */
#ifndef BL_TESTS_SUPPORT_STRANGER_H
#define BL_TESTS_SUPPORT_STRANGER_H

#include "lib/net/sim.h"
#include "lib/peer/endpoint.h"
#include "lib/wire/frame.h"
#include "tests/support/world.h"

struct stranger {
    struct world *world;
    struct bl_memory memory;
    struct bl_timer_wheel wheel;
    struct bl_net *net;
    struct bl_endpoint *endpoint;
    struct bl_peer *peer; /* NULL until the server has let it in */
    struct bl_address server;
    struct belay_stats stats;
    bool gone; /* the server has said that the link is over */
    bool denied;
    uint32_t deny_code;
    char text[BELAY_REASON_TEXT_MAX + 1]; /* of the last DENY, REFUSE or CLOSE */
    uint32_t code;                        /* of the last REFUSE or CLOSE */
    uint32_t heard[256];                  /* frames, by type */
    uint8_t last[BL_FRAME_SIZE_MAX];      /* the newest frame */
    size_t last_size;
};

/** Joins the simulation of a world. */
struct stranger *stranger_create(struct world *world);
/** Without a word. */
void stranger_destroy(struct stranger *stranger);
/** The world and the stranger in it are at work for so long. */
void stranger_run(struct stranger *stranger, uint32_t ms);
/** Gets itself a link; fails when the server does not give one. */
void stranger_knock(struct stranger *stranger);
/** A hello as a well-behaved client of default options would say it; the test may change it. */
struct bl_hello stranger_hello(void);
/** Links up, says hello and is logged in. */
void stranger_login(struct stranger *stranger);

void stranger_say(struct stranger *stranger, const void *frame, size_t size,
                  enum bl_delivery delivery);
/** On an ENet channel of its choice; a message of channel c belongs on c + 1. */
void stranger_say_on(struct stranger *stranger, uint8_t channel, const void *frame, size_t size);
/** One MESSAGE or SEGMENT with @p size bytes of data, on its channel. */
void stranger_say_piece(struct stranger *stranger, const struct bl_piece *piece);
/** Any bytes sealed as a DATA datagram over its link, where ENet's would be. */
void stranger_say_enet(struct stranger *stranger, const void *data, size_t size);
/** Opens in place one of its link that the test has received past its endpoint. @return the size of
 * the payload */
size_t stranger_open(struct stranger *stranger, const struct bl_datagram *datagram);
/** Any bytes as a datagram, unsealed. */
void stranger_say_raw(struct stranger *stranger, const void *data, size_t size);

#endif
