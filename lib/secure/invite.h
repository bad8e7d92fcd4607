/*
 * Where a server is and, if that is known, which key it has: what an invite says, what a line of
 * known servers says, and what a client dials.
 */
#ifndef BL_SECURE_INVITE_H
#define BL_SECURE_INVITE_H

#include "lib/net/address.h"
#include "lib/secure/crypto.h"
#include <belay/result.h>

#define BL_HOST_MAX         253 /* bytes of a name (RFC 1035 2.3.4) */
#define BL_KEY_TEXT_SIZE    44  /* 32 bytes in base64url without padding, and the end */
#define BL_INVITE_TEXT_SIZE (sizeof "belay://[]:65535/" + BL_HOST_MAX + BL_KEY_TEXT_SIZE - 1)

struct bl_invite {
    /* In one form for each host: a name in small letters, IPv4, or IPv6 without brackets. */
    char host[BL_HOST_MAX + 1];
    uint16_t port; /* not 0 */
    bool has_key;
    uint8_t key[BL_PUBLIC_SIZE]; /* zeros without one */
};

/**
 * Reads "belay://host:port/KEY", "belay://host:port" or "host:port", where host is a numeric IPv4
 * address, an IPv6 one in brackets, or a name, which is not looked up.
 *
 * @param text  a stranger's, perhaps; of any length
 * @return BELAY_OK, BELAY_E_ADDRESS (no such form), BELAY_E_INVALID (nobody can be dialled there),
 *         BELAY_E_KEY
 */
enum belay_result bl_invite_parse(struct bl_invite *out, const char *text);
/**
 * Makes one of its parts.
 *
 * @param host  IPv6 with or without brackets
 * @param key   BL_PUBLIC_SIZE bytes; NULL: none
 * @return as bl_invite_parse()
 */
enum belay_result bl_invite_make(struct bl_invite *out, const char *host, uint16_t port,
                                 const uint8_t *key);
/** The same of an address. @return BELAY_OK, BELAY_E_INVALID (nobody can be dialled there) */
enum belay_result bl_invite_of_address(struct bl_invite *out, const struct bl_address *address,
                                       const uint8_t *key);
/**
 * Writes "belay://host:port/KEY", or "host:port" without a key. BL_INVITE_TEXT_SIZE is always
 * enough.
 *
 * @return BELAY_OK, BELAY_E_TOO_BIG; then @p out is empty, if it has any room
 */
enum belay_result bl_invite_format(const struct bl_invite *invite, char *out, size_t out_size);
/** Whether both are the same host and port; the keys do not matter. */
bool bl_invite_same_place(const struct bl_invite *a, const struct bl_invite *b);
/** The public half of a server's key, as invites and files show it. */
void bl_key_text(char out[BL_KEY_TEXT_SIZE], const uint8_t key[BL_PUBLIC_SIZE]);

#endif
