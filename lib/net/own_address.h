/* How others reach this machine: asked of the system alone, nothing is sent. */
#ifndef BL_NET_OWN_ADDRESS_H
#define BL_NET_OWN_ADDRESS_H

#include "lib/net/address.h"

/**
 * The address from which this machine would speak to the rest of the world, of one family; where it
 * has no way there, any address that its neighbours can use. Behind a NAT the world sees another
 * one. Its port is 0.
 *
 * @return false when there is none but loopback
 */
bool bl_own_address(struct bl_address *out, bool ipv4);

/**
 * Where everybody near gets what is sent: the broadcast address of each IPv4 network, all nodes
 * (RFC 4291 2.7.1) of each IPv6 link, if @p ipv6, and this machine's loopback address, for servers
 * that listen there alone. Ports are 0.
 *
 * @param max  at least 1
 * @return how many, at least 1
 */
size_t bl_everybody_near(struct bl_address *out, size_t max, bool ipv6);

#endif
