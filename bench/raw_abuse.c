/*
 * The baseline of `goal abuse`: what the same kinds of datagrams do to unmodified ENet. Those of
 * Belay's own protocol mean nothing to it and are noise here.
 *
 * usage: raw-abuse. Each class meets a server of its own with 32 players and as many free slots.
 */
#include "bench/raw_hostile.h"
#include "bench/raw_scene.h"

#include "common/random.h"
#include <stdio.h>
#include <stdlib.h>

#define SLOTS     64
#define CLIENTS   32
#define DATAGRAMS 1000
#define PER_STEP  100
#define AFTER_MS  32000 /* how long ENet repeats itself */

struct attack {
    struct bl_scene scene;
    struct bl_random random;
    uint64_t bytes_in;
};

static void connect_flood(struct attack *attack, uint32_t number) {
    uint8_t bytes[BL_RAW_HOSTILE_MAX];
    const struct bl_address from = bl_scene_stranger(number);
    size_t size = bl_raw_connect(bytes, number);
    attack->bytes_in += size;
    bl_scene_spoof(&attack->scene, &from, bytes, size);
}

/** As one of the players, of whom no more than the address is known. */
static void as_player(struct attack *attack, uint32_t number, const uint8_t *bytes, size_t size) {
    const struct bl_address from = bl_scene_address(&attack->scene, number % CLIENTS);
    attack->bytes_in += size;
    if (from.port != 0) { /* who has been thrown out has none */
        bl_scene_spoof(&attack->scene, &from, bytes, size);
    }
}

/** The peer of that player, should it have got the number that it was the first to ask for. */
static unsigned peer_of(uint32_t number) {
    return number % CLIENTS;
}

static unsigned session_of(uint32_t number) {
    return number / CLIENTS % BL_RAW_SESSIONS;
}

static void disconnect(struct attack *attack, uint32_t number) {
    uint8_t bytes[BL_RAW_HOSTILE_MAX];
    as_player(attack, number, bytes, bl_raw_disconnect(bytes, peer_of(number), session_of(number)));
}

static void acknowledge(struct attack *attack, uint32_t number) {
    uint8_t bytes[BL_RAW_HOSTILE_MAX];
    as_player(attack, number, bytes,
              bl_raw_acknowledge(bytes, peer_of(number), session_of(number)));
}

static void verify_connect(struct attack *attack, uint32_t number) {
    uint8_t bytes[BL_RAW_HOSTILE_MAX];
    as_player(attack, number, bytes,
              bl_raw_verify_connect(bytes, peer_of(number), session_of(number)));
}

static void inject(struct attack *attack, uint32_t number) {
    uint8_t bytes[BL_RAW_HOSTILE_MAX];
    as_player(attack, number, bytes,
              bl_raw_message(bytes, peer_of(number), session_of(number), "EVIL"));
}

static void bomb(struct attack *attack, uint32_t number) {
    uint8_t bytes[BL_RAW_HOSTILE_MAX];
    as_player(attack, number, bytes,
              bl_raw_fragment_bomb(bytes, peer_of(number), session_of(number)));
}

static void truncate_connect(struct attack *attack, uint32_t number) {
    uint8_t bytes[BL_RAW_HOSTILE_MAX];
    const struct bl_address from = bl_scene_stranger(number);
    size_t size = number % bl_raw_connect(bytes, number);
    attack->bytes_in += size;
    bl_scene_spoof(&attack->scene, &from, bytes, size);
}

static void noise(struct attack *attack, uint32_t number) {
    uint8_t bytes[BL_DATAGRAM_SIZE_MAX];
    const struct bl_address from = bl_scene_stranger(number);
    bl_random_bytes(&attack->random, bytes, sizeof bytes);
    attack->bytes_in += number % sizeof bytes;
    bl_scene_spoof(&attack->scene, &from, bytes, number % sizeof bytes);
}

static const struct class {
    const char *name;
    void (*send)(struct attack *attack, uint32_t number);
    uint32_t count;
} classes[] = {
    {"CONNECT, spoofed", connect_flood, SLOTS - CLIENTS},
    {"DISCONNECT, spoofed", disconnect, DATAGRAMS},
    {"ACKNOWLEDGE, spoofed", acknowledge, DATAGRAMS},
    {"VERIFY_CONNECT, spoofed", verify_connect, DATAGRAMS},
    {"message, injected", inject, DATAGRAMS},
    {"fragment bombs", bomb, DATAGRAMS},
    {"truncated datagrams", truncate_connect, DATAGRAMS},
    {"noise of every size", noise, DATAGRAMS},
};

static void run(const struct class *class) {
    struct attack attack = {0};
    struct bl_scene *scene = &attack.scene;
    bl_random_init_seeded(&attack.random, 1);
    if (!bl_scene_open(scene, SLOTS, CLIENTS)) {
        fprintf(stderr, "raw-abuse: cannot make a server\n");
        exit(1);
    }
    size_t heap = bl_scene_heap(), peak = heap;
    unsigned taken = 0;
    for (uint32_t i = 0; i < class->count; i++) {
        class->send(&attack, i);
        if (i % PER_STEP == PER_STEP - 1 || i == class->count - 1) {
            bl_scene_run(scene, BL_SCENE_STEP_MS);
            unsigned now = bl_scene_slots_taken(scene);
            taken = now > taken ? now : taken;
            peak = bl_scene_heap() > peak ? bl_scene_heap() : peak;
        }
    }
    bl_scene_run(scene, AFTER_MS);
    printf("abuse: raw ENet, %-23s %4u datagrams: %2u of %u free slots taken, %2u of %u players "
           "thrown out, %u false messages, heap +%.1f MB, bytes out/in %.2f\n",
           class->name, class->count, taken > CLIENTS ? taken - CLIENTS : 0, SLOTS - CLIENTS,
           scene->disconnects, CLIENTS, scene->messages, (double)(peak - heap) / 1e6,
           attack.bytes_in > 0 ? (double)scene->bytes_to_strangers / (double)attack.bytes_in : 0);
    bl_scene_close(scene);
}

int main(void) {
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        run(&classes[i]);
    }
    return 0;
}
