/* The core's non-blocking socket objects: BSD sockets without descriptors, blocking or a clock.
 *
 * Every int result is 0 or a negative errno with Linux's meaning; nothing blocks: what would is -EAGAIN.
 * A socket is named by a generation-tagged handle, so that a stale one is -EBADF and never somebody else's.
 * After tapir_stack_input, _tick or any call here, tapir_sock_news names the sockets whose readiness may
 * have changed, and tapir_stack_output has what is to be sent.
 */
#ifndef TAPIR_SOCK_H
#define TAPIR_SOCK_H

#include <tapir/core.h>
#include <tapir/options.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t tapir_sock; /* 0 names no socket */

enum tapir_sock_type {
    TAPIR_SOCK_STREAM, /* TCP */
    TAPIR_SOCK_DGRAM,  /* UDP */
    TAPIR_SOCK_PING,   /* ICMP echo: SOCK_DGRAM with IPPROTO_ICMP; the port is the echo identifier */
    TAPIR_SOCK_RAW,    /* IPv4 datagrams of one protocol, received with their IP header */
};

/* Readiness bits. */
#define TAPIR_READY_IN 1U     /* recv or accept would not block */
#define TAPIR_READY_OUT 2U    /* send would not block; connect has ended */
#define TAPIR_READY_PRI 4U    /* urgent data to be had with TAPIR_MSG_OOB */
#define TAPIR_READY_ERR 8U    /* an error waits in TAPIR_OPT_ERROR or the error queue */
#define TAPIR_READY_HUP 16U   /* both directions are shut */
#define TAPIR_READY_RDHUP 32U /* the peer sent FIN, or reading was shut */

/* Message flags. */
#define TAPIR_MSG_OOB 1U          /* urgent data */
#define TAPIR_MSG_PEEK 2U         /* leave the data in the queue */
#define TAPIR_MSG_TRUNC 4U        /* recv: return the datagram's true length (stream: discard); result: it was cut */
#define TAPIR_MSG_MORE 8U         /* stream send: more follows, hold a partial segment */
#define TAPIR_MSG_ERRQUEUE 16U    /* recv: take a report of the error queue */
#define TAPIR_MSG_FASTOPEN 64U    /* stream send: connect to `peer`, with the data on the SYN if there is a cookie */
#define TAPIR_MSG_KEEP_ERROR 128U /* a pending error is told, and stays for the next call: see tapir_sock_send */
#define TAPIR_MSG_DONTROUTE 256U  /* datagram send: as TAPIR_OPT_DONTROUTE */
#define TAPIR_MSG_CTRUNC 32U      /* result only, for the layer above */

#define TAPIR_SHUT_RD 1U
#define TAPIR_SHUT_WR 2U

struct tapir_iovec {
    void *base;
    size_t len;
};

/* A report of the error queue (IP_RECVERR). */
struct tapir_sock_error {
    int error;                  /* errno; 0: no report */
    uint8_t origin;             /* 1 local, 2 ICMP: as SO_EE_ORIGIN_* */
    uint8_t type, code;         /* ICMP */
    uint32_t info;              /* the MTU for EMSGSIZE */
    struct tapir_addr offender; /* who sent the ICMP message */
};

/* A message. send: iov, and peer when has_peer, and the overrides marked as present. recv fills the rest. */
struct tapir_msg {
    const struct tapir_iovec *iov;
    size_t iov_count;
    uint32_t flags; /* recv result: TAPIR_MSG_TRUNC, _OOB, _ERRQUEUE */

    bool has_peer; /* send: to `peer`; recv: `peer` was filled in */
    struct tapir_endpoint peer;

    bool has_local; /* send: use this source address (IP_PKTINFO); recv: the datagram's destination */
    struct tapir_addr local;
    int netif; /* recv: where it arrived; send: leave by this one, 0 any */

    bool has_ttl, has_tos;
    uint8_t ttl, tos;
    uint64_t came_us; /* recv: when the datagram came, in the stack's time; 0: it is not known (streams) */

