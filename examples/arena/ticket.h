/* A file with the newest ticket of a session, by which a next process comes back to it. */
#ifndef ARENA_TICKET_H
#define ARENA_TICKET_H

#include <belay/belay.h>

/** For its owner's eyes only; whole or not at all. @param path  NULL: nothing is kept */
void ticket_save(const char *path, const void *data, size_t size);
/** Returns its size; 0: there is none. */
size_t ticket_load(const char *path, uint8_t data[BELAY_TICKET_SIZE_MAX]);
/** The session is over. */
void ticket_forget(const char *path);

#endif
