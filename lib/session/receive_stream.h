/*
 * The receiving half of one reliable channel.
 *
 * Pieces come in order, because ENet orders them; what a new binding sends again is recognised by
 * its sequence. A large message is put together in one block that its first segment pays for out of
 * the session's credit.
 */
#ifndef BL_SESSION_RECEIVE_STREAM_H
#define BL_SESSION_RECEIVE_STREAM_H

#include "common/memory.h"
#include "lib/wire/frame.h"

/** What a session may still be sent before its application has handled more. */
struct bl_credit {
    uint32_t messages;
    size_t bytes;
};

struct bl_receive_stream {
    uint32_t received; /* newest whole message */
    uint32_t handled;  /* newest that the application has handled */
    uint8_t *block;    /* of the message that is coming in segments; NULL = none */
    uint32_t total, filled;
    bool fresh; /* of a new process: the first piece says where the other side goes on */
};

enum bl_receive_verdict {
    BL_RECEIVE_WHOLE,     /* a message is complete: in the piece itself, or in a block */
    BL_RECEIVE_PART,      /* more segments to come */
    BL_RECEIVE_DUPLICATE, /* had come before */
    BL_RECEIVE_BROKEN,    /* out of order, or segments that do not fit together */
    BL_RECEIVE_OVERDRAWN, /* beyond the credit */
    BL_RECEIVE_NO_MEMORY, /* the message cannot be taken in, so the stream cannot go on */
};

/**
 * Takes one MESSAGE, SEGMENT or SKIP.
 *
 * @param credit is lowered by what a new message takes
 * @param block  WHOLE: the finished block of piece->total bytes, the caller's to bl_free(), or NULL
 *               when the message is the piece's own data
 */
enum bl_receive_verdict bl_receive_stream_take(struct bl_receive_stream *stream,
                                               struct bl_memory *memory, struct bl_credit *credit,
                                               const struct bl_piece *piece, uint8_t **block);
/** What comes next is at or after the message behind @p handled. */
void bl_receive_stream_start_at(struct bl_receive_stream *stream, uint32_t handled);
/** Everything up to @p received will not come any more, so it counts as handled. @return the size
 * of the message that was coming in segments, and is gone */
size_t bl_receive_stream_skip_to(struct bl_receive_stream *stream, struct bl_memory *memory,
                                 uint32_t received);
void bl_receive_stream_finish(struct bl_receive_stream *stream, struct bl_memory *memory);

#endif
