/*
 * ENet's timers and limits, set through its public fields.
 *
 * ENet doubles a retransmission timer at each loss, gives a peer up after some, sends pings and
 * bandwidth limits of its own, and throttles. Measured at 20 % loss, that loses every session
 * within half an hour. Here the timers follow our own estimate without doubling, nothing of ENet's
 * own is reliable on the wire, and whether a peer lives is for the session to judge.
 */
#include "lib/peer/host.h"

#include "common/serial.h"
#include "lib/wire/datagram.h"

/* What a datagram needs beside its commands. */
#define DATAGRAM_SIZE (BL_DATA_HEADER_SIZE + sizeof(ENetProtocolHeader) + BL_DATA_TAG_SIZE)
/* Beyond a day ENet takes a difference of times for a wrap and makes it huge: only this is never
 * reached. */
#define NEVER_MS      UINT32_MAX
#define WINDOW_BYTES  (1024U * 1024U) /* ENet's 64 KiB caps a peer at 5 Mbit/s over 100 ms */
#define ATTEMPTS_MAX  16 /* ENet takes the 65,537th for the first, and shifts by the count */
#define STALE_AFTER   BL_SECOND
#define STALE_TIMEOUT (500 * BL_MILLISECOND)

void bl_tune_connected(struct bl_peer *peer, bl_time now) {
    ENetPeer *enet = peer->enet;
    enet_peer_timeout(enet, ENET_PEER_TIMEOUT_LIMIT, NEVER_MS, NEVER_MS);
    enet_peer_ping_interval(enet, NEVER_MS);
    enet->windowSize = WINDOW_BYTES;
    enet->packetThrottle = enet->packetThrottleLimit = ENET_PEER_PACKET_THROTTLE_SCALE;
    enet->lastReceiveTime = bl_enet_time(now);
}

void bl_tune_host(ENetHost *host, enet_uint32 now_ms) {
    host->recalculateBandwidthLimits = 0;
    host->bandwidthThrottleEpoch = now_ms;
}

static bl_duration timeout_of(const struct bl_peer *peer, bl_time now) {
    bl_duration timeout = bl_rtt_timeout(&peer->rtt);
    bool stale = now - peer->received_at > STALE_AFTER;
    return stale && timeout < STALE_TIMEOUT ? STALE_TIMEOUT : timeout;
}

void bl_tune_timers(struct bl_peer *peer, bl_time now) {
    ENetPeer *enet = peer->enet;
    struct bl_timer_wheel *wheel = peer->host->wheel;
    if (enet_list_empty(&enet->sentReliableCommands)) {
        bl_timer_cancel(wheel, &peer->timer);
        return;
    }
    enet_uint32 now_ms = bl_enet_time(now);
    enet_uint32 timeout_ms = bl_to_ms(timeout_of(peer, now));
    int32_t earliest = INT32_MAX; /* milliseconds from now */
    for (ENetListIterator at = enet_list_begin(&enet->sentReliableCommands);
         at != enet_list_end(&enet->sentReliableCommands); at = enet_list_next(at)) {
        ENetOutgoingCommand *command = (ENetOutgoingCommand *)(void *)at;
        command->roundTripTimeout = timeout_ms;
        if (command->sendAttempts > ATTEMPTS_MAX) {
            command->sendAttempts = ATTEMPTS_MAX;
        }
        int32_t due = bl_serial_distance(command->sentTime + timeout_ms, now_ms);
        earliest = due < earliest ? due : earliest;
    }
    /* What was due more than a day ago ENet takes for the future: then it is due now. */
    enet->nextTimeout = now_ms + (enet_uint32)(earliest > 0 ? earliest : 0);
    bl_timer_arm(wheel, &peer->timer, now + earliest * BL_MILLISECOND);
}

void bl_peer_restart_timers(struct bl_peer *peer, bl_time now) {
    ENetPeer *enet = peer->enet;
    for (ENetListIterator at = enet_list_begin(&enet->sentReliableCommands);
         at != enet_list_end(&enet->sentReliableCommands); at = enet_list_next(at)) {
        ((ENetOutgoingCommand *)(void *)at)->sentTime = bl_enet_time(now);
    }
}

/** What the other side waits for first among what was sent before @p since_ms, but was not at
 * @p marked_ms: of each channel the lowest number. One that was repeated before stands behind
 * younger ones in ENet's list. */
static ENetOutgoingCommand *oldest_before(ENetPeer *enet, enet_uint32 since_ms,
                                          enet_uint32 marked_ms) {
    ENetOutgoingCommand *oldest = NULL;
    for (ENetListIterator at = enet_list_begin(&enet->sentReliableCommands);
         at != enet_list_end(&enet->sentReliableCommands); at = enet_list_next(at)) {
        ENetOutgoingCommand *command = (ENetOutgoingCommand *)(void *)at;
        if (bl_serial_distance(since_ms, command->sentTime) <= 0 ||
            command->sentTime == marked_ms) {
            continue;
        }
        bool older =
            oldest != NULL &&
            command->command.header.channelID == oldest->command.header.channelID &&
            (int16_t)(command->reliableSequenceNumber - oldest->reliableSequenceNumber) < 0;
        oldest = oldest == NULL || older ? command : oldest;
    }
    return oldest;
}

bool bl_peer_repeat(struct bl_peer *peer, size_t size_max, bl_time since, bl_time now) {
    ENetPeer *enet = peer->enet;
    size_t size = DATAGRAM_SIZE + peer->owed_acks * sizeof(ENetProtocolAcknowledge);
    enet_uint32 overdue_ms = bl_enet_time(now) - bl_to_ms(timeout_of(peer, now));
    bool any = false;
    for (;;) {
        ENetOutgoingCommand *command = oldest_before(enet, bl_enet_time(since), overdue_ms);
        if (command == NULL) {
            break;
        }
        size += sizeof(ENetProtocolSendReliable) + command->fragmentLength;
        if (size > size_max) {
            break;
        }
        command->sentTime = overdue_ms;
        any = true;
    }
    if (any) {
        bl_peer_mark_dirty(peer);
    }
    return any;
}
