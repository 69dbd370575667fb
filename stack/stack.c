/* Assembles the rooms into one stack, and drives them: create, input, output, deadline, tick. */
#include "stack.h"

#include <errno.h>
#include <string.h>

#include "ip/v4/v4.h"

static void forget_sent(struct tapir_stack *stack) {
    frame_release(stack->sent);
    stack->sent = NULL;
}

/* The tables through which lower rooms reach up. */
static void connect_rooms(struct tapir_stack *stack) {
    struct ip *ip = &stack->ip;
    ip->handlers[WIRE_PROTO_TCP] = (struct ip_handler){&stack->tcp, tcp_arrives, tcp_icmp_error};
    ip->handlers[WIRE_PROTO_UDP] = (struct ip_handler){&stack->udp, udp_input, udp_error};
    ip->handlers[WIRE_PROTO_ICMP] = (struct ip_handler){&stack->sock, sock_ping_input, sock_ping_error};
    ip->raw = sock_raw_input;
    ip->raw_error = sock_raw_error;
    ip->raw_ctx = &stack->sock;
}

/* Initialises the rooms from the lowest up; on failure those that are ready are destroyed again. */
static int init_rooms(struct tapir_stack *stack, uint64_t now_us) {
    struct core *core = &stack->core;
    struct link_handlers handlers = {.ctx = &stack->ip, .input = ip_v4_input, .unreachable = ip_v4_unreachable};
    int rc = link_init(&stack->link, core, &handlers, now_us);
    if (rc != 0) {
        return rc;
    }
    rc = ip_init(&stack->ip, core, &stack->link, &ip_v4_version, now_us);
    if (rc != 0) {
        link_destroy(&stack->link);
        return rc;
    }
    rc = udp_init(&stack->udp, core, &stack->ip);
    if (rc == 0) {
        rc = tcp_init(&stack->tcp, core, &stack->ip, now_us);
        if (rc != 0) {
            udp_destroy(&stack->udp);
        }
    }
    if (rc != 0) {
        ip_destroy(&stack->ip);
        link_destroy(&stack->link);
        return rc;
    }
    sock_init(&stack->sock, core, &stack->ip, &stack->tcp, &stack->udp);
    return 0;
}

struct tapir_stack *tapir_stack_create(const struct tapir_env *env, size_t memory_cap_bytes, uint64_t now_us) {
    struct tapir_stack *stack = env->alloc(env->ctx, sizeof *stack);
    if (stack == NULL) {
        return NULL;
    }
    memset(stack, 0, sizeof *stack);
    size_t cap = memory_cap_bytes != 0 ? memory_cap_bytes : (size_t)TAPIR_MEMORY_DEFAULT_BYTES;
    core_init(&stack->core, env, cap, now_us);
    if (init_rooms(stack, now_us) != 0) {
        env->free(env->ctx, stack, sizeof *stack);
        return NULL;
    }
    connect_rooms(stack);
    return stack;
}

void tapir_stack_destroy(struct tapir_stack *stack) {
    const struct tapir_env *env = stack->core.mem.env;
    forget_sent(stack);
    sock_destroy(&stack->sock);
    tcp_destroy(&stack->tcp);
    udp_destroy(&stack->udp);
    ip_destroy(&stack->ip);
    link_destroy(&stack->link);
    CHECK(stack->core.wheel.armed == 0);    /* every timer went with its object */
    CHECK(stack->core.mem.used_bytes == 0); /* everything allocated was given back */
    env->free(env->ctx, stack, sizeof *stack);
}

int tapir_netif_add(struct tapir_stack *stack, const struct tapir_netif_config *config) {
    int index = link_netif_add(&stack->link, config);
    if (index >= 0) {
        ip_changed(&stack->ip);
    }
    return index;
}

int tapir_netif_set_up(struct tapir_stack *stack, int netif, bool up, uint64_t now_us) {
    struct link_netif *n = link_netif_get(&stack->link, netif);
    if (n == NULL) {
        return -ENODEV;
    }
    if (n->up != up) {
        link_netif_set_up(n, up, now_us);
        ip_netif_switched(&stack->ip, n, now_us);
    }
    return 0;
}

int tapir_netif_set_mtu(struct tapir_stack *stack, int netif, uint32_t mtu_bytes) {
    struct link_netif *n = link_netif_get(&stack->link, netif);
    if (n == NULL) {
        return -ENODEV;
    }
    int rc = link_netif_set_mtu(n, mtu_bytes);
    if (rc == 0) {
        ip_changed(&stack->ip);
    }
    return rc;
}

