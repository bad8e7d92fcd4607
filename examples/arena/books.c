#include "examples/arena/books.h"

uint32_t books_next(const struct books *books, int life) {
    return (uint32_t)life << BOOKS_LIFE_BIT | (books->sent + 1);
}

static void count(struct tally *tally, uint32_t number) {
    if (tally->count == 0) {
        tally->first = number;
    } else if (number <= tally->newest) {
        tally->repeated++;
        return;
    } else {
        tally->missing += number - tally->newest - 1;
    }
    tally->newest = number;
    tally->count++;
}

void books_enter(struct books *books, uint32_t number) {
    uint32_t life = number >> BOOKS_LIFE_BIT;
    if (life >= BOOKS_LIVES) {
        books->damaged++;
        return;
    }
    count(&books->got[life], number & ((1U << BOOKS_LIFE_BIT) - 1));
}
