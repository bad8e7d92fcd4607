/*
 * The sending half of one reliable channel.
 *
 * A message gets its sequence when it is in the send buffer, and stays there until the other side
 * has handled it: a new binding could then send again what the old one lost. Between the two it is
 * handed to ENet packet by packet, never more than BL_SPAN_MAX packets past the oldest one that is
 * not acknowledged: ENet acknowledges selectively, and beyond a wider span the receiver's ENet
 * would refuse even the packet that all others wait for, for ever.
 */
#ifndef BL_SESSION_SEND_STREAM_H
#define BL_SESSION_SEND_STREAM_H

#include "common/ring.h"
#include "lib/clock/time.h"
#include "lib/peer/packet.h"
#include "lib/wire/resume.h"
#include <belay/result.h>

#define BL_SPAN_MAX 256U

/** One message in the send buffer. */
struct bl_outgoing {
    uint32_t size; /* as the application gave it */
    uint32_t packet_count;
    struct bl_packet **packets;
    struct bl_packet *only; /* where packets points when there is one */
    uint32_t sequence;
    uint32_t flight_start; /* number of its first packet in flight, once handed */
    bl_time expires_at;
    bool expired; /* its packet is a SKIP; the message is the application's again */
    bool topical;
};

struct bl_send_stream {
    struct bl_memory *memory;
    uint8_t channel;
    uint32_t first_sequence; /* of the oldest message in the buffer */
    uint32_t doubtful;       /* newest that may have arrived over the link before this one */
    uint32_t begun, sent;    /* newest of which a part, of which all was handed over: on any link */
    struct bl_ring messages; /* struct bl_outgoing, not yet handled */
    uint32_t handed_messages; /* of these: wholly handed to ENet */
    uint32_t handed_packets;  /* of the message after them */
    struct bl_ring flight;    /* struct bl_in_flight, in the order of handing */
    uint32_t flight_first;    /* number of the oldest in it */
    size_t flight_bytes;      /* not acknowledged */
};

/** What @p index of a message's packets has of it. */
struct bl_span bl_outgoing_part(const struct bl_outgoing *message, uint32_t index);

void bl_send_stream_init(struct bl_send_stream *stream, struct bl_memory *memory, uint8_t channel);
void bl_send_stream_finish(struct bl_send_stream *stream);

/** The sequence of the newest message, 0 before the first. */
uint32_t bl_send_stream_newest(const struct bl_send_stream *stream);
/** The sequence of the newest handled message. */
uint32_t bl_send_stream_handled(const struct bl_send_stream *stream);

/** What a message is made of: a few bytes of our own, and the application's; or a body, which is
 * not copied. */
struct bl_payload {
    struct bl_span head, data;
    struct bl_body *body; /* or NULL; it holds the topic too */
    bool topical;
};

static inline size_t bl_payload_size(const struct bl_payload *payload) {
    return payload->body != NULL ? payload->body->size : payload->head.size + payload->data.size;
}

/**
 * Puts a message into the buffer, cut into packets.
 *
 * @return BELAY_OK, BELAY_E_NO_MEMORY (no sequence was used)
 */
enum belay_result bl_send_stream_push_payload(struct bl_send_stream *stream,
                                              const struct bl_payload *payload, bl_time expires_at);
static inline enum belay_result bl_send_stream_push(struct bl_send_stream *stream, const void *data,
                                                    size_t size, bl_time expires_at) {
    const struct bl_payload payload = {.data = {data, size}};
    return bl_send_stream_push_payload(stream, &payload, expires_at);
}

/** Puts a SKIP behind the others: a message that has expired before. @return as above */
enum belay_result bl_send_stream_push_skip(struct bl_send_stream *stream);

#define BL_KEY_SIZE 8U
/**
 * The newest message that waits, of which nothing has been handed over and which begins with the
 * same BL_KEY_SIZE bytes (all of them, if it has fewer); NULL when there is none.
 */
