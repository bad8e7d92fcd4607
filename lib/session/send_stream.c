/*
 * Two rings: messages (until handled) and packets in flight (until acknowledged). Handled may come
 * before ENet's acknowledgement; what ENet still holds then stays in flight and counts against the
 * span, or whoever says "handled" and never acknowledges would fill ENet's queues.
 */
#include "lib/session/send_stream.h"

#include "common/assert.h"
#include "common/error.h"
#include "common/serial.h"
#include "lib/wire/frame.h"
#include <string.h>

/** A packet that ENet has; NULL once it is acknowledged. */
struct bl_in_flight {
    struct bl_packet *packet;
    uint32_t size;
    bool orphan; /* its message is handled and gone: the packet is ours to release */
};

void bl_send_stream_init(struct bl_send_stream *stream, struct bl_memory *memory, uint8_t channel) {
    *stream = (struct bl_send_stream){.memory = memory, .channel = channel, .first_sequence = 1};
    bl_ring_init(&stream->messages, memory, sizeof(struct bl_outgoing));
    bl_ring_init(&stream->flight, memory, sizeof(struct bl_in_flight));
}

static struct bl_packet *packet_at(const struct bl_outgoing *message, uint32_t index) {
    return message->packet_count == 1 ? message->only : message->packets[index];
}

static void free_table(struct bl_send_stream *stream, struct bl_outgoing *message) {
    if (message->packet_count > 1) {
        bl_free(stream->memory, message->packets,
                message->packet_count * sizeof(struct bl_packet *));
    }
}

static void free_packets(struct bl_send_stream *stream, struct bl_outgoing *message) {
    for (uint32_t i = 0; i < message->packet_count; i++) {
        bl_packet_release(packet_at(message, i));
    }
    free_table(stream, message);
}

/** Nothing is in flight any more: the peer that had it is gone. */
static void land_everything(struct bl_send_stream *stream) {
    for (uint32_t i = 0; i < stream->flight.count; i++) {
        struct bl_in_flight *flight = bl_ring_at(&stream->flight, i);
        if (flight->packet != NULL && flight->orphan) {
            bl_packet_release(flight->packet);
        }
    }
    stream->flight_first += stream->flight.count;
    stream->flight_bytes = 0;
    bl_ring_finish(&stream->flight);
}

void bl_send_stream_finish(struct bl_send_stream *stream) {
    for (uint32_t i = 0; i < stream->messages.count; i++) {
        free_packets(stream, bl_ring_at(&stream->messages, i));
    }
    land_everything(stream);
    bl_ring_finish(&stream->messages);
}

uint32_t bl_send_stream_newest(const struct bl_send_stream *stream) {
    return stream->first_sequence + stream->messages.count - 1;
}

uint32_t bl_send_stream_handled(const struct bl_send_stream *stream) {
    return stream->first_sequence - 1;
}

/** Copies @p size bytes from @p offset of the message on. */
static void copy_part(const struct bl_payload *payload, size_t offset, uint8_t *out, size_t size) {
    size_t head = payload->head.size > offset ? payload->head.size - offset : 0;
    head = head < size ? head : size;
    if (head > 0) {
        memcpy(out, (const uint8_t *)payload->head.data + offset, head);
    }
    if (size > head) {
        size_t begin = offset + head - payload->head.size;
        memcpy(out + head, (const uint8_t *)payload->data.data + begin, size - head);
    }
}

/** One packet with a piece's header and @p size bytes of the message behind it. */
static struct bl_packet *make_packet(const struct bl_piece *piece, const struct bl_payload *payload,
                                     size_t size) {
    size_t header = piece->type == BL_FRAME_SEGMENT ? BL_SEGMENT_HEADER : BL_MESSAGE_HEADER;
    struct bl_packet *packet;
    if (payload->body != NULL) {
        const struct bl_span part = {payload->body->bytes + piece->offset, size};
        packet = bl_packet_create_around(payload->body, &part, header, BL_ORDERED);
    } else {
        packet = bl_packet_create(header + size, BL_ORDERED);
    }
    if (packet == NULL) {
        return NULL;
    }
    bl_piece_write(bl_packet_data(packet), header, piece);
    if (payload->body == NULL) {
        copy_part(payload, piece->offset, bl_packet_data(packet) + header, size);
    }
    return packet;
}

