/* The peer's window, as a segment says. */
#ifndef TCP_WINDOW_H
#define TCP_WINDOW_H

#include "tcp/conn/conn.h"
#include "tcp/segment/segment.h"

/* SEG.WND, in bytes. */
static inline uint32_t tcp_window_of(const struct tcp_conn *c, const struct tcp_segment *seg) {
    return seg->wnd << (seg->syn_window ? 0 : c->snd.wscale);
}

/* The peer's window is that of seg. */
static inline void tcp_window_take(struct tcp_conn *c, const struct tcp_segment *seg) {
    c->snd.wnd = tcp_window_of(c, seg);
    c->snd.max_wnd = max_u32(c->snd.max_wnd, c->snd.wnd);
}

#endif
