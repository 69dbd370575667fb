/* The simulator's hosts, its wire and its clock. */
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "flow.h"
#include "stack.h"
#include "support/out.h"

static struct tapir_addr address_of(int host) { return addr_of_ipv4(IPV4(10, 0, 0, (uint32_t)host + 1)); }

static bool open_host(struct sim *sim, int which) {
    struct sim_host *host = &sim->hosts[which];
    struct tapir_netif_config netif = {.name = "wire0",
                                       .mac = {2, 0, 0, 0, 0, (uint8_t)(which + 1)},
                                       .mtu_bytes = 1500,
                                       .caps = sim->config.offload ? TAPIR_CAP_CSUM | TAPIR_CAP_TSO4 : 0};
    struct tapir_addr own = address_of(which);
    test_env_init(&host->env);
    host->env.env.trace = sim->config.trace;
    host->env.seed += sim->config.seed * SIM_HOSTS + (uint64_t)which;
    host->stack = tapir_stack_create(&host->env.env, 0, sim->now_us);
    return host->stack != NULL && tapir_netif_add(host->stack, &netif) == 1 &&
           tapir_netif_add_address(host->stack, 1, &own, 24, false, sim->now_us) == 0;
}

struct sim *sim_net_new(const struct sim_config *config) {
    struct sim *sim = calloc(1, sizeof *sim);
    if (sim == NULL) {
        return NULL;
    }
    sim->config = *config;
    sim->now_us = 10 * SIM_SECOND_US;
    bool good = true;
    for (int i = 0; i < SIM_HOSTS; i++) {
        good = good && open_host(sim, i);
    }
    for (int i = 0; i < 2 && good; i++) {
        sim->wires[i] = impair_create(&sim->hosts[i].env.env, &config->ways[i], sim->now_us);
        good = sim->wires[i] != NULL;
    }
    if (!good) {
        sim_net_free(sim);
        return NULL;
    }
    return sim;
}

void sim_net_free(struct sim *sim) {
    for (int i = 0; i < 2; i++) {
        impair_destroy(sim->wires[i]);
        if (sim->hosts[i].stack != NULL) {
            tapir_stack_destroy(sim->hosts[i].stack);
        }
    }
    free(sim);
}

static void transmit(struct sim *sim, int from) {
    static uint8_t bytes[1 << 17];
    struct tapir_out out;
    while (tapir_stack_output(sim->hosts[from].stack, 1, &out, sim->now_us) == 1) {
        impair_input(sim->wires[from], bytes, out_gather(&out, bytes, sizeof bytes), &out.offload, sim->now_us);
    }
}

static void deliver(struct sim *sim, int from) {
    struct tapir_stack *to = sim->hosts[1 - from].stack;
    size_t len;
    const uint8_t *bytes;
    while ((bytes = impair_output(sim->wires[from], &len, sim->now_us)) != NULL) {
        struct tapir_frame *frame = tapir_frame_alloc(to, (uint32_t)len);
        if (frame != NULL) {
            memcpy(frame->data, bytes, len);
            frame->len = (uint32_t)len;
            bool output_first = tapir_stack_input(to, 1, frame, sim->now_us);
            tapir_frame_release(frame);
            if (output_first) {
                transmit(sim, 1 - from);
            }
        }
    }
}

static uint64_t next_event(const struct sim *sim) {
    uint64_t next_us = TAPIR_NEVER;
    for (int i = 0; i < SIM_HOSTS; i++) {
        next_us = min_u64(next_us, tapir_stack_deadline(sim->hosts[i].stack));
        next_us = min_u64(next_us, impair_deadline(sim->wires[i]));
    }
    return next_us;
}

void sim_net_run(struct sim *sim, uint64_t end_us) {
    while (sim->now_us < end_us) {
        for (int i = 0; i < SIM_HOSTS; i++) {
            tapir_stack_tick(sim->hosts[i].stack, sim->now_us);
            deliver(sim, i);
        }
        sim_flows_step(sim);
        transmit(sim, SIM_SENDER);
        transmit(sim, SIM_RECEIVER);
        sim->now_us = min_u64(end_us, max_u64(next_event(sim), sim->now_us + 1));
    }
}
