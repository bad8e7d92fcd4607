/* What a cut drops is read first: the sockets must not keep it until the network is mended. */
#define _POSIX_C_SOURCE 200809L
#include "examples/demo/network.h"

#include "examples/demo/report.h"
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAM_MAX 2048
#define ORDERS       (2 * CAST_SIZE) /* place of their pipe, behind all sockets */

static struct sockaddr_in loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/** A socket of its own port. */
static int open_socket(void) {
    const struct sockaddr_in any_port = loopback(0);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&any_port, sizeof any_port) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool open_relay(struct relay *relay) {
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    relay->inner = open_socket();
    relay->outer = open_socket();
    if (relay->inner < 0 || relay->outer < 0 ||
        getsockname(relay->inner, (struct sockaddr *)&own, &size) < 0) {
        return false;
    }
    relay->port = ntohs(own.sin_port);
    return true;
}

bool network_open(struct network *network, uint16_t server_port) {
    bool opened = true;
    network->server = loopback(server_port);
    for (int i = 0; i < CAST_SIZE; i++) {
        network->relays[i] = (struct relay){.inner = -1, .outer = -1};
        if (cast_has_relay(i)) {
            opened = open_relay(&network->relays[i]) && opened;
        }
    }
    return opened;
}

void network_close(struct network *network) {
    for (int i = 0; i < CAST_SIZE; i++) {
        if (cast_has_relay(i)) {
            close(network->relays[i].inner);
            close(network->relays[i].outer);
        }
    }
}

static void carry_up(struct relay *relay, const struct sockaddr_in *server) {
    char data[DATAGRAM_MAX];
    socklen_t size = sizeof relay->client;
    ssize_t count;
    while ((count = recvfrom(relay->inner, data, sizeof data, MSG_DONTWAIT,
                             (struct sockaddr *)&relay->client, &size)) >= 0) {
        if (!relay->cut_up) {
            sendto(relay->outer, data, (size_t)count, 0, (const struct sockaddr *)server,
                   sizeof *server);
        }
    }
}

static void carry_down(struct relay *relay) {
    char data[DATAGRAM_MAX];
    ssize_t count;
    while ((count = recv(relay->outer, data, sizeof data, MSG_DONTWAIT)) >= 0) {
        if (!relay->cut_down && relay->client.sin_port != 0) {
            sendto(relay->inner, data, (size_t)count, 0, (const struct sockaddr *)&relay->client,
                   sizeof relay->client);
        }
    }
}

static void obey(struct relay *relay, enum order_kind kind) {
    if (kind == ORDER_REBIND) {
        int former = relay->outer;
        relay->outer = open_socket(); /* before the former is closed: not the same port */
        close(former);
    } else {
        relay->cut_up = kind != ORDER_MEND;
        relay->cut_down = kind == ORDER_CUT;
    }
}

int network_run(struct network *network, int orders) {
    struct pollfd waits[ORDERS + 1];
    do {
        for (int i = 0; i < CAST_SIZE; i++) {
            waits[i] = (struct pollfd){.fd = network->relays[i].inner, .events = POLLIN};
            waits[CAST_SIZE + i] =
                (struct pollfd){.fd = network->relays[i].outer, .events = POLLIN};
        }
        waits[ORDERS] = (struct pollfd){.fd = orders, .events = POLLIN};
        poll(waits, ORDERS + 1, -1);
        struct order order;
        while (order_receive(orders, &order)) {
            obey(&network->relays[order.who], order.kind);
        }
        for (int i = 0; i < CAST_SIZE; i++) {
            if (network->relays[i].inner >= 0) {
                carry_up(&network->relays[i], &network->server);
                carry_down(&network->relays[i]);
            }
        }
    } while ((waits[ORDERS].revents & POLLHUP) == 0);
    return 0;
}
