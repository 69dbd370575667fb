/* Flows: relative numbers and missing ports.
 *
 * A script counts from its own SYNs; the stack's first number is random, and the peer's can be shifted. The peer's
 * side needs one offset for all flows, because scripts invent its numbers. Ours needs one for each, learnt when the
 * SYN passes. Timestamps are named, not counted: `TS val 100` calls a clock value 100, whatever it is, and `ecr 100`
 * means it; values in between are found by the distance from the first. */
#include "flow.h"

struct flow_stamp {
    struct flow_stamp *next;
    uint32_t script, wire;
};

struct flow_mark {
    struct flow_mark *next;
    uint64_t offset;
};

#define FIRST_PEER_PORT 40001

void flow_init(struct flows *flows, struct memory *memory, const struct script_options *options, uint32_t remote_isn) {
    *flows = (struct flows){
        .memory = memory, .bind_port = options->bind_port, .next_port = FIRST_PEER_PORT, .remote_isn = remote_isn};
}

static struct flow *make_current(struct flows *flows, struct flow *flow) {
    if (flow->protocol == WIRE_PROTO_UDP) {
        flows->current_udp = flow;
    } else {
        flows->current_tcp = flow;
    }
    return flow;
}

static struct flow *make(struct flows *flows, uint8_t protocol, uint16_t local_port, uint16_t remote_port) {
    struct flow *flow = memory_take(flows->memory, sizeof *flow);
    flow->protocol = protocol;
    flow->local_port = local_port;
    flow->remote_port = remote_port;
    flow->next = flows->first;
    flows->first = flow;
    return make_current(flows, flow);
}

struct flow *flow_find(const struct flows *flows, uint8_t protocol, uint16_t local_port, uint16_t remote_port) {
    struct flow *flow = flows->first;
    while (flow != NULL &&
           (flow->protocol != protocol || flow->local_port != local_port || flow->remote_port != remote_port)) {
        flow = flow->next;
    }
    return flow;
}

struct flow *flow_select(struct flows *flows, uint8_t protocol, uint16_t local_port, uint16_t remote_port) {
    struct flow *flow = flow_find(flows, protocol, local_port, remote_port);
    return flow != NULL ? make_current(flows, flow) : make(flows, protocol, local_port, remote_port);
}

struct flow *flow_begin(struct flows *flows, uint8_t protocol, uint16_t local_port) {
    return make(flows, protocol, local_port, flows->next_port++);
}

struct flow *flow_current(struct flows *flows, uint8_t protocol) {
    struct flow *current = protocol == WIRE_PROTO_UDP ? flows->current_udp : flows->current_tcp;
    return current != NULL ? current : flow_begin(flows, protocol, flows->bind_port);
}

void flow_restart(struct flow *flow) {
    flow->iss_known = flow->irs_known = flow->ts_known = flow->reopens = false;
    flow->stamps = NULL;
    flow->marks = NULL;
}

uint32_t flow_ours_to_wire(const struct flow *flow, uint32_t number) {
    return flow->iss_known ? number - flow->iss_script + flow->iss_wire : number;
}

uint32_t flow_ours_to_script(const struct flow *flow, uint32_t number) {
    return flow->iss_known ? number - flow->iss_wire + flow->iss_script : number;
}

uint32_t flow_stamp_to_wire(const struct flow *flow, uint32_t stamp) {
    for (const struct flow_stamp *seen = flow->stamps; seen != NULL; seen = seen->next) {
        if (seen->script == stamp) {
            return seen->wire;
        }
    }
    return flow->ts_known && stamp != 0 ? stamp - flow->ts_script + flow->ts_wire : stamp;
}

uint32_t flow_stamp_to_script(const struct flow *flow, uint32_t stamp) {
    return flow->ts_known && stamp != 0 ? stamp - flow->ts_wire + flow->ts_script : stamp;
}

void flow_stamp_seen(struct flows *flows, struct flow *flow, uint32_t script, uint32_t wire) {
    struct flow_stamp *seen = memory_take(flows->memory, sizeof *seen);
    *seen = (struct flow_stamp){.next = flow->stamps, .script = script, .wire = wire};
    flow->stamps = seen;
    if (!flow->ts_known) {
        flow->ts_known = true;
        flow->ts_wire = wire;
        flow->ts_script = script;
    }
}

void flow_mark(struct flows *flows, struct flow *flow, uint64_t offset) {
    struct flow_mark *mark = memory_take(flows->memory, sizeof *mark);
    *mark = (struct flow_mark){.next = flow->marks, .offset = offset};
    flow->marks = mark;
}

bool flow_marked(const struct flow *flow, uint64_t offset) {
    const struct flow_mark *mark = flow->marks;
    while (mark != NULL && mark->offset != offset) {
        mark = mark->next;
    }
    return mark != NULL;
}

/* Neighbours differ, and so do bytes that are a power of two apart. */
uint8_t flow_byte(uint64_t offset) { return (uint8_t)(offset * 7 % 251); }
