/* The frame reader and writer over socket pairs, and a real TAP where the machine has one to give. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare, pipe2 */
#endif
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frames.h"
#include "tap/tap.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* --- over a socket pair --- */

struct pair {
    struct tapir_device *device;
    int far; /* what the kernel's side would be */
};

static struct pair pair_new(int type, bool vnet) {
    int fds[2];
    cr_assert_eq(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fds), 0);
    struct pair pair = {.device = tap_wrap(fds[0], vnet), .far = fds[1]};
    cr_assert_not_null(pair.device);
    return pair;
}

static void pair_end(struct pair *pair) {
    pair->device->ops->close(pair->device);
    close(pair->far);
}

Test(tap, reads_a_frame_and_its_offload) {
    struct pair pair = pair_new(SOCK_DGRAM, true);
    struct tapir_frame *frame = frame_new();
    struct {
        struct virtio_net_hdr vnet;
        char bytes[60];
    } wire = {.vnet = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6}, .bytes = "frame"};
    cr_assert_eq(pair.device->ops->read(pair.device, frame), 0, "nothing there yet");
    cr_assert_eq(write(pair.far, &wire, sizeof wire.vnet + sizeof wire.bytes), 70);
    cr_assert_eq(pair.device->ops->read(pair.device, frame), 1);
    cr_assert_eq(frame->len, 60);
    cr_assert_eq(memcmp(frame->data, "frame", 5), 0);
    cr_assert_eq(frame->offload.csum, TAPIR_CSUM_PARTIAL);
    cr_assert_eq(frame->offload.csum_start, 34);
    cr_assert_eq(pair.device->ops->read(pair.device, frame), 0);
    free(frame);
    pair_end(&pair);
}

Test(tap, reads_plain_frames) {
    struct pair pair = pair_new(SOCK_DGRAM, false);
    struct tapir_frame *frame = frame_new();
    frame->offload = (struct tapir_offload){.csum = TAPIR_CSUM_GOOD, .gso = TAPIR_GSO_TCP4, .gso_size = 9};
    cr_assert_eq(write(pair.far, "0123456789abcd", 14), 14);
    cr_assert_eq(pair.device->ops->read(pair.device, frame), 1);
    cr_assert_eq(frame->len, 14);
    cr_assert_eq(frame->offload.csum, TAPIR_CSUM_NONE, "left over from the frame before");
    cr_assert_eq(frame->offload.gso, TAPIR_GSO_NONE);
    free(frame);
    pair_end(&pair);
}

/* HAZARDS V1: something shorter than its own vnet header is an empty frame, not a huge one. */
Test(tap, v1_shorter_than_the_vnet_header) {
    struct pair pair = pair_new(SOCK_DGRAM, true);
    struct tapir_frame *frame = frame_new();
    for (ssize_t len = 1; len <= 10; len++) {
        cr_assert_eq(write(pair.far, "\0\0\0\0\0\0\0\0\0\0", (size_t)len), len);
        cr_assert_eq(pair.device->ops->read(pair.device, frame), 1);
        cr_assert_eq(frame->len, 0);
    }
    free(frame);
    pair_end(&pair);
}

Test(tap, writes_header_and_pieces_as_one_frame) {
    struct pair pair = pair_new(SOCK_DGRAM, true);
    struct tapir_out out;
    out_fill(&out, "HEADER", 6, "one", 3);
    out.pieces[out.piece_count++] = (struct tapir_piece){.base = "two", .len = 3};
    out.len += 3;
    out.offload = (struct tapir_offload){.csum = TAPIR_CSUM_PARTIAL, .csum_start = 1, .csum_offset = 2};
    cr_assert_eq(pair.device->ops->write(pair.device, &out), 0);
    char got[64];
    cr_assert_eq(read(pair.far, got, sizeof got), 22);
    cr_assert_eq(memcmp(got + 10, "HEADERonetwo", 12), 0);
    cr_assert_eq(got[0], VIRTIO_NET_HDR_F_NEEDS_CSUM);
    pair_end(&pair);
}

