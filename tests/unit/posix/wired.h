/* For the tests of the driving loop: a device made of a socket pair, whose other end is the wire, and a peer on it. */
#ifndef TEST_WIRED_H
#define TEST_WIRED_H

#include <stdatomic.h>
#include <tapir/tap.h>

#include "loop.h"

struct wired {
    struct tapir_device device;
    int wire;                /* the test's end */
    _Atomic int write_error; /* what write returns; 0: it works */
    _Atomic int read_error;  /* what read returns once the wire is empty; 0: no frame yet */
    _Atomic int written, closed;
    _Atomic int told, told_error;    /* how often tapir_config.tell was called, and with what error the last time */
    _Atomic uint64_t flood_until_ms; /* until then (loop_now_ms) read finds a frame of junk each time */
    _Atomic int trickle;             /* ... or only every second time */
    void (*on_write)(void);          /* called by write; NULL: nothing */
    void (*_Atomic on_read)(void);   /* likewise called by read */
};
extern struct wired wired;

/* Makes the device; and fixture: the stack is up over it, as 10.0.0.2 with 10.0.0.1 as its gateway. */
void wired_plug_in(struct wired *device);
void wired_up(void);
void wired_down(void);

/* The peer, 10.0.0.1, asks for our address. */
void wired_send_arp_request(void);

/* Whether a frame of this type, with this byte at this offset, comes within a while; it is left in `frame` (2048 bytes).
 * An ARP request of ours is one too, and so is the announcement of our address. */
bool wired_comes(uint16_t type, int offset, uint8_t value, uint8_t *frame, int within_ms);
bool wired_arp_reply_comes(uint8_t *frame);
bool wired_arp_request_comes(uint8_t *frame, int within_ms);

/* Somebody answers ARP and ping. */
void wired_expect_answers(void);

#endif
