/* What clients and server say to each other: numbered messages whose content can be checked. */
#ifndef DEMO_MESSAGE_H
#define DEMO_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_SIZE_MAX 256

enum message_kind {
    MESSAGE_TALK, /* a client's is echoed */
    MESSAGE_ECHO,
    MESSAGE_LAST, /* of a client that finishes: echoed by the server's last one */
};

struct message {
    uint32_t kind;
    uint32_t number; /* from 1, in each direction of each session; see LIFE_STEP */
    uint32_t echo;   /* the number of the message that this one answers, or 0 */
};

/** Writes a message, with filling of a size that depends on its number. Returns the size. */
size_t message_write(uint8_t out[MESSAGE_SIZE_MAX], const struct message *message);
/** False when a single byte is not as it was written. */
bool message_read(struct message *message, const void *data, size_t size);

#endif