    struct tapir_sock_error error; /* recv with TAPIR_MSG_ERRQUEUE */
};

/* Options with integer values: TAPIR_OPT_REUSEADDR and so on, in the order of <tapir/options.h>, which says what they mean. */
enum tapir_sock_opt {
#define TAPIR_OPTION_NAME(name, ...) TAPIR_OPT_##name,
    TAPIR_OPTIONS(TAPIR_OPTION_NAME, TAPIR_OPTION_NAME)
#undef TAPIR_OPTION_NAME
};

/* TCP_INFO, in our own units; the BSD layer fills struct tcp_info from it. */
struct tapir_tcp_info {
    uint8_t state;    /* enum tapir_tcp_state */
    uint8_t ca_state; /* 0 open, 1 disorder, 3 recovery, 4 loss: as Linux */
    uint8_t retransmits, probes, backoff;
    bool timestamps, sack, wscale_ok, ecn, ecn_seen;
    bool syn_data;         /* Fast Open: data on the SYN was taken, by either side */
    uint8_t fastopen_fail; /* 0 no, 1 no cookie yet, 2 the data was not taken, 3 the SYN timed out: as Linux */
    uint8_t snd_wscale, rcv_wscale;
    uint64_t rto_us, ato_us, rtt_us, rttvar_us, rcv_rtt_us, min_rtt_us;
    uint32_t snd_mss_bytes, rcv_mss_bytes, advmss_bytes, pmtu_bytes;
    uint32_t unacked_segs, sacked_segs, lost_segs, retrans_segs, reordering_segs;
    uint32_t cwnd_bytes, ssthresh_bytes, snd_wnd_bytes, rcv_wnd_bytes, rcv_space_bytes;
    uint32_t total_retrans_segs;
    uint64_t bytes_sent, bytes_acked, bytes_received, bytes_retrans;
    uint64_t segs_out, segs_in, data_segs_out, data_segs_in;
    uint32_t notsent_bytes;
    uint64_t last_data_sent_us, last_data_recv_us, last_ack_recv_us; /* times, not ages */
    uint32_t rcv_ooopack, delivered_segs, delivered_ce_segs, dsack_dups, reord_seen, rcv_ssthresh_bytes;
    uint64_t busy_us; /* with something to send; of it, held back by the peer's window, by the send buffer: */
    uint64_t rwnd_limited_us, sndbuf_limited_us;
    uint64_t pacing_bytes_per_s, max_pacing_bytes_per_s; /* UINT64_MAX: not paced, no limit */
    uint64_t delivery_bytes_per_s;                       /* the latest sample of how fast the path delivers */
    bool delivery_app_limited;                           /* and whether the application was slower */
};

/* Opens a socket. `protocol` matters to RAW only. -EMFILE at TAPIR_SOCKETS_MAX, -ENOBUFS, -EPROTONOSUPPORT,
 * -EINVAL (no such type). */
TAPIR_API int tapir_sock_open(struct tapir_stack *stack, enum tapir_sock_type type, uint8_t protocol, tapir_sock *sock);

/* Closes the socket; the handle is stale afterwards. A stream goes on in the background (RFC 9293 3.10.4),
 * or is reset with linger 0 or unread data (RFC 2525 2.17). -EBADF. */
TAPIR_API int tapir_sock_close(struct tapir_stack *stack, tapir_sock sock, uint64_t now_us);

/* Binds to a local endpoint; an all-zero address is the wildcard, port 0 an ephemeral one that nobody has at that address.
 * -EINVAL (bound already), -EADDRINUSE, -EADDRNOTAVAIL, -ENOBUFS. */
TAPIR_API int tapir_sock_bind(struct tapir_stack *stack, tapir_sock sock, const struct tapir_endpoint *local);

