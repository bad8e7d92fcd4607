/*
 * The datagrams of the wire, docs/protocol.md "Datagrams": what UDP carries.
 *
 * Every datagram begins with its kind and a steering byte, by which a balancer in front of several
 * processes finds the one it is for. Those up to DENY make a binding; DATA to RESPONSE travel over
 * one, sealed; QUERY, INFO and RESET need none. What is sealed is bytes here: lib/secure opens it.
 */
#ifndef BL_WIRE_DATAGRAM_H
#define BL_WIRE_DATAGRAM_H

#include "common/bytes.h"
#include "lib/wire/resume.h"
#include <belay/limits.h>

#define BL_WIRE_VERSION 2

enum bl_datagram_kind {
    BL_DATAGRAM_OPEN = 1,
    BL_DATAGRAM_ACCEPT = 2,
    BL_DATAGRAM_RETRY = 3,
    BL_DATAGRAM_DENY = 4,
    BL_DATAGRAM_DATA = 5,
    BL_DATAGRAM_GONE = 6,
    BL_DATAGRAM_CHALLENGE = 7,
    BL_DATAGRAM_RESPONSE = 8,
    BL_DATAGRAM_QUERY = 9,
    BL_DATAGRAM_INFO = 10,
    BL_DATAGRAM_RESET = 11,
};

#define BL_OPEN_SIZE                                                                               \
    1200 /* padded, so that no answer can be larger than the question (RFC 9000 8.1) */
#define BL_OPEN_FIXED_SIZE     1152 /* what a repeat never changes */
#define BL_OPEN_PROVEN_SIZE    1168 /* what the proof covers: that, and the cookie */
#define BL_OPEN_HEAD_SIZE      64   /* before the credential */
#define BL_OPEN_CREDENTIAL_MAX (BL_OPEN_FIXED_SIZE - BL_OPEN_HEAD_SIZE)
#define BL_NONCE_SIZE          16
#define BL_COOKIE_SIZE         16
#define BL_PROOF_SIZE          32
#define BL_PUBLIC_KEY_SIZE     32
#define BL_ACCEPT_HEAD_SIZE    67 /* what is in clear; parameters and authenticator follow */
#define BL_TICKET_SIZE         105
#define BL_RESET_TOKEN_SIZE    16
#define BL_ACCEPT_FIXED_SIZE   (10 + 2 * BL_RESET_TOKEN_SIZE + BL_TICKET_SIZE) /* of parameters */
#define BL_ACCEPT_PARAMS_MAX   (BL_ACCEPT_FIXED_SIZE + BL_POSITIONS_SIZE_MAX)
#define BL_ACCEPT_SIZE_MAX     (BL_ACCEPT_HEAD_SIZE + BL_ACCEPT_PARAMS_MAX + BL_DATA_TAG_SIZE)
#define BL_RETRY_SIZE          67
#define BL_RESET_SIZE          (6 + BL_RESET_TOKEN_SIZE)
#define BL_DENY_SIZE_MAX       (60 + BELAY_REASON_TEXT_MAX)
#define BL_DATA_HEADER_SIZE    10 /* kind and phase, steering, tag 4, number 4 */
#define BL_DATA_TAG_SIZE       16 /* behind the payload: the authenticator */
#define BL_DATA_PAYLOAD_MAX    (1200 - BL_DATA_HEADER_SIZE - BL_DATA_TAG_SIZE)
#define BL_CHALLENGE_PAYLOAD   12 /* challenge 8, spare tag 4 */
#define BL_RESPONSE_PAYLOAD    8
#define BL_QUERY_SIZE          640
#define BL_INFO_HEAD_SIZE      52

/** How a client is let in. */
enum bl_way {
    BL_WAY_TOKEN = 1,
    BL_WAY_KEY = 2,
    BL_WAY_RESUME = 3,
};

/** Client to server: asks for a binding. A repeat differs only in cookie and proof. */
struct bl_open {
    uint16_t version;
    enum bl_way way;
    uint8_t suites;
    uint64_t game; /* bl_wire_hash() of the options' game */
    uint8_t nonce[BL_NONCE_SIZE];
    uint8_t key[BL_PUBLIC_KEY_SIZE]; /* the client's ephemeral one */
    const uint8_t *credential;       /* read: lent from the datagram */
    uint16_t credential_size;
};

