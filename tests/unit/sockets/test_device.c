/* Tests of the driving loop over a device made of a socket pair, whose other end is the wire. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <tapir/tap.h>

#include "loop.h"

/* --- the device --- */

struct wired {
    struct tapir_device device;
    int wire;                /* the test's end */
    _Atomic int write_error; /* what write answers, 0: it works */
    _Atomic int read_error;  /* what read answers once the wire is empty, 0: none yet */
    _Atomic int written, closed;
};

static int wired_read(struct tapir_device *device, struct tapir_frame *frame) {
    struct wired *wired = (struct wired *)(void *)device;
    ssize_t got = read(device->fd, frame->data, TAPIR_FRAME_MAX_BYTES);
    if (got <= 0) {
        return wired->read_error;
    }
    frame->len = (uint32_t)got;
    frame->offload = (struct tapir_offload){0};
    return 1;
}

static int wired_write(struct tapir_device *device, const struct tapir_out *out) {
    struct wired *wired = (struct wired *)(void *)device;
    struct iovec pieces[1 + TAPIR_OUT_PIECES] = {{out->header, out->header_len}};
    for (size_t i = 0; i < out->piece_count; i++) {
        pieces[i + 1] = (struct iovec){(void *)(uintptr_t)out->pieces[i].base, out->pieces[i].len};
    }
    wired->written++;
    if (wired->write_error != 0) {
        return wired->write_error;
    }
    return writev(device->fd, pieces, (int)out->piece_count + 1) < 0 ? -errno : 0;
}

static void wired_close(struct tapir_device *device) {
    ((struct wired *)(void *)device)->closed++;
    close(device->fd);
}

static const struct tapir_device_ops wired_ops = {wired_read, wired_write, wired_close};

static void plug_in(struct wired *wired) {
    int ends[2];
    cr_assert(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) == 0);
    *wired = (struct wired){.device = {.ops = &wired_ops, .fd = ends[0], .mtu_bytes = 1500, .name = "wire0"},
                            .wire = ends[1]};
}

static struct wired wired;

static void up(void) {
    struct tapir_config config = TAPIR_CONFIG_DEFAULT;
    char error[256];
    config.address = "10.0.0.2/24";
    config.gateway = "10.0.0.1";
    plug_in(&wired);
    int result = tapir_up_device(&wired.device, &config, error, sizeof error);
    cr_assert(result == 0, "%s", error);
}

static void down(void) {
    tapir_down();
    cr_assert(wired.closed == 1);
    close(wired.wire);
}

TestSuite(device, .init = up, .fini = down, .timeout = 20);

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

static void send_arp_request(void) {
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

/* Whether a frame of this kind comes within a while; it is left in `frame`. */
static bool comes(uint16_t type, int offset, uint8_t value, uint8_t *frame, int within_ms) {
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

static bool arp_reply_comes(uint8_t *frame) { return comes(0x0806, 21, 2, frame, 1000); }
static bool arp_request_comes(uint8_t *frame, int within_ms) { return comes(0x0806, 21, 1, frame, within_ms); }
static bool ping_reply_comes(uint8_t *frame) { return comes(0x0800, 34, 0, frame, 1000); }

static void expect_answers(void) {
    uint8_t frame[2048], mac[6];
    send_arp_request();
    cr_assert(arp_reply_comes(frame));
    memcpy(mac, frame + 6, 6);
    cr_assert((mac[0] & 3) == 2, "a locally administered unicast address");
    send_ping(mac);
    cr_assert(ping_reply_comes(frame));
}

static struct sockaddr_in to_peer(void) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(0x0a000001)}};
}

/* --- the tests --- */

Test(device, the_background_answers_while_nobody_calls) {
    expect_answers();
    usleep(50000);
    expect_answers();
}

static void *wait_for_data(void *argument) {
    char byte;
    (void)!tapir_recv(*(int *)argument, &byte, 1, 0);
    return NULL;
}

Test(device, a_blocked_caller_answers_and_when_it_leaves_the_background_does) {
    pthread_t thread;
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    pthread_create(&thread, NULL, wait_for_data, &fd);
    usleep(30000);
    for (int i = 0; i < 3; i++) {
        expect_answers();
        usleep(10000); /* long enough for the background to lie down for good */
    }
    GIVES(tapir_close(fd), 0);
    pthread_join(thread, NULL);
    expect_answers();
}

