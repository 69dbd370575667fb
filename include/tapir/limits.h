/* Every cap of the stack: its name, its unit, and why it is what it is. Nothing grows without one. */
#ifndef TAPIR_LIMITS_H
#define TAPIR_LIMITS_H

/* --- whole stack --- */
#define TAPIR_MEMORY_DEFAULT_BYTES (1024ULL << 20) /* ceiling of all allocations unless the embedder sets one */
#define TAPIR_NETIFS_MAX 8                         /* interfaces incl. loopback; indexes fit every netif field */
#define TAPIR_NETIF_ADDRESSES_MAX 8                /* addresses per interface; a linear scan stays cheap */
#define TAPIR_ROUTES_MAX 256                       /* static routes of a host; lookup walks them by prefix */
#define TAPIR_SOCKETS_MAX 262144                   /* socket objects; bounds the handle pool */

/* --- frames --- */
#define TAPIR_FRAME_HEADROOM_BYTES 160      /* Ethernet 14 + IPv4 60 + TCP 60, rounded up to keep data aligned */
#define TAPIR_FRAME_MAX_BYTES 65549         /* 65535 bytes of IP datagram and an Ethernet header */
#define TAPIR_COPYBREAK_BYTES 2048          /* received payloads below this are copied: 1 byte never pins 64 KiB */
#define TAPIR_OUT_PIECES 20                 /* payload pieces per frame: send chunks that a super-segment can touch */
#define TAPIR_OUT_ROOM_BYTES 256            /* header room of a frame to send */
#define TAPIR_SUPER_SEGMENT_MAX_BYTES 65480 /* IP total length is 16 bits: 65535 less headers */
#define TAPIR_NETIF_QUEUE_FRAMES 1000       /* frames waiting for the device; Linux's default txqueuelen */
#define TAPIR_NETIF_QUEUE_BYTES (4U << 20)  /* bytes waiting for the device, so that super-frames count too */
#define TAPIR_LOOPBACK_BUDGET_FRAMES 64     /* loopback deliveries per call, so that a local loop cannot hang it */

/* --- tap --- */
#define TAPIR_TAP_QUEUE_FRAMES \
    10000 /* frames the host keeps for us: with its 1000, bursts of 3000 flows lost one frame in five */

/* --- link: neighbours, ARP --- */
#define TAPIR_MTU_MIN 68                          /* RFC 791: every internet module forwards 68 bytes unfragmented */
#define TAPIR_MTU_MAX 65521                       /* the most a TAP device takes */
#define TAPIR_LOOPBACK_MTU 65535                  /* the largest IP datagram */
#define TAPIR_NEIGHBOUR_ENTRIES_MAX 1024          /* neighbours per interface; Linux gc_thresh3 */
#define TAPIR_NEIGHBOUR_PENDING_BYTES 98304       /* bytes waiting for one neighbour (HAZARDS L7) */
#define TAPIR_NEIGHBOUR_PENDING_FRAMES 48         /* and frames: the largest datagram in fragments of 1500 bytes */
#define TAPIR_NEIGHBOURS_PENDING_BYTES (1U << 20) /* bytes waiting for all neighbours; at most an eighth of the cap */
#define TAPIR_NEIGHBOUR_TRIES 3                   /* requests before EHOSTUNREACH; Linux mcast_solicit */
#define TAPIR_NEIGHBOUR_RETRY_US 1000000ULL       /* RFC 1122 2.3.2.1: at most one request per second and destination */
#define TAPIR_NEIGHBOUR_DOUBT_RETRY_US 200000ULL /* a doubted one is asked by unicast, so more quickly, as many times */
#define TAPIR_NEIGHBOUR_FAILED_US 1000000ULL     /* no new question so soon after one without an answer */
#define TAPIR_NEIGHBOUR_REACHABLE_US 30000000ULL /* confirmed this long, then stale; RFC 4861 REACHABLE_TIME */
#define TAPIR_NEIGHBOUR_DELAY_US 5000000ULL      /* a stale entry in use waits this long before it is probed */
#define TAPIR_NEIGHBOUR_STALE_US 600000000ULL    /* an unused stale entry lives this long (RFC 1122: must expire) */
#define TAPIR_NEIGHBOUR_LOCK_US 1000000ULL       /* a claim does not replace an entry so fresh: that is asked (L5) */
#define TAPIR_ARP_REPLY_RATE_PER_S 10000         /* per interface; 1024 neighbours ask once per second each */
#define TAPIR_ARP_REPLY_BURST 2000               /* and at once */
#define TAPIR_ARP_DEFEND_US 10000000ULL          /* RFC 5227 DEFEND_INTERVAL */

