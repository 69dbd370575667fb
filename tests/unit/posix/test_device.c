/* Tests of the driving loop over a device. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tap/host.h"
#include "wired.h"

TestSuite(device, .init = wired_up, .fini = wired_down, .timeout = 20);

static struct sockaddr_in to_peer(void) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(0x0a000001)}};
}

/* --- the tests --- */

Test(device, the_background_answers_while_nobody_calls) {
    wired_expect_answers();
    usleep(50000);
    wired_expect_answers();
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
        wired_expect_answers();
        usleep(10000); /* long enough for the background to lie down for good */
    }
    GIVES(tapir_close(fd), 0);
    pthread_join(thread, NULL);
    wired_expect_answers();
}

Test(device, a_caller_that_never_blocks_hinders_nobody) {
    int fd = tapir_socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    char byte;
    for (int i = 0; i < 3; i++) {
        uint8_t frame[2048];
        wired_send_arp_request();
        uint64_t end_ms = loop_now_ms() + 20;
        while (loop_now_ms() < end_ms) {
            REFUSED(tapir_recv(fd, &byte, 1, 0), EAGAIN);
        }
        cr_assert(wired_arp_reply_comes(frame));
    }
}

/* --- who reads: a caller as long as it calls, the background once it is quiet --- */

static pthread_t busy_thread;
static _Atomic uint64_t busy_since_us; /* a call that has ended began then */
static _Atomic int own_reads, background_reads, early_reads;

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void note_reader(void) {
    if (pthread_equal(pthread_self(), busy_thread)) {
        own_reads++;
    } else {
        background_reads++;
        early_reads += now_us() < busy_since_us + TAPIR_DRIVE_NAP_US;
    }
}

static void get_an_option(int fd) {
    int value;
    socklen_t size = sizeof value;
    GIVES(tapir_getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size), 0);
}

static void receive_nothing(int fd) {
    char byte;
    REFUSED(tapir_recv(fd, &byte, 1, 0), EAGAIN);
}

static void look_around(int fd) {
    struct pollfd one = {.fd = fd, .events = POLLIN};
    GIVES(tapir_poll(&one, 1, 0), 0);
}

/* Calls without a pause, while the peer asks again and again. */
static void nobody_interferes(void (*call)(int fd)) {
    int fd = tapir_socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    uint8_t frame[2048];
    busy_thread = pthread_self();
    usleep(5000); /* the background leads */
    wired.on_read = note_reader;
    uint64_t end_ms = loop_now_ms() + 30;
    for (unsigned turn = 0; loop_now_ms() < end_ms; turn++) {
        uint64_t begun_us = now_us();
        call(fd);
        busy_since_us = begun_us;
        if (turn % 100 == 0) {
            wired_send_arp_request();
        }
    }
    GIVES(tapir_close(fd), 0);
    wired.on_read = NULL;
    cr_assert(wired_arp_reply_comes(frame));
    cr_expect(own_reads > 0);
    cr_expect(early_reads == 0, "%d of the background's %d reads were amid calls", early_reads, background_reads);
}

Test(device, the_background_keeps_out_of_the_way_of_calls_that_do_not_sleep) {
    nobody_interferes(receive_nothing);
    nobody_interferes(look_around);
}

/* Nothing in such a call itself wants a frame. */
Test(device, calls_of_any_kind_look_at_the_device) { nobody_interferes(get_an_option); }

/* The best of some attempts: the machine may have other things to do. */
Test(device, when_calls_cease_the_peer_is_answered_within_a_nap) {
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    uint64_t best_us = UINT64_MAX;
    uint8_t frame[2048];
    for (int i = 0; i < 20; i++) {
        for (int call = 0; call < 1000; call++) {
            get_an_option(fd);
        }
        uint64_t begun_us = now_us();
        wired_send_arp_request();
        cr_assert(wired_arp_reply_comes(frame));
        uint64_t took_us = now_us() - begun_us;
        best_us = took_us < best_us ? took_us : best_us;
    }
    cr_expect(best_us < (uint64_t)3 * TAPIR_DRIVE_NAP_US, "%llu us", (unsigned long long)best_us);
}

/* The question for the neighbour is asked again a second later, though the background slept for longer. */
Test(device, a_new_deadline_shortens_the_drivers_sleep) {
    struct sockaddr_in peer = to_peer();
    uint8_t frame[2048];
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    usleep(20000);
    GIVES(tapir_sendto(fd, "x", 1, 0, (struct sockaddr *)&peer, sizeof peer), 1);
    cr_assert(wired_arp_request_comes(frame, 200), "sent before the call returned");
    while (frame[41] != 1) { /* not the announcement of our own address */
        cr_assert(wired_arp_request_comes(frame, 200));
    }
    do {
        cr_assert(wired_arp_request_comes(frame, 1500));
    } while (frame[41] != 1);
}

