/*
 * The datagrams of the wire, docs/protocol.md "Datagrams": what UDP carries.
 *
 * Every datagram begins with its kind and a steering byte. OPEN, ACCEPT and DENY make a binding;
 * DATA carries one ENet datagram over it; GONE says that a binding has no peer any more.
 */
#ifndef BL_WIRE_DATAGRAM_H
#define BL_WIRE_DATAGRAM_H

#include "common/bytes.h"
#include <belay/limits.h>

#define BL_WIRE_VERSION 1

enum bl_datagram_kind {
    BL_DATAGRAM_OPEN = 1,
    BL_DATAGRAM_ACCEPT = 2,
    BL_DATAGRAM_DENY = 4,
    BL_DATAGRAM_DATA = 5,
    BL_DATAGRAM_GONE = 6,
};

#define BL_OPEN_SIZE                                                                               \
    1200 /* padded, so that no answer can be larger than the question (RFC 9000 8.1) */
#define BL_NONCE_SIZE       16
#define BL_DATA_HEADER_SIZE 8  /* kind, steering, tag 4, number 2 */
#define BL_DATA_TAG_SIZE    16 /* behind the payload: room of the authenticator */
#define BL_DATA_PAYLOAD_MAX (1200 - BL_DATA_HEADER_SIZE - BL_DATA_TAG_SIZE)

/** Client to server: asks for a binding. A repeat differs only in its attempt. */
struct bl_open {
    uint8_t attempt; /* echoed by the answer, so that its round trip is known exactly */
    uint16_t version;
    uint64_t game; /* bl_wire_hash() of the options' game */
    uint8_t nonce[BL_NONCE_SIZE];
    bool resume; /* wants a session back rather than a new one */
};

/** Server to client: the binding stands. */
struct bl_accept {
    uint8_t attempt;
    uint8_t nonce[BL_NONCE_SIZE]; /* of the OPEN it answers */
    uint32_t tag;                 /* names the binding in DATA, both ways */
};

/** Server to client: no. */
struct bl_deny {
    uint8_t attempt;
    uint8_t nonce[BL_NONCE_SIZE];
    uint32_t code; /* enum belay_reason_code */
    bool come_back;
    uint32_t retry_ms;
    const uint8_t *text; /* not terminated; when read, lent from the datagram and not yet cleaned */
    uint8_t text_size;
};

/** What DATA and GONE begin with. */
struct bl_data_header {
    uint32_t tag;
    uint16_t number; /* low half of the packet number */
};

/** The kind of a datagram, 0 for one that is empty. */
uint8_t bl_datagram_kind(const void *data, size_t size);

/* Writers return the size written; @p out holds BL_OPEN_SIZE bytes. */
size_t bl_open_write(uint8_t *out, const struct bl_open *open);
size_t bl_accept_write(uint8_t *out, const struct bl_accept *accept);
size_t bl_deny_write(uint8_t *out, const struct bl_deny *deny);
/** Only the header: payload and authenticator follow it. */
void bl_data_header_write(uint8_t *out, enum bl_datagram_kind kind,
                          const struct bl_data_header *header);

/* Readers take any bytes of the kind they are named after; false = malformed, out is then
 * undefined. */
bool bl_open_read(struct bl_open *out, const void *data, size_t size);
bool bl_accept_read(struct bl_accept *out, const void *data, size_t size);
bool bl_deny_read(struct bl_deny *out, const void *data, size_t size);
bool bl_data_header_read(struct bl_data_header *out, const void *data, size_t size);

/** FNV-1a, 64 bits, of a string: how names travel that both sides only need to compare. NULL hashes
 * as "". */
uint64_t bl_wire_hash(const char *text);

#endif