/* --- ip --- */
#define TAPIR_REASM_DATAGRAMS_MAX 256      /* datagrams in reassembly; with the byte cap bounds FragmentSmack */
#define TAPIR_REASM_PER_SOURCE_MAX 64      /* of them from one source, so that one cannot starve the rest (F6) */
#define TAPIR_REASM_BYTES_MAX (1U << 20)   /* memory of all of them, true size; at most an eighth of the cap */
#define TAPIR_REASM_TIMEOUT_US 30000000ULL /* Linux ipfrag_time; RFC 1122's 60-120 s costs too much memory */
#define TAPIR_PMTU_ENTRIES_MAX 256         /* destinations with a learnt MTU (C5) */
#define TAPIR_PMTU_FLOOR 552               /* never believe less; Linux min_pmtu (C5) */
#define TAPIR_PMTU_EXPIRE_US 600000000ULL  /* RFC 1191 6.3: ten minutes, then try the interface MTU again */
#define TAPIR_ICMP_RATE_PER_S 1000         /* ICMP errors per second, whole stack; Linux icmp_msgs_per_sec */
#define TAPIR_ICMP_BURST 50                /* Linux icmp_msgs_burst */
#define TAPIR_ICMP_HOST_RATE_PER_S 50      /* of them to one destination, so that no host drains the rest (C8) */
#define TAPIR_ICMP_HOST_BURST 10           /* far below TAPIR_ICMP_BURST, for the same reason */
#define TAPIR_ICMP_HOST_BUCKETS 256        /* destinations share these by keyed hash: fixed memory */
#define TAPIR_ICMP_ECHO_RATE_PER_S 500000  /* echo replies per second, whole stack: a flood ping causes 80,000 */
#define TAPIR_ICMP_ECHO_BURST 50000        /* and at once */
#define TAPIR_ICMP_QUOTE_BYTES 548         /* RFC 1812 4.3.2.3: the error stays within 576 bytes */
#define TAPIR_IP_ID_RECENT 4096            /* identifications not given again so soon (N3, RFC 6864 4.3) */
#define TAPIR_IGMP_GROUPS_MAX 64           /* groups per interface: several sockets with Linux's 20 each */

/* --- udp, raw and ping sockets --- */
#define TAPIR_DGRAM_RCVBUF_BYTES 212992    /* default receive queue by true size; Linux rmem_default */
#define TAPIR_DGRAM_SNDBUF_BYTES 212992    /* default bytes waiting to be sent; Linux wmem_default */
#define TAPIR_RCVBUF_MAX_BYTES (64U << 20) /* what SO_RCVBUF may ask for */
#define TAPIR_SNDBUF_MAX_BYTES (64U << 20) /* what SO_SNDBUF may ask for */
#define TAPIR_UDP_SEGMENTS_MAX 128         /* datagrams of one super-segment; Linux UDP_MAX_SEGMENTS */
#define TAPIR_ERRQUEUE_MAX 32              /* queued IP_RECVERR reports per socket */
#define TAPIR_DGRAM_GROUPS_MAX 20          /* multicast groups per socket; Linux igmp_max_memberships */
#define TAPIR_PORT_FIRST 32768             /* ephemeral ports; Linux ip_local_port_range */
#define TAPIR_PORT_LAST 60999
#define TAPIR_PORT_TRIES 64       /* ports tried in turn for a connection, before unclaimed ones are sought */
#define TAPIR_PORT_TRIES_MAX 1024 /* in all: enough to find a port if 1 % of them is free for the destination */

/* --- sockets: the driving loop --- */
#define TAPIR_DRIVE_FRAMES 64       /* frames taken from the device before timers and other callers (D14) */
#define TAPIR_DRIVE_ACK_FRAMES 4    /* small frames before the data that they release is sent: ACKs clock the sender */
#define TAPIR_DRIVE_PROMPT_FRAMES 8 /* super-segments taken once a call has what it waits for: one ACK for all */
#define TAPIR_DRIVE_ROUNDS 64       /* rounds of output and timers per call before it returns: bounds a local loop */
#define TAPIR_DRIVE_REFRESH_US 50U  /* a call that never blocks looks at the device at most this often */
#define TAPIR_DRIVE_NAP_US 1000U    /* after so long without a call, the background thread drives */
#define TAPIR_DRIVE_RELAYS_MAX 3    /* wake-ups in a row of one thread by the driver before that thread drives */
#define TAPIR_DRIVE_DRAIN_US 2000000U /* a stack going down waits so long for an ACK of its last data and FINs, */
#define TAPIR_DRIVE_DRAIN_MAX_US \
    10000000U /* and this long at most, even if ACKs keep coming: whoever stops a program waits too */
#define TAPIR_DRIVE_DRAIN_STEP_US 20000U /* interval at which it looks for them */
#define TAPIR_LINGER_LOOK_US 5000U       /* interval at which a lingering close looks for the FIN's ACK */

#endif
