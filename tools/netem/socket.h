/* A UDP socket for datagrams of any size: lib/net's own keeps to the sizes of Belay's protocol. */
#ifndef BL_TOOLS_NETEM_SOCKET_H
#define BL_TOOLS_NETEM_SOCKET_H

#include "lib/net/address.h"

#define NETEM_DATAGRAM_MAX 65536

struct netem_socket {
    int descriptor;
    int family; /* AF_INET or AF_INET6 */
};

/**
 * Opens a socket that never blocks. @p local: port 0 picks one; the unspecified IPv6 address takes
 * both families.
 */
enum belay_result netem_socket_open(struct netem_socket *out, const struct bl_address *local);
/** Opens one on a port that the system picks, for datagrams to @p target. */
enum belay_result netem_socket_open_towards(struct netem_socket *out,
                                            const struct bl_address *target);
void netem_socket_close(struct netem_socket *sock);
void netem_socket_local(const struct netem_socket *sock, struct bl_address *out);
/** @param data  NETEM_DATAGRAM_MAX bytes. @return the datagram's size, or -1: none is there */
ptrdiff_t netem_socket_receive(const struct netem_socket *sock, struct bl_address *from,
                               uint8_t *data);
/** @return 0 or errno: the system did not take it */
int netem_socket_send(const struct netem_socket *sock, const struct bl_address *to,
                      const uint8_t *data, size_t size);

#endif