Test(device, a_caller_that_never_blocks_hinders_nobody) {
    int fd = tapir_socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    char byte;
    for (int i = 0; i < 3; i++) {
        uint8_t frame[2048];
        send_arp_request();
        uint64_t end_ms = loop_now_ms() + 20;
        while (loop_now_ms() < end_ms) {
            REFUSED(tapir_recv(fd, &byte, 1, 0), EAGAIN);
        }
        cr_assert(arp_reply_comes(frame));
    }
}

/* The question for the neighbour is asked again a second later, though the background slept for longer. */
Test(device, a_new_deadline_shortens_the_drivers_sleep) {
    struct sockaddr_in peer = to_peer();
    uint8_t frame[2048];
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    usleep(20000);
    GIVES(tapir_sendto(fd, "x", 1, 0, (struct sockaddr *)&peer, sizeof peer), 1);
    cr_assert(arp_request_comes(frame, 200), "sent before the call returned");
    while (frame[41] != 1) { /* not the announcement of our own address */
        cr_assert(arp_request_comes(frame, 200));
    }
    do {
        cr_assert(arp_request_comes(frame, 1500));
    } while (frame[41] != 1);
}

/* V4: what a device does not take is lost, and nothing else is. */
Test(device, v4_a_device_that_refuses_frames_stops_nothing) {
    static const int errors[] = {-EAGAIN, -ENOBUFS, -EIO};
    struct sockaddr_in peer = to_peer();
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    expect_answers();
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        uint8_t frame[2048];
        int before = wired.written;
        wired.write_error = errors[i];
        GIVES(tapir_sendto(fd, "x", 1, 0, (struct sockaddr *)&peer, sizeof peer), 1);
        cr_assert(wired.written > before);
        wired.write_error = 0;
        GIVES(tapir_sendto(fd, "y", 1, 0, (struct sockaddr *)&peer, sizeof peer), 1);
        cr_assert(comes(0x0800, 42, 'y', frame, 1000));
        expect_answers();
    }
}

static uint64_t cpu_ms(void) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

/* V5: the interface is deleted under us. */
Test(device, v5_a_lost_device_is_given_up_without_spinning) {
    struct sockaddr_in peer = to_peer();
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    wired.read_error = -ENODEV;
    /* A datagram socket whose peer is closed wakes nobody, as a TAP that is deleted does: a last frame has to. */
    cr_assert(write(wired.wire, "", 1) == 1);
    close(wired.wire);
    usleep(20000);
    uint64_t before_ms = cpu_ms();
    usleep(200000);
    cr_assert(cpu_ms() - before_ms < 100, "%lu ms", (unsigned long)(cpu_ms() - before_ms));
    errno = 0;
    cr_assert(tapir_sendto(fd, "x", 1, 0, (struct sockaddr *)&peer, sizeof peer) == -1);
    cr_assert(errno == ENETUNREACH || errno == ENETDOWN, "%s", strerror(errno));
    wired.wire = dup(0); /* for the end to close */
}

/* D14: a flood does not keep a call from its deadline, nor another thread from the lock. */
static atomic_bool flooding;
static void *flood(void *argument) {
    uint8_t junk[60] = {0};
    (void)argument;
    while (atomic_load(&flooding)) {
        if (write(wired.wire, junk, sizeof junk) < 0) {
            sched_yield();
        }
    }
    return NULL;
}

Test(device, d14_a_flood_starves_neither_timeouts_nor_other_threads) {
    pthread_t flooder, waiter;
    char byte;
    int fds[2] = {tapir_socket(AF_INET, SOCK_DGRAM, 0), tapir_socket(AF_INET, SOCK_DGRAM, 0)};
    struct timeval limit = {.tv_usec = 50000};
    GIVES(tapir_setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    atomic_store(&flooding, true);
    pthread_create(&flooder, NULL, flood, NULL);
    pthread_create(&waiter, NULL, wait_for_data, &fds[1]);
    uint64_t before_ms = loop_now_ms();
    REFUSED(tapir_recv(fds[0], &byte, 1, 0), EAGAIN);
    for (int i = 0; i < 100; i++) {
        struct sockaddr_in name;
        GIVES(tapir_getsockname(fds[0], (struct sockaddr *)&name, &(socklen_t){sizeof name}), 0);
    }
    uint64_t took_ms = loop_now_ms() - before_ms;
    cr_assert(took_ms < 1000, "%lu ms", (unsigned long)took_ms);
    GIVES(tapir_close(fds[1]), 0);
    pthread_join(waiter, NULL);
    atomic_store(&flooding, false);
    pthread_join(flooder, NULL);
}

/* As on Linux, the time that connect may wait is each call's own; only the first has begun anything. */
Test(device, a_connect_that_waits_for_another_says_so) {
    struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(7), .sin_addr = {htonl(0x0a000009)}};
    struct timeval time = {.tv_usec = 20000};
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    GIVES(tapir_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time), 0);
    REFUSED(tapir_connect(fd, (struct sockaddr *)&nobody, sizeof nobody), EINPROGRESS);
    uint64_t begin_ms = loop_now_ms();
    REFUSED(tapir_connect(fd, (struct sockaddr *)&nobody, sizeof nobody), EALREADY);
    cr_assert_geq(loop_now_ms() - begin_ms, 15);
    GIVES(tapir_close(fd), 0);
}