static bool cut(struct bl_outgoing *message, const struct bl_piece *whole,
                const struct bl_payload *payload) {
    struct bl_piece piece = *whole;
    for (uint32_t i = 0; i < message->packet_count; i++) {
        piece.offset = i * BL_SEGMENT_DATA_MAX;
        size_t left = message->size - piece.offset;
        size_t size = left < BL_SEGMENT_DATA_MAX ? left : BL_SEGMENT_DATA_MAX;
        message->packets[i] = make_packet(&piece, payload, size);
        if (message->packets[i] == NULL) {
            message->packet_count = i;
            return false;
        }
    }
    return true;
}

static bool make_packets(struct bl_send_stream *stream, struct bl_outgoing *message,
                         const struct bl_payload *payload) {
    struct bl_piece piece = {.type = BL_FRAME_MESSAGE,
                             .channel = stream->channel,
                             .topical = message->topical,
                             .sequence = message->sequence};
    if (message->size <= BL_MESSAGE_DATA_MAX) {
        message->packet_count = 1;
        message->only = make_packet(&piece, payload, message->size);
        return message->only != NULL;
    }
    uint32_t count = (message->size + BL_SEGMENT_DATA_MAX - 1) / BL_SEGMENT_DATA_MAX;
    size_t table_size = count * sizeof(struct bl_packet *);
    piece.type = BL_FRAME_SEGMENT;
    piece.total = message->size;
    message->packet_count = count;
    message->packets = bl_allocate(stream->memory, table_size);
    if (message->packets == NULL) {
        return false;
    }
    if (cut(message, &piece, payload)) {
        return true;
    }
    for (uint32_t i = 0; i < message->packet_count; i++) {
        bl_packet_release(message->packets[i]);
    }
    bl_free(stream->memory, message->packets, table_size);
    return false;
}

enum belay_result bl_send_stream_push_payload(struct bl_send_stream *stream,
                                              const struct bl_payload *payload,
                                              bl_time expires_at) {
    size_t size = bl_payload_size(payload);
    struct bl_outgoing made = {.size = (uint32_t)size,
                               .topical = payload->topical,
                               .sequence = bl_send_stream_newest(stream) + 1,
                               .expires_at = expires_at};
    if (!make_packets(stream, &made, payload)) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory to queue a message of %zu bytes", size);
    }
    struct bl_outgoing *message = bl_ring_push(&stream->messages);
    if (message == NULL) {
        free_packets(stream, &made);
        return bl_fail(BELAY_E_NO_MEMORY, "no memory to queue a message");
    }
    *message = made;
    return BELAY_OK;
}

enum belay_result bl_send_stream_push_skip(struct bl_send_stream *stream) {
    const struct bl_piece skip = {.type = BL_FRAME_SKIP,
                                  .channel = stream->channel,
                                  .sequence = bl_send_stream_newest(stream) + 1};
    struct bl_packet *packet = make_packet(&skip, &(struct bl_payload){0}, 0);
    struct bl_outgoing *message = packet != NULL ? bl_ring_push(&stream->messages) : NULL;
    if (message == NULL) {
        bl_packet_release(packet);
        return bl_fail(BELAY_E_NO_MEMORY, "no memory to queue a message");
    }
    *message = (struct bl_outgoing){.packet_count = 1,
                                    .only = packet,
                                    .sequence = skip.sequence,
                                    .expires_at = BL_TIME_NEVER,
                                    .expired = true};
    return BELAY_OK;
}

