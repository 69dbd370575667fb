/* The state machine of RFC 9293 figure 5: states, events, and the table of arrows between them. */
#ifndef TCP_STATE_H
#define TCP_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tapir/trace.h>

/* States are bits, so that code reads like the RFC's lists: tcp_in(c, ESTABLISHED | FIN_WAIT_1). The order of
 * bits is that of enum tapir_tcp_state. What each promises tcp_state_check looks at.
 *
 *   CLOSED       nothing exchanged. Calls: OPEN. A connection that ended stays here with its error until its
 *                socket is closed; what was received in order may still be read after a normal end.
 *   LISTEN       a listener, or a child just made from a SYN-queue record. iss, irs of a child are known.
 *   SYN_SENT     our SYN may be out, with data if Fast Open is used: snd.iss holds. Nothing of the peer's is known.
 *   SYN_RECEIVED SYNs went both ways, ours is not acknowledged: irs, windows and options hold. Of an early connection
 *                (tcp_conn_early, Fast Open) SEND and RECEIVE are legal, and data may be out.
 *   ESTABLISHED  both SYNs acknowledged. All fields hold. SEND and RECEIVE are legal.
 *   FIN_WAIT_1   we closed, our FIN is queued, sent or unacknowledged. RECEIVE is legal, SEND is not.
 *   FIN_WAIT_2   our FIN was acknowledged; the peer may still send. RECEIVE is legal.
 *   CLOSE_WAIT   the peer's FIN came, rcv.nxt is past it. SEND is legal; RECEIVE gives what is queued, then end.
 *   CLOSING      both FINs are out, ours is unacknowledged.
 *   LAST_ACK     as CLOSING, the peer's came first: when ours is acknowledged all is over.
 *   TIME_WAIT    all is over, old duplicates may come: a compact record (timewait.h), never a struct tcp_conn
 *                for longer than the event that makes it.
 */
enum tcp_state {
    ESTABLISHED = 1 << TAPIR_TCP_ESTABLISHED,
    SYN_SENT = 1 << TAPIR_TCP_SYN_SENT,
    SYN_RECEIVED = 1 << TAPIR_TCP_SYN_RECEIVED,
    FIN_WAIT_1 = 1 << TAPIR_TCP_FIN_WAIT_1,
    FIN_WAIT_2 = 1 << TAPIR_TCP_FIN_WAIT_2,
    TIME_WAIT = 1 << TAPIR_TCP_TIME_WAIT,
    CLOSED = 1 << TAPIR_TCP_CLOSED,
    CLOSE_WAIT = 1 << TAPIR_TCP_CLOSE_WAIT,
    LAST_ACK = 1 << TAPIR_TCP_LAST_ACK,
    LISTEN = 1 << TAPIR_TCP_LISTEN,
    CLOSING = 1 << TAPIR_TCP_CLOSING,
};

/* SYNs were exchanged and the sequence spaces agree (RFC 9293 3.5.2's synchronized states). */
#define TCP_SYNCHRONIZED (ESTABLISHED | FIN_WAIT_1 | FIN_WAIT_2 | CLOSE_WAIT | CLOSING | LAST_ACK | TIME_WAIT)
/* The peer's FIN has not come yet: its data is welcome. */
#define TCP_RECEIVING (ESTABLISHED | FIN_WAIT_1 | FIN_WAIT_2)
/* We have not closed: the application may send. */
#define TCP_SENDING (ESTABLISHED | CLOSE_WAIT)
/* Our FIN is in the send queue or beyond. */
#define TCP_FIN_QUEUED (FIN_WAIT_1 | CLOSING | LAST_ACK)

/* What makes a connection change its state. */
enum tcp_event {
    TCP_EVENT_ACTIVE_OPEN,
    TCP_EVENT_PASSIVE_OPEN,
    TCP_EVENT_RCV_SYN,
    TCP_EVENT_RCV_SYN_ACK,
    TCP_EVENT_RCV_ACK_OF_SYN,
    TCP_EVENT_CLOSE,
    TCP_EVENT_RCV_FIN,
    TCP_EVENT_RCV_ACK_OF_FIN,
    TCP_EVENT_RCV_RST,
    TCP_EVENT_ABORT,
    TCP_EVENT_TIMEOUT,
    TCP_EVENT_ICMP,
};

/* The number of a state in enum tapir_tcp_state. */
static inline uint8_t tcp_state_number(enum tcp_state state) { return (uint8_t)__builtin_ctz((unsigned)state); }

struct tcp_conn;

/* The only writer of a connection's state. An arrow that is not in the table is our bug: it stops. */
void tcp_state_enter(struct tcp_conn *c, enum tcp_state to, enum tcp_event event, uint64_t now_us);

/* Looks whether all that the state promises holds; after each segment of a connection that goes on, and after each event of the simulator. */
void tcp_state_check(struct tcp_conn *c);

#endif
