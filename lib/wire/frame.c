/*
 * The frame table and the codec of every frame.
 *
 * A reader may trust that the table's bounds hold (bl_frame_judge() ran), and nothing else: each
 * checks the lengths inside its frame, and that nothing is left over.
 */
#include "lib/wire/frame.h"

#include "common/assert.h"

#define IN(state)                   (1U << (state))
#define NOWHERE                     0U
#define HELLO_SIZE(channels, login) (25U + 3U * (channels) + (login))

struct frame_rule {
    const char *name;
    uint16_t size_min, size_max;
    uint16_t client_states; /* in which a client accepts it, IN() or-ed */
    uint16_t server_states;
};

enum {
    OPEN_STATES = IN(BELAY_LOGGED_IN) | IN(BELAY_RECONNECTING),
    BOUND_STATES = OPEN_STATES | IN(BELAY_TRANSPORT_CONNECTED) | IN(BELAY_LOGIN_PENDING),
    /* WELCOME may be lost and repeated while what follows it on other channels has arrived. */
    CLIENT_STREAM_STATES = OPEN_STATES | IN(BELAY_LOGIN_PENDING),
};

static const struct frame_rule rules[] = {
    [BL_FRAME_HELLO] = {"HELLO", HELLO_SIZE(1, 0), HELLO_SIZE(BELAY_CHANNELS_MAX, BELAY_LOGIN_MAX),
                        NOWHERE, IN(BELAY_TRANSPORT_CONNECTED)},
    [BL_FRAME_WELCOME] = {"WELCOME", 43, 43 + BELAY_LOGIN_MAX, IN(BELAY_LOGIN_PENDING), NOWHERE},
    [BL_FRAME_REFUSE] = {"REFUSE", 11, 11 + BELAY_REASON_TEXT_MAX, IN(BELAY_LOGIN_PENDING),
                         NOWHERE},
    [BL_FRAME_CLOSE] = {"CLOSE", 11, 11 + BELAY_REASON_TEXT_MAX, BOUND_STATES, BOUND_STATES},
    [BL_FRAME_ERROR] = {"ERROR", 3, 3, BOUND_STATES, BOUND_STATES},
    [BL_FRAME_PING] = {"PING", 5, 5, OPEN_STATES, OPEN_STATES},
    [BL_FRAME_PONG] = {"PONG", 13, 13, OPEN_STATES, OPEN_STATES},
    [BL_FRAME_HANDLED] = {"HANDLED", 7, 2 + 5 * BL_STREAMS_MAX, OPEN_STATES, OPEN_STATES},
    [BL_FRAME_PAUSE] = {"PAUSE", 5, 5, OPEN_STATES, OPEN_STATES},
    [BL_FRAME_DRAIN] = {"DRAIN", 6, 6 + BELAY_REASON_TEXT_MAX, CLIENT_STREAM_STATES, NOWHERE},
    [BL_FRAME_MESSAGE] = {"MESSAGE", BL_MESSAGE_HEADER, BL_FRAME_SIZE_MAX, CLIENT_STREAM_STATES,
                          OPEN_STATES},
    [BL_FRAME_SEGMENT] = {"SEGMENT", BL_SEGMENT_HEADER + 1, BL_FRAME_SIZE_MAX, CLIENT_STREAM_STATES,
                          OPEN_STATES},
    [BL_FRAME_SKIP] = {"SKIP", BL_MESSAGE_HEADER, BL_MESSAGE_HEADER, CLIENT_STREAM_STATES,
                       OPEN_STATES},
    [BL_FRAME_DATAGRAM] = {"DATAGRAM", BL_MESSAGE_HEADER, BL_FRAME_SIZE_MAX, OPEN_STATES,
                           OPEN_STATES},
    [BL_FRAME_FRAGMENT] = {"FRAGMENT", BL_FRAGMENT_HEADER + 1, BL_FRAME_SIZE_MAX, OPEN_STATES,
                           OPEN_STATES},
    [BL_FRAME_MOVES] = {"MOVES", BL_MOVES_HEADER + 1, BL_FRAME_SIZE_MAX, NOWHERE, OPEN_STATES},
    [BL_FRAME_MOVE_ACK] = {"MOVE_ACK", BL_MOVE_ACK_SIZE, BL_MOVE_ACK_SIZE, OPEN_STATES, NOWHERE},
};

