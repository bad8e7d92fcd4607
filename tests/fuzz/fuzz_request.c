/*
 * Messages of the request channel from any bytes: nothing is read past the end, and the head of
 * what is accepted comes out again as it went in.
 */
#include "lib/wire/request.h"
#include "tests/fuzz/fuzz.h"
#include <belay/request.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size + 1),
            again[BL_REQUEST_HEAD_SIZE]; /* the sanitizer guards its end */
    struct bl_request_head head;
    MUST(copy != NULL);
    if (size > 0) {
        memcpy(copy + 1, data, size);
    }
    if (bl_request_read(&head, copy + 1, size)) {
        size_t written = bl_request_write(again, &head);
        MUST(written <= size && memcmp(again, data, written) == 0);
        MUST(head.kind != BL_REQUEST_ASK || head.deadline_ms > 0);
        MUST(head.kind != BL_REQUEST_CANCEL || written == size);
        MUST(head.kind != BL_REQUEST_ANSWER || head.code >= 0 || head.code == BELAY_REPLY_LOST ||
             head.code == BELAY_REPLY_REFUSED);
    }
    free(copy);
    return 0;
}