Test(device, options_that_name_the_interface) {
    char name[16] = "";
    struct in_addr address = {htonl(0x0a000002)}, back;
    socklen_t size = sizeof name;
    struct ip_mreq group = {.imr_multiaddr = {htonl(0xe0000105)}, .imr_interface = address};
    struct ip_mreqn numbered = {.imr_multiaddr = {htonl(0xe0000106)}, .imr_ifindex = 2};
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    REFUSED(tapir_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "wire1", 6), ENODEV);
    GIVES(tapir_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "wire0", 6), 0);
    GIVES(tapir_getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &size), 0);
    cr_assert(size == 6 && strcmp(name, "wire0") == 0);
    GIVES(tapir_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0), 0);
    GIVES(tapir_setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), 0);
    REFUSED(tapir_setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), EADDRINUSE);
    GIVES(tapir_setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &numbered, sizeof numbered), 0);
    numbered.imr_ifindex = 7;
    REFUSED(tapir_setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &numbered, sizeof numbered), ENODEV);
    GIVES(tapir_setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &group, sizeof group), 0);
    GIVES(tapir_setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &address, sizeof address), 0);
    size = sizeof back;
    GIVES(tapir_getsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &back, &size), 0);
    cr_assert(back.s_addr == address.s_addr);
    address.s_addr = htonl(0x0a000003);
    REFUSED(tapir_setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &address, sizeof address), EADDRNOTAVAIL);
}

/* --- configurations that cannot be --- */

Test(config, what_is_wrong_is_said_and_nothing_is_taken) {
    static const struct {
        const char *address, *gateway, *mac;
        uint32_t mtu_bytes;
        int error;
        const char *word;
    } wrong[] = {
        {NULL, NULL, NULL, 0, EINVAL, "wire0"},
        {"10.0.0.2", NULL, NULL, 0, EINVAL, "10.0.0.2/24"},
        {"10.0.0.2/33", NULL, NULL, 0, EINVAL, "10.0.0.2/33"},
        {"10.0.0.2/", NULL, NULL, 0, EINVAL, "prefix"},
        {"10.0.0.2/24x", NULL, NULL, 0, EINVAL, "prefix"},
        {"10.0.0.257/24", NULL, NULL, 0, EINVAL, "prefix"},
        {"224.0.0.1/24", NULL, NULL, 0, EINVAL, "224.0.0.1"},
        {"10.0.0.2/24", "10.0.0", NULL, 0, EINVAL, "gateway"},
        {"10.0.0.2/24", "10.0.1.1", NULL, 0, ENETUNREACH, "10.0.1.1"},
        {"10.0.0.2/24", NULL, "2:3", 0, EINVAL, "MAC"},
        {"10.0.0.2/24", NULL, "01:00:00:00:00:01", 0, EINVAL, "MAC"},
        {"10.0.0.2/24", NULL, "00:00:00:00:00:00", 0, EINVAL, "MAC"},
        {"10.0.0.2/24", NULL, NULL, 10, EINVAL, "MTU"},
        {"10.0.0.2/24", NULL, NULL, 70000, EINVAL, "MTU"},
    };
    plug_in(&wired);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct tapir_config config = TAPIR_CONFIG_DEFAULT;
        char error[256] = "";
        config.address = wrong[i].address;
        config.gateway = wrong[i].gateway;
        config.mac = wrong[i].mac;
        config.mtu_bytes = wrong[i].mtu_bytes;
        REFUSED(tapir_up_device(&wired.device, &config, error, sizeof error), wrong[i].error);
        cr_assert(strstr(error, wrong[i].word) != NULL, "%s", error);
        cr_assert(wired.closed == 0 && tapir_lock() == NULL);
    }
    close(wired.wire);
    close(wired.device.fd);
}

