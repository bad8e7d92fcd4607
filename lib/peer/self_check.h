/* Proof, before anything else is done, that ENet runs on our port and not on its own. */
#ifndef BL_PEER_SELF_CHECK_H
#define BL_PEER_SELF_CHECK_H

#include <belay/result.h>

/** Cheap enough for every start. @return BELAY_OK, BELAY_E_NO_MEMORY, BELAY_E_ENET_PORT with the
 * cure in belay_error() */
enum belay_result bl_self_check(void);

#endif
