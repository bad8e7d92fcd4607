/*
 * An invite comes through chats and web pages: it may be cut off, have a word too many, or be made
 * up. So nothing is guessed. Above all an invite that has lost its key, or part of it, is refused:
 * without it the client would trust whoever answers.
 *
 * Each host has one form only, so that a pinned key is found again however the host was written.
 */
#include "lib/secure/invite.h"

#include "common/assert.h"
#include "common/error.h"
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define SCHEME        "belay://"
#define LABEL_MAX     63 /* RFC 1035 2.3.4 */
#define PORT_DIGITS   5
#define PLACE_SIZE    (BL_HOST_MAX + sizeof "[]:65535")
#define DIGITS        "0123456789"
#define NAME_SIGNS    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_" DIGITS
#define KEY_BASE64    sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define HOW_TO_INVITE "write it as \"belay://host:port/KEY\" or \"host:port\""

static_assert(sodium_base64_ENCODED_LEN(BL_PUBLIC_SIZE, KEY_BASE64) == BL_KEY_TEXT_SIZE,
              "the text of a key");

/** @return what is wrong with a name, or NULL. The underscore is no host's, but in use. */
static const char *problem_of_name(const char *name) {
    for (const char *label = name;; label++) {
        size_t size = strspn(label, NAME_SIGNS);
        if (label[size] != '.' && label[size] != '\0') {
            return "has a character that no host name has; write an international name in its "
                   "\"xn--\" form";
        }
        if (size == 0) {
            return "has an empty part; check the dots";
        }
        if (size > LABEL_MAX) {
            return "has a part of more than 63 characters between its dots";
        }
        if (label[0] == '-' || label[size - 1] == '-') {
            return "has a part that begins or ends with a hyphen";
        }
        label += size;
        if (*label == '\0') {
            return NULL;
        }
    }
}

static void write_small(char *out, const char *name) {
    size_t i = 0;
    for (; name[i] != '\0'; i++) {
        bool is_capital = name[i] >= 'A' && name[i] <= 'Z';
        out[i] = (char)(is_capital ? name[i] - 'A' + 'a' : name[i]);
    }
    out[i] = '\0';
}

/** @param host with brackets, if IPv6 */
static enum belay_result read_numeric(struct bl_invite *out, const char *host) {
    struct bl_address address;
    char text[PLACE_SIZE + sizeof ":0"];
    char canonical[BL_ADDRESS_TEXT_SIZE];
    snprintf(text, sizeof text, "%s:0", host);
    if (bl_address_parse(&address, text, false) != BELAY_OK) {
        return bl_fail(BELAY_E_ADDRESS,
                       "invite: \"%s\" is no numeric address; write IPv4 as \"192.0.2.1:7777\", "
                       "IPv6 as \"[2001:db8::1]:7777\"",
                       host);
    }
    if (bl_address_is_any(&address)) {
        return bl_fail(BELAY_E_INVALID,
                       "invite: \"%s\" is where a server listens, not where it can be dialled; "
                       "name one address of its machine",
                       host);
    }
    bl_address_format(&address, canonical, sizeof canonical);
    bool is_ipv6 = canonical[0] == '[';
    *strrchr(canonical, is_ipv6 ? ']' : ':') = '\0';
    snprintf(out->host, sizeof out->host, "%s", is_ipv6 ? canonical + 1 : canonical);
    return BELAY_OK;
}

static enum belay_result read_host(struct bl_invite *out, const char *host) {
    if (host[0] == '\0' || strcmp(host, "*") == 0) {
        return bl_fail(BELAY_E_INVALID, "invite: names no host; " HOW_TO_INVITE);
    }
    /* What ends in a number is meant as an address: the system would take "1.2.3" for one. */
    const char *dot = strrchr(host, '.');
    const char *last = dot != NULL ? dot + 1 : host;
    if (host[0] == '[' || (last[0] != '\0' && strspn(last, DIGITS) == strlen(last))) {
        return read_numeric(out, host);
    }
    if (strchr(host, ':') != NULL) {
        return bl_fail(BELAY_E_ADDRESS,
                       "invite: \"%s\" has more than one colon; an IPv6 address stands in "
                       "brackets, as in \"[2001:db8::1]:7777\"",
                       host);
    }
    const char *problem = problem_of_name(host);
    if (problem != NULL) {
        return bl_fail(BELAY_E_ADDRESS, "invite: the host \"%s\" %s", host, problem);
    }
    write_small(out->host, host);
    return BELAY_OK;
}

static enum belay_result read_port(struct bl_invite *out, const char *text) {
    size_t size = strlen(text);
    uint32_t port = 0;
    if (size == 0 || size > PORT_DIGITS || strspn(text, DIGITS) != size) {
        return bl_fail(BELAY_E_ADDRESS,
                       "invite: \"%.64s\" is no port; write a number from 1 to 65535 behind the "
                       "last colon",
                       text);
    }
    for (const char *at = text; *at != '\0'; at++) {
        port = port * 10 + (uint32_t)(*at - '0');
    }
    if (port == 0) {
        return bl_fail(BELAY_E_INVALID,
                       "invite: nobody listens on port 0; write the port that the server says");
    }
    if (port > UINT16_MAX) {
        return bl_fail(BELAY_E_ADDRESS, "invite: %s is no port: the last one is 65535", text);
    }
    out->port = (uint16_t)port;
    return BELAY_OK;
}

