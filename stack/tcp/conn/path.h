/* A connection's path, and the length of segments that follows from it. */
#ifndef TCP_PATH_H
#define TCP_PATH_H

#include "tcp/conn/conn.h"

/* Finds or renews the path. 0 or a negative errno. */
int tcp_conn_path(struct tcp_conn *c);

/* Recomputes snd.mss from the peer's MSS, the path and the options. */
void tcp_conn_path_update_mss(struct tcp_conn *c, uint64_t now_us);

#endif