/** The topic belongs to the key. */
static bool has_key(const struct bl_outgoing *message, const struct bl_payload *payload) {
    size_t size = bl_payload_size(payload);
    size_t key_max = BL_KEY_SIZE + (payload->topical ? BL_TOPIC_SIZE : 0);
    size_t key_size = size < key_max ? size : key_max;
    bool same_size = message->size == size || (message->size >= key_max && size >= key_max);
    const void *data = payload->body != NULL ? payload->body->bytes : payload->data.data;
    return !message->expired && message->topical == payload->topical && same_size &&
           (key_size == 0 || memcmp(bl_outgoing_part(message, 0).data, data, key_size) == 0);
}

struct bl_outgoing *bl_send_stream_find(const struct bl_send_stream *stream,
                                        const struct bl_payload *payload) {
    uint32_t begin = stream->begun + 1 - stream->first_sequence; /* what is older may be there */
    for (uint32_t i = stream->messages.count; i > begin; i--) {
        struct bl_outgoing *message = bl_ring_at(&stream->messages, i - 1);
        if (has_key(message, payload)) {
            return message;
        }
    }
    return NULL;
}

enum belay_result bl_send_stream_replace(struct bl_send_stream *stream, struct bl_outgoing *found,
                                         const struct bl_payload *payload, bl_time expires_at) {
    size_t size = bl_payload_size(payload);
    struct bl_outgoing made = {.size = (uint32_t)size,
                               .topical = payload->topical,
                               .sequence = found->sequence,
                               .expires_at = expires_at};
    if (!make_packets(stream, &made, payload)) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory to queue a message of %zu bytes", size);
    }
    free_packets(stream, found);
    *found = made;
    return BELAY_OK;
}

struct bl_outgoing *bl_send_stream_next(const struct bl_send_stream *stream) {
    if (stream->handed_messages == stream->messages.count) {
        return NULL;
    }
    return bl_ring_at(&stream->messages, stream->handed_messages);
}

struct bl_packet *bl_send_stream_next_packet(struct bl_send_stream *stream) {
    const struct bl_outgoing *message = bl_send_stream_next(stream);
    if (message == NULL || stream->flight.count >= BL_SPAN_MAX ||
        !bl_ring_reserve(&stream->flight)) {
        return NULL;
    }
    return packet_at(message, stream->handed_packets);
}

void bl_send_stream_handed(struct bl_send_stream *stream) {
    struct bl_outgoing *message = bl_send_stream_next(stream);
    struct bl_in_flight *flight = bl_ring_push(&stream->flight);
    BELAY_ASSERT(flight != NULL);
    flight->packet = packet_at(message, stream->handed_packets);
    flight->size = (uint32_t)bl_packet_size(flight->packet);
    stream->flight_bytes += flight->size;
    if (stream->handed_packets == 0) {
        message->flight_start = stream->flight_first + stream->flight.count - 1;
    }
    if (bl_serial_after(message->sequence, stream->begun)) {
        stream->begun = message->sequence;
    }
    if (++stream->handed_packets == message->packet_count) {
        stream->sent =
            bl_serial_after(message->sequence, stream->sent) ? message->sequence : stream->sent;
        stream->handed_packets = 0;
        stream->handed_messages++;
    }
}

struct bl_span bl_outgoing_part(const struct bl_outgoing *message, uint32_t index) {
    size_t header = message->packet_count == 1 ? BL_MESSAGE_HEADER : BL_SEGMENT_HEADER;
    return bl_packet_rest(packet_at(message, index), header);
}

/** Copies what a message was before it was cut. */
static void put_together(const struct bl_outgoing *message, uint8_t *whole) {
    for (uint32_t i = 0; i < message->packet_count; i++) {
        struct bl_span part = bl_outgoing_part(message, i);
        memcpy(whole, part.data, part.size);
        whole += part.size;
    }
}

