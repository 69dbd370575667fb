/* The two hosts: the kernel in a network namespace with a TAP, and Tapir with a device whose other end is the wire. */
#include "differential.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <string.h>

#include <tapir/socket.h>
#include <tapir/tap.h>

#define AS_KERNEL(name) .name = name,
#define AS_TAPIR(name) .name = tapir_##name,

static bool failed(const char *what) {
    fprintf(stderr, "tapir-differential: %s: %s\n", what, strerror(errno));
    return false;
}

/* --- the kernel --- */

static struct sockaddr address_of(const char *text) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct sockaddr plain;
    inet_pton(AF_INET, text, &address.sin_addr);
    memcpy(&plain, &address, sizeof plain);
    return plain;
}

static bool set_up(int control, const char *name) {
    struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    return ioctl(control, SIOCSIFFLAGS, &request) == 0;
}

static bool give_address(int control) {
    struct ifreq request = {.ifr_addr = address_of("10.0.0.2")};
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY,
                            .rt_dst = address_of("0.0.0.0"),
                            .rt_genmask = address_of("0.0.0.0"),
                            .rt_gateway = address_of("10.0.0.1")};
    strncpy(request.ifr_name, "wire0", IFNAMSIZ - 1);
    if (ioctl(control, SIOCSIFADDR, &request) != 0) {
        return false;
    }
    request.ifr_netmask = address_of("255.255.255.0");
    return ioctl(control, SIOCSIFNETMASK, &request) == 0 && set_up(control, "wire0") &&
           ioctl(control, SIOCADDRT, &route) == 0;
}

bool host_up_kernel(struct host *host) {
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    *host = (struct host){CALLS(AS_KERNEL).ioctl = ioctl, .fcntl = fcntl};
    strncpy(request.ifr_name, "wire0", IFNAMSIZ - 1);
    if (unshare(CLONE_NEWNET) != 0) {
        return failed("no network namespace of its own (it needs root, or unshare -rn)");
    }
    host->wire = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (host->wire < 0 || ioctl(host->wire, TUNSETIFF, &request) != 0) {
        return failed("no TAP of its own");
    }
    int control = socket(AF_INET, SOCK_DGRAM, 0);
    bool fine = set_up(control, "lo") && give_address(control);
    close(control);
    return fine || failed("the namespace's interfaces");
}

/* --- Tapir --- */

static int wire_read(struct tapir_device *device, struct tapir_frame *frame) {
    ssize_t got = read(device->fd, frame->data, TAPIR_FRAME_MAX_BYTES);
    if (got <= 0) {
        return 0;
    }
    frame->len = (uint32_t)got;
    frame->offload = (struct tapir_offload){0};
    return 1;
}

static int wire_write(struct tapir_device *device, const struct tapir_out *out) {
    struct iovec pieces[1 + TAPIR_OUT_PIECES] = {{out->header, out->header_len}};
    for (size_t i = 0; i < out->piece_count; i++) {
        pieces[i + 1] = (struct iovec){(void *)(uintptr_t)out->pieces[i].base, out->pieces[i].len};
    }
    return writev(device->fd, pieces, (int)out->piece_count + 1) < 0 ? -errno : 0;
}

static void wire_close(struct tapir_device *device) { close(device->fd); }

bool host_up_tapir(struct host *host) {
    static const struct tapir_device_ops ops = {wire_read, wire_write, wire_close};
    static struct tapir_device device;
    struct tapir_config config = TAPIR_CONFIG_DEFAULT;
    char error[256];
    int ends[2];
    *host = (struct host){CALLS(AS_TAPIR).ioctl = tapir_ioctl, .fcntl = tapir_fcntl, .is_tapir = true};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
        return failed("socketpair");
    }
    device = (struct tapir_device){.ops = &ops, .fd = ends[0], .mtu_bytes = 1500, .name = "wire0"};
    host->wire = ends[1];
    config.address = "10.0.0.2/24";
    config.gateway = "10.0.0.1";
    if (tapir_up_device(&device, &config, error, sizeof error) != 0) {
        fprintf(stderr, "tapir-differential: %s\n", error);
        return false;
    }
    return true;
}

void host_down(struct host *host) {
    if (host->is_tapir) {
        tapir_down();
    }
    close(host->wire);
}
