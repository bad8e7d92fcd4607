/* Numbers say everything: one that is seen again came twice, one never seen is missing. */
#define _DEFAULT_SOURCE
#include "examples/demo/books.h"

#include "examples/demo/message.h"
#include <sys/mman.h>

struct shelf *shelf_open(void) {
    void *memory =
        mmap(NULL, sizeof(struct shelf), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

static void count(struct tally *tally, bool seen[NUMBERS_MAX], uint32_t number) {
    if (seen[number]) {
        tally->twice++;
        return;
    }
    seen[number] = true;
    tally->distinct++;
    if (number < tally->newest) {
        tally->disordered++;
    } else {
        tally->newest = number;
    }
}

int books_take(struct books *books, bool reliable, const void *data, size_t size,
               uint32_t *number) {
    struct message message;
    if (!message_read(&message, data, size) || message.number >= NUMBERS_MAX ||
        message.echo >= NUMBERS_MAX) {
        books->damaged++;
        return -1;
    }
    if (!reliable) {
        count(&books->loose_got, books->loose_seen, message.number);
    } else {
        count(&books->got, books->got_seen, message.number);
        if (message.echo != 0) {
            count(&books->echoed, books->echoed_seen, message.echo);
        }
    }
    *number = message.number;
    return (int)message.kind;
}
