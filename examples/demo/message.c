/* Both ends run on one machine from one binary, so a struct is good enough for the wire here. */
#include "examples/demo/message.h"

#include <string.h>

#define FILLING_MAX (MESSAGE_SIZE_MAX - sizeof(struct message))

static size_t filling_size(const struct message *message) {
    return message->number * 37 % (FILLING_MAX + 1);
}

static uint8_t filling_byte(const struct message *message, size_t at) {
    return (uint8_t)(message->number * 31 + message->echo * 7 + message->kind + at);
}

size_t message_write(uint8_t out[MESSAGE_SIZE_MAX], const struct message *message) {
    size_t filling = filling_size(message);
    memcpy(out, message, sizeof *message);
    for (size_t i = 0; i < filling; i++) {
        out[sizeof *message + i] = filling_byte(message, i);
    }
    return sizeof *message + filling;
}

bool message_read(struct message *message, const void *data, size_t size) {
    const uint8_t *bytes = data;
    if (size < sizeof *message) {
        return false;
    }
    memcpy(message, bytes, sizeof *message);
    if (size != sizeof *message + filling_size(message)) {
        return false;
    }
    for (size_t i = sizeof *message; i < size; i++) {
        if (bytes[i] != filling_byte(message, i - sizeof *message)) {
            return false;
        }
    }
    return true;
}
