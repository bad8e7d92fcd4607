/*
 * Text to address and back.
 *
 * Only numbers are read here: a name would have to be looked up, and nothing at this level may
 * wait. The text may be a stranger's (an invite, a token's addresses), so it is cut into parts of
 * bounded size before any of it is understood; bl_fail() cleans what it quotes.
 */
#define _GNU_SOURCE
#include "lib/net/address.h"
#include "common/error.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#define HOST_TEXT_SIZE                                                                             \
    64 /* "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%interface-name", and its end */

static const uint8_t ipv4_prefix[12] = {[10] = 0xFF, [11] = 0xFF};

/** Decimal digits only, at least one: no sign, no blank, nothing behind. */
static bool parse_number(uint32_t *out, const char *text, uint32_t max) {
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (uint64_t)(*at - '0');
        if (value > max) {
            return false;
        }
    }
    *out = (uint32_t)value;
    return at != text && *at == '\0';
}

static bool parse_ipv4(struct bl_address *out, const char *host) {
    memcpy(out->ip, ipv4_prefix, sizeof(ipv4_prefix));
    return inet_pton(AF_INET, host, out->ip + sizeof(ipv4_prefix)) == 1;
}

static bool is_link_local(const struct bl_address *address) {
    return address->ip[0] == 0xFE && (address->ip[1] & 0xC0) == 0x80;
}

/** The zone is a number or the name of an interface of this machine (RFC 4007 11.2). */
static bool parse_zone(struct bl_address *out, const char *zone) {
    if (!is_link_local(out)) {
        return false;
    }
    if (parse_number(&out->scope, zone, UINT32_MAX)) {
        return true;
    }
    out->scope = if_nametoindex(zone);
    return out->scope != 0;
}

/** What stands between the brackets. */
static bool parse_ipv6(struct bl_address *out, char *host) {
    char *zone = strchr(host, '%');
    if (zone != NULL) {
        *zone++ = '\0';
    }
    return inet_pton(AF_INET6, host, out->ip) == 1 && (zone == NULL || parse_zone(out, zone));
}

static bool parse_host(struct bl_address *out, char *host, bool wildcard) {
    size_t length = strlen(host);
    if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
        host[length - 1] = '\0';
        return parse_ipv6(out, host + 1);
    }
    if (length == 0 || strcmp(host, "*") == 0) {
        return wildcard; /* zeroed: the unspecified IPv6 address */
    }
    return parse_ipv4(out, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host);
}

enum belay_result bl_address_parse(struct bl_address *out, const char *text, bool wildcard) {
    if (text == NULL) {
        return bl_fail(BELAY_E_ADDRESS, "no address was given; write it as \"192.0.2.1:7777\"");
    }
    const char *colon = strrchr(text, ':');
    uint32_t port = 0;
    if (colon == NULL || !parse_number(&port, colon + 1, UINT16_MAX)) {
        return bl_fail(BELAY_E_ADDRESS,
                       "\"%.64s\" needs a port from 0 to 65535 at its end, as in "
                       "\"192.0.2.1:7777\" or \"[2001:db8::1]:7777\"",
                       text);
    }

    struct bl_address address = {.port = (uint16_t)port};
    char host[HOST_TEXT_SIZE] = "";
    size_t host_size = (size_t)(colon - text);
    if (host_size < sizeof(host)) {
        memcpy(host, text, host_size);
    }
    if (host_size >= sizeof(host) || !parse_host(&address, host, wildcard)) {
        return bl_fail(BELAY_E_ADDRESS,
                       "\"%.64s\" is no numeric address; write IPv4 as "
                       "\"192.0.2.1:7777\", IPv6 as \"[2001:db8::1]:7777\"",
                       text);
    }
    *out = address;
    return BELAY_OK;
}

void bl_address_format(const struct bl_address *address, char *out, size_t out_size) {
    char host[INET6_ADDRSTRLEN] = "";
    char zone[sizeof("%4294967295")] = "";
    if (bl_address_is_ipv4(address)) {
        inet_ntop(AF_INET, address->ip + sizeof(ipv4_prefix), host, sizeof(host));
        snprintf(out, out_size, "%s:%u", host, (unsigned)address->port);
        return;
    }
    inet_ntop(AF_INET6, address->ip, host, sizeof(host));
    if (address->scope != 0) {
        snprintf(zone, sizeof(zone), "%%%u", (unsigned)address->scope);
    }
    snprintf(out, out_size, "[%s%s]:%u", host, zone, (unsigned)address->port);
}

bool bl_address_equal(const struct bl_address *a, const struct bl_address *b) {
    return a->port == b->port && a->scope == b->scope && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool bl_address_is_ipv4(const struct bl_address *address) {
    return memcmp(address->ip, ipv4_prefix, sizeof(ipv4_prefix)) == 0;
}

bool bl_address_is_loopback(const struct bl_address *address) {
    static const uint8_t ipv6_loopback[16] = {[15] = 1};
    return memcmp(address->ip, ipv6_loopback, sizeof(ipv6_loopback)) == 0 ||
           (bl_address_is_ipv4(address) && address->ip[12] == 127);
}

bool bl_address_is_any(const struct bl_address *address) {
    static const uint8_t ipv6_any[16] = {0};
    static const uint8_t ipv4_any[4] = {0};
    return memcmp(address->ip, ipv6_any, sizeof(ipv6_any)) == 0 ||
           (bl_address_is_ipv4(address) &&
            memcmp(address->ip + sizeof(ipv4_prefix), ipv4_any, sizeof(ipv4_any)) == 0);
}
