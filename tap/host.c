/* Configures the host's side of a TAP through the interface ioctls. */
#include "tap/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int tap_host_parse(const char *text, uint32_t *address, uint32_t *netmask) {
    char dotted[INET_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    if (slash == NULL || (size_t)(slash - text) >= sizeof dotted) {
        return -EINVAL;
    }
    memcpy(dotted, text, (size_t)(slash - text));
    dotted[slash - text] = '\0';
    /* Not strtoul, which takes signs and blanks. */
    const size_t digits = strspn(slash + 1, "0123456789");
    struct in_addr parsed;
    if (digits == 0 || digits > 2 || slash[1 + digits] != '\0' || inet_pton(AF_INET, dotted, &parsed) != 1) {
        return -EINVAL;
    }
    unsigned prefix_len = 0;
    for (size_t i = 1; i <= digits; i++) {
        prefix_len = prefix_len * 10 + (unsigned)(slash[i] - '0');
    }
    if (prefix_len > 32) {
        return -EINVAL;
    }
    *address = ntohl(parsed.s_addr);
    *netmask = prefix_len == 0 ? 0 : UINT32_MAX << (32 - prefix_len);
    return 0;
}

/* The ioctls rather than netlink: four calls, and any kernel has them. */
static struct ifreq request_for(const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    return request;
}

/* One of the ioctls that carry an IPv4 address. 0 or -errno. */
static int set_address(int fd, const char *name, unsigned long what, uint32_t address) {
    struct ifreq request = request_for(name);
    const struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    memcpy(&request.ifr_addr, &in, sizeof in);
    return ioctl(fd, what, &request) == 0 ? 0 : -errno;
}

static int set_mtu(int fd, const char *name, uint32_t mtu_bytes) {
    struct ifreq request = request_for(name);
    request.ifr_mtu = (int)mtu_bytes;
    return ioctl(fd, SIOCSIFMTU, &request) == 0 ? 0 : -errno;
}

/* Reads first: the other flags stay as they are. */
static int set_up(int fd, const char *name) {
    struct ifreq request = request_for(name);
    if (ioctl(fd, SIOCGIFFLAGS, &request) != 0) {
        return -errno;
    }
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    return ioctl(fd, SIOCSIFFLAGS, &request) == 0 ? 0 : -errno;
}

int tap_host_up(const char *name, const char *address, uint32_t mtu_bytes, char *error, size_t size) {
    uint32_t ipv4;
    uint32_t netmask;
    if (tap_host_parse(address, &ipv4, &netmask) != 0) {
        snprintf(error, size, "host address %s: give an IPv4 address and a prefix length, as 10.0.0.1/24", address);
        return -EINVAL;
    }
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        const int why = errno;
        snprintf(error, size, "cannot ask about interfaces: %s", strerror(why));
        return -why;
    }
    /* Before the address and the flag, so that the kernel announces itself with the final values. */
    int result = mtu_bytes == 0 ? 0 : set_mtu(fd, name, mtu_bytes);
    if (result == 0) {
        result = set_address(fd, name, SIOCSIFADDR, ipv4);
    }
    if (result == 0) {
        result = set_address(fd, name, SIOCSIFNETMASK, netmask);
    }
    if (result == 0) {
        result = set_up(fd, name);
    }
    close(fd);
    if (result == -EPERM) {
        snprintf(error, size,
                 "no permission to configure %s: run as root, or ask root for: "
                 "ip address add %s dev %s && ip link set %s up",
                 name, address, name, name);
    } else if (result != 0) {
        snprintf(error, size, "cannot give %s the address %s: %s", name, address, strerror(-result));
    }
    return result;
}

void tap_host_lengthen_queue(const char *name, int frames) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    struct ifreq request = request_for(name);
    if (ioctl(fd, SIOCGIFTXQLEN, &request) == 0 && request.ifr_qlen < frames) {
        request.ifr_qlen = frames;
        ioctl(fd, SIOCSIFTXQLEN, &request); /* without the right to, the device works too: it only loses more */
    }
    close(fd);
}

void tap_host_state(const char *name, uint32_t *mtu_bytes, bool *up) {
    *mtu_bytes = 0;
    *up = false;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    struct ifreq request = request_for(name);
    if (ioctl(fd, SIOCGIFMTU, &request) == 0) {
        *mtu_bytes = (uint32_t)request.ifr_mtu;
    }
    request = request_for(name);
    if (ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
        *up = (request.ifr_flags & IFF_UP) != 0;
    }
    close(fd);
}
