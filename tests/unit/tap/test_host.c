/* The text of a host address: what is taken and what is refused. */
#include <criterion/criterion.h>
#include <errno.h>

#include "tap/host.h"

Test(host, takes_an_address_and_a_prefix) {
    static const struct {
        const char *text;
        uint32_t address, netmask;
    } good[] = {
        {"10.0.0.1/24", 0x0a000001, 0xffffff00},
        {"192.168.255.254/31", 0xc0a8fffe, 0xfffffffe},
        {"1.2.3.4/32", 0x01020304, 0xffffffff},
        {"1.2.3.4/0", 0x01020304, 0},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint32_t address = 1;
        uint32_t netmask = 1;
        cr_assert_eq(tap_host_parse(good[i].text, &address, &netmask), 0, "%s", good[i].text);
        cr_assert_eq(address, good[i].address);
        cr_assert_eq(netmask, good[i].netmask);
    }
}

Test(host, refuses_everything_else) {
    static const char *const bad[] = {"",
                                      "/",
                                      "10.0.0.1",
                                      "10.0.0.1/",
                                      "10.0.0.1/33",
                                      "10.0.0.1/024",
                                      "10.0.0.1/2x",
                                      "10.0.0/24",
                                      "10.0.0.256/24",
                                      "10.0.0.1/-1",
                                      "fd00::1/64",
                                      "10.0.0.1/24/24",
                                      "1000000000000000000000000.0.0.1/24"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint32_t address;
        uint32_t netmask;
        cr_assert_eq(tap_host_parse(bad[i], &address, &netmask), -EINVAL, "%s", bad[i]);
    }
}

Test(host, an_unknown_interface_has_no_state) {
    uint32_t mtu_bytes = 1;
    bool up = true;
    tap_host_state("no-such-if", &mtu_bytes, &up);
    cr_assert_eq(mtu_bytes, 0);
    cr_assert_not(up);
}

Test(host, errors_say_what_was_wrong) {
    char error[200] = "";
    cr_assert_eq(tap_host_up("lo", "10.0.0.1", 0, error, sizeof error), -EINVAL);
    cr_assert_not_null(strstr(error, "10.0.0.1/24"), "%s", error);
    cr_assert_lt(tap_host_up("no-such-if", "10.0.0.1/24", 0, error, sizeof error), 0);
    cr_assert_not_null(strstr(error, "no-such-if"), "%s", error);
}
