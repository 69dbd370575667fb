/* Socket calls of scripts, on the core's non-blocking sockets. */
#ifndef DRILL_CALLS_H
#define DRILL_CALLS_H

#include "run.h"

/* A call's result while it has none yet. */
#define CALL_BLOCKED INT64_MIN

/* Tries a call, for the first time or again. Gives what Linux would return (a negative errno for -1), or
 * CALL_BLOCKED. What the script got wrong, and outputs that are not as expected, fail the run. calls.c */
int64_t calls_try(struct call *call);

/* Readiness changed for sockets: edge-triggered watches take note. calls_poll.c */
void calls_poll_news(struct run *run);

/* Closed: no epoll watches it any longer. calls_poll.c */
void calls_poll_forget(struct run *run, int fd);

/* --- for the files of calls --- */

/* Argument i. An absent one fails the run and counts as `...`. calls.c */
const struct value *calls_arg(struct call *call, unsigned i);
int64_t calls_number(struct call *call, unsigned i);
bool calls_has_arg(const struct call *call, unsigned i);

/* The field of a struct, or its i-th where it has no name; NULL: it is not there. calls.c */
const struct value *calls_field(const struct value *value, const char *name, unsigned i);

/* Sets *number to a field's number if it is there and is one. calls.c */
bool calls_field_number(const struct value *value, const char *name, unsigned i, int64_t *number);

/* The name of a struct's field, in these arguments, that nothing has looked at; NULL: there is none. calls.c */
const char *calls_unused_field(const struct value *first);

/* The descriptor of argument 0, or NULL; then the call's result is -EBADF (or -ENOTSOCK, *error). calls.c */
struct descriptor *calls_socket(struct call *call, int64_t *error);
struct descriptor *calls_descriptor(struct run *run, int64_t fd);

/* The number for a new descriptor: the one that the script expects, if it is free. calls.c */
int calls_new_number(struct call *call);

/* May a blocking call wait (on), by its timeout? The first time starts the clock. calls.c */
bool calls_may_wait(struct call *call, int64_t timeout_us);

/* The endpoint that a sockaddr argument means; `...` is `otherwise`. calls.c */
struct tapir_endpoint calls_endpoint(struct call *call, const struct value *value, struct tapir_endpoint otherwise);

/* Is an address that a call gave as the script has it? calls.c */
void calls_expect_endpoint(struct call *call, const struct value *value, const struct tapir_endpoint *came);

/* Fails the run unless they are equal. calls.c */
void calls_expect(struct call *call, const char *what, int64_t expected, int64_t came);

/* calls_setup.c */
int64_t calls_setup_socket(struct call *call);
int64_t calls_setup_bind(struct call *call);
int64_t calls_setup_listen(struct call *call);
int64_t calls_setup_accept(struct call *call);
int64_t calls_setup_connect(struct call *call);
int64_t calls_setup_shutdown(struct call *call);
int64_t calls_setup_close(struct call *call);
int64_t calls_setup_getsockname(struct call *call);
int64_t calls_setup_getpeername(struct call *call);
int64_t calls_setup_fcntl(struct call *call);
int64_t calls_setup_ioctl(struct call *call);

/* The numbers of a new connection have nothing to do with those of an older one. calls_setup.c */
void calls_setup_restart_flow(struct run *run, struct descriptor *d, uint16_t remote_port);

/* What the handshake came to, told once; as Linux, a socket whose handshake failed may try again. calls_setup.c */
int64_t calls_setup_connect_ended(struct run *run, struct descriptor *d);

/* A send that connects (MSG_FASTOPEN, or the first one with TCP_FASTOPEN_CONNECT): its result, or 0 when the connection
 * is there and the rest of the data is to be sent. calls_fastopen.c */
bool calls_fastopen_due(const struct call *call, const struct descriptor *d, int64_t flags);
int64_t calls_fastopen_send(struct call *call, struct descriptor *d, struct tapir_msg *msg, uint64_t bytes,
                            int64_t flags);

/* TCP_FASTOPEN_KEY: [word, word, word, word] as net.ipv4.tcp_fastopen_key has them, or twice as many. calls_fastopen.c */
int64_t calls_fastopen_set_key(struct call *call, struct descriptor *d);

/* calls_data.c */
int64_t calls_data_read(struct call *call);
int64_t calls_data_readv(struct call *call);
int64_t calls_data_recv(struct call *call);
int64_t calls_data_recvfrom(struct call *call);
int64_t calls_data_write(struct call *call);
int64_t calls_data_writev(struct call *call);
int64_t calls_data_send(struct call *call);
int64_t calls_data_sendto(struct call *call);

/* One transfer, for calls_message.c: msg has no iov; `bytes` in all. */
int64_t calls_data_transfer(struct call *call, struct descriptor *d, struct tapir_msg *msg, uint64_t bytes,
                            int64_t flags, bool sends);

/* calls_message.c */
int64_t calls_message_recvmsg(struct call *call);
int64_t calls_message_sendmsg(struct call *call);

/* calls_options.c */
int64_t calls_options_get(struct call *call);
int64_t calls_options_set(struct call *call);

/* calls_poll.c */
int64_t calls_poll_poll(struct call *call);
int64_t calls_poll_epoll_create(struct call *call);
int64_t calls_poll_epoll_ctl(struct call *call);
int64_t calls_poll_epoll_wait(struct call *call);

#endif
