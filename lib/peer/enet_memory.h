/* ENet's memory, which is one for the whole process. */
#ifndef BL_PEER_ENET_MEMORY_H
#define BL_PEER_ENET_MEMORY_H

#include <belay/hooks.h>
#include <stdbool.h>

/**
 * Gives ENet the allocator of @p hooks, if they have one and nobody was first, and keeps it from
 * ending the process when memory is out: ENet's calls then fail, and we notice. Any thread.
 */
void bl_enet_memory_init(const struct belay_hooks *hooks);
/** Whether an allocation of ENet's has failed on this thread since the last question. */
bool bl_enet_memory_ran_out(void);

#endif