/* V4: what a device does not take is lost, and nothing else is. */
Test(device, v4_a_device_that_refuses_frames_stops_nothing) {
    static const int errors[] = {-EAGAIN, -ENOBUFS, -EIO};
    struct sockaddr_in peer = to_peer();
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    wired_expect_answers();
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        uint8_t frame[2048];
        int before = wired.written;
        wired.write_error = errors[i];
        GIVES(tapir_sendto(fd, "x", 1, 0, (struct sockaddr *)&peer, sizeof peer), 1);
        cr_assert(wired.written > before);
        wired.write_error = 0;
        GIVES(tapir_sendto(fd, "y", 1, 0, (struct sockaddr *)&peer, sizeof peer), 1);
        cr_assert(wired_comes(0x0800, 42, 'y', frame, 1000));
        wired_expect_answers();
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
    cr_assert(wired.told == 1 && wired.told_error == ENODEV, "somebody is told");
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

/* The device has a frame whenever it is asked: the leader never comes to sleep. And its descriptor is readable throughout,
 * as one frame stays there. */
static void begin_flood(void) {
    wired.flood_until_ms = loop_now_ms() + 3000;
    wired_send_arp_request();
}
static void end_flood(void) {
    cr_assert(loop_now_ms() < wired.flood_until_ms, "it went on while the flood did");
    wired.flood_until_ms = 0;
}

static volatile sig_atomic_t signals;
static void note_signal(int number) {
    (void)number;
    signals++;
}

static void send_signal_soon(struct later *later, int flags) {
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = flags};
    sigaction(SIGUSR1, &action, NULL);
    signals = 0;
    loop_later(later, 20, loop_signal, -1);
}

Test(device, d14_a_flood_without_a_pause_keeps_no_signal_out) {
    struct later later;
    char byte;
    struct epoll_event event;
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0), set = tapir_epoll_create1(0);
    begin_flood();
    send_signal_soon(&later, 0);
    REFUSED(tapir_recv(fd, &byte, 1, 0), EINTR);
    loop_join(&later);
    send_signal_soon(&later, SA_RESTART);
    REFUSED(tapir_epoll_wait(set, &event, 1, -1), EINTR);
    loop_join(&later);
    cr_assert(signals == 1);
    end_flood();
}

/* Between any two frames the device is empty, and readable again before the leader sleeps. */
Test(device, d14_a_trickle_without_a_pause_keeps_no_signal_out) {
    struct later later;
    char byte;
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    wired.trickle = 1;
    begin_flood();
    send_signal_soon(&later, 0);
    REFUSED(tapir_recv(fd, &byte, 1, 0), EINTR);
    loop_join(&later);
    cr_assert(signals == 1);
    end_flood();
}

/* A handler with SA_RESTART runs though the call goes on: in time, and not when the flood is over. */
static void on_signal_end_flood(int number) {
    (void)number;
    wired.flood_until_ms = 0;
}
Test(device, d14_a_flood_without_a_pause_keeps_no_handler_waiting) {
    struct sigaction action = {.sa_handler = on_signal_end_flood, .sa_flags = SA_RESTART};
    struct later signalling, closing;
    char byte;
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    sigaction(SIGUSR1, &action, NULL);
    begin_flood();
    loop_later(&signalling, 20, loop_signal, -1);
    loop_later(&closing, 100, loop_close, fd);
    uint64_t begun_ms = loop_now_ms();
    REFUSED(tapir_recv(fd, &byte, 1, 0), EBADF);
    cr_assert(wired.flood_until_ms == 0 && loop_now_ms() - begun_ms < 2000);
    loop_join(&signalling);
    loop_join(&closing);
}

Test(device, d14_a_flood_without_a_pause_keeps_no_kernel_descriptor_out) {
    int ends[2], fd = tapir_socket(AF_INET, SOCK_DGRAM, 0), set = tapir_epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    GIVES(pipe(ends), 0);
    GIVES(tapir_epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
    GIVES(tapir_epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event), 0);
    struct pollfd polled[2] = {{.fd = fd, .events = POLLIN}, {.fd = ends[0], .events = POLLIN}};
    struct later later;
    begin_flood();
    for (int i = 0; i < 2; i++) {
        char byte;
        loop_later(&later, 20, loop_write, ends[1]);
        GIVES(i == 0 ? tapir_poll(polled, 2, 2000) : tapir_epoll_wait(set, &event, 1, 2000), 1);
        loop_join(&later);
        GIVES(read(ends[0], &byte, 1), 1);
    }
    end_flood();
    close(ends[0]);
    close(ends[1]);
}

Test(device, d14_a_flood_without_a_pause_keeps_no_cancellation_out) {
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    struct timespec limit;
    pthread_t thread;
    void *result;
    begin_flood();
    pthread_create(&thread, NULL, wait_for_data, &fd);
    usleep(20000);
    pthread_cancel(thread);
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 2;
    GIVES(pthread_timedjoin_np(thread, &result, &limit), 0);
    cr_assert(result == PTHREAD_CANCELED);
    end_flood();
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
