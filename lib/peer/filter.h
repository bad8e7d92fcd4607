/*
 * The allow-list: what of ENet's protocol another side may say to our ENet.
 *
 * Acknowledgements, reliable and unsequenced data, within bounds; nothing else of ENet's protocol
 * is ever needed on the wire, because the handshake is played locally, pings and closing are the
 * session's, and messages are cut before ENet sees them. Everything else is where ENet's known
 * weaknesses lie, for a hostile peer that has logged in as much as for a stranger.
 */
#ifndef BL_PEER_FILTER_H
#define BL_PEER_FILTER_H

#include "lib/clock/time.h"
#include <enet/enet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BL_FILTER_COMMANDS_MAX 32   /* per datagram */
#define BL_FILTER_AHEAD_MAX    1024 /* reliable sequence numbers beyond the next expected */

/** What a datagram that passed carries. */
struct bl_filter_report {
    unsigned command_count;
    unsigned reliable_count;
    unsigned ack_count;
    enet_uint16 ack_sent_times[BL_FILTER_COMMANDS_MAX]; /* of the acknowledged, as ENet stamps them:
                                                           ms, 16 bits */
};

/**
 * Checks one ENet datagram for @p peer and makes its header ours: peer id and session bits are not
 * the wire's to choose.
 *
 * @return false: drop the whole datagram
 */
bool bl_filter_pass(uint8_t *datagram, size_t size, const ENetPeer *peer,
                    struct bl_filter_report *report);

/** The header that leads a datagram to @p peer, alone in ENet's view. */
enet_uint16 bl_filter_header(const ENetPeer *peer);

#endif