/* Stream: starts the handshake, -EINPROGRESS. Again, while that goes on: -EALREADY; then once how it ended, 0 or why it
 * failed (-ECONNABORTED if the error was taken elsewhere), after which it may be tried anew; after success -EISCONN for good.
 * Others: sets the peer, 0.
 * peer NULL is AF_UNSPEC: takes the association apart (a stream is reset, ECONNRESET is its pending error; a listener listens
 * no more).
 * With TAPIR_OPT_FASTOPEN_CONNECT and a cookie: 0, and the handshake starts with the first send.
 * -ENETUNREACH, -ENETDOWN, -ENODEV, -EADDRNOTAVAIL, -EACCES (broadcast), -EISCONN (listening), -EINVAL (a connect was shut
 * down before its end was told), -EAGAIN (datagrams: no port is left), -ENOBUFS. */
TAPIR_API int tapir_sock_connect(struct tapir_stack *stack, tapir_sock sock, const struct tapir_endpoint *peer,
                                 uint64_t now_us);

/* Makes a stream listen; again: changes the backlog (Linux's meaning). -EOPNOTSUPP, -EINVAL, -EADDRINUSE,
 * -ENOBUFS. */
TAPIR_API int tapir_sock_listen(struct tapir_stack *stack, tapir_sock sock, unsigned backlog, uint64_t now_us);

/* Gives the next accepted connection and fills *peer. -EAGAIN, -EINVAL (not listening), -EOPNOTSUPP (no stream),
 * -EMFILE, -ENOBUFS. */
TAPIR_API int tapir_sock_accept(struct tapir_stack *stack, tapir_sock sock, tapir_sock *child,
                                struct tapir_endpoint *peer, uint64_t now_us);

/* Sends: copies out of msg->iov. Returns bytes taken (a stream may take some), or -EAGAIN, -EPIPE,
 * -ENOTCONN, -EDESTADDRREQ, -EISCONN, -EMSGSIZE, -EACCES, -EINVAL, -ENETUNREACH, -EHOSTUNREACH, -EADDRNOTAVAIL,
 * -ENODEV, -ENETDOWN, -ECONNRESET, a pending error, -ENOBUFS; -EOPNOTSUPP (OOB, MORE, FASTOPEN on a datagram socket).
 * With TAPIR_MSG_FASTOPEN a stream connects to `peer`, or goes on with a connect that TAPIR_OPT_FASTOPEN_CONNECT put off:
 * the bytes that go with the SYN, or -EINPROGRESS when none may (the SYN asks for a cookie: send again once it is
 * connected), -EISCONN, -EALREADY, -EINVAL (no peer), or what tapir_sock_connect says. The network may deliver a SYN
 * twice: only a request that does no harm the second time belongs there (RFC 7413 6.1).
 * Whoever goes on sending or receiving after some bytes, or messages, gives TAPIR_MSG_KEEP_ERROR, so that the error that stops it
 * is still there for the call after it has reported those.
 * A datagram is taken whole or not at all: -EAGAIN while SO_SNDBUF bytes wait at the device, which passes with
 * tapir_stack_output (or, on lo, _tick): such a socket counts as writable all the time. */
TAPIR_API int64_t tapir_sock_send(struct tapir_stack *stack, tapir_sock sock, const struct tapir_msg *msg,
                                  uint32_t flags, uint64_t now_us);

/* Receives: copies into msg->iov. Returns bytes, 0 at the end of a stream, -EAGAIN, -ENOTCONN, -EINVAL (OOB
 * with none), -EOPNOTSUPP (OOB of datagrams), a pending error. */
TAPIR_API int64_t tapir_sock_recv(struct tapir_stack *stack, tapir_sock sock, struct tapir_msg *msg, uint32_t flags,
                                  uint64_t now_us);

/* Shuts reading, writing or both (TAPIR_SHUT_*). Either ends a handshake: the socket is as new, ECONNRESET its pending error.
 * -ENOTCONN, -EINVAL, -ENOBUFS (of a listener). */
TAPIR_API int tapir_sock_shutdown(struct tapir_stack *stack, tapir_sock sock, uint32_t how, uint64_t now_us);

/* The socket's own endpoint (zero while unbound), and its peer's (-ENOTCONN). */
TAPIR_API int tapir_sock_local(struct tapir_stack *stack, tapir_sock sock, struct tapir_endpoint *local);
TAPIR_API int tapir_sock_peer(struct tapir_stack *stack, tapir_sock sock, struct tapir_endpoint *peer);

