/*
 * Frames, docs/protocol.md "Frames": what two sessions say to each other.
 *
 * One ENet packet carries one frame: a type byte and its fields. The table in frame.c is the whole
 * vocabulary: name, bounds of size, how it travels and in which states of which role it is legal.
 */
#ifndef BL_WIRE_FRAME_H
#define BL_WIRE_FRAME_H

#include "common/bytes.h"
#include "lib/wire/datagram.h"
#include <belay/reason.h>
#include <belay/session.h>

enum bl_frame_type {
    BL_FRAME_HELLO = 1,
    BL_FRAME_WELCOME = 2,
    BL_FRAME_REFUSE = 3,
    BL_FRAME_CLOSE = 4,
    BL_FRAME_ERROR = 6,
    BL_FRAME_PING = 7,
    BL_FRAME_PONG = 8,
    BL_FRAME_HANDLED = 9,
    BL_FRAME_PAUSE = 10,
    BL_FRAME_DRAIN = 11,
    BL_FRAME_MESSAGE = 16,
    BL_FRAME_SEGMENT = 17,
    BL_FRAME_SKIP = 18,
    BL_FRAME_DATAGRAM = 19,
    BL_FRAME_FRAGMENT = 20,
    BL_FRAME_MOVES = 21, /* this and the next: lib/wire/move.h */
    BL_FRAME_MOVE_ACK = 22,
};
/** From here on types are extensions: below BL_FRAME_REQUIRED an unknown one is dropped, above it
 * is an error. */
#define BL_FRAME_OPTIONAL 0x80
#define BL_FRAME_REQUIRED 0xc0

/** The largest frame: what an ENet packet holds without ENet's own fragments (mtu - 28, ENet
 * peer.c). */
#define BL_FRAME_SIZE_MAX    (BL_DATA_PAYLOAD_MAX - 28)
#define BL_MESSAGE_HEADER    6  /* type, channel, sequence */
#define BL_SEGMENT_HEADER    14 /* and offset, total */
#define BL_FRAGMENT_HEADER   8  /* type, channel, sequence, index, count */
#define BL_MOVES_HEADER      10 /* type, lane, newest, present, same */
#define BL_MOVE_ACK_SIZE     32
#define BL_MESSAGE_DATA_MAX  (BL_FRAME_SIZE_MAX - BL_MESSAGE_HEADER)
#define BL_SEGMENT_DATA_MAX  (BL_FRAME_SIZE_MAX - BL_SEGMENT_HEADER)
#define BL_FRAGMENT_DATA_MAX (BL_FRAME_SIZE_MAX - BL_FRAGMENT_HEADER)
#define BL_TOPIC_SIZE        4    /* before the data of a message that names one */
#define BL_TOPICAL           0x80 /* with its channel */
#define BL_FRAGMENTS_MAX     (1 + (BELAY_UNRELIABLE_MAX - 1) / BL_FRAGMENT_DATA_MAX)

/** Feature bits of HELLO and WELCOME. */
#define BL_FEATURE_PAUSE    (UINT32_C(1) << 0) /* understands PAUSE */
#define BL_FEATURE_EXPIRY   (UINT32_C(1) << 1) /* understands SKIP */
#define BL_FEATURE_REQUESTS (UINT32_C(1) << 2) /* takes what travels on the request channel */
#define BL_FEATURE_TOPICS   (UINT32_C(1) << 3) /* knows messages that name a topic */
#define BL_FEATURES_KNOWN                                                                          \
    (BL_FEATURE_PAUSE | BL_FEATURE_EXPIRY | BL_FEATURE_REQUESTS | BL_FEATURE_TOPICS)

enum bl_role { BL_ROLE_CLIENT, BL_ROLE_SERVER };

enum bl_verdict {
    BL_FRAME_OK,
    BL_FRAME_MALFORMED,   /* dropped and counted */
    BL_FRAME_ILLEGAL,     /* known, but not in this state: dropped and counted */
    BL_FRAME_UNKNOWN,     /* core type that nobody knows: answered with ERROR */
    BL_FRAME_UNSUPPORTED, /* required extension: answered with ERROR */
    BL_FRAME_IGNORED,     /* optional extension: dropped */
};

/** Judges a frame by the table before anything in it is looked at. */
enum bl_verdict bl_frame_judge(const void *data, size_t size, enum bl_role receiver,
                               enum belay_state state);