bool bl_send_stream_skip(struct bl_send_stream *stream, uint8_t **data) {
    struct bl_outgoing *message = bl_send_stream_next(stream);
    BELAY_ASSERT(message != NULL && stream->handed_packets == 0);
    const struct bl_piece skip = {
        .type = BL_FRAME_SKIP, .channel = stream->channel, .sequence = message->sequence};
    struct bl_packet *packet = make_packet(&skip, &(struct bl_payload){0}, 0);
    uint8_t *whole = bl_allocate(stream->memory, message->size > 0 ? message->size : 1);
    if (packet == NULL || whole == NULL) {
        bl_packet_release(packet);
        bl_free(stream->memory, whole, message->size > 0 ? message->size : 1);
        return false;
    }
    put_together(message, whole);
    free_packets(stream, message);
    message->packet_count = 1;
    message->only = packet;
    message->expires_at = BL_TIME_NEVER;
    message->expired = true;
    *data = whole;
    return true;
}

/** Forgets acknowledged packets at the old end, so that the span moves on. */
static void shorten_flight(struct bl_send_stream *stream) {
    while (stream->flight.count > 0) {
        const struct bl_in_flight *oldest = bl_ring_at(&stream->flight, 0);
        if (oldest->packet != NULL) {
            return;
        }
        bl_ring_drop(&stream->flight);
        stream->flight_first++;
    }
}

static size_t land(struct bl_send_stream *stream, struct bl_in_flight *flight) {
    if (flight->orphan) {
        bl_packet_release(flight->packet);
    }
    flight->packet = NULL;
    stream->flight_bytes -= flight->size;
    return flight->size;
}

size_t bl_send_stream_reap(struct bl_send_stream *stream) {
    size_t bytes = 0;
    for (uint32_t i = 0; i < stream->flight.count; i++) {
        struct bl_in_flight *flight = bl_ring_at(&stream->flight, i);
        if (flight->packet != NULL && !bl_packet_is_in_flight(flight->packet)) {
            bytes += land(stream, flight);
        }
    }
    shorten_flight(stream);
    return bytes;
}

/** The packet's place in flight; NULL when it has left it. */
static struct bl_in_flight *flight_of(const struct bl_send_stream *stream, uint32_t number) {
    uint32_t index = number - stream->flight_first; /* wraps for one that is long acknowledged */
    return index < stream->flight.count ? bl_ring_at(&stream->flight, index) : NULL;
}

/** Makes orphans of the packets that ENet still holds, and frees the others with their message. */
static void leave(struct bl_send_stream *stream, struct bl_outgoing *message) {
    for (uint32_t i = 0; i < message->packet_count; i++) {
        struct bl_in_flight *flight = flight_of(stream, message->flight_start + i);
        if (flight != NULL && flight->packet != NULL) {
            flight->orphan = true;
        } else {
            bl_packet_release(packet_at(message, i));
        }
    }
    free_table(stream, message);
}

/** The oldest message leaves, be it handed over on this link, in part, or not at all. */
static void release_oldest(struct bl_send_stream *stream, struct bl_released *released) {
    struct bl_outgoing *message = bl_ring_at(&stream->messages, 0);
    bool whole = stream->handed_messages > 0;
    released->messages++;
    released->expired += message->expired;
    released->bytes += message->size;
    if (whole || stream->handed_packets > 0) {
        released->drawn++;
        released->drawn_bytes += message->size;
        leave(stream, message);
    } else {
        free_packets(stream, message);
    }
    stream->handed_messages -= whole;
    stream->handed_packets = whole ? stream->handed_packets : 0;
    bl_ring_drop(&stream->messages);
    stream->first_sequence++;
}

bool bl_send_stream_release(struct bl_send_stream *stream, uint32_t sequence,
                            struct bl_released *released) {
    *released = (struct bl_released){0};
    if (bl_serial_after(sequence, stream->sent)) {
        return false;
    }
    while (bl_serial_distance(sequence, stream->first_sequence) >= 0) {
        release_oldest(stream, released);
    }
    return true; /* an older report, overtaken, releases nothing */
}

void bl_send_stream_drop_to(struct bl_send_stream *stream, uint32_t sequence,
                            struct bl_released *released) {
    BELAY_ASSERT(stream->flight.count == 0);
    *released = (struct bl_released){0};
    while (stream->messages.count > 0 &&
           bl_serial_distance(sequence, stream->first_sequence) >= 0) {
        release_oldest(stream, released);
    }
    uint32_t handled = bl_send_stream_handled(stream);
    stream->begun = bl_serial_after(handled, stream->begun) ? handled : stream->begun;
    stream->sent = bl_serial_after(handled, stream->sent) ? handled : stream->sent;
}