/* Sets or reads an option. A stream is readable from _RCVLOWAT bytes on, or with all that the window and memory let in before
 * some are read; the mark is at most half of _RCVBUF, which grows for it unless it was set. _NOTSENT_LOWAT counts as two
 * segments at least; a stream is writable below half of it.
 * -ENOPROTOOPT (not for this type), -EINVAL (value; of a listener: _IN_BYTES, _OUT_BYTES),
 * -ENODEV and -EADDRNOTAVAIL (no such netif: _NETIF, _MULTICAST_NETIF), -ENOTCONN (_MTU). */
TAPIR_API int tapir_sock_set(struct tapir_stack *stack, tapir_sock sock, enum tapir_sock_opt opt, int64_t value,
                             uint64_t now_us);
TAPIR_API int tapir_sock_get(struct tapir_stack *stack, tapir_sock sock, enum tapir_sock_opt opt, int64_t *value);

/* Joins or leaves a group on an interface (0: the route to the group decides; to leave: the first joined).
 * -EINVAL, -EADDRINUSE (joined already), -EADDRNOTAVAIL (not joined), -ENODEV, -ENOBUFS, -ENOPROTOOPT. */
TAPIR_API int tapir_sock_join(struct tapir_stack *stack, tapir_sock sock, const struct tapir_addr *group, int netif,
                              uint64_t now_us);
TAPIR_API int tapir_sock_leave(struct tapir_stack *stack, tapir_sock sock, const struct tapir_addr *group, int netif,
                               uint64_t now_us);

/* Fills *info. -ENOPROTOOPT unless a stream. */
TAPIR_API int tapir_sock_tcp_info(struct tapir_stack *stack, tapir_sock sock, struct tapir_tcp_info *info,
                                  uint64_t now_us);

#define TAPIR_CONGESTION_BYTES 16 /* of the name of a congestion control algorithm, with its NUL; as Linux */

/* TCP_CONGESTION: chooses the algorithm, "cubic" (the default), "reno" or "bbr"; a connection goes on with its windows, a
 * listener hands it on to connections to come. Borrows name. -ENOENT (no such algorithm), -ENOPROTOOPT unless a
 * stream. */
TAPIR_API int tapir_sock_set_congestion(struct tapir_stack *stack, tapir_sock sock, const char *name);

/* Fills name with the algorithm's, padded with NULs. -ENOPROTOOPT unless a stream. */
TAPIR_API int tapir_sock_get_congestion(struct tapir_stack *stack, tapir_sock sock, char name[TAPIR_CONGESTION_BYTES]);

#define TAPIR_FASTOPEN_KEYS_BYTES 32 /* of two keys */

/* TCP_FASTOPEN_KEY: the key of a listener's cookies (16 bytes), or two (32): the first makes cookies, both are accepted.
 * Listeners with the same key accept each other's. Without it the stack has keys of its own, and changes them every day.
 * Borrows key. -EINVAL (len), -ENOPROTOOPT unless a stream. */
TAPIR_API int tapir_sock_set_fastopen_key(struct tapir_stack *stack, tapir_sock sock, const uint8_t *key, size_t len);

/* Fills key with what was set and returns how many bytes: 0, 16 or 32. -ENOPROTOOPT unless a stream. */
TAPIR_API int tapir_sock_get_fastopen_key(struct tapir_stack *stack, tapir_sock sock,
                                          uint8_t key[TAPIR_FASTOPEN_KEYS_BYTES]);

/* The readiness bits now; TAPIR_READY_ERR | TAPIR_READY_HUP for a stale handle. */
TAPIR_API uint32_t tapir_sock_ready(struct tapir_stack *stack, tapir_sock sock);

/* Takes the next socket whose readiness may have changed since it was last named here; false: no more. */
TAPIR_API bool tapir_sock_news(struct tapir_stack *stack, tapir_sock *sock);

#ifdef __cplusplus
}
#endif
#endif
