#include "bench/ledger.h"

#include <stdio.h>
#include <string.h>

void bl_ledger_open(struct bl_ledger *ledger, uint64_t now_ms) {
    ledger->sending = true;
    memset(ledger->lines, 0, sizeof ledger->lines);
    for (uint32_t i = 0; i < BL_LOAD_CLIENTS; i++) {
        ledger->lines[i].next_ms = now_ms + i * BL_LOAD_INTERVAL_MS / BL_LOAD_CLIENTS;
    }
}

bool bl_ledger_next(struct bl_ledger *ledger, uint32_t client, uint64_t now_ms,
                    struct bl_load_message *message) {
    if (!ledger->sending || now_ms < ledger->lines[client].next_ms) {
        return false;
    }
    ledger->lines[client].next_ms += BL_LOAD_INTERVAL_MS;
    *message = (struct bl_load_message){
        .client = client, .number = ledger->lines[client].sent++, .sent_ms = now_ms};
    ledger->sent++;
    return true;
}

void bl_ledger_refuse(struct bl_ledger *ledger, uint32_t client) {
    ledger->lines[client].sent--;
    ledger->sent--;
    ledger->refused++;
}

void bl_ledger_receive(struct bl_ledger *ledger, const void *data, size_t size, uint64_t now_ms) {
    struct bl_load_message message;
    if (size != sizeof message) {
        ledger->foreign++;
        return;
    }
    memcpy(&message, data, sizeof message);
    if (message.client >= BL_LOAD_CLIENTS || message.number >= ledger->lines[message.client].sent) {
        ledger->foreign++;
        return;
    }
    uint32_t *expected = &ledger->lines[message.client].expected;
    if (message.number < *expected) {
        ledger->repeated++;
        return;
    }
    ledger->misordered += message.number - *expected;
    *expected = message.number + 1;
    ledger->received++;
    bl_latency_add(&ledger->latency, now_ms - message.sent_ms);
}

void bl_ledger_stop(struct bl_ledger *ledger) {
    ledger->sending = false;
}

bool bl_ledger_is_balanced(const struct bl_ledger *ledger) {
    for (uint32_t i = 0; i < BL_LOAD_CLIENTS; i++) {
        if (ledger->lines[i].expected != ledger->lines[i].sent) {
            return false;
        }
    }
    return true;
}

void bl_ledger_close(struct bl_ledger *ledger) {
    for (uint32_t i = 0; i < BL_LOAD_CLIENTS; i++) {
        ledger->missing += ledger->lines[i].sent - ledger->lines[i].expected;
    }
}

uint64_t bl_ledger_wrong(const struct bl_ledger *ledger) {
    return ledger->refused + ledger->missing + ledger->repeated + ledger->misordered +
           ledger->foreign;
}

double bl_ledger_datagrams_per_message(const struct bl_ledger *ledger) {
    return ledger->sent > 0 ? (double)ledger->datagrams / (double)ledger->sent : 0;
}

void bl_ledger_print_head(void) {
    printf("                 sessions    latency in ms               datagrams    messages\n"
           "loss             lost    of    p50    p99  p99.9    max  per message      sent missing "
           "repeated misordered   resent  DOWN\n");
}

void bl_ledger_print_row(const struct bl_ledger *ledger) {
    const struct bl_latency *latency = &ledger->latency;
    printf(" %5u %5u %6u %6u %6u %6u %12.2f %9llu %7llu %8llu %10llu", ledger->sessions_lost,
           ledger->sessions, bl_latency_percentile(latency, 50), bl_latency_percentile(latency, 99),
           bl_latency_percentile(latency, 99.9), latency->max_ms,
           bl_ledger_datagrams_per_message(ledger), (unsigned long long)ledger->sent,
           (unsigned long long)(ledger->missing + ledger->refused),
           (unsigned long long)ledger->repeated,
           (unsigned long long)(ledger->misordered + ledger->foreign));
}
