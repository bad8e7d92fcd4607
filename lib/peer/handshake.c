/*
 * ENet's handshake, played by one side alone.
 *
 * ENet connects in three steps: CONNECT, VERIFY_CONNECT, ACKNOWLEDGE. Both our sides use the
 * accepting half, which is all the same to ENet: a CONNECT of our own making is fed to the host,
 * the VERIFY_CONNECT it answers with is taken at the port, and its acknowledgement is fed back. By
 * then the other side has been proven by the secure layer, so nothing of this is needed on the
 * wire.
 */
#include "common/assert.h"
#include "common/bytes.h"
#include "lib/peer/filter.h"
#include "lib/peer/host.h"
#include "lib/wire/datagram.h"

#define CONTROL_CHANNEL 0xff
#define ANY_SESSION     0xff

static void feed(struct bl_host *host, struct bl_peer *peer, const struct bl_writer *datagram) {
    BELAY_ASSERT(!datagram->failed);
    host->port.incoming = datagram->start;
    host->port.incoming_size = bl_writer_size(datagram);
    host->port.from = (ENetAddress){.host = (enet_uint32)(peer - host->peers) + 1, .port = 1};
    bl_host_serve(host, peer, host->now);
}

static void feed_connect(struct bl_host *host, struct bl_peer *peer) {
    uint8_t datagram[64];
    struct bl_writer writer = bl_writer_of(datagram, sizeof datagram);
    bl_write_u16(&writer, ENET_PROTOCOL_MAXIMUM_PEER_ID | ENET_PROTOCOL_HEADER_FLAG_SENT_TIME);
    bl_write_u16(&writer, (enet_uint16)bl_enet_time(host->now));
    bl_write_u8(&writer, ENET_PROTOCOL_COMMAND_CONNECT | ENET_PROTOCOL_COMMAND_FLAG_ACKNOWLEDGE);
    bl_write_u8(&writer, CONTROL_CHANNEL);
    bl_write_u16(&writer, 1); /* reliable sequence number */
    bl_write_u16(&writer, 0); /* the other side's peer id: bl_filter_pass() overwrites it */
    bl_write_u8(&writer, ANY_SESSION);
    bl_write_u8(&writer, ANY_SESSION);
    bl_write_u32(&writer, BL_DATA_PAYLOAD_MAX);
    bl_write_u32(&writer, ENET_PROTOCOL_MAXIMUM_WINDOW_SIZE);
    bl_write_u32(&writer, host->channel_count);
    bl_write_u32(&writer, 0); /* incoming bandwidth: unlimited */
    bl_write_u32(&writer, 0); /* outgoing bandwidth */
    bl_write_u32(&writer, ENET_PEER_PACKET_THROTTLE_INTERVAL);
    bl_write_u32(&writer, ENET_PEER_PACKET_THROTTLE_ACCELERATION);
    bl_write_u32(&writer,
                 0); /* throttle deceleration: never down, so nothing is ever dropped by it */
    bl_write_u32(&writer, (enet_uint32)(peer - host->peers) + 1); /* connect id */
    bl_write_u32(&writer, 0);                                     /* data */
    feed(host, peer, &writer);
}

void bl_handshake_transmit(struct bl_handshake *handshake, const ENetBuffer *pieces, size_t count) {
    /* Header with its sent time in the first piece, the one command in the second. */
    BELAY_ASSERT(count == 2 && pieces[0].dataLength >= 4 && pieces[1].dataLength >= 4);
    struct bl_reader header = bl_reader_of(pieces[0].data, pieces[0].dataLength);
    bl_read_u16(&header);
    handshake->sent_time = bl_read_u16(&header);
    struct bl_reader command = bl_reader_of(pieces[1].data, pieces[1].dataLength);
    uint8_t number = bl_read_u8(&command) & ENET_PROTOCOL_COMMAND_MASK;
    BELAY_ASSERT(number == ENET_PROTOCOL_COMMAND_VERIFY_CONNECT);
    bl_read_u8(&command);
    handshake->sequence = bl_read_u16(&command);
    handshake->verified = true;
}

static void feed_acknowledgement(struct bl_host *host, struct bl_peer *peer) {
    uint8_t datagram[16];
    struct bl_writer writer = bl_writer_of(datagram, sizeof datagram);
    bl_write_u16(&writer, bl_filter_header(peer->enet));
    bl_write_u8(&writer, ENET_PROTOCOL_COMMAND_ACKNOWLEDGE);
    bl_write_u8(&writer, CONTROL_CHANNEL);
    bl_write_u16(&writer, host->handshake->sequence);
    bl_write_u16(&writer, host->handshake->sequence);
    bl_write_u16(&writer, host->handshake->sent_time);
    feed(host, peer, &writer);
}

bool bl_handshake_play(struct bl_host *host, struct bl_peer *peer, bl_time now) {
    struct bl_handshake handshake = {0};
    host->handshake = &handshake;
    host->now = now;
    feed_connect(host, peer); /* ENet allocates the channels, or drops it */
    if (peer->enet->state == ENET_PEER_STATE_ACKNOWLEDGING_CONNECT) {
        bl_host_serve(host, peer,
                      now); /* VERIFY_CONNECT leaves, unless there was no memory to queue it */
    }
    if (handshake.verified) {
        feed_acknowledgement(host, peer);
    }
    host->handshake = NULL;
    return peer->connected;
}
