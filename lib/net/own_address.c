/*
 * connect() on a UDP socket only looks up the route, and so tells which address would be used.
 * Asked for are addresses that are nobody's (RFC 5737, RFC 3849): the way to them is the default
 * one.
 */
#define _GNU_SOURCE
#include "lib/net/own_address.h"
#include "lib/net/sockaddr.h"
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct bl_address ipv4_loopback = {
    .ip = {[10] = 0xFF, [11] = 0xFF, [12] = 127, [15] = 1}};
static const struct bl_address nobody[] = {
    {.ip = {0x20, 0x01, 0x0D, 0xB8, [15] = 1}, .port = 9},
    {.ip = {[10] = 0xFF, [11] = 0xFF, [12] = 192, [14] = 2, [15] = 1}, .port = 9},
};

static bool is_link_local(const struct bl_address *address) {
    return address->ip[0] == 0xFE && (address->ip[1] & 0xC0) == 0x80;
}

static bool is_of_use(const struct bl_address *address) {
    return !bl_address_is_any(address) && !bl_address_is_loopback(address);
}

static bool ask_route(struct bl_address *out, bool ipv4) {
    union bl_sockaddr address = {0};
    socklen_t size = sizeof address;
    int family = ipv4 ? AF_INET : AF_INET6;
    int descriptor = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return false;
    }
    socklen_t to_size = bl_sockaddr_write(&address, &nobody[ipv4], family);
    bool found = connect(descriptor, &address.any, to_size) == 0 &&
                 getsockname(descriptor, &address.any, &size) == 0;
    close(descriptor);
    if (!found) {
        return false;
    }
    bl_sockaddr_read(out, &address);
    out->port = 0;
    return is_of_use(out);
}

static bool read_address(struct bl_address *out, const struct sockaddr *from) {
    union bl_sockaddr address = {0};
    if (from == NULL || (from->sa_family != AF_INET && from->sa_family != AF_INET6)) {
        return false;
    }
    memcpy(&address, from, from->sa_family == AF_INET ? sizeof address.ipv4 : sizeof address.ipv6);
    bl_sockaddr_read(out, &address);
    out->port = 0;
    return true;
}

/** One that needs no zone, as a zone means nothing on another machine. */
static bool ask_interfaces(struct bl_address *out, bool ipv4) {
    struct ifaddrs *list = NULL;
    bool found = false;
    if (getifaddrs(&list) != 0) {
        return false;
    }
    for (const struct ifaddrs *at = list; at != NULL && !found; at = at->ifa_next) {
        struct bl_address address;
        found = (at->ifa_flags & IFF_UP) != 0 && read_address(&address, at->ifa_addr) &&
                bl_address_is_ipv4(&address) == ipv4 && is_of_use(&address) &&
                !is_link_local(&address);
        if (found) {
            *out = address;
        }
    }
    freeifaddrs(list);
    return found;
}

bool bl_own_address(struct bl_address *out, bool ipv4) {
    return ask_route(out, ipv4) || ask_interfaces(out, ipv4);
}

/** The address by which all on an interface's network are reached; one has several addresses. */
static bool read_everybody(struct bl_address *out, const struct ifaddrs *at, bool ipv6) {
    struct bl_address own;
    bool up = (at->ifa_flags & IFF_UP) != 0 && (at->ifa_flags & IFF_LOOPBACK) == 0;
    if (!up || !read_address(&own, at->ifa_addr)) {
        return false;
    }
    if (bl_address_is_ipv4(&own)) {
        return (at->ifa_flags & IFF_BROADCAST) != 0 && read_address(out, at->ifa_broadaddr) &&
               is_of_use(out);
    }
    *out = (struct bl_address){.ip = {0xFF, 0x02, [15] = 1}, .scope = if_nametoindex(at->ifa_name)};
    return ipv6 && (at->ifa_flags & IFF_MULTICAST) != 0 && out->scope != 0;
}

static bool is_among(const struct bl_address *address, const struct bl_address *list,
                     size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (bl_address_equal(address, &list[i])) {
            return true;
        }
    }
    return false;
}

size_t bl_everybody_near(struct bl_address *out, size_t max, bool ipv6) {
    struct ifaddrs *list = NULL;
    struct bl_address address;
    size_t count = 0;
    out[count++] = ipv4_loopback;
    if (getifaddrs(&list) != 0) {
        return count;
    }
    for (const struct ifaddrs *at = list; at != NULL && count < max; at = at->ifa_next) {
        if (read_everybody(&address, at, ipv6) && !is_among(&address, out, count)) {
            out[count++] = address;
        }
    }
    freeifaddrs(list);
    return count;
}
