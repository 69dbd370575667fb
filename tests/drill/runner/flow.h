/* Flows: what a script's relative numbers and missing ports stand for on the wire. */
#ifndef DRILL_FLOW_H
#define DRILL_FLOW_H

#include "script.h"

struct flow {
    struct flow *next;
    uint8_t protocol;
    uint16_t local_port, remote_port;
    bool iss_known;                /* our SYN has passed */
    uint32_t iss_wire, iss_script; /* its number there and here */
    bool irs_known;                /* the peer's has */
    uint32_t irs_script;           /* its number here */
    bool reopens;                  /* another SYN came since: an answer may begin anew */
    uint32_t reopens_script;       /* its number */
    bool ts_known;                 /* a timestamp of ours has passed */
    uint32_t ts_wire, ts_script;   /* the first one, there and here */
    struct flow_stamp *stamps;     /* all of them, newest first */
    struct flow_mark *marks;       /* bytes of the peer's stream that were marked urgent */
};

struct flows {
    struct memory *memory; /* kept */
    struct flow *first;
    struct flow *current_tcp, *current_udp; /* what a packet without ports belongs to */
    uint16_t bind_port, next_port;          /* next_port: the peer's, for flows that it begins */
    uint32_t remote_isn;                    /* added to the peer's sequence numbers on the wire */
};

void flow_init(struct flows *flows, struct memory *memory, const struct script_options *options, uint32_t remote_isn);

/* The flow that packets without ports belong to; made if there is none. */
struct flow *flow_current(struct flows *flows, uint8_t protocol);

/* The flow of these ports, made if need be; it becomes the current one. */
struct flow *flow_select(struct flows *flows, uint8_t protocol, uint16_t local_port, uint16_t remote_port);

/* A new flow from a port of the peer's choice; it becomes the current one. */
struct flow *flow_begin(struct flows *flows, uint8_t protocol, uint16_t local_port);

/* The flow that a frame's ports belong to, or NULL. */
struct flow *flow_find(const struct flows *flows, uint8_t protocol, uint16_t local_port, uint16_t remote_port);

/* The flow's ports are used again: nothing is known of its numbers. */
void flow_restart(struct flow *flow);

/* Our numbers, from the script to the wire and back. */
uint32_t flow_ours_to_wire(const struct flow *flow, uint32_t number);
uint32_t flow_ours_to_script(const struct flow *flow, uint32_t number);

/* The number of the wire for what the script has the peer echo of our timestamps. 0, if none of ours, is no echo. */
uint32_t flow_stamp_to_wire(const struct flow *flow, uint32_t stamp);
uint32_t flow_stamp_to_script(const struct flow *flow, uint32_t stamp);

/* A timestamp of ours passed: what it is called in the script. */
void flow_stamp_seen(struct flows *flows, struct flow *flow, uint32_t script, uint32_t wire);

/* The peer marked a byte, by its offset in the stream, as urgent; and was one marked so? */
void flow_mark(struct flows *flows, struct flow *flow, uint64_t offset);
bool flow_marked(const struct flow *flow, uint64_t offset);

/* The byte at an offset of either side's stream or datagram. */
uint8_t flow_byte(uint64_t offset);

#endif
