/*
 * Two ends of a binding and whatever a network does between them: what was sealed opens once and as
 * it was, what was altered or made up does not, and while nothing is lost everything opens.
 *
 * Each step is two bytes: what happens, and to which of the last datagrams or for how long.
 */
#include "lib/secure/protection.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

#define HELD_COUNT 16
#define SIZE_MAX_  64

struct held {
    uint8_t bytes[SIZE_MAX_];
    size_t size, to;
    bool opened;
};

static struct bl_protection ends[2];
static struct held held[HELD_COUNT];
static bl_time now;
static bool lossless; /* whoever loses all of a phase needs a new binding */

static void start(uint8_t choice) {
    const struct bl_secret keys[2] = {{{1}}, {{2}}}, swapped[2] = {{{2}}, {{1}}};
    bool aes = (choice & 1) != 0 && (bl_suites() & 1U << BL_SUITE_AES256) != 0;
    enum bl_suite suite = aes ? BL_SUITE_AES256 : BL_SUITE_CHACHA20;
    now = 1000 * BL_SECOND;
    lossless = true;
    bl_protection_init(&ends[0], suite, keys, now);
    bl_protection_init(&ends[1], suite, swapped, now);
    if ((choice & 2) != 0) { /* a key update is due soon */
        ends[0].send_number = BL_PHASE_DATAGRAMS - 3;
        ends[1].window.end = BL_PHASE_DATAGRAMS - 3;
    }
    memset(held, 0, sizeof held);
}

static bool open(size_t end, const uint8_t *bytes, size_t size, struct bl_protected *in) {
    static uint8_t copy[1200];
    memcpy(copy, bytes, size);
    *in = (struct bl_protected){.datagram = copy};
    if (!bl_data_header_read(&in->header, copy, size)) {
        return false;
    }
    in->payload_size = size - BL_DATA_HEADER_SIZE - BL_DATA_TAG_SIZE;
    return bl_protection_open(&ends[end], in, now);
}

static void deliver(struct held *datagram, bool at_once) {
    struct bl_protected in;
    if (datagram->size == 0) {
        return;
    }
    bool opens = open(datagram->to, datagram->bytes, datagram->size, &in);
    MUST(!(opens && datagram->opened)); /* not twice */
    MUST(opens || !at_once || !lossless);
    if (opens) {
        for (size_t i = 0; i < in.payload_size; i++) {
            MUST(in.datagram[BL_DATA_HEADER_SIZE + i] == (uint8_t)in.payload_size);
        }
        datagram->opened = true;
    }
}

static void seal(size_t from, struct held *out, uint8_t size) {
    struct bl_protected sealed = {.header = {.kind = BL_DATAGRAM_DATA, .tag = 7},
                                  .datagram = out->bytes,
                                  .payload_size = size % 32};
    memset(out->bytes + BL_DATA_HEADER_SIZE, (int)sealed.payload_size, sealed.payload_size);
    out->size = bl_protection_seal(&ends[from], &sealed, now);
    out->to = 1 - from;
    out->opened = false;
}

static void deliver_altered(const struct held *datagram, uint8_t where) {
    struct bl_protected in;
    uint8_t bytes[SIZE_MAX_];
    if (datagram->size > 0) {
        memcpy(bytes, datagram->bytes, sizeof bytes);
        bytes[where % datagram->size] ^= (uint8_t)(1U << where % 8);
        MUST(!open(datagram->to, bytes, datagram->size, &in));
    }
}

static void step(uint8_t what, uint8_t which, struct held *next) {
    struct held *datagram = &held[which % HELD_COUNT];
    switch (what % 8) {
    case 0:
    case 1:
        seal(what % 8, next, which);
        lossless = false; /* as long as it is held it is lost */
        break;
    case 2:
    case 3:
        seal(what % 8 - 2U, next, which);
        deliver(next, true);
        break;
    case 4:
        deliver(datagram, false);
        break;
    case 5:
        deliver_altered(datagram, what ^ which);
        break;
    case 6:
        now += which * BL_SECOND / 10;
        break;
    default:
        now += which * 60 * BL_SECOND;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bl_protected in;
    if (size == 0 || size > 1200) {
        return 0;
    }
    start(data[0]);
    for (size_t i = 1; i + 1 < size; i += 2) {
        step(data[i], data[i + 1], &held[i / 2 % HELD_COUNT]);
    }
    MUST(!open(0, data, size, &in)); /* as if all of it were a datagram */
    return 0;
}
