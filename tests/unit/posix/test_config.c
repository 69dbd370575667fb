/* Tests of what brings a stack up: configurations that cannot be, and what is remarked on. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tap/host.h"
#include "wired.h"

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
        {"10.0.0.2/24", "10.0.1.1", NULL, 0, EINVAL, "10.0.1.1 is not in the network"},
        {"10.0.0.2/24", "10.0.0.2", NULL, 0, EINVAL, "10.0.0.2 is ourselves"},
        {"10.0.0.2/24", "10.0.0.255", NULL, 0, EINVAL, "10.0.0.255 is no host"},
        {"10.0.0.2/24", "224.0.0.1", NULL, 0, EINVAL, "224.0.0.1 is no host"},
        {"10.0.0.2/24", NULL, "2:3", 0, EINVAL, "MAC"},
        {"10.0.0.2/24", NULL, "01:00:00:00:00:01", 0, EINVAL, "MAC"},
        {"10.0.0.2/24", NULL, "00:00:00:00:00:00", 0, EINVAL, "MAC"},
        {"10.0.0.2/24", NULL, NULL, 10, EINVAL, "MTU"},
        {"10.0.0.2/24", NULL, NULL, 70000, EINVAL, "MTU"},
    };
    wired_plug_in(&wired);
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

/* D10, Z4: a stack that could not read a frame, or not one more when the first is kept, would be deaf for ever, and say nothing. */
Test(config, d10_a_memory_cap_too_low_for_one_frame) {
    struct tapir_config config = TAPIR_CONFIG_DEFAULT;
    char error[256] = "";
    config.address = "10.0.0.2/24";
    wired_plug_in(&wired);
    for (config.memory_cap_bytes = 1000; config.memory_cap_bytes < 140000; config.memory_cap_bytes += 19000) {
        REFUSED(tapir_up_device(&wired.device, &config, error, sizeof error), ENOMEM);
        cr_assert(strstr(error, "memory_cap_bytes") != NULL, "%s", error);
        cr_assert(wired.closed == 0 && tapir_lock() == NULL);
    }
    config.memory_cap_bytes = 256U << 10;
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

Test(config, a_host_in_another_network_is_remarked_on) {
    static const struct {
        const char *address, *host;
        bool apart;
    } cases[] = {
        {"10.0.0.2/24", "10.0.0.1/24", false}, {"10.0.0.2/24", "10.0.1.1/24", true},
        {"10.0.0.2/16", "10.0.1.1/24", true},  {"10.0.0.2/24", "10.0.1.1/16", true},
        {"10.0.0.2/31", "10.0.0.3/31", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char error[256];
        struct tapir_config config = {
            .no_offload = true, .tap_fd = attached_tap(), .address = cases[i].address, .host_address = cases[i].host};
        cr_assert_eq(tapir_up(&config, error, sizeof error), 0, "%s", error);
        cr_assert_eq(strstr(error, "different networks") != NULL, cases[i].apart, "%s %s: %s", cases[i].address,
                     cases[i].host, error);
        tapir_down();
    }
}

/* What is longer than the smaller of two MTUs gets lost, and nobody would look there. */
Test(config, an_mtu_that_is_not_the_devices_is_remarked_on) {
    static const uint32_t mtus_bytes[] = {0, 1500, 1000, 9000};
    for (size_t i = 0; i < sizeof mtus_bytes / sizeof mtus_bytes[0]; i++) {
        char error[256];
        struct tapir_config config = {
            .no_offload = true, .tap_fd = attached_tap(), .address = "10.0.0.2/24", .mtu_bytes = mtus_bytes[i]};
        cr_assert_eq(tap_host_up("tap0", "10.0.0.1/24", 0, error, sizeof error), 0, "%s", error);
        cr_assert_eq(tapir_up(&config, error, sizeof error), 0, "%s", error);
        cr_assert_eq(strstr(error, "MTU") != NULL, i >= 2, "%s", error);
        tapir_down();
    }
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