/* D10: a stack that could not read a frame would be deaf for ever, and say nothing. */
Test(config, d10_a_memory_cap_too_low_for_one_frame) {
    struct tapir_config config = TAPIR_CONFIG_DEFAULT;
    char error[256] = "";
    config.address = "10.0.0.2/24";
    plug_in(&wired);
    for (config.memory_cap_bytes = 1000; config.memory_cap_bytes < 60000; config.memory_cap_bytes += 19000) {
        REFUSED(tapir_up_device(&wired.device, &config, error, sizeof error), ENOMEM);
        cr_assert(strstr(error, "memory_cap_bytes") != NULL, "%s", error);
        cr_assert(wired.closed == 0 && tapir_lock() == NULL);
    }
    config.memory_cap_bytes = 100000;
    cr_assert(tapir_up_device(&wired.device, &config, error, sizeof error) == 0, "%s", error);
    tapir_down();
    close(wired.wire);
}

Test(config, up_and_down_again_and_again) {
    char error[256];
    for (int i = 0; i < 20; i++) {
        loop_up();
        REFUSED(tapir_up_device(NULL, NULL, error, sizeof error), EALREADY);
        int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
        cr_assert(fd >= 0);
        struct tapir_stack *stack = tapir_lock();
        cr_assert(stack != NULL && tapir_stack_memory_used(stack) > 0);
        tapir_unlock();
        loop_down();
        loop_down();
        REFUSED(tapir_listen(fd, 1), EBADF);
    }
}

Test(config, without_a_stack_or_an_environment_a_socket_says_enetdown) {
    unsetenv("TAPIR_TAP");
    cr_assert(freopen("/dev/null", "w", stderr) != NULL);
    REFUSED(tapir_socket(AF_INET, SOCK_STREAM, 0), ENETDOWN);
    REFUSED(tapir_epoll_create1(0), ENETDOWN);
    setenv("TAPIR_TAP", "no/such/tap", 1);
    setenv("TAPIR_ADDRESS", "10.0.0.2/24", 1);
    REFUSED(tapir_socket(AF_INET, SOCK_STREAM, 0), ENETDOWN);
    static const char *const mtus[] = {"", "abc", "-1", "67", "1500x", "65522", "99999999999999999999"};
    for (size_t i = 0; i < sizeof mtus / sizeof mtus[0]; i++) {
        setenv("TAPIR_MTU", mtus[i], 1);
        REFUSED(tapir_socket(AF_INET, SOCK_STREAM, 0), ENETDOWN);
    }
    cr_assert(tapir_lock() == NULL);
    REFUSED(tapir_up(NULL, NULL, 0), EINVAL);
}

/* Found before any device is touched. */
Test(config, the_host_needs_an_address_of_its_own) {
    char error[256];
    struct tapir_config config = {
        .tap = "no/such/tap", .tap_fd = -1, .address = "10.0.0.2/24", .host_address = "10.0.0.2/16"};
    REFUSED(tapir_up(&config, error, sizeof error), EINVAL);
    cr_assert(strstr(error, "our own address") != NULL, "%s", error);
}

/* An attached TAP in a namespace of its own, as a program that was given one has it. */
static int attached_tap(void) {
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        cr_skip_test("no network namespaces here");
    }
    int fd = open("/dev/net/tun", O_RDWR);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0) {
        cr_skip_test("no TAP device can be made here");
    }
    return fd;
}

Test(config, a_descriptor_is_taken_on_success_alone) {
    char error[256];
    int fd = attached_tap();
    struct tapir_config wrong[] = {
        {.tap_fd = fd, .address = "10.0.0.2"},
        {.tap_fd = fd, .address = "10.0.0.2/24", .gateway = "10.1.0.1"},
        {.tap_fd = fd, .address = "10.0.0.2/24", .host_address = "10.0.0.1"},
        {.tap_fd = fd, .address = "10.0.0.2/24", .pcap = "/dev/null", .filter = "no such expression"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cr_assert_eq(tapir_up(&wrong[i], error, sizeof error), -1);
        cr_assert(fcntl(fd, F_GETFD) >= 0, "case %zu closed it", i);
    }
    struct tapir_config right = {.tap_fd = fd, .address = "10.0.0.2/24"};
    cr_assert_eq(tapir_up(&right, error, sizeof error), 0, "%s", error);
    tapir_down();
    cr_assert_eq(fcntl(fd, F_GETFD), -1);
    cr_assert_eq(tapir_up(&right, error, sizeof error), -1);
    cr_assert_eq(errno, EBADF, "%s", error);
}
