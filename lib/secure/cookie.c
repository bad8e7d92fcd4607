/* Secrets change on a grid of BL_COOKIE_TURN, at the first use behind each line of it: nobody has
 * to call when nothing happens. */
#include "lib/secure/cookie.h"

#include <string.h>

static void draw(struct bl_cookies *cookies, struct bl_secret *out) {
    bl_random_bytes(cookies->random, out->bytes, sizeof out->bytes);
}

void bl_cookies_init(struct bl_cookies *cookies, struct bl_random *random, bl_time now) {
    *cookies = (struct bl_cookies){.random = random, .turned_at = now};
    draw(cookies, &cookies->now);
    draw(cookies, &cookies->before); /* nothing was made with it; zeros anybody could use */
}

void bl_cookies_wipe(struct bl_cookies *cookies) {
    bl_wipe(cookies, sizeof *cookies);
}

/** After a pause of two turns no cookie is young enough: both secrets are new ones. */
static void turn(struct bl_cookies *cookies, bl_time now) {
    bl_duration since = now - cookies->turned_at;
    if (since < BL_COOKIE_TURN) {
        return;
    }
    if (since < 2 * BL_COOKIE_TURN) {
        cookies->before = cookies->now;
    } else {
        draw(cookies, &cookies->before);
    }
    draw(cookies, &cookies->now);
    cookies->turned_at = now - since % BL_COOKIE_TURN;
}

static void compute(uint8_t out[BL_COOKIE_SIZE], const struct bl_secret *secret,
                    const struct bl_address *address, const uint8_t nonce[BL_NONCE_SIZE]) {
    uint8_t claim[sizeof address->ip + sizeof address->port + BL_NONCE_SIZE];
    uint8_t mac[BL_MAC_SIZE];
    struct bl_writer writer = bl_writer_of(claim, sizeof claim);
    bl_write_bytes(&writer, address->ip, sizeof address->ip);
    bl_write_u16(&writer, address->port);
    bl_write_bytes(&writer, nonce, BL_NONCE_SIZE);
    bl_mac(mac, secret, claim, sizeof claim);
    memcpy(out, mac, BL_COOKIE_SIZE);
    bl_wipe(mac, sizeof mac);
}

void bl_cookie_make(struct bl_cookies *cookies, uint8_t out[BL_COOKIE_SIZE],
                    const struct bl_address *address, const uint8_t nonce[BL_NONCE_SIZE],
                    bl_time now) {
    turn(cookies, now);
    compute(out, &cookies->now, address, nonce);
}

bool bl_cookie_check(struct bl_cookies *cookies, const uint8_t cookie[BL_COOKIE_SIZE],
                     const struct bl_address *address, const uint8_t nonce[BL_NONCE_SIZE],
                     bl_time now) {
    uint8_t wanted[BL_COOKIE_SIZE];
    turn(cookies, now);
    compute(wanted, &cookies->now, address, nonce);
    bool good = bl_equal(cookie, wanted, sizeof wanted);
    if (!good) {
        compute(wanted, &cookies->before, address, nonce);
        good = bl_equal(cookie, wanted, sizeof wanted);
    }
    bl_wipe(wanted, sizeof wanted);
    return good;
}
