/* For the tests of the driving loop: a device made of a socket pair, whose other end is the wire, and a peer on it. */
#include "wired.h"

#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

struct wired wired;

static int wired_read(struct tapir_device *device, struct tapir_frame *frame) {
    struct wired *self = (struct wired *)(void *)device;
    void (*on_read)(void) = self->on_read;
    if (on_read != NULL) {
        on_read();
    }
    if (self->flood_until_ms != 0 && loop_now_ms() < self->flood_until_ms) {
        static unsigned turn;
        static const uint8_t junk[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x08, 0x00, 0x45};
        if (self->trickle && turn++ % 2 == 1) {
            return 0;
        }
        memcpy(frame->data, junk, sizeof junk);
        frame->len = sizeof junk;
        frame->offload = (struct tapir_offload){0};
        return 1;
    }
    ssize_t got = read(device->fd, frame->data, TAPIR_FRAME_MAX_BYTES);
    if (got <= 0) {
        return self->read_error;
    }
    frame->len = (uint32_t)got;
    frame->offload = (struct tapir_offload){0};
    return 1;
}

static int wired_write(struct tapir_device *device, const struct tapir_out *out) {
    struct wired *self = (struct wired *)(void *)device;
    struct iovec pieces[1 + TAPIR_OUT_PIECES] = {{out->header, out->header_len}};
    for (size_t i = 0; i < out->piece_count; i++) {
        pieces[i + 1] = (struct iovec){(void *)(uintptr_t)out->pieces[i].base, out->pieces[i].len};
    }
    self->written++;
    if (self->on_write != NULL) {
        self->on_write();
    }
    if (self->write_error != 0) {
        return self->write_error;
    }
    return writev(device->fd, pieces, (int)out->piece_count + 1) < 0 ? -errno : 0;
}

static void wired_close(struct tapir_device *device) {
    ((struct wired *)(void *)device)->closed++;
    close(device->fd);
}

static const struct tapir_device_ops wired_ops = {wired_read, wired_write, wired_close};

void wired_plug_in(struct wired *device) {
    int ends[2];
    cr_assert(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) == 0);
    *device = (struct wired){.device = {.ops = &wired_ops, .fd = ends[0], .mtu_bytes = 1500, .name = "wire0"},
                             .wire = ends[1]};
}

static void take_word(void *ctx, int error, const char *sentence) {
    struct wired *self = ctx;
    cr_assert(sentence[0] != '\0');
    self->told_error = error;
    self->told++;
}

void wired_up(void) {
    struct tapir_config config = TAPIR_CONFIG_DEFAULT;
    char error[256];
    config.address = "10.0.0.2/24";
    config.gateway = "10.0.0.1";
    config.tell = take_word;
    config.tell_ctx = &wired;
    wired_plug_in(&wired);
    int result = tapir_up_device(&wired.device, &config, error, sizeof error);
    cr_assert(result == 0, "%s", error);
}

void wired_down(void) {
    tapir_down();
    cr_assert(wired.closed == 1);
    close(wired.wire);
}

/* --- the wire --- */

enum { ARP_LEN = 42, PING_LEN = 42 };
static const uint8_t our_ip[4] = {10, 0, 0, 2}, peer_ip[4] = {10, 0, 0, 1};
static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 9}, broadcast[6] = {255, 255, 255, 255, 255, 255};

static void ethernet(uint8_t *frame, const uint8_t to[6], uint16_t type) {
    memcpy(frame, to, 6);
    memcpy(frame + 6, peer_mac, 6);
    frame[12] = (uint8_t)(type >> 8);
    frame[13] = (uint8_t)type;
}

void wired_send_arp_request(void) {
    static const uint8_t head[8] = {0, 1, 8, 0, 6, 4, 0, 1};
    uint8_t frame[ARP_LEN] = {0};
    ethernet(frame, broadcast, 0x0806);
    memcpy(frame + 14, head, 8);
    memcpy(frame + 22, peer_mac, 6);
    memcpy(frame + 28, peer_ip, 4);
    memcpy(frame + 38, our_ip, 4);
    cr_assert(write(wired.wire, frame, sizeof frame) == sizeof frame);
}

static void put_checksum(uint8_t *at, const uint8_t *data, size_t bytes) {
    uint32_t sum = 0;
    for (size_t i = 0; i < bytes; i += 2) {
        sum += (uint32_t)data[i] << 8 | data[i + 1];
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
    at[0] = (uint8_t)(sum >> 8);
    at[1] = (uint8_t)sum;
}

static void send_ping(const uint8_t our_mac[6]) {
    uint8_t frame[PING_LEN] = {0}, *ip = frame + 14, *icmp = ip + 20;
    ethernet(frame, our_mac, 0x0800);
    ip[0] = 0x45;
    ip[3] = 28;
    ip[8] = 64;
    ip[9] = 1;
    memcpy(ip + 12, peer_ip, 4);
    memcpy(ip + 16, our_ip, 4);
    put_checksum(ip + 10, ip, 20);
    icmp[0] = 8;
    put_checksum(icmp + 2, icmp, 8);
    cr_assert(write(wired.wire, frame, sizeof frame) == sizeof frame);
}

bool wired_comes(uint16_t type, int offset, uint8_t value, uint8_t *frame, int within_ms) {
    uint64_t end_ms = loop_now_ms() + (uint64_t)within_ms;
    struct pollfd poll_fd = {.fd = wired.wire, .events = POLLIN};
    while (loop_now_ms() < end_ms && poll(&poll_fd, 1, within_ms) == 1) {
        ssize_t got = read(wired.wire, frame, 2048);
        if (got > offset && frame[12] == type >> 8 && frame[13] == (type & 0xff) && frame[offset] == value) {
            return true;
        }
    }
    return false;
}

bool wired_arp_reply_comes(uint8_t *frame) { return wired_comes(0x0806, 21, 2, frame, 1000); }
bool wired_arp_request_comes(uint8_t *frame, int within_ms) { return wired_comes(0x0806, 21, 1, frame, within_ms); }
static bool ping_reply_comes(uint8_t *frame) { return wired_comes(0x0800, 34, 0, frame, 1000); }

void wired_expect_answers(void) {
    uint8_t frame[2048], mac[6];
    wired_send_arp_request();
    cr_assert(wired_arp_reply_comes(frame));
    memcpy(mac, frame + 6, 6);
    cr_assert((mac[0] & 3) == 2, "a locally administered unicast address");
    send_ping(mac);
    cr_assert(ping_reply_comes(frame));
}
