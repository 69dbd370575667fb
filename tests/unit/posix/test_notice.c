/* What is wrong with the network, as the user of a program that knows nothing of the stack is told: a line on stderr, once. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tap/host.h"
#include "wired.h"

TestSuite(notice, .timeout = 20);

static char lines[4096];
static int told_fd;

static void take_stderr(void) {
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    told_fd = fileno(file);
    cr_assert_eq(dup2(told_fd, STDERR_FILENO), STDERR_FILENO);
}

/* How many lines were written; they are left in `lines`. */
static unsigned count_lines(void) {
    ssize_t bytes = pread(told_fd, lines, sizeof lines - 1, 0);
    unsigned count = 0;
    cr_assert(bytes >= 0);
    lines[bytes] = '\0';
    for (const char *end = strchr(lines, '\n'); end != NULL; end = strchr(end + 1, '\n')) {
        count++;
    }
    return count;
}

static void assert_line(const char *words) {
    cr_assert_eq(count_lines(), 1, "%s", lines);
    cr_assert_eq(strncmp(lines, "tapir: ", 7), 0, "%s", lines);
    cr_assert_not_null(strstr(lines, words), "no \"%s\" in: %s", words, lines);
}

/* The stack over a wire, with nobody to tell but stderr. */
static void up(uint32_t mtu_bytes) {
    struct tapir_config config = TAPIR_CONFIG_DEFAULT;
    char error[256];
    config.address = "10.0.0.2/24";
    config.mtu_bytes = mtu_bytes;
    take_stderr();
    wired_plug_in(&wired);
    cr_assert_eq(tapir_up_device(&wired.device, &config, error, sizeof error), 0, "%s", error);
}

static void comes(const uint8_t *frame, size_t bytes) {
    for (unsigned i = 0; i < 5; i++) {
        cr_assert_eq(write(wired.wire, frame, bytes), (ssize_t)bytes);
    }
    wired_expect_answers(); /* by then all of them have been looked at */
}

/* L8: who has our address already answers the probe at the start; and says so again whenever it is asked. */
Test(notice, L8_another_station_has_our_address) {
    static const uint8_t reply[42] = {255, 255, 255, 255, 255, 255, 2, 0,  0, 0, 0, 7, 8, 6, 0, 1, 8, 0, 6, 4, 0,
                                      2,   2,   0,   0,   0,   0,   7, 10, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0};
    up(0);
    uint8_t frame[2048];
    cr_assert(wired_comes(0x0806, 31, 0, frame, 1000) && frame[41] == 2, "a probe: the sender is nobody");
    comes(reply, sizeof reply);
    assert_line("10.0.0.2 is the address of another station on wire0 too (02:00:00:00:00:07)");
    wired_down();
}

/* L3: what is longer than an MTU of ours below the link's. */
Test(notice, L3_longer_than_our_mtu) {
    static uint8_t frame[14 + 1001] = {255, 255, 255, 255, 255, 255,  2, 0,         0,
                                       0,   0,   9,   8,   0,   0x45, 0, 1001 >> 8, 1001 & 255};
    up(1000);
    comes(frame, 14 + 1000);
    cr_assert_eq(count_lines(), 0, "%s", lines);
    comes(frame, 14 + 1001);
    assert_line("1001 bytes came over wire0 in one datagram from 02:00:00:00:00:09, and our MTU is 1000");
    wired_down();
}

/* A TAP that stays, up on the host's side, in a namespace of its own. */
static void make_tap(void) {
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI, .ifr_name = "tap0"};
    char error[256];
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        cr_skip_test("no network namespaces here");
    }
    int fd = open("/dev/net/tun", O_RDWR);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0) {
        cr_skip_test("no TAP device can be made here");
    }
    cr_assert_eq(ioctl(fd, TUNSETPERSIST, 1), 0);
    cr_assert_eq(tap_host_up("tap0", "10.0.0.1/24", 0, error, sizeof error), 0, "%s", error);
    close(fd);
}

/* TAPIR_MTU, smaller and larger than the device's, whose is 1500. */
Test(notice, an_mtu_of_the_environment_that_is_not_the_devices) {
    static const char *const mtus[] = {"1000", "9000", "1500"};
    char words[64];
    make_tap();
    setenv("TAPIR_TAP", "tap0", 1);
    setenv("TAPIR_ADDRESS", "10.0.0.2/24", 1);
    for (size_t i = 0; i < sizeof mtus / sizeof mtus[0]; i++) {
        take_stderr();
        setenv("TAPIR_MTU", mtus[i], 1);
        cr_assert(tapir_socket(AF_INET, SOCK_STREAM, 0) >= 0);
        tapir_down();
        snprintf(words, sizeof words, "our MTU is %s and that of tap0 1500", mtus[i]);
        if (i < 2) {
            assert_line(words);
        } else {
            cr_assert_eq(count_lines(), 0, "%s", lines);
        }
    }
}

/* V5: the host's side goes down and comes up. Who finds it down at the start is told by tapir_up, and of the rest here. */
Test(notice, V5_the_device_goes_down_and_up) {
    struct tapir_config config = TAPIR_CONFIG_DEFAULT;
    char error[256];
    char type[] = "ping";
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001)};
    make_tap();
    config.tap = "tap0";
    config.address = "10.0.0.2/24";
    for (unsigned down_first = 0; down_first < 2; down_first++) {
        cr_assert_eq(system(down_first ? "ip link set tap0 down" : "ip link set tap0 up"), 0);
        take_stderr();
        cr_assert_eq(tapir_up(&config, error, sizeof error), 0, "%s", error);
        cr_assert_eq(strstr(error, "tap0 is down") != NULL, down_first == 1, "%s", error);
        int fd = tapir_socket(AF_INET, SOCK_RAW, 253);
        cr_assert(fd >= 0);
        for (unsigned i = 0; i < 3; i++) {
            static const char *const states[] = {"down", "up", "down"};
            char command[64];
            snprintf(command, sizeof command, "ip link set tap0 %s", states[i]);
            cr_assert_eq(system(command), 0);
            /* Each asks for the neighbour anew, or is sent at once. */
            for (unsigned k = 0; k < 3; k++) {
                peer.sin_addr.s_addr = htonl(0x0a000010 + 16 * i + k);
                (void)tapir_sendto(fd, type, sizeof type, 0, (struct sockaddr *)&peer, sizeof peer);
            }
            cr_assert_eq(count_lines(), i + 1 - down_first, "%s", lines);
        }
        tapir_down();
    }
    cr_assert_not_null(strstr(lines, "tapir: tap0 is up\ntapir: tap0 is down: nothing passes"), "%s", lines);
}