static const struct frame_rule *rule_of(uint8_t type) {
    if (type >= sizeof rules / sizeof rules[0] || rules[type].name == NULL) {
        return NULL;
    }
    return &rules[type];
}

const char *bl_frame_name(uint8_t type) {
    const struct frame_rule *rule = rule_of(type);
    return rule != NULL ? rule->name : NULL;
}

enum bl_verdict bl_frame_judge(const void *data, size_t size, enum bl_role receiver,
                               enum belay_state state) {
    if (size == 0) {
        return BL_FRAME_MALFORMED;
    }
    uint8_t type = *(const uint8_t *)data;
    const struct frame_rule *rule = rule_of(type);
    if (rule == NULL) {
        return type < BL_FRAME_OPTIONAL   ? BL_FRAME_UNKNOWN
               : type < BL_FRAME_REQUIRED ? BL_FRAME_IGNORED
                                          : BL_FRAME_UNSUPPORTED;
    }
    if (size < rule->size_min || size > rule->size_max) {
        return BL_FRAME_MALFORMED;
    }
    uint16_t states = receiver == BL_ROLE_CLIENT ? rule->client_states : rule->server_states;
    return (states & IN(state)) != 0 ? BL_FRAME_OK : BL_FRAME_ILLEGAL;
}

/** Behind the type byte. */
static struct bl_reader body_of(const void *data, size_t size) {
    struct bl_reader reader = bl_reader_of(data, size);
    bl_read_u8(&reader);
    return reader;
}

static bool read_to_the_end(const struct bl_reader *reader) {
    return !reader->failed && bl_reader_left(reader) == 0;
}

static struct bl_writer begin(void *out, size_t size, uint8_t type) {
    struct bl_writer writer = bl_writer_of(out, size);
    bl_write_u8(&writer, type);
    return writer;
}

static size_t finish(const struct bl_writer *writer) {
    return writer->failed ? 0 : bl_writer_size(writer);
}

size_t bl_hello_write(void *out, size_t size, const struct bl_hello *hello) {
    struct bl_writer writer = begin(out, size, BL_FRAME_HELLO);
    bl_write_u16(&writer, hello->version);
    bl_write_u32(&writer, hello->features);
    bl_write_u32(&writer, hello->required);
    bl_write_u16(&writer, hello->credit_messages);
    bl_write_u32(&writer, hello->credit_bytes);
    bl_write_u16(&writer, hello->requests);
    bl_write_u16(&writer, hello->move_size);
    bl_write_u16(&writer, hello->tick_hz);
    bl_write_u8(&writer, hello->lanes);
    bl_write_u8(&writer, hello->channel_count);
    for (uint8_t i = 0; i < hello->channel_count; i++) {
        bl_write_u8(&writer, hello->channels[i].mode);
        bl_write_u16(&writer, hello->channels[i].name);
    }
    bl_write_bytes(&writer, hello->login, hello->login_size);
    return finish(&writer);
}

static bool is_movement(const struct bl_hello *hello) {
    if (hello->move_size == 0) {
        return hello->tick_hz == 0 && hello->lanes == 0;
    }
    return hello->move_size <= BELAY_MOVE_SIZE_MAX && hello->tick_hz > 0 &&
           hello->tick_hz <= BELAY_TICK_HZ_MAX && hello->lanes > 0 &&
           hello->lanes <= BELAY_LANES_MAX;
}

bool bl_hello_read(struct bl_hello *out, const void *data, size_t size) {
    struct bl_reader reader = body_of(data, size);
    out->version = bl_read_u16(&reader);
    out->features = bl_read_u32(&reader);
    out->required = bl_read_u32(&reader);
    out->credit_messages = bl_read_u16(&reader);
    out->credit_bytes = bl_read_u32(&reader);
    out->requests = bl_read_u16(&reader);
    out->move_size = bl_read_u16(&reader);
    out->tick_hz = bl_read_u16(&reader);
    out->lanes = bl_read_u8(&reader);
    out->channel_count = bl_read_u8(&reader);
    if (!is_movement(out) || out->channel_count == 0 || out->channel_count > BELAY_CHANNELS_MAX) {
        return false;
    }
    for (uint8_t i = 0; i < out->channel_count; i++) {
        out->channels[i].mode = bl_read_u8(&reader);
        out->channels[i].name = bl_read_u16(&reader);
    }
    size_t login_size = bl_reader_left(&reader);
    out->login = bl_read_span(&reader, login_size);
    out->login_size = (uint16_t)login_size;
    return !reader.failed && login_size <= BELAY_LOGIN_MAX;
}

