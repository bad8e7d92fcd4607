/*
 * A network that can be disturbed: a process that carries datagrams between some of the clients and
 * the server, as a NAT does, until it is told not to.
 */
#ifndef DEMO_NETWORK_H
#define DEMO_NETWORK_H

#include "examples/demo/cast.h"
#include <netinet/in.h>

struct relay {
    int inner;     /* socket that the client talks to; -1: this client needs no relay */
    int outer;     /* socket that talks to the server */
    uint16_t port; /* of the inner one */
    struct sockaddr_in client;
    bool cut_up, cut_down;
};

struct network {
    struct relay relays[CAST_SIZE];
    struct sockaddr_in server;
};

/** Opens all relays. Returns false, with errno, when a socket cannot be had. */
bool network_open(struct network *network, uint16_t server_port);
/** Closes what this process has of it. */
void network_close(struct network *network);
/** Carries datagrams until the pipe of orders is closed. Returns the exit status. */
int network_run(struct network *network, int orders);

#endif
