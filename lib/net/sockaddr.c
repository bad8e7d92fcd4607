/*
 * IPv4 travels mapped into IPv6 in our structs, and so it does on a dual-stack socket; only a plain
 * IPv4 socket wants it bare.
 */
#include "lib/net/sockaddr.h"
#include <arpa/inet.h>
#include <string.h>

#define IPV4_AT 12 /* the last four bytes of a mapped address */

socklen_t bl_sockaddr_write(union bl_sockaddr *out, const struct bl_address *address, int family) {
    *out = (union bl_sockaddr){0};
    if (family == AF_INET6) {
        out->ipv6.sin6_family = AF_INET6;
        out->ipv6.sin6_port = htons(address->port);
        out->ipv6.sin6_scope_id = address->scope;
        memcpy(&out->ipv6.sin6_addr, address->ip, sizeof(out->ipv6.sin6_addr));
        return sizeof(out->ipv6);
    }
    if (!bl_address_is_ipv4(address)) {
        return 0;
    }
    out->ipv4.sin_family = AF_INET;
    out->ipv4.sin_port = htons(address->port);
    memcpy(&out->ipv4.sin_addr, address->ip + IPV4_AT, sizeof(out->ipv4.sin_addr));
    return sizeof(out->ipv4);
}

void bl_sockaddr_read(struct bl_address *out, const union bl_sockaddr *from) {
    *out = (struct bl_address){0};
    if (from->any.sa_family == AF_INET6) {
        out->port = ntohs(from->ipv6.sin6_port);
        out->scope = from->ipv6.sin6_scope_id;
        memcpy(out->ip, &from->ipv6.sin6_addr, sizeof(out->ip));
        return;
    }
    out->port = ntohs(from->ipv4.sin_port);
    out->ip[10] = out->ip[11] = 0xFF;
    memcpy(out->ip + IPV4_AT, &from->ipv4.sin_addr, sizeof(from->ipv4.sin_addr));
}
