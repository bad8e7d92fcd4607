/* Between our addresses and the socket interface's. */
#ifndef BL_NET_SOCKADDR_H
#define BL_NET_SOCKADDR_H

#include "lib/net/address.h"
#include <netinet/in.h>
#include <sys/socket.h>

/** Large enough for both families, and a third of struct sockaddr_storage. */
union bl_sockaddr {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

/**
 * Writes @p address for a socket of @p family (AF_INET, AF_INET6).
 *
 * @return its length; 0 when it is an IPv6 address and the socket an IPv4 one
 */
socklen_t bl_sockaddr_write(union bl_sockaddr *out, const struct bl_address *address, int family);
/** @param from what the system filled in, of either family */
void bl_sockaddr_read(struct bl_address *out, const union bl_sockaddr *from);

#endif