/** "HELLO" and so on; NULL for a type that the table does not have. */
const char *bl_frame_name(uint8_t type);

struct bl_channel_mark {
    uint8_t mode;  /* enum belay_mode */
    uint16_t name; /* low half of bl_wire_hash() */
};

struct bl_hello {
    uint16_t version;
    uint32_t features; /* offered */
    uint32_t required; /* of these, without which the sender will not go on */
    uint16_t credit_messages;
    uint32_t credit_bytes;
    uint16_t requests;  /* that may be pending */
    uint16_t move_size; /* 0 = no movement: then the next two are 0 as well */
    uint16_t tick_hz;
    uint8_t lanes;
    uint8_t channel_count;
    struct bl_channel_mark channels[BELAY_CHANNELS_MAX];
    const uint8_t *login; /* lent */
    uint16_t login_size;
};

struct bl_welcome {
    uint32_t features; /* agreed */
    uint32_t heartbeat_ms, lost_ms, resume_window_ms;
    uint16_t credit_messages;
    uint32_t credit_bytes;
    uint16_t requests;
    uint8_t user_id[16];
    const uint8_t *payload; /* lent */
    uint16_t payload_size;
};

/** REFUSE and CLOSE: a reason on its way. */
struct bl_reason_frame {
    uint32_t code;
    bool come_back;
    uint32_t retry_ms;
    const uint8_t *text; /* lent, not terminated, not cleaned */
    uint8_t text_size;
};

struct bl_error_frame {
    uint8_t verdict; /* enum bl_verdict: what was wrong */
    uint8_t frame;   /* the type that was */
};

struct bl_pong {
    uint32_t nonce;   /* of the ping it answers */
    uint64_t time_us; /* the answerer's clock when it did */
};

struct bl_handled {
    uint8_t count;
    struct {
        uint8_t channel;
        uint32_t sequence; /* newest handled */
    } channels[BL_STREAMS_MAX];
};

/** MESSAGE, SEGMENT, SKIP, DATAGRAM and FRAGMENT: a piece of the application's data. */
struct bl_piece {
    uint8_t type;
    uint8_t channel;
    uint32_t sequence;
    uint32_t offset, total; /* SEGMENT: in bytes */
    uint8_t index, count;   /* FRAGMENT */
    const uint8_t *data;    /* lent */
    size_t size;
    bool topical; /* the message begins with the topic that it was published to, 4 bytes */
};

struct bl_drain_frame {
    uint32_t deadline_ms;
    const uint8_t *go_to; /* lent, not terminated, not cleaned */
    uint8_t go_to_size;
};

/* Writers return the size written, 0 when @p size bytes do not hold it. */
size_t bl_hello_write(void *out, size_t size, const struct bl_hello *hello);
size_t bl_welcome_write(void *out, size_t size, const struct bl_welcome *welcome);
size_t bl_reason_write(void *out, size_t size, uint8_t type, const struct bl_reason_frame *reason);
size_t bl_error_write(void *out, size_t size, const struct bl_error_frame *error);
size_t bl_ping_write(void *out, size_t size, uint32_t nonce);
size_t bl_pong_write(void *out, size_t size, const struct bl_pong *pong);
size_t bl_handled_write(void *out, size_t size, const struct bl_handled *handled);
size_t bl_pause_write(void *out, size_t size, uint32_t ms);
size_t bl_drain_write(void *out, size_t size, const struct bl_drain_frame *drain);
/** Writes the header of a piece; its data follow. */
size_t bl_piece_write(void *out, size_t size, const struct bl_piece *piece);

/* Readers expect a frame that bl_frame_judge() let pass; false = malformed. */
bool bl_hello_read(struct bl_hello *out, const void *data, size_t size);
bool bl_welcome_read(struct bl_welcome *out, const void *data, size_t size);
bool bl_reason_read(struct bl_reason_frame *out, const void *data, size_t size);
bool bl_error_read(struct bl_error_frame *out, const void *data, size_t size);
bool bl_ping_read(uint32_t *nonce, const void *data, size_t size);
bool bl_pong_read(struct bl_pong *out, const void *data, size_t size);
bool bl_handled_read(struct bl_handled *out, const void *data, size_t size);
bool bl_pause_read(uint32_t *ms, const void *data, size_t size);
bool bl_drain_read(struct bl_drain_frame *out, const void *data, size_t size);
bool bl_piece_read(struct bl_piece *out, const void *data, size_t size);

#endif
