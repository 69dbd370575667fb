/* A connection: the transmission control block of RFC 9293 3.3.1, what follows from its fields, and its life. */
#ifndef TCP_CONN_H
#define TCP_CONN_H

#include "base/core.h"
#include "base/table.h"
#include "ip/ip.h"
#include "ip/ports.h"
#include "tcp/cc/cc.h"
#include "tcp/cc/ecn.h"
#include "tcp/cc/usage.h"
#include "tcp/conn/chrono.h"
#include "tcp/conn/settings.h"
#include "tcp/conn/state.h"
#include "tcp/loss/loss.h"
#include "tcp/loss/rtt.h"
#include "tcp/receive/rcvtune.h"
#include "tcp/receive/reasm.h"
#include "tcp/segment/limits.h"
#include "tcp/segment/seq.h"
#include "tcp/send/plpmtu.h"
#include "tcp/send/sndq.h"
#include "wire/wire.h"

struct tcp;
struct tcp_listener;

/* What is to be sent, as bits: marked by events, done by output. */
enum tcp_owed {
    TCP_OWE_SYN = 1,   /* SYN, or SYN-ACK in SYN-RECEIVED */
    TCP_OWE_ACK = 2,   /* at once */
    TCP_OWE_PROBE = 4, /* zero-window probe */
    TCP_OWE_KEEPALIVE = 8,
    TCP_OWE_TRY = 16,       /* look whether data may be sent */
    TCP_OWE_CHALLENGE = 32, /* the ACK owed is a challenge */
    TCP_OWE_FORCE = 64,     /* the hold timer fired, or Nagle ended: send a partial segment */
};

/* Why data did not go with the SYN, or was not taken: as Linux numbers it. */
enum tcp_syn_data { TCP_SYN_DATA_UNKNOWN, TCP_SYN_DATA_NO_COOKIE, TCP_SYN_DATA_NOT_TAKEN, TCP_SYN_DATA_TIMED_OUT };

struct tcp_conn {
    struct table_node by_tuple; /* in tcp->conns while it has a peer */
    struct tcp *tcp;
    struct promises promises;      /* of this connection and its parts */
    struct news news;              /* news.owner 0: no socket (orphan, or not accepted yet) */
    struct list orphans;           /* in tcp->orphans, oldest first */
    struct list accept_node;       /* in listener->accept_queue until accepted */
    struct tcp_listener *listener; /* that made it, while it is in the accept queue */
    struct ip_ports_claim port;
    struct tcp_settings set;
    struct tapir_endpoint local, remote;
    struct ip_path path;
    bool has_path, in_table;
    bool passive;    /* MUST-11 */
    bool orphan;     /* the socket is gone */
    bool rd_shut;    /* SHUT_RD by the application */
    bool fin_wanted; /* CLOSE was called: FIN follows the last queued byte */
    bool fin_sent;   /* it has been sent at least once */
    bool fin_received;
    bool reset_by_peer;
    enum tcp_state state;
    int error;      /* pending errno for the application, positive */
    int soft_error; /* last advice, reported if the connection then times out (RFC 1122 4.2.3.9) */

    bool tuned;       /* one of tcp->tuned_count */
    struct list owed; /* in tcp->owed of its interface */
    uint32_t owes;    /* enum tcp_owed */

    struct {
        struct seq iss, una, nxt;
        uint32_t wnd, max_wnd;
        uint8_t wscale;
        bool wscale_ok;        /* the peer sent the option */
        uint32_t mss;          /* Eff.snd.MSS: payload of a full segment, options deducted (MUST-16) */
        uint32_t peer_mss;     /* from the MSS option */
        uint32_t room_bytes;   /* payload that one frame takes: more than mss if the device cuts it; 0: not known yet */
        struct seq up;         /* byte after the last urgent one */
        bool urgent;           /* up is ahead of una */
        struct sndq queue;     /* offset 0 is the byte after the SYN */
        uint64_t small_end;    /* offset after the last segment that was shorter than a full one (Nagle) */
        uint64_t last_send_us; /* of data */
        uint64_t mss_checked_us; /* when mss was last computed: a learnt path MTU expires */
        bool probed;             /* one byte (or the FIN) beyond nxt went out as a window probe */
        bool cwnd_limited;       /* the last try to send was stopped by cwnd alone */
        struct usage usage;      /* of cwnd */
        bool more;               /* MSG_MORE: hold a partial segment */
        bool starved;            /* a write found too little room, and has not been told of more */
    } snd;