/** @param size of what stands before the key, without the terminator that need not be there */
static enum belay_result read_place(struct bl_invite *out, const char *text, size_t size) {
    char place[PLACE_SIZE];
    if (size >= sizeof place) {
        return bl_fail(BELAY_E_ADDRESS,
                       "invite: the host in \"%.64s...\" is too long; it has at most %d characters",
                       text, BL_HOST_MAX);
    }
    memcpy(place, text, size);
    place[size] = '\0';
    char *colon = strrchr(place, ':');
    if (colon == NULL || strchr(colon, ']') != NULL) {
        return bl_fail(BELAY_E_ADDRESS, "invite: \"%s\" has no port; " HOW_TO_INVITE, place);
    }
    *colon = '\0';
    if (strlen(place) > BL_HOST_MAX) {
        return bl_fail(BELAY_E_ADDRESS,
                       "invite: the host \"%.64s...\" is too long; it has at most %d characters",
                       place, BL_HOST_MAX);
    }
    enum belay_result result = read_port(out, colon + 1);
    return result == BELAY_OK ? read_host(out, place) : result;
}

/** What stands there is never quoted: somebody may have pasted a secret. */
static enum belay_result read_key(struct bl_invite *out, const char *text) {
    size_t size = strlen(text);
    size_t got = 0;
    if (size != BL_KEY_TEXT_SIZE - 1) {
        return bl_fail(BELAY_E_KEY,
                       "invite: the key behind \"%s:%u/\" has %zu characters in place of %d; copy "
                       "the whole invite, and nothing behind it",
                       out->host, out->port, size, BL_KEY_TEXT_SIZE - 1);
    }
    if (sodium_base642bin(out->key, sizeof out->key, text, size, NULL, &got, NULL, KEY_BASE64) !=
            0 ||
        got != sizeof out->key) {
        return bl_fail(BELAY_E_KEY,
                       "invite: what stands behind \"%s:%u/\" is no key, or it was altered; copy "
                       "the invite again",
                       out->host, out->port);
    }
    out->has_key = true;
    return BELAY_OK;
}

enum belay_result bl_invite_parse(struct bl_invite *out, const char *text) {
    struct bl_invite invite = {0};
    bool is_link = strncmp(text, SCHEME, strlen(SCHEME)) == 0;
    const char *place = is_link ? text + strlen(SCHEME) : text;
    size_t size = strcspn(place, "/");
    bool has_path = place[size] == '/';
    if (has_path && !is_link) {
        return bl_fail(BELAY_E_ADDRESS,
                       "invite: \"%.*s\" has a \"/\" behind it but no \"" SCHEME
                       "\" before it; " HOW_TO_INVITE,
                       size < 64 ? (int)size : 64, text);
    }
    enum belay_result result = read_place(&invite, place, size);
    if (result == BELAY_OK && has_path) {
        result = read_key(&invite, place + size + 1);
    }
    if (result == BELAY_OK) {
        *out = invite;
    }
    return result;
}

enum belay_result bl_invite_make(struct bl_invite *out, const char *host, uint16_t port,
                                 const uint8_t *key) {
    struct bl_invite invite;
    char text[PLACE_SIZE];
    bool is_bare = host[0] != '[' && strchr(host, ':') != NULL;
    int size =
        snprintf(text, sizeof text, is_bare ? "[%.*s]:%u" : "%.*s:%u", (int)PLACE_SIZE, host, port);
    if (size >= (int)sizeof text || strchr(host, '/') != NULL) {
        return bl_fail(BELAY_E_ADDRESS,
                       "invite: \"%.64s\" is no host; write a name or a numeric address, without "
                       "a port",
                       host);
    }
    enum belay_result result = bl_invite_parse(&invite, text);
    if (result != BELAY_OK) {
        return result;
    }
    if (key != NULL) {
        invite.has_key = true;
        memcpy(invite.key, key, sizeof invite.key);
    }
    *out = invite;
    return BELAY_OK;
}

enum belay_result bl_invite_of_address(struct bl_invite *out, const struct bl_address *address,
                                       const uint8_t *key) {
    char host[BL_ADDRESS_TEXT_SIZE];
    bl_address_format(address, host, sizeof host);
    *strrchr(host, ':') = '\0';
    return bl_invite_make(out, host, address->port, key);
}

enum belay_result bl_invite_format(const struct bl_invite *invite, char *out, size_t out_size) {
    char key[BL_KEY_TEXT_SIZE];
    bool is_ipv6 = strchr(invite->host, ':') != NULL;
    bl_key_text(key, invite->key);
    int size = snprintf(out, out_size, "%s%s%s%s:%u%s%s", invite->has_key ? SCHEME : "",
                        is_ipv6 ? "[" : "", invite->host, is_ipv6 ? "]" : "", invite->port,
                        invite->has_key ? "/" : "", invite->has_key ? key : "");
    if ((size_t)size < out_size) {
        return BELAY_OK;
    }
    if (out_size > 0) {
        out[0] = '\0';
    }
    return bl_fail(BELAY_E_TOO_BIG, "invite: needs %d bytes, and there is room for %zu", size + 1,
                   out_size);
}

bool bl_invite_same_place(const struct bl_invite *a, const struct bl_invite *b) {
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

void bl_key_text(char out[BL_KEY_TEXT_SIZE], const uint8_t key[BL_PUBLIC_SIZE]) {
    sodium_bin2base64(out, BL_KEY_TEXT_SIZE, key, BL_PUBLIC_SIZE, KEY_BASE64);
}
