/* An address of the network: IPv6, or IPv4 in its IPv6-mapped form (RFC 4291 2.5.5.2), and a port.
 */
#ifndef BL_NET_ADDRESS_H
#define BL_NET_ADDRESS_H

#include <belay/result.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bl_address {
    uint8_t ip[16];
    uint32_t scope; /* IPv6 zone of a link-local address, else 0 */
    uint16_t port;  /* host byte order */
};

/** The two ends of a way, seen from one of them. */
struct bl_address_pair {
    struct bl_address remote;
    struct bl_address local; /* without a port; unspecified: the system's choice */
};

#define BL_ADDRESS_TEXT_SIZE 64 /* "[fe80::...%123]:65535" and more */

/**
 * Reads "192.0.2.1:7777", "[2001:db8::1]:7777" or, when @p wildcard, "*:7777" and ":7777" (any
 * address of both families: the IPv6 unspecified one). "localhost" is 127.0.0.1. Other names are
 * BELAY_E_ADDRESS: they are resolved elsewhere. A missing or bad port is BELAY_E_ADDRESS.
 */
enum belay_result bl_address_parse(struct bl_address *out, const char *text, bool wildcard);
/** Writes the text form, IPv4 without its mapping. Always terminated. */
void bl_address_format(const struct bl_address *address, char *out, size_t out_size);

bool bl_address_equal(const struct bl_address *a, const struct bl_address *b);
bool bl_address_is_ipv4(const struct bl_address *address);
bool bl_address_is_loopback(const struct bl_address *address); /* 127.0.0.0/8 and ::1 */
bool bl_address_is_any(const struct bl_address *address);

#endif