/* HAZARDS V4: a full queue, a short write and a lost peer are told to the caller, and the next write may pass. */
Test(tap, v4_write_errors_are_returned) {
    struct pair pair = pair_new(SOCK_DGRAM, false);
    struct tapir_out out;
    char byte[4096] = {0};
    out_fill(&out, "HEADER", 6, byte, sizeof byte);
    int result = 0;
    for (int i = 0; i < 100000 && result == 0; i++) {
        result = pair.device->ops->write(pair.device, &out);
    }
    cr_assert_eq(result, -EAGAIN);
    cr_assert_eq(read(pair.far, byte, sizeof byte), sizeof byte);
    cr_assert_eq(pair.device->ops->write(pair.device, &out), 0, "room again");
    close(pair.far);
    pair.far = -1;
    cr_assert_eq(pair.device->ops->write(pair.device, &out), -ECONNREFUSED);
    pair_end(&pair);
}

Test(tap, v4_short_write_is_an_error) {
    int fds[2];
    cr_assert_eq(pipe2(fds, O_NONBLOCK), 0);
    static char bytes[60000];
    cr_assert_eq(write(fds[1], bytes, 30000), 30000);
    struct tapir_device *device = tap_wrap(fds[1], false);
    struct tapir_out out;
    out_fill(&out, "HEADER", 6, bytes, sizeof bytes);
    cr_assert_eq(device->ops->write(device, &out), -EIO);
    device->ops->close(device);
    close(fds[0]);
}

Test(tap, a_dead_descriptor_is_said) {
    struct pair pair = pair_new(SOCK_DGRAM, true);
    struct tapir_frame *frame = frame_new();
    const int fd = pair.device->fd;
    pair.device->fd = -1;
    cr_assert_eq(pair.device->ops->read(pair.device, frame), -EBADF);
    pair.device->fd = fd;
    free(frame);
    pair_end(&pair);
}

/* --- a real TAP, in a network namespace of the test's own --- */

/* Moves this test's process into a fresh network namespace, or skips the test. */
static void isolate(void) {
    const int what = geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWNET | CLONE_NEWUSER;
    if (unshare(what) != 0) {
        cr_skip_test("no network namespace to be had: %s", strerror(errno));
    }
    int fd = open("/dev/net/tun", O_RDWR);
    if (fd < 0) {
        cr_skip_test("no TAP to be had: /dev/net/tun: %s", strerror(errno));
    }
    close(fd);
}

static struct tapir_device *open_tap(const char *name, bool no_offload) {
    char error[256];
    const struct tapir_tap_config config = {
        .name = name, .fd = -1, .no_offload = no_offload, .host_address = "10.9.0.1/24", .mtu_bytes = 1400};
    struct tapir_device *device = tapir_tap_open(&config, error, sizeof error);
    cr_assert_not_null(device, "%s", error);
    return device;
}

/* Reads until a frame of this EtherType comes: the kernel sends some of its own. */
static bool read_type(struct tapir_device *device, struct tapir_frame *frame, unsigned type) {
    for (int i = 0; i < 100; i++) {
        const int result = device->ops->read(device, frame);
        cr_assert_geq(result, 0);
        if (result == 1 && frame->data[12] == type >> 8 && frame->data[13] == (type & 0xff)) {
            return true;
        }
        if (result == 0) {
            struct pollfd ready = {.fd = device->fd, .events = POLLIN};
            if (poll(&ready, 1, 500) == 0) {
                return false;
            }
        }
    }
    return false;
}

static struct sockaddr_in address_of(const char *dotted, uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, dotted, &address.sin_addr);
    return address;
}

/* A permanent neighbour, so that the kernel sends without asking. */
static void add_neighbour(const char *name, const char *dotted) {
    struct arpreq request = {.arp_flags = ATF_PERM | ATF_COM};
    const struct sockaddr_in address = address_of(dotted, 0);
    memcpy(&request.arp_pa, &address, sizeof address);
    request.arp_ha.sa_family = ARPHRD_ETHER;
    memcpy(request.arp_ha.sa_data, "\x02\0\0\0\0\x02", 6);
    strncpy(request.arp_dev, name, sizeof request.arp_dev - 1);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert_eq(ioctl(fd, SIOCSARP, &request), 0, "%s", strerror(errno));
    close(fd);
}