size_t bl_welcome_write(void *out, size_t size, const struct bl_welcome *welcome) {
    struct bl_writer writer = begin(out, size, BL_FRAME_WELCOME);
    bl_write_u16(&writer, BL_WIRE_VERSION);
    bl_write_u32(&writer, welcome->features);
    bl_write_u32(&writer, welcome->heartbeat_ms);
    bl_write_u32(&writer, welcome->lost_ms);
    bl_write_u32(&writer, welcome->resume_window_ms);
    bl_write_u16(&writer, welcome->credit_messages);
    bl_write_u32(&writer, welcome->credit_bytes);
    bl_write_u16(&writer, welcome->requests);
    bl_write_bytes(&writer, welcome->user_id, sizeof welcome->user_id);
    bl_write_bytes(&writer, welcome->payload, welcome->payload_size);
    return finish(&writer);
}

bool bl_welcome_read(struct bl_welcome *out, const void *data, size_t size) {
    struct bl_reader reader = body_of(data, size);
    uint16_t version = bl_read_u16(&reader);
    out->features = bl_read_u32(&reader);
    out->heartbeat_ms = bl_read_u32(&reader);
    out->lost_ms = bl_read_u32(&reader);
    out->resume_window_ms = bl_read_u32(&reader);
    out->credit_messages = bl_read_u16(&reader);
    out->credit_bytes = bl_read_u32(&reader);
    out->requests = bl_read_u16(&reader);
    bl_read_copy(&reader, out->user_id, sizeof out->user_id);
    size_t payload_size = bl_reader_left(&reader);
    out->payload = bl_read_span(&reader, payload_size);
    out->payload_size = (uint16_t)payload_size;
    return !reader.failed && version == BL_WIRE_VERSION && payload_size <= BELAY_LOGIN_MAX;
}

size_t bl_reason_write(void *out, size_t size, uint8_t type, const struct bl_reason_frame *reason) {
    BELAY_ASSERT(type == BL_FRAME_REFUSE || type == BL_FRAME_CLOSE);
    struct bl_writer writer = begin(out, size, type);
    bl_write_u32(&writer, reason->code);
    bl_write_u8(&writer, reason->come_back);
    bl_write_u32(&writer, reason->retry_ms);
    bl_write_u8(&writer, reason->text_size);
    bl_write_bytes(&writer, reason->text, reason->text_size);
    return finish(&writer);
}

bool bl_reason_read(struct bl_reason_frame *out, const void *data, size_t size) {
    struct bl_reader reader = body_of(data, size);
    out->code = bl_read_u32(&reader);
    uint8_t come_back = bl_read_u8(&reader);
    out->come_back = come_back == 1;
    out->retry_ms = bl_read_u32(&reader);
    out->text_size = bl_read_u8(&reader);
    out->text = bl_read_span(&reader, out->text_size);
    return read_to_the_end(&reader) && come_back <= 1 && out->text_size <= BELAY_REASON_TEXT_MAX;
}

size_t bl_error_write(void *out, size_t size, const struct bl_error_frame *error) {
    struct bl_writer writer = begin(out, size, BL_FRAME_ERROR);
    bl_write_u8(&writer, error->verdict);
    bl_write_u8(&writer, error->frame);
    return finish(&writer);
}

bool bl_error_read(struct bl_error_frame *out, const void *data, size_t size) {
    struct bl_reader reader = body_of(data, size);
    out->verdict = bl_read_u8(&reader);
    out->frame = bl_read_u8(&reader);
    return read_to_the_end(&reader);
}

size_t bl_ping_write(void *out, size_t size, uint32_t nonce) {
    struct bl_writer writer = begin(out, size, BL_FRAME_PING);
    bl_write_u32(&writer, nonce);
    return finish(&writer);
}

bool bl_ping_read(uint32_t *nonce, const void *data, size_t size) {
    struct bl_reader reader = body_of(data, size);
    *nonce = bl_read_u32(&reader);
    return read_to_the_end(&reader);
}

