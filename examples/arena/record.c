#include "examples/arena/record.h"

static void record_gaps(struct session_record *record, const struct belay_resumed_event *resumed,
                        bool is_server) {
    for (uint32_t i = 0; i < resumed->gap_count; i++) {
        const struct belay_gap *gap = &resumed->gaps[i];
        struct gap_record *way = gap->inbound == is_server ? &record->lost : &record->repeated;
        *way = (struct gap_record){gap->from, gap->to};
    }
}

void record_event(struct session_record *record, const struct belay_event *ev, bool is_server) {
    switch (ev->type) {
    case BELAY_EVENT_OPEN:
        record->opened++;
        break;
    case BELAY_EVENT_DOWN:
        record->downs++;
        break;
    case BELAY_EVENT_RESUMED:
        record->resumes++;
        record->down_ms = ev->resumed.down_ms;
        record_gaps(record, &ev->resumed, is_server);
        break;
    case BELAY_EVENT_CLOSED:
        record->closed = true;
        record->code = ev->closed.reason->code;
        record->by = ev->closed.reason->who;
        record->unacked = ev->closed.unacked;
        record->info = *ev->closed.info;
        break;
    default:
        break;
    }
}
