/* A saved ticket is of the same game and channels, or of no use: so both are in it, as hashes. */
#include "client/ticket.h"

#include "common/error.h"
#include <string.h>

static const char magic[8] = {'B', 'e', 'l', 'a', 'y', 'R', 's', '2'};

void bl_client_ticket_take(struct bl_client_ticket *kept, const struct bl_dialed *dialed) {
    memcpy(kept->ticket, dialed->params.ticket, sizeof kept->ticket);
    kept->resume_key = dialed->keys.resume;
}

void bl_client_ticket_aim(struct bl_client_ticket *kept, struct bl_dial_target *target,
                          const struct bl_resume *resume, bl_time wall) {
    uint64_t wall_ms = (uint64_t)(wall / BL_MILLISECOND);
    kept->attempt = wall_ms > kept->attempt ? wall_ms : kept->attempt + 1;
    target->by_ticket = true;
    memcpy(target->ticket, kept->ticket, sizeof target->ticket);
    target->resume_key = kept->resume_key;
    target->resume = *resume;
    target->resume.attempt = kept->attempt;
}

static void write_addresses(struct bl_writer *writer, const struct bl_dial_target *target) {
    bl_write_u8(writer, (uint8_t)target->address_count);
    for (size_t i = 0; i < target->address_count; i++) {
        bl_write_bytes(writer, target->addresses[i].ip, sizeof target->addresses[i].ip);
        bl_write_u32(writer, target->addresses[i].scope);
        bl_write_u16(writer, target->addresses[i].port);
    }
}

size_t bl_client_ticket_write(uint8_t *out, const struct bl_client_ticket *kept,
                              const struct bl_session *session, uint64_t game,
                              const struct bl_dial_target *target) {
    struct bl_writer writer = bl_writer_of(out, BELAY_TICKET_SIZE_MAX);
    bl_write_bytes(&writer, magic, sizeof magic);
    bl_write_u64(&writer, game);
    bl_write_u64(&writer, bl_shared_hash_declared(session->shared));
    bl_write_bytes(&writer, kept->ticket, sizeof kept->ticket);
    bl_write_bytes(&writer, kept->resume_key.bytes, sizeof kept->resume_key.bytes);
    bl_write_bytes(&writer, session->identity, sizeof session->identity);
    bl_write_u32(&writer, session->features);
    bl_write_u32(&writer, bl_to_ms(session->heartbeat));
    bl_write_u32(&writer, bl_to_ms(session->lost));
    bl_write_u32(&writer, bl_to_ms(session->resume_window));
    bl_write_u16(&writer, session->peer_credit.messages);
    bl_write_u32(&writer, session->peer_credit.bytes);
    bl_write_u16(&writer, session->peer_credit.requests);
    write_addresses(&writer, target);
    return bl_writer_size(&writer);
}

static bool read_addresses(struct bl_reader *reader, struct bl_dial_target *out) {
    out->address_count = bl_read_u8(reader);
    if (out->address_count == 0 || out->address_count > BL_DIAL_ADDRESSES_MAX) {
        return false;
    }
    for (size_t i = 0; i < out->address_count; i++) {
        bl_read_copy(reader, out->addresses[i].ip, sizeof out->addresses[i].ip);
        out->addresses[i].scope = bl_read_u32(reader);
        out->addresses[i].port = bl_read_u16(reader);
    }
    return !reader->failed && bl_reader_left(reader) == 0;
}

/** What the login had agreed. */
static void read_terms(struct bl_reader *reader, struct bl_session *session) {
    bl_read_copy(reader, session->identity, sizeof session->identity);
    session->features = bl_read_u32(reader);
    session->heartbeat = bl_from_ms(bl_read_u32(reader));
    session->lost = bl_from_ms(bl_read_u32(reader));
    session->resume_window = bl_from_ms(bl_read_u32(reader));
    session->peer_credit.messages = bl_read_u16(reader);
    session->peer_credit.bytes = bl_read_u32(reader);
    session->peer_credit.requests = bl_read_u16(reader);
}

enum belay_result bl_client_ticket_read(struct bl_client_ticket *kept, struct bl_session *session,
                                        struct bl_dial_target *target, uint64_t game,
                                        const struct bl_span *saved) {
    struct bl_reader reader = bl_reader_of(saved->data, saved->size);
    struct bl_dial_target places = {0};
    struct bl_session terms;
    uint8_t begin[sizeof magic];
    bl_read_copy(&reader, begin, sizeof begin);
    uint64_t its_game = bl_read_u64(&reader);
    uint64_t channels = bl_read_u64(&reader);
    const uint8_t *ticket = bl_read_span(&reader, BL_TICKET_SIZE);
    const uint8_t *key = bl_read_span(&reader, BL_SECRET_SIZE);
    read_terms(&reader, &terms);
    if (!read_addresses(&reader, &places) || memcmp(begin, magic, sizeof magic) != 0 ||
        terms.heartbeat == 0 || terms.lost == 0) {
        return bl_fail(BELAY_E_KEY, "ticket: not one, or cut short; give what a TICKET event had");
    }
    if (its_game != game || channels != bl_shared_hash_declared(session->shared)) {
        return bl_fail(BELAY_E_KEY, "ticket: of a client with another game or other channels");
    }
    memcpy(kept->ticket, ticket, sizeof kept->ticket);
    memcpy(kept->resume_key.bytes, key, sizeof kept->resume_key.bytes);
    memcpy(session->identity, terms.identity, sizeof session->identity);
    session->features = terms.features & session->shared->features;
    session->heartbeat = terms.heartbeat;
    session->lost = terms.lost;
    session->resume_window = terms.resume_window;
    session->peer_credit = terms.peer_credit;
    if (target->address_count == 0) {
        memcpy(target->addresses, places.addresses, sizeof target->addresses);
        target->address_count = places.address_count;
    }
    return BELAY_OK;
}