struct bl_outgoing *bl_send_stream_find(const struct bl_send_stream *stream,
                                        const struct bl_payload *payload);
/**
 * Puts a message in the place of the one that was found, which is gone then, and under its
 * sequence.
 *
 * @return BELAY_OK, BELAY_E_NO_MEMORY
 */
enum belay_result bl_send_stream_replace(struct bl_send_stream *stream, struct bl_outgoing *found,
                                         const struct bl_payload *payload, bl_time expires_at);

/** The message whose turn it is, or NULL. Its first packet is next if handed_packets is 0. */
struct bl_outgoing *bl_send_stream_next(const struct bl_send_stream *stream);
/** The packet whose turn it is; NULL when there is none, the span is full or memory is out. */
struct bl_packet *bl_send_stream_next_packet(struct bl_send_stream *stream);
/** ENet has taken the packet that bl_send_stream_next_packet() has just given. */
void bl_send_stream_handed(struct bl_send_stream *stream);

/**
 * Turns the message whose turn it is, none of which has been handed, into a SKIP: it has expired.
 *
 * @param data receives a block of @p outgoing->size bytes with the message, the caller's to
 * bl_free()
 * @return false when memory is out, and nothing has changed
 */
bool bl_send_stream_skip(struct bl_send_stream *stream, uint8_t **data);

/** Takes note of what ENet no longer holds; returns how many bytes were acknowledged. */
size_t bl_send_stream_reap(struct bl_send_stream *stream);

/** What left the buffer. */
struct bl_released {
    uint32_t messages;
    uint32_t expired; /* of these */
    bool topical;     /* take_back: that one is */
    uint32_t drawn;   /* of these, begun to be handed over on this link: they draw on credit */
    size_t bytes, drawn_bytes;
};
/**
 * The other side has handled everything up to @p sequence. That may have come over the link before
 * this one, after the other side had said how far it had come: then it is not sent again.
 *
 * @return false when it cannot have: it is beyond what was ever handed to ENet
 */
bool bl_send_stream_release(struct bl_send_stream *stream, uint32_t sequence,
                            struct bl_released *released);

/** Everything in the buffer has been handed over and acknowledged. */
bool bl_send_stream_is_drained(const struct bl_send_stream *stream);
/** The peer is gone with what it had in flight: everything not handled counts as not handed. */
void bl_send_stream_unbind(struct bl_send_stream *stream);

/** Nothing up to @p sequence will be sent any more, be it begun or not. The stream has no peer. */
void bl_send_stream_drop_to(struct bl_send_stream *stream, uint32_t sequence,
                            struct bl_released *released);

/** Whether the other side can have received so much, and handled so much of it. */
bool bl_send_stream_can_resume(const struct bl_send_stream *stream,
                               const struct bl_position *position);
/**
 * There is another peer: what the other side has received counts as handed over and acknowledged,
 * so what follows it is next. The position can be true, see above.
 *
 * @param exact  else more may have arrived meanwhile, so nothing that had left can be called
 * expired
 */
void bl_send_stream_resume(struct bl_send_stream *stream, const struct bl_position *position,
                           bool exact);
/** Whether the message whose turn it is certainly has not arrived. */
bool bl_send_stream_may_expire(const struct bl_send_stream *stream);
/** Messages handed over, the begun one included, and not handled; only drawn is filled in. */
struct bl_released bl_send_stream_drawn(const struct bl_send_stream *stream);
/** The first message will be number @p sequence. The stream is empty. */
void bl_send_stream_start_at(struct bl_send_stream *stream, uint32_t sequence);
/** The oldest message leaves the buffer, for its application to have back: NULL when there is none,
 * or it is a SKIP (@p released says so), or memory is out (then nothing has changed). @return a
 * block of released->bytes bytes, one at least */
uint8_t *bl_send_stream_take_back(struct bl_send_stream *stream, struct bl_released *released);

#endif
