/*
 * ENet's platform functions, ours.
 *
 * Two builds share this file. With the system's ENet the functions below interpose those of
 * libenet.so for the whole process, so everything that is not about a port in force is passed
 * through to the originals: a program may use ENet itself beside us. With bundled ENet (its symbols
 * renamed, nobody else can call them) there is nothing to pass through to.
 *
 * A host of ours sees one peer at a time: ENet's loops run over host->peers[0 .. peerCount), so a
 * service call costs what that one peer costs, not what all slots cost. Between calls peerCount is
 * 0.
 */
#define _GNU_SOURCE
#include "lib/peer/port.h"

#include "common/assert.h"
#include <limits.h>
#include <stddef.h>
#include <string.h>

/** Stands for every socket of ours; the port in force says which host it is. */
#define VIRTUAL_SOCKET ((ENetSocket)INT_MAX)

static _Thread_local struct bl_port *current;

void bl_port_enter(struct bl_port *port) {
    port->outer = current;
    current = port;
}

void bl_port_leave(struct bl_port *port) {
    BELAY_ASSERT(current == port);
    current = port->outer;
    port->outer = NULL;
}

#ifdef BELAY_ENET_BUNDLED

/** Nobody but lib/peer can name the bundled ENet, and lib/peer always has a port in force. */
#define ORIGINAL(name)                                                                             \
    static __typeof__(&(name)) original_##name(void) {                                             \
        bl_assert_failed("a call of ENet without a port in force: " #name, __FILE__, __LINE__);    \
    }

int enet_initialize(void) {
    return 0;
}

#else

#include <dlfcn.h>

/** Finds the function that ours stands before. The cast is the one that POSIX asks for with
 * dlsym(). */
#define ORIGINAL(name)                                                                             \
    static __typeof__(&(name)) original_##name(void) {                                             \
        static __typeof__(&(name)) _Atomic found;                                                  \
        __typeof__(&(name)) function = found;                                                      \
        if (function == NULL) {                                                                    \
            *(void **)&function = dlsym(RTLD_NEXT, #name);                                         \
            BELAY_ASSERT(function != NULL);                                                        \
            found = function;                                                                      \
        }                                                                                          \
        return function;                                                                           \
    }

#endif

ORIGINAL(enet_time_get)
ORIGINAL(enet_host_random_seed)
ORIGINAL(enet_socket_create)
ORIGINAL(enet_socket_destroy)
ORIGINAL(enet_socket_bind)
ORIGINAL(enet_socket_get_address)
ORIGINAL(enet_socket_set_option)
ORIGINAL(enet_socket_wait)
ORIGINAL(enet_socket_send)
ORIGINAL(enet_socket_receive)

enet_uint32 enet_time_get(void) {
    if (current != NULL) {
        current->time_calls++;
        return current->now_ms;
    }
    return original_enet_time_get()();
}

enet_uint32 enet_host_random_seed(void) {
    if (current != NULL) {
        return current->seed;
    }
    return original_enet_host_random_seed()();
}

ENetSocket enet_socket_create(ENetSocketType type) {
    if (current != NULL) {
        current->create_calls++;
        return VIRTUAL_SOCKET;
    }
    return original_enet_socket_create()(type);
}

void enet_socket_destroy(ENetSocket socket) {
    if (socket != VIRTUAL_SOCKET) {
        original_enet_socket_destroy()(socket);
    }
}

int enet_socket_bind(ENetSocket socket, const ENetAddress *address) {
    if (socket == VIRTUAL_SOCKET) {
        return 0;
    }
    return original_enet_socket_bind()(socket, address);
}

int enet_socket_get_address(ENetSocket socket, ENetAddress *address) {
    if (socket == VIRTUAL_SOCKET) {
        *address = (ENetAddress){.host = ENET_HOST_ANY};
        return 0;
    }
    return original_enet_socket_get_address()(socket, address);
}

int enet_socket_set_option(ENetSocket socket, ENetSocketOption option, int value) {
    if (socket == VIRTUAL_SOCKET) {
        return 0;
    }
    return original_enet_socket_set_option()(socket, option, value);
}

/** ENet waits only when a service call has a timeout, which ours never have. */
int enet_socket_wait(ENetSocket socket, enet_uint32 *condition, enet_uint32 timeout) {
    if (socket == VIRTUAL_SOCKET) {
        *condition = ENET_SOCKET_WAIT_NONE;
        return 0;
    }
    return original_enet_socket_wait()(socket, condition, timeout);
}

int enet_socket_send(ENetSocket socket, const ENetAddress *address, const ENetBuffer *buffers,
                     size_t buffer_count) {
    if (socket != VIRTUAL_SOCKET) {
        return original_enet_socket_send()(socket, address, buffers, buffer_count);
    }
    BELAY_ASSERT(current != NULL);
    current->send_calls++;
    current->transmit(current, buffers, buffer_count);
    return 0; /* only added to a total that nobody reads; never below 0, which would starve ENet's
                 other work */
}

/** Hands out the incoming datagram once, and shows ENet its peer for as long as that lasts. */
int enet_socket_receive(ENetSocket socket, ENetAddress *address, ENetBuffer *buffers,
                        size_t buffer_count) {
    if (socket != VIRTUAL_SOCKET) {
        return original_enet_socket_receive()(socket, address, buffers, buffer_count);
    }
    BELAY_ASSERT(current != NULL && buffer_count == 1);
    current->receive_calls++;
    if (current->incoming == NULL) {
        if (current->host != NULL) {
            current->host->peerCount = 0;
        }
        return 0;
    }
    BELAY_ASSERT(current->incoming_size <= buffers[0].dataLength);
    memcpy(buffers[0].data, current->incoming, current->incoming_size);
    *address = current->from;
    current->incoming = NULL;
    current->host->peers = current->view;
    current->host->peerCount = 1;
    return (int)current->incoming_size;
}