bool bl_send_stream_is_drained(const struct bl_send_stream *stream) {
    return stream->handed_messages == stream->messages.count && stream->flight.count == 0;
}

void bl_send_stream_unbind(struct bl_send_stream *stream) {
    stream->handed_messages = 0;
    stream->handed_packets = 0;
    land_everything(stream);
}

/** Bytes of the message after @p received that were received: whole packets of one that was begun,
 * and not all of them. */
static bool can_be_filled(const struct bl_send_stream *stream, uint32_t received, uint32_t filled) {
    uint32_t index = received + 1 - stream->first_sequence;
    if (filled == 0) {
        return true;
    }
    if (index >= stream->messages.count || bl_serial_after(received + 1, stream->begun)) {
        return false;
    }
    const struct bl_outgoing *message = bl_ring_at(&stream->messages, index);
    return message->packet_count > 1 && filled < message->size && filled % BL_SEGMENT_DATA_MAX == 0;
}

bool bl_send_stream_can_resume(const struct bl_send_stream *stream,
                               const struct bl_position *position) {
    uint32_t known = bl_send_stream_handled(stream);
    return bl_serial_distance(position->handled, known) >= 0 &&
           bl_serial_distance(position->received, position->handled) >= 0 &&
           bl_serial_distance(stream->sent, position->received) >= 0 &&
           can_be_filled(stream, position->received, position->filled);
}

bool bl_send_stream_may_expire(const struct bl_send_stream *stream) {
    return stream->handed_packets == 0 &&
           bl_serial_after(bl_send_stream_next(stream)->sequence, stream->doubtful);
}

void bl_send_stream_resume(struct bl_send_stream *stream, const struct bl_position *position,
                           bool exact) {
    BELAY_ASSERT(stream->flight.count == 0);
    stream->doubtful = exact ? position->received : stream->begun;
    stream->handed_messages = position->received - bl_send_stream_handled(stream);
    stream->handed_packets = position->filled / BL_SEGMENT_DATA_MAX;
    if (stream->handed_packets > 0) { /* as if its first packets had landed */
        struct bl_outgoing *message = bl_send_stream_next(stream);
        message->flight_start = stream->flight_first - stream->handed_packets;
    }
}

struct bl_released bl_send_stream_drawn(const struct bl_send_stream *stream) {
    struct bl_released drawn = {0};
    uint32_t count = stream->handed_messages + (stream->handed_packets > 0);
    for (uint32_t i = 0; i < count; i++) {
        const struct bl_outgoing *message = bl_ring_at(&stream->messages, i);
        drawn.drawn++;
        drawn.drawn_bytes += message->size;
    }
    return drawn;
}

void bl_send_stream_start_at(struct bl_send_stream *stream, uint32_t sequence) {
    BELAY_ASSERT(stream->messages.count == 0);
    stream->first_sequence = sequence;
    stream->begun = stream->sent = stream->doubtful = sequence - 1;
}

uint8_t *bl_send_stream_take_back(struct bl_send_stream *stream, struct bl_released *released) {
    *released = (struct bl_released){0};
    if (stream->messages.count == 0) {
        return NULL;
    }
    struct bl_outgoing *message = bl_ring_at(&stream->messages, 0);
    uint8_t *whole = NULL;
    if (!message->expired) {
        whole = bl_allocate(stream->memory, message->size > 0 ? message->size : 1);
        if (whole == NULL) {
            return NULL;
        }
        put_together(message, whole);
    }
    *released = (struct bl_released){.messages = 1,
                                     .expired = message->expired,
                                     .topical = message->topical,
                                     .bytes = message->size};
    free_packets(stream, message);
    bl_ring_drop(&stream->messages);
    stream->first_sequence++;
    return whole;
}