    struct {
        struct seq irs, nxt;
        struct seq wup;  /* the ACK that was last sent: Last.ACK.sent of RFC 7323 */
        struct seq edge; /* right edge of the window offered; never moves left (SHLD-14) */
        uint8_t wscale;
        uint32_t mss;       /* what we offered (RMSS) */
        uint32_t seen_mss;  /* the largest payload of one wire segment so far */
        struct reasm queue; /* offset 0 is the byte after the peer's SYN */
        struct sack sack;
        struct rcvtune tune;
        uint64_t up;           /* offset of the urgent byte */
        bool urgent;           /* up is valid and not read past */
        bool urgent_read;      /* taken with MSG_OOB */
        uint32_t unacked_segs; /* received and not acknowledged */
        uint64_t unacked_bytes;
        uint32_t dup_acks; /* duplicate ACKs owed to a peer that counts them (no SACK) */
        uint8_t ooo_acks;  /* for out-of-order data since rcv.nxt moved, each at once */
        uint8_t quickacks; /* this many more ACKs go at once */
        bool pingpong;     /* we answer what we get: delay ACKs */
        bool pushed;       /* what was received and not acknowledged has a PSH */
    } rcv;

    struct {
        bool ok;            /* agreed on */
        uint32_t recent;    /* TS.Recent */
        uint64_t recent_us; /* when it was set */
        uint32_t offset;    /* added to the clock (N4) */
    } ts;
    bool sack_ok;
    bool cookie;   /* made from a SYN cookie */
    bool recorded; /* made from a record, whose way to SYN-RECEIVED was traced as it went */

    struct {                           /* TCP Fast Open */
        bool early;                    /* made by a listener at the SYN: of use before the handshake's end */
        bool add_cookie;               /* early: the SYN-ACK carries a new cookie */
        bool deferred;                 /* connect() has been called, the first write will send the SYN */
        bool ask;                      /* the SYN to be sent carries data or asks for a cookie */
        bool asked;                    /* a SYN did */
        bool took_data;                /* data on a SYN was taken: ours by the peer, or the peer's by us */
        uint8_t fail;                  /* enum tcp_syn_data */
        uint16_t syn_bytes;            /* of ours on the SYN that were taken */
        struct tcp_listener *waits_at; /* early, and the handshake is not over: its listener, if that lives; */
        struct list waiting;           /* in its early.list */
    } fastopen;

    struct rtt rtt;
    struct cc cc;
    struct loss loss;
    struct pacing pacing;
    struct plpmtu plpmtu;
    struct ecn ecn;
    bool timing;          /* a segment is being timed (RFC 6298 3) */
    struct seq timed_seq; /* the ACK that ends it is beyond this */
    uint64_t timed_us;

    struct {
        struct timer rto, tlp, reorder, pace, persist, delack, hold, keepalive, fin_wait_2;
    } timers;
    uint32_t retransmits; /* of the same data, in a row */
    uint32_t probes, keepalive_probes;
    uint8_t persist_backoff;
    uint64_t first_unacked_us; /* when what is unacknowledged was first sent or probed; 0 none */
    uint64_t challenge_us;     /* of the last challenge ACK */

    struct chrono chrono;
    struct {
        uint64_t bytes_sent, bytes_acked, bytes_received, bytes_retrans;
        uint64_t segs_out, segs_in, data_segs_out, data_segs_in;
        uint64_t last_data_recv_us, last_ack_recv_us, last_recv_us, established_us;
        uint32_t total_retrans, ooo_segs, delivered_segs, delivered_ce_segs, dsack_dups;
    } stat;
};

static inline bool tcp_in(const struct tcp_conn *c, uint32_t states) { return ((uint32_t)c->state & states) != 0; }

/* In SYN-RECEIVED, and the application's already: data goes both ways (RFC 7413 4.2.2). */
static inline bool tcp_conn_early(const struct tcp_conn *c) { return tcp_in(c, SYN_RECEIVED) && c->fastopen.early; }