Test(real_tap, opens_and_brings_up_the_host_side) {
    isolate();
    struct tapir_device *device = open_tap("tapt0", false);
    cr_assert_str_eq(device->name, "tapt0");
    cr_assert_eq(device->mtu_bytes, 1400);
    cr_assert_neq(device->caps & TAPIR_CAP_TSO4, 0);
    struct tapir_frame *frame = frame_new();
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const struct sockaddr_in to = address_of("10.9.0.2", 9);
    cr_assert_eq(sendto(fd, "x", 1, 0, (const struct sockaddr *)&to, sizeof to), 1);
    cr_assert(read_type(device, frame, 0x0806), "no ARP request for the neighbour");
    cr_assert_eq(frame->len, 42);
    close(fd);
    device->ops->close(device);
    free(frame);
}

static int queue_length(const char *name) {
    struct ifreq request = {0};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    cr_assert_eq(ioctl(fd, SIOCGIFTXQLEN, &request), 0);
    close(fd);
    return request.ifr_qlen;
}

Test(real_tap, lengthens_the_queue_but_never_shortens_it) {
    isolate();
    struct tapir_device *device = open_tap("tapt0", false);
    cr_assert_eq(queue_length("tapt0"), TAPIR_TAP_QUEUE_FRAMES);
    struct ifreq request = {.ifr_name = "tapt0", .ifr_qlen = 2 * TAPIR_TAP_QUEUE_FRAMES};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert_eq(ioctl(fd, SIOCSIFTXQLEN, &request), 0);
    close(fd);
    cr_assert_eq(ioctl(device->fd, TUNSETPERSIST, 1UL), 0);
    device->ops->close(device);
    device = open_tap("tapt0", false);
    cr_assert_eq(queue_length("tapt0"), 2 * TAPIR_TAP_QUEUE_FRAMES);
    cr_assert_eq(ioctl(device->fd, TUNSETPERSIST, 0UL), 0);
    device->ops->close(device);
}

Test(real_tap, super_segments_come_in) {
    isolate();
    struct tapir_device *device = open_tap("tapt0", false);
    if ((device->caps & TAPIR_CAP_USO4) == 0) {
        cr_skip_test("this kernel has no UDP segmentation on a TAP");
    }
    add_neighbour("tapt0", "10.9.0.2");
    struct tapir_frame *frame = frame_new();
    static const char payload[10000];
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    int segment_bytes = 1000;
    cr_assert_eq(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment_bytes, sizeof segment_bytes), 0);
    const struct sockaddr_in to = address_of("10.9.0.2", 9);
    cr_assert_eq(sendto(fd, payload, sizeof payload, 0, (const struct sockaddr *)&to, sizeof to), sizeof payload);
    cr_assert(read_type(device, frame, 0x0800));
    cr_assert_eq(frame->len, 14 + 20 + 8 + sizeof payload);
    cr_assert_eq(frame->offload.gso, TAPIR_GSO_UDP4);
    cr_assert_eq(frame->offload.gso_size, 1000);
    cr_assert_eq(frame->offload.csum, TAPIR_CSUM_PARTIAL);
    cr_assert_eq(frame->offload.csum_start, 34);
    cr_assert_eq(frame->offload.csum_offset, 6);
    close(fd);
    device->ops->close(device);
    free(frame);
}

