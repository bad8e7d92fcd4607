/* Prints the generated part of docs/session-states.md; check_states.py puts it there and compares.
 */
#include "lib/session/state.h"
#include <stdio.h>
#include <string.h>

#define LABEL_SIZE 256

static bool is_conditional(enum belay_state state, enum bl_input input) {
    struct bl_edge dead = bl_state_edge(state, input, false);
    struct bl_edge alive = bl_state_edge(state, input, true);
    return dead.kind != alive.kind || dead.next != alive.next;
}

static bool leads(enum belay_state from, enum bl_input input, bool peer_lives,
                  enum belay_state to) {
    struct bl_edge edge = bl_state_edge(from, input, peer_lives);
    return edge.kind == BL_EDGE_GO && edge.next == to;
}

static void append(char label[LABEL_SIZE], const char *text, const char *condition) {
    size_t used = strlen(label);
    snprintf(label + used, LABEL_SIZE - used, "%s%s%s", used > 0 ? ", " : "", text, condition);
}

/** All inputs that lead from one state to another, on one arrow. */
static void print_arrow(enum belay_state from, enum belay_state to) {
    char label[LABEL_SIZE] = "";
    for (int i = 0; i < BL_INPUT_COUNT; i++) {
        enum bl_input input = (enum bl_input)i;
        if (!is_conditional(from, input)) {
            if (leads(from, input, false, to)) {
                append(label, bl_input_name(input), "");
            }
            continue;
        }
        if (leads(from, input, true, to)) {
            append(label, bl_input_name(input), " (link lives)");
        }
        if (leads(from, input, false, to)) {
            append(label, bl_input_name(input), " (link gone)");
        }
    }
    if (label[0] != '\0') {
        printf("    %s --> %s : %s\n", belay_state_name(from), belay_state_name(to), label);
    }
}

static void print_diagram(void) {
    puts("```mermaid");
    puts("stateDiagram-v2");
    printf("    [*] --> %s\n", belay_state_name(BELAY_DISCONNECTED));
    for (int from = 0; from < BELAY_STATE_COUNT; from++) {
        for (int to = 0; to < BELAY_STATE_COUNT; to++) {
            print_arrow((enum belay_state)from, (enum belay_state)to);
        }
    }
    puts("```");
}

static void print_cell(enum belay_state state, enum bl_input input) {
    struct bl_edge edge = bl_state_edge(state, input, false);
    switch (edge.kind) {
    case BL_EDGE_GO:
        printf(" %s", belay_state_name(edge.next));
        break;
    case BL_EDGE_IGNORE:
        printf(" -");
        break;
    case BL_EDGE_IMPOSSIBLE:
        printf(" !");
        break;
    case BL_EDGE_UNDECIDED:
        printf(" ?");
        break;
    }
    if (is_conditional(state, input)) {
        edge = bl_state_edge(state, input, true);
        printf(", %s while the link lives", belay_state_name(edge.next));
    }
    printf(" |");
}

static void print_table(void) {
    printf("| state \\ input |");
    for (int input = 0; input < BL_INPUT_COUNT; input++) {
        printf(" %s |", bl_input_name((enum bl_input)input));
    }
    printf("\n|---|");
    for (int input = 0; input < BL_INPUT_COUNT; input++) {
        printf("---|");
    }
    for (int state = 0; state < BELAY_STATE_COUNT; state++) {
        printf("\n| %s |", belay_state_name((enum belay_state)state));
        for (int input = 0; input < BL_INPUT_COUNT; input++) {
            print_cell((enum belay_state)state, (enum bl_input)input);
        }
    }
    printf("\n");
}

int main(void) {
    print_diagram();
    puts("");
    print_table();
    return 0;
}