size_t bl_pong_write(void *out, size_t size, const struct bl_pong *pong) {
    struct bl_writer writer = begin(out, size, BL_FRAME_PONG);
    bl_write_u32(&writer, pong->nonce);
    bl_write_u64(&writer, pong->time_us);
    return finish(&writer);
}

bool bl_pong_read(struct bl_pong *out, const void *data, size_t size) {
    struct bl_reader reader = body_of(data, size);
    out->nonce = bl_read_u32(&reader);
    out->time_us = bl_read_u64(&reader);
    return read_to_the_end(&reader);
}

size_t bl_handled_write(void *out, size_t size, const struct bl_handled *handled) {
    struct bl_writer writer = begin(out, size, BL_FRAME_HANDLED);
    bl_write_u8(&writer, handled->count);
    for (uint8_t i = 0; i < handled->count; i++) {
        bl_write_u8(&writer, handled->channels[i].channel);
        bl_write_u32(&writer, handled->channels[i].sequence);
    }
    return finish(&writer);
}

bool bl_handled_read(struct bl_handled *out, const void *data, size_t size) {
    struct bl_reader reader = body_of(data, size);
    out->count = bl_read_u8(&reader);
    if (out->count == 0 || out->count > BL_STREAMS_MAX) {
        return false;
    }
    for (uint8_t i = 0; i < out->count; i++) {
        out->channels[i].channel = bl_read_u8(&reader);
        out->channels[i].sequence = bl_read_u32(&reader);
    }
    return read_to_the_end(&reader);
}

size_t bl_pause_write(void *out, size_t size, uint32_t ms) {
    struct bl_writer writer = begin(out, size, BL_FRAME_PAUSE);
    bl_write_u32(&writer, ms);
    return finish(&writer);
}

bool bl_pause_read(uint32_t *ms, const void *data, size_t size) {
    struct bl_reader reader = body_of(data, size);
    *ms = bl_read_u32(&reader);
    return read_to_the_end(&reader);
}

size_t bl_drain_write(void *out, size_t size, const struct bl_drain_frame *drain) {
    struct bl_writer writer = begin(out, size, BL_FRAME_DRAIN);
    bl_write_u32(&writer, drain->deadline_ms);
    bl_write_u8(&writer, drain->go_to_size);
    bl_write_bytes(&writer, drain->go_to, drain->go_to_size);
    return finish(&writer);
}

bool bl_drain_read(struct bl_drain_frame *out, const void *data, size_t size) {
    struct bl_reader reader = body_of(data, size);
    out->deadline_ms = bl_read_u32(&reader);
    out->go_to_size = bl_read_u8(&reader);
    out->go_to = bl_read_span(&reader, out->go_to_size);
    return read_to_the_end(&reader) && out->go_to_size <= BELAY_REASON_TEXT_MAX;
}

size_t bl_piece_write(void *out, size_t size, const struct bl_piece *piece) {
    struct bl_writer writer = begin(out, size, piece->type);
    bl_write_u8(&writer, piece->channel | (piece->topical ? BL_TOPICAL : 0));
    bl_write_u32(&writer, piece->sequence);
    if (piece->type == BL_FRAME_SEGMENT) {
        bl_write_u32(&writer, piece->offset);
        bl_write_u32(&writer, piece->total);
    } else if (piece->type == BL_FRAME_FRAGMENT) {
        bl_write_u8(&writer, piece->index);
        bl_write_u8(&writer, piece->count);
    }
    return finish(&writer);
}

bool bl_piece_read(struct bl_piece *out, const void *data, size_t size) {
    struct bl_reader reader = bl_reader_of(data, size);
    *out = (struct bl_piece){.type = bl_read_u8(&reader)};
    uint8_t channel = bl_read_u8(&reader);
    out->channel = channel & (BL_TOPICAL - 1);
    out->topical = (channel & BL_TOPICAL) != 0;
    out->sequence = bl_read_u32(&reader);
    if (out->type == BL_FRAME_SEGMENT) {
        out->offset = bl_read_u32(&reader);
        out->total = bl_read_u32(&reader);
    } else if (out->type == BL_FRAME_FRAGMENT) {
        out->index = bl_read_u8(&reader);
        out->count = bl_read_u8(&reader);
    }
    out->size = bl_reader_left(&reader);
    out->data = bl_read_span(&reader, out->size);
    return !reader.failed;
}
