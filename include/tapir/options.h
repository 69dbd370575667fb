/* The socket options that the stack has, each with its name in the BSD layer: one row per option. */
#ifndef TAPIR_OPTIONS_H
#define TAPIR_OPTIONS_H

/* OPTION(name, level, BSD name, form, meaning): TAPIR_OPT_name of tapir_sock_set is the BSD option, whose value has this form:
 *   FLAG, INT               an int
 *   GET                     an int that can only be read
 *   SECONDS, MILLISECONDS   an int, in microseconds in the stack
 *   SYN_ACKS                an int: seconds, in retransmissions in the stack
 *   BYTE, BYTE_OR_NONE      an int or a byte; or nothing, which is 0
 *   BYTE_GET                one that can only be read
 *   LINGER                  struct linger
 *   RATE                    an int or a 64-bit number
 *   DEVICE                  the name of an interface
 *   INTERFACE               an interface by address or number: struct in_addr, ip_mreq or ip_mreqn
 * OWN(name, meaning): an option without a name in the BSD layer.
 * In `meaning`, "get" alone is for what cannot be set. */
#define TAPIR_OPTIONS(OPTION, OWN)                                                                                    \
    OPTION(REUSEADDR, SOL_SOCKET, SO_REUSEADDR, FLAG, "others may bind to the same port")                             \
    OPTION(REUSEPORT, SOL_SOCKET, SO_REUSEPORT, FLAG, "the same, and they share what comes")                          \
    OPTION(KEEPALIVE, SOL_SOCKET, SO_KEEPALIVE, FLAG, "stream (others keep the value, as Linux)")                     \
    OPTION(LINGER, SOL_SOCKET, SO_LINGER, LINGER, "seconds, -1 off")                                                  \
    OPTION(RCVBUF, SOL_SOCKET, SO_RCVBUF, INT, "bytes, doubled as Linux does")                                        \
    OPTION(SNDBUF, SOL_SOCKET, SO_SNDBUF, INT, "bytes, doubled as Linux does")                                        \
    OPTION(MAX_PACING, SOL_SOCKET, SO_MAX_PACING_RATE, RATE, "bytes per second, -1 or 0: no limit; stream")           \
    OPTION(RCVLOWAT, SOL_SOCKET, SO_RCVLOWAT, INT, "bytes; stream (others keep the value, as Linux)")                 \
    OPTION(ERROR, SOL_SOCKET, SO_ERROR, GET, "get, and it clears; positive errno")                                    \
    OWN(TYPE, "get: enum tapir_sock_type")                                                                            \
    OPTION(PROTOCOL, SOL_SOCKET, SO_PROTOCOL, GET, "get: IP protocol number")                                         \
    OPTION(ACCEPTCONN, SOL_SOCKET, SO_ACCEPTCONN, GET, "get: whether it listens")                                     \
    OPTION(BROADCAST, SOL_SOCKET, SO_BROADCAST, FLAG, "may send to broadcast addresses")                              \
    OPTION(DONTROUTE, SOL_SOCKET, SO_DONTROUTE, FLAG, "to neighbours alone, and with NETIF to whoever may be there")  \
    OPTION(OOBINLINE, SOL_SOCKET, SO_OOBINLINE, FLAG, "urgent data stays in the stream")                              \
    OPTION(NETIF, SOL_SOCKET, SO_BINDTODEVICE, DEVICE, "netif index, 0 any")                                          \
    OPTION(NODELAY, IPPROTO_TCP, TCP_NODELAY, FLAG, "small segments do not wait (Nagle off)")                         \
    OPTION(CORK, IPPROTO_TCP, TCP_CORK, FLAG, "partial segments wait")                                                \
    OPTION(NOTSENT_LOWAT, IPPROTO_TCP, TCP_NOTSENT_LOWAT, INT,                                                        \
           "bytes unsent from which on a stream takes no more; 0: no limit")                                          \
    OPTION(MAXSEG, IPPROTO_TCP, TCP_MAXSEG, INT, "bytes of a segment at most")                                        \
    OPTION(KEEPIDLE_US, IPPROTO_TCP, TCP_KEEPIDLE, SECONDS, "quiet until the first keep-alive probe")                 \
    OPTION(KEEPINTVL_US, IPPROTO_TCP, TCP_KEEPINTVL, SECONDS, "from one keep-alive probe to the next")                \
    OPTION(KEEPCNT, IPPROTO_TCP, TCP_KEEPCNT, INT, "keep-alive probes without an answer that end a connection")       \
    OPTION(USER_TIMEOUT_US, IPPROTO_TCP, TCP_USER_TIMEOUT, MILLISECONDS, "0: R2 decides")                             \
    OPTION(RTO_MIN_US, IPPROTO_TCP, TAPIR_TCP_RTO_MIN_US, INT,                                                        \
           "the least margin of the timeout above SRTT, 1 ms to 60 s; Linux TCP_RTO_MIN_US")                          \
    OPTION(QUICKACK, IPPROTO_TCP, TCP_QUICKACK, FLAG, "ACKs are not delayed")                                         \
    OPTION(ECN, IPPROTO_TCP, TAPIR_TCP_ECN, INT, "0 never, 1 ask for ECN on connect, 2 (default) agree when asked")   \
    OPTION(SYNCNT, IPPROTO_TCP, TCP_SYNCNT, INT, "retransmissions of a SYN")                                          \
    OPTION(LINGER2_US, IPPROTO_TCP, TCP_LINGER2, SECONDS, "FIN-WAIT-2 life of an orphan; -1: none at all")            \
    OPTION(DEFER_ACCEPT, IPPROTO_TCP, TCP_DEFER_ACCEPT, SYN_ACKS, "retransmissions of the SYN-ACK to wait for data")  \
    OPTION(FASTOPEN, IPPROTO_TCP, TCP_FASTOPEN, INT,                                                                  \
           "of a listener; connections that wait for their final ACK, 0 (default) off")                               \
    OPTION(FASTOPEN_CONNECT, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, INT,                                                  \
           "the first send carries connect's SYN, if there is a cookie")                                              \
    OPTION(FASTOPEN_NO_COOKIE, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, INT,                                              \
           "neither sent nor asked for; within one's own network only")                                               \
    OPTION(TTL, IPPROTO_IP, IP_TTL, BYTE, "-1: the default")                                                          \
    OPTION(TOS, IPPROTO_IP, IP_TOS, BYTE_OR_NONE, "the byte of the IP header")                                        \
    OPTION(MTU_DISCOVER, IPPROTO_IP, IP_MTU_DISCOVER, BYTE_OR_NONE, "0 DONT, 1 WANT, 2 DO, 3 PROBE")                  \
    OPTION(MTU_PROBING, IPPROTO_TCP, TAPIR_TCP_MTU_PROBING, INT,                                                      \
           "0 never, 1 (default) after a black hole, 2 always; Linux tcp_mtu_probing")                                \
    OWN(MTU_BASE_MSS, "the MSS in a black hole; Linux tcp_base_mss")                                                  \
    OPTION(MTU, IPPROTO_IP, IP_MTU, BYTE_GET, "get, connected only")                                                  \
    OPTION(RECVERR, IPPROTO_IP, IP_RECVERR, BYTE_OR_NONE, "errors go to the error queue")                             \
    OPTION(HDRINCL, IPPROTO_IP, IP_HDRINCL, BYTE_OR_NONE, "what is sent begins with its IP header; raw")              \
    OPTION(MULTICAST_TTL, IPPROTO_IP, IP_MULTICAST_TTL, BYTE, "0 (this host alone) to 255, -1: 1; not stream")        \
    OPTION(MULTICAST_LOOP, IPPROTO_IP, IP_MULTICAST_LOOP, BYTE,                                                       \
           "what is sent to a group comes back to this host; not stream")                                             \
    OPTION(MULTICAST_NETIF, IPPROTO_IP, IP_MULTICAST_IF, INTERFACE, "netif index; not stream")                        \
    OPTION(CHECKSUM_OFF, SOL_SOCKET, SO_NO_CHECK, FLAG, "send UDP without a checksum (RFC 1122 4.1.3.4)")             \
    OWN(IN_BYTES, "FIONREAD: get; bytes readable (datagram: of the next one)")                                        \
    OWN(OUT_BYTES,                                                                                                    \
        "SIOCOUTQ: get; bytes sent and not acknowledged, or not yet sent (datagram: all at the device last sent by)") \
    OWN(AT_MARK, "SIOCATMARK: get")                                                                                   \
    OWN(URGENT_AT, "get; another for each urgent byte that is announced (SIGURG), 0: none; stream")

#endif