/* In SYN-SENT, and no SYN will be sent before there is data for it. */
static inline bool tcp_conn_deferred(const struct tcp_conn *c) { return tcp_in(c, SYN_SENT) && c->fastopen.deferred; }

/* SEND is legal. */
static inline bool tcp_conn_may_send(const struct tcp_conn *c) {
    return tcp_in(c, TCP_SENDING) || (tcp_conn_early(c) && !c->fin_wanted);
}

/* What is still on offer: right edge less rcv.nxt. */
static inline uint32_t tcp_conn_offered(const struct tcp_conn *c) { return seq_diff(c->rcv.edge, c->rcv.nxt); }

/* Stream offsets have 64 bits and do not wrap; 0 is the byte after the SYN. The sequence number must be near the connection's
 * own. */
static inline uint64_t tcp_conn_snd_offset(const struct tcp_conn *c, struct seq seq) {
    uint64_t head = c->snd.queue.head;
    struct seq at_head = seq_add(c->snd.iss, 1 + (uint32_t)head);
    return head + (uint64_t)(int64_t)(int32_t)seq_diff(seq, at_head);
}

/* The offset of snd.una; 0 while the SYN is not acknowledged. */
static inline uint64_t tcp_conn_una_offset(const struct tcp_conn *c) {
    return tcp_in(c, SYN_SENT | SYN_RECEIVED) ? 0 : tcp_conn_snd_offset(c, c->snd.una);
}

static inline struct seq tcp_conn_snd_seq(const struct tcp_conn *c, uint64_t offset) {
    return seq_add(c->snd.iss, 1 + (uint32_t)offset);
}

static inline uint64_t tcp_conn_rcv_offset(const struct tcp_conn *c, struct seq seq) {
    uint64_t next = c->rcv.queue.next;
    struct seq at_next = seq_add(c->rcv.irs, 1 + (uint32_t)next);
    return next + (uint64_t)(int64_t)(int32_t)seq_diff(seq, at_next);
}

static inline struct seq tcp_conn_rcv_seq(const struct tcp_conn *c, uint64_t offset) {
    return seq_add(c->rcv.irs, 1 + (uint32_t)offset);
}

/* Our FIN was sent and acknowledged. */
static inline bool tcp_conn_fin_acked(const struct tcp_conn *c) {
    return c->fin_sent && seq_gt(c->snd.una, tcp_conn_snd_seq(c, c->snd.queue.tail));
}

/* The timestamp clock of this connection: milliseconds plus its offset (RFC 7323 5.4). */
static inline uint32_t tcp_conn_tsval(const struct tcp_conn *c, uint64_t now_us) {
    return (uint32_t)(now_us / 1000) + c->ts.offset;
}

/* The rate at which it may send, in bytes per second; 0: it is not paced. */
static inline uint64_t tcp_conn_pacing_rate(const struct tcp_conn *c) {
    uint64_t own = c->cc.pacing_bytes_per_s == 0 ? UINT64_MAX : c->cc.pacing_bytes_per_s;
    uint64_t most = c->set.max_pacing_bytes_per_s == 0 ? UINT64_MAX : c->set.max_pacing_bytes_per_s;
    uint64_t rate = min_u64(own, most);
    return rate == UINT64_MAX ? 0 : rate;
}

/* Its life (conn.c). */

/* Gives a new connection in CLOSED, or NULL when memory is short. */
struct tcp_conn *tcp_conn_new(struct tcp *tcp, const struct tcp_settings *set);

/* Prepares every field of the TCB for a new life with the given endpoints (state stays). */
void tcp_conn_prepare(struct tcp_conn *c, const struct tapir_endpoint *local, const struct tapir_endpoint *remote,
                      uint64_t now_us);

/* Takes the connection: unlinks it everywhere and frees all. */
void tcp_conn_free(struct tcp_conn *c);

/* The end of a connection: CLOSED, timers stopped, out of the tables; `error` for the application (0: a normal
 * end). An orphan is freed. */
void tcp_conn_end(struct tcp_conn *c, enum tcp_event event, int error, uint64_t now_us);

#endif