/* HAZARDS V3: with offload off every frame is plain, even on a device whose last user had it on. */
Test(real_tap, v3_no_offload_gives_finished_frames) {
    isolate();
    struct tapir_device *device = open_tap("tapt0", false);
    cr_assert_eq(ioctl(device->fd, TUNSETPERSIST, 1UL), 0);
    device->ops->close(device);
    device = open_tap("tapt0", true);
    cr_assert_eq(device->caps, 0);
    add_neighbour("tapt0", "10.9.0.2");
    struct tapir_frame *frame = frame_new();
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const struct sockaddr_in to = address_of("10.9.0.2", 9);
    cr_assert_eq(sendto(fd, "abcd", 4, 0, (const struct sockaddr *)&to, sizeof to), 4);
    cr_assert(read_type(device, frame, 0x0800));
    cr_assert_eq(frame->offload.csum, TAPIR_CSUM_NONE);
    cr_assert_eq(frame->len, 46);
    /* The sum over pseudo-header and datagram comes out as all ones. */
    uint32_t sum = 17 + 12;
    for (uint32_t i = 26; i < frame->len; i += 2) {
        sum += (uint32_t)(frame->data[i] << 8 | frame->data[i + 1]);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    cr_assert_eq((sum & 0xffff) + (sum >> 16), 0xffff);
    cr_assert_eq(ioctl(device->fd, TUNSETPERSIST, 0UL), 0);
    close(fd);
    device->ops->close(device);
    free(frame);
}

static void set_flag(const char *name, bool up) {
    struct ifreq request = {0};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    cr_assert_eq(ioctl(fd, SIOCGIFFLAGS, &request), 0);
    request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
    cr_assert_eq(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    close(fd);
}

/* HAZARDS V5: while the host's side is down writes fail and reads find nothing; then all is well again. */
Test(real_tap, v5_the_host_side_flaps) {
    isolate();
    struct tapir_device *device = open_tap("tapt0", false);
    struct tapir_frame *frame = frame_new();
    struct tapir_out out;
    out_fill(&out, "\xff\xff\xff\xff\xff\xff\2\0\0\0\0\2\x88\xb5", 14, "0123456789", 10);
    for (int i = 0; i < 50; i++) {
        set_flag("tapt0", false);
        cr_assert_eq(device->ops->write(device, &out), -EIO);
        for (int frames = 0; frames < 100 && device->ops->read(device, frame) == 1; frames++) {
        }
        cr_assert_eq(device->ops->read(device, frame), 0);
        set_flag("tapt0", true);
        cr_assert_eq(device->ops->write(device, &out), 0);
    }
    device->ops->close(device);
    free(frame);
}

Test(real_tap, takes_an_open_descriptor) {
    isolate();
    char error[256];
    int fd = open("/dev/net/tun", O_RDWR);
    struct tapir_tap_config config = {.fd = fd};
    cr_assert_null(tapir_tap_open(&config, error, sizeof error));
    cr_assert_not_null(strstr(error, "not an attached TAP"), "%s", error);
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    cr_assert_eq(ioctl(fd, TUNSETIFF, &request), 0);
    struct tapir_device *device = tapir_tap_open(&config, error, sizeof error);
    cr_assert_not_null(device, "%s", error);
    cr_assert_eq(device->fd, fd);
    cr_assert_str_eq(device->name, request.ifr_name);
    cr_assert_neq(device->caps, 0);
    cr_assert_not_null(strstr(error, "is down"), "%s", error);
    device->ops->close(device);
}

Test(real_tap, errors_say_what_to_do) {
    isolate();
    char error[256];
    struct tapir_tap_config config = {.name = "lo", .fd = -1};
    cr_assert_null(tapir_tap_open(&config, error, sizeof error));
    cr_assert_not_null(strstr(error, "not a TAP"), "%s", error);
    cr_assert_eq(errno, EINVAL);
    config.name = "a-name-that-is-far-too-long";
    cr_assert_null(tapir_tap_open(&config, error, sizeof error));
    cr_assert_not_null(strstr(error, "too long"), "%s", error);
    cr_assert_eq(errno, EINVAL);
    config.name = "";
    cr_assert_null(tapir_tap_open(&config, error, sizeof error));
    cr_assert_not_null(strstr(error, "too short"), "%s", error);
    config.name = "a/b";
    cr_assert_null(tapir_tap_open(&config, error, sizeof error));
    cr_assert_not_null(strstr(error, "is no name"), "%s", error);
    struct tapir_device *device = open_tap("tapt0", false);
    config.name = "tapt0";
    cr_assert_null(tapir_tap_open(&config, error, sizeof error));
    cr_assert_not_null(strstr(error, "busy"), "%s", error);
    cr_assert_eq(errno, EBUSY);
    device->ops->close(device);
    config.name = "tapt1";
    config.host_address = "10.9.0.1";
    cr_assert_null(tapir_tap_open(&config, error, sizeof error));
    cr_assert_not_null(strstr(error, "10.9.0.1"), "%s", error);
}
