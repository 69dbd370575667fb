/* Two hosts on one wire, and short words for what tests do with their sockets. */
#ifndef TEST_SOCK_RIG_H
#define TEST_SOCK_RIG_H

#include <criterion/criterion.h>
#include <errno.h>

#include "sock/dgram.h"
#include "stack.h"
#include "support/env.h"

#define A_ADDR IPV4(10, 0, 0, 1)
#define B_ADDR IPV4(10, 0, 0, 2)
#define SUBNET_BROADCAST IPV4(10, 0, 0, 255)
#define NOBODY_ADDR IPV4(10, 0, 0, 99)

struct host {
    struct test_env env;
    struct tapir_stack *stack;
    struct link_netif *netif; /* "tap0", index 1 */
};

struct rig {
    struct host a, b;
    uint64_t now_us;
    uint64_t lost; /* how many more frames the wire loses */
};

/* Gives two hosts that know each other's MAC address, so that tests begin with silence. */
struct rig *rig_open(void);

/* Closes all sockets and checks that nothing leaks. */
void rig_close(struct rig *rig);

/* Carries frames and loopback datagrams until there are none. */
void rig_run(struct rig *rig);

/* Lets time pass, with timers. */
void rig_wait(struct rig *rig, uint64_t us);

struct tapir_endpoint endpoint(uint32_t ipv4, uint16_t port);

/* Sockets that must open, bind and connect. */
tapir_sock open_sock(struct host *host, enum tapir_sock_type type, uint8_t protocol);
tapir_sock udp_bound(struct host *host, uint32_t ipv4, uint16_t port);
tapir_sock udp_connected(struct rig *rig, struct host *host, uint32_t ipv4, uint16_t port);

int bind_to(struct host *host, tapir_sock sock, uint32_t ipv4, uint16_t port);
int connect_to(struct rig *rig, struct host *host, tapir_sock sock, uint32_t ipv4, uint16_t port);
int set(struct rig *rig, struct host *host, tapir_sock sock, enum tapir_sock_opt opt, int64_t value);
int64_t get(struct host *host, tapir_sock sock, enum tapir_sock_opt opt); /* a negative errno is the value then */

/* Sends text to ipv4:port (ipv4 0: to the peer), then carries frames. */
int64_t say_to(struct rig *rig, struct host *host, tapir_sock sock, uint32_t ipv4, uint16_t port, const void *data,
               size_t len);

/* Receives up to `size` bytes; *msg may be NULL. */
int64_t hear(struct rig *rig, struct host *host, tapir_sock sock, void *buf, size_t size, uint32_t flags,
             struct tapir_msg *msg);

#endif