/** Server to client: the binding stands. The sealed parameters follow this head. */
struct bl_accept {
    uint8_t suite;
    uint8_t nonce[BL_NONCE_SIZE]; /* of the OPEN it answers */
    uint8_t server_nonce[BL_NONCE_SIZE];
    uint8_t key[BL_PUBLIC_KEY_SIZE]; /* the server's ephemeral one */
};
struct bl_accept_params {
    uint32_t tag;                             /* names the binding in DATA, both ways */
    uint32_t spare_tag;                       /* for after a change of network */
    uint8_t reset_token[BL_RESET_TOKEN_SIZE]; /* by which a RESET of that tag is known */
    uint8_t spare_reset_token[BL_RESET_TOKEN_SIZE];
    uint8_t ticket[BL_TICKET_SIZE]; /* to resume with, opaque to the client */
    struct bl_positions positions;  /* of the server; none at a login */
};

/** Server to client: come again with this cookie. */
struct bl_retry {
    uint8_t nonce[BL_NONCE_SIZE];
    uint8_t cookie[BL_COOKIE_SIZE];
    enum bl_way way;
    uint8_t key[BL_PUBLIC_KEY_SIZE]; /* the server's own, where it lets in by it */
};

/** Server to client: no. An authenticator follows, or as many zeros. */
struct bl_deny {
    uint8_t nonce[BL_NONCE_SIZE];
    uint32_t code; /* enum belay_reason_code */
    bool come_back;
    uint32_t retry_ms;
    const uint8_t *text; /* not terminated; when read, lent from the datagram and not yet cleaned */
    uint8_t text_size;
    size_t proven_size; /* read: what the authenticator behind it covers */
};

/** What DATA, GONE, CHALLENGE and RESPONSE begin with; the steering byte is the tag's first. */
struct bl_data_header {
    enum bl_datagram_kind kind;
    bool phase;
    bool steered; /* written: from client to server; read: whether the steering byte is not 0 */
    uint32_t tag;
    uint32_t number; /* low half of the packet number */
};

/** Server to client: it has no binding of this tag, and never will have again (RFC 9000 10.3). */
struct bl_reset {
    uint32_t tag;
    uint8_t token[BL_RESET_TOKEN_SIZE];
};

struct bl_query {
    uint16_t version;
    uint64_t game; /* 0 = any */
    uint8_t nonce[8];
};

struct bl_info {
    uint8_t nonce[8];                /* of the QUERY */
    uint8_t key[BL_PUBLIC_KEY_SIZE]; /* zeros: only with a token */
    uint32_t sessions, session_max;
    const uint8_t *data;
    uint16_t data_size;
};

/** The kind of a datagram, 0 for one that is empty. */
uint8_t bl_datagram_kind(const void *data, size_t size);

/* Writers return the size written. */

/** All but the last BL_COOKIE_SIZE + BL_PROOF_SIZE bytes of BL_OPEN_SIZE. */
void bl_open_write(uint8_t *out, const struct bl_open *open);
/** The BL_ACCEPT_HEAD_SIZE bytes in clear. */
void bl_accept_write(uint8_t *out, const struct bl_accept *accept);
size_t bl_accept_params_write(uint8_t *out, const struct bl_accept_params *params);
size_t bl_retry_write(uint8_t *out, const struct bl_retry *retry);
/** All but the authenticator, BL_PROOF_SIZE bytes. */
size_t bl_deny_write(uint8_t *out, const struct bl_deny *deny);
/** Only the header: payload and authenticator follow it. */
void bl_data_header_write(uint8_t *out, const struct bl_data_header *header);
size_t bl_reset_write(uint8_t *out, const struct bl_reset *reset);
size_t bl_query_write(uint8_t *out, const struct bl_query *query);
size_t bl_info_write(uint8_t *out, const struct bl_info *info);

/* Readers take any bytes of the kind they are named after; false = malformed, out is then
 * undefined. */

/** Also true for another version, of which only nonce and version are then known. */
bool bl_open_read(struct bl_open *out, const void *data, size_t size);
bool bl_accept_read(struct bl_accept *out, const void *data, size_t size);
bool bl_accept_params_read(struct bl_accept_params *out, const uint8_t *data, size_t size);
bool bl_retry_read(struct bl_retry *out, const void *data, size_t size);
bool bl_deny_read(struct bl_deny *out, const void *data, size_t size);
/** Of DATA, GONE, CHALLENGE, RESPONSE, when what follows has the size of that kind. */
bool bl_data_header_read(struct bl_data_header *out, const void *data, size_t size);
bool bl_reset_read(struct bl_reset *out, const void *data, size_t size);
bool bl_query_read(struct bl_query *out, const void *data, size_t size);
bool bl_info_read(struct bl_info *out, const void *data, size_t size);

/** FNV-1a, 64 bits, of a string: how names travel that both sides only need to compare. NULL hashes
 * as "". */
uint64_t bl_wire_hash(const char *text);

#endif
