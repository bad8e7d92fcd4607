/* ENet's memory, which is one for the whole process. */
#ifndef BL_PEER_ENET_MEMORY_H
#define BL_PEER_ENET_MEMORY_H

#include <belay/hooks.h>

/**
 * Gives ENet the allocator of @p hooks, if they have one and nobody was first, and keeps it from
 * ending the process when memory is out: ENet's calls then fail, and we notice. Any thread.
 */
void bl_enet_memory_init(const struct belay_hooks *hooks);

#endif
