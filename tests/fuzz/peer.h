/* The peer of the fuzzed stack: remembers what the stack sent, so that what it answers can get deep. */
#ifndef FUZZ_PEER_H
#define FUZZ_PEER_H

#include "frames.h"

#define PEER_FLOWS 8
#define PEER_QUOTE_BYTES 576

/* One TCP connection as the peer sees it. */
struct peer_flow {
    uint16_t stack_port, peer_port; /* 0: the slot is free */
    uint32_t next;                  /* what the peer sends next */
    uint32_t acked;                 /* what the stack last acknowledged */
    uint32_t stack_next;            /* what the stack sends next, as seen */
    uint32_t said;                  /* what the peer last acknowledged */
    uint32_t tsval;                 /* the stack's last timestamp */
};

struct peer {
    struct peer_flow flows[PEER_FLOWS];
    unsigned next_slot; /* the flow to forget when a new one comes */
    uint32_t ts_clock;
    uint8_t cookie_len; /* of the last Fast Open cookie that the stack sent */
    uint8_t cookie[WIRE_TCP_FASTOPEN_MAX];
    uint32_t arp_wanted; /* the address that the stack asked for, 0 none */
    bool answered;       /* the stack sent an echo reply with PEER_PING_ID since this was cleared */
    size_t sent_len;     /* of the start of the last IPv4 datagram that the stack sent */
    uint8_t sent[PEER_QUOTE_BYTES];
};

#define PEER_LISTENING_PORT 80 /* TCP, where the stack listens */
#define PEER_UDP_PORT 53       /* UDP, where the stack has a socket */
#define PEER_PING_ID 0x77      /* of the stack's ping socket, and of the last question */

/* Records a frame that the stack sent and that watch.c has found correct. Borrows frame. */
void peer_note(struct peer *peer, const uint8_t *frame, size_t len);

/* Each builds one frame, guided by the input. Borrow all. */
void peer_tcp(struct peer *peer, struct draft *draft, struct reader *input);
void peer_udp(struct peer *peer, struct draft *draft, struct reader *input);
void peer_echo(struct peer *peer, struct draft *draft, struct reader *input);
void peer_icmp_error(struct peer *peer, struct draft *draft, struct reader *input);
void peer_igmp(struct peer *peer, struct draft *draft, struct reader *input);

#endif
