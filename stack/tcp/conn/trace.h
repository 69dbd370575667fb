/* Trace events of TCP. Each function does nothing when nobody listens. */
#ifndef TCP_TRACE_H
#define TCP_TRACE_H

#include "tcp/conn/conn.h"
#include "tcp/segment/segment.h"

struct tcp_half;
struct tcp_listener;
struct tcp_wait;

/* What became of a segment that came in; what it caused is told behind it. `c` may be NULL (no connection). */
void tcp_trace_in(struct core *core, const struct tcp_conn *c, const struct tcp_segment *seg, bool dropped,
                  const char *reason, uint64_t now_us);

/* A segment was built: its header, payload length and wire segment size. `c` may be NULL. */
void tcp_trace_out(struct core *core, const struct tcp_conn *c, const struct tapir_endpoint *local,
                   const struct tapir_endpoint *remote, const struct wire_tcp *wire, uint32_t len, uint16_t gso_size,
                   const char *reason, uint64_t now_us);

void tcp_trace_state(const struct tcp_conn *c, enum tcp_state from, enum tcp_state to, enum tcp_event trigger,
                     uint64_t now_us);
/* The same of a connection that is a record yet. */
void tcp_trace_half(const struct tcp_half *half, enum tcp_state from, enum tcp_state to, enum tcp_event trigger,
                    uint64_t now_us);
/* The same of a listener. */
void tcp_trace_listener(const struct tcp_listener *l, enum tcp_state from, enum tcp_state to, enum tcp_event trigger,
                        uint64_t now_us);
/* TIME-WAIT is over (2 MSL). */
void tcp_trace_wait(struct core *core, const struct tcp_wait *w, uint64_t now_us);
void tcp_trace_timer(const struct tcp_conn *c, const char *name, enum tapir_timer_action action, uint64_t deadline_us,
                     uint64_t now_us);
void tcp_trace_cwnd(const struct tcp_conn *c, const char *reason, uint64_t now_us);
void tcp_trace_mtu(const struct tcp_conn *c, uint32_t probe_bytes, const char *reason, uint64_t now_us);
void tcp_trace_rtt(const struct tcp_conn *c, uint64_t sample_us, const char *reason, uint64_t now_us);

#endif
