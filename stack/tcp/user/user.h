/* User calls (RFC 9293 3.10.1 to 3.10.6): OPEN, SEND, RECEIVE, CLOSE, ABORT, STATUS. */
#ifndef TCP_USER_H
#define TCP_USER_H

#include <tapir/sock.h>

#include "tcp/conn/tcp.h"
#include "tcp/open/listen.h" /* passive OPEN */
#include "tcp/out/abort.h"   /* ABORT */

/* Active OPEN to remote from a connection in CLOSED; uses its port claim or makes one. 0 (SYN-SENT), -ENETUNREACH,
 * -EADDRNOTAVAIL, -EADDRINUSE, -EINVAL (remote is no single host), -ENOBUFS. */
int tcp_user_open(struct tcp_conn *c, const struct tapir_endpoint *remote, uint64_t now_us);

/* The same without the SYN: the connection is in SYN-SENT, and waits for tcp_fastopen_call_send. */
int tcp_user_prepare(struct tcp_conn *c, const struct tapir_endpoint *remote, uint64_t now_us);

/* OPEN for TCP_FASTOPEN_CONNECT: 0 when there is a cookie, and the SYN waits for the first data; else as tcp_user_open,
 * but -EINPROGRESS for 0, and the SYN asks for one. */
int tcp_fastopen_call_connect(struct tcp_conn *c, const struct tapir_endpoint *remote, uint64_t now_us);

/* The SYN of a connection that tcp_user_prepare made, with as much of the message as may go with it: bytes taken, or
 * -EINPROGRESS when none may. */
int64_t tcp_fastopen_call_send(struct tcp_conn *c, const struct tapir_msg *msg, uint64_t now_us);

/* SEND: copies out of msg; bytes taken, -EAGAIN, -EPIPE, a pending error, -ENOBUFS. */
int64_t tcp_user_data_send(struct tcp_conn *c, const struct tapir_msg *msg, uint32_t flags, uint64_t now_us);

/* RECEIVE: copies into msg; bytes, 0 at the end, -EAGAIN, -ENOTCONN, -EINVAL (TAPIR_MSG_OOB and none there), a
 * pending error. Stops at the urgent mark. */
int64_t tcp_user_data_receive(struct tcp_conn *c, struct tapir_msg *msg, uint32_t flags, uint64_t now_us);

/* There is more room for what comes: owes the peer a window update if it is worth one now (MUST-39). */
void tcp_user_data_update_window(struct tcp_conn *c);

/* CLOSE of the sending side, or of the receiving side (TAPIR_SHUT_*); not in SYN-SENT. -ENOTCONN. */
int tcp_user_shutdown(struct tcp_conn *c, uint32_t how, uint64_t now_us);

/* The socket goes away. Takes c: it is freed now or lives on as an orphan. */
void tcp_user_close(struct tcp_conn *c, uint64_t now_us);

/* Takes the pending error: a positive errno or 0. */
int tcp_user_take_error(struct tcp_conn *c);

/* TAPIR_READY_* bits. */
uint32_t tcp_user_ready(const struct tcp_conn *c);

/* Bytes that RECEIVE could give now, by as many calls as it takes. */
uint64_t tcp_user_readable(const struct tcp_conn *c);

/* Those before the urgent one, if there is one among them: a call stops there (SIOCINQ of Linux). */
uint64_t tcp_user_readable_at_once(const struct tcp_conn *c);

/* STATUS. */
void tcp_info_status(const struct tcp_conn *c, struct tapir_tcp_info *info, uint64_t now_us);

#endif