int tapir_netif_add_address(struct tapir_stack *stack, int netif, const struct tapir_addr *addr, unsigned prefix_len,
                            bool probe, uint64_t now_us) {
    struct link_netif *n = link_netif_get(&stack->link, netif);
    if (n == NULL) {
        return -ENODEV;
    }
    int rc = link_address_add(n, addr, prefix_len, probe, now_us);
    if (rc == 0) {
        ip_changed(&stack->ip);
    }
    return rc;
}

int tapir_netif_remove_address(struct tapir_stack *stack, int netif, const struct tapir_addr *addr) {
    struct link_netif *n = link_netif_get(&stack->link, netif);
    if (n == NULL) {
        return -ENODEV;
    }
    int rc = link_address_remove(n, addr);
    if (rc == 0) {
        ip_changed(&stack->ip);
    }
    return rc;
}

int tapir_route_add(struct tapir_stack *stack, int netif, const struct tapir_addr *dest, unsigned prefix_len,
                    const struct tapir_addr *gateway, uint32_t metric) {
    return ip_route_add(&stack->ip, netif, dest, prefix_len, gateway, metric);
}

int tapir_route_remove(struct tapir_stack *stack, int netif, const struct tapir_addr *dest, unsigned prefix_len,
                       const struct tapir_addr *gateway) {
    return ip_route_remove(&stack->ip, netif, dest, prefix_len, gateway);
}

struct tapir_frame *tapir_frame_alloc(struct tapir_stack *stack, uint32_t room_bytes) {
    return frame_alloc(&stack->core.mem, MEM_DRIVER, TAPIR_FRAME_HEADROOM_BYTES, room_bytes);
}

bool tapir_stack_input(struct tapir_stack *stack, int netif, struct tapir_frame *frame, uint64_t now_us) {
    forget_sent(stack);
    struct link_netif *n = link_netif_get(&stack->link, netif);
    CHECK(n != NULL && netif != LINK_LOOPBACK);
    stack->core.output_first = false;
    link_eth_input(n, frame, now_us);
    tcp_broken_end(&stack->tcp, now_us);
    return stack->core.output_first;
}

/* Lends a frame that was queued whole, as one piece; it is kept until the next call. */
static void lend(struct tapir_stack *stack, struct tapir_frame *frame, struct tapir_out *out) {
    stack->sent = frame;
    out->header = out->room;
    out->header_len = 0;
    out->pieces[0] = (struct tapir_piece){.base = frame->data, .len = frame->len};
    out->piece_count = 1;
    out->len = frame->len;
    out->offload = frame->offload;
}

/* For our own addresses: segments for lo are queued and delivered, a budget at a time. That may cause others. */
static void run_loopback(struct tapir_stack *stack, uint64_t now_us) {
    struct tapir_out out;
    for (unsigned i = 0; i < TAPIR_LOOPBACK_BUDGET_FRAMES; i++) {
        int sent = tcp_output_next(&stack->tcp, LINK_LOOPBACK, &out, now_us);
        CHECK(sent == 0); /* lo queues, it never gives a frame out */
        if (!ip_loopback_run(&stack->ip, now_us) && list_empty(&stack->tcp.owed[LINK_LOOPBACK])) {
            return;
        }
    }
}

int tapir_stack_output(struct tapir_stack *stack, int netif, struct tapir_out *out, uint64_t now_us) {
    forget_sent(stack);
    tcp_broken_end(&stack->tcp, now_us); /* a user's call may have found one */
    run_loopback(stack, now_us);
    struct link_netif *n = link_netif_get(&stack->link, netif);
    CHECK(n != NULL && netif != LINK_LOOPBACK);
    struct tapir_frame *frame = link_queue_pop(n);
    if (frame == NULL && tcp_output_next(&stack->tcp, netif, out, now_us) > 0) {
        return 1;
    }
    if (frame == NULL) { /* a segment may have asked for its neighbour */
        frame = link_queue_pop(n);
    }
    if (frame == NULL) {
        return 0;
    }
    lend(stack, frame, out);
    return 1;
}

uint64_t tapir_stack_deadline(const struct tapir_stack *stack) {
    bool loopback = stack->link.netifs[LINK_LOOPBACK].queue.count > 0 || !list_empty(&stack->tcp.owed[LINK_LOOPBACK]);
    return loopback ? stack->core.wheel.now_us : timer_wheel_next(&stack->core.wheel);
}

void tapir_stack_tick(struct tapir_stack *stack, uint64_t now_us) {
    forget_sent(stack);
    timer_wheel_run(&stack->core.wheel, now_us);
    tcp_broken_end(&stack->tcp, now_us);
    run_loopback(stack, now_us);
}

const struct tapir_counters *tapir_stack_counters(const struct tapir_stack *stack) { return &stack->core.counters; }

size_t tapir_stack_memory_used(const struct tapir_stack *stack) { return stack->core.mem.used_bytes; }
