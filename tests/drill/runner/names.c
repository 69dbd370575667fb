/* The constants of the socket API by their names. */
#define _GNU_SOURCE
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#ifndef SOL_TCP
#define SOL_TCP IPPROTO_TCP
#endif
#ifndef SOL_IP
#define SOL_IP IPPROTO_IP
#endif

#define NAME(constant) \
    { #constant, (int64_t)(constant) }

struct name {
    const char *name;
    int64_t value;
};

static const struct name errors[] = {
    NAME(EPERM),       NAME(EINTR),        NAME(EAGAIN),       NAME(EWOULDBLOCK),   NAME(ENOMEM),
    NAME(EACCES),      NAME(EFAULT),       NAME(EBADF),        NAME(EINVAL),        NAME(EMFILE),
    NAME(EPIPE),       NAME(EDOM),         NAME(ENODEV),       NAME(EEXIST),        NAME(ENOENT),
    NAME(ENOTSOCK),    NAME(EMSGSIZE),     NAME(EPROTOTYPE),   NAME(ENOPROTOOPT),   NAME(EPROTONOSUPPORT),
    NAME(EOPNOTSUPP),  NAME(EAFNOSUPPORT), NAME(EADDRINUSE),   NAME(EADDRNOTAVAIL), NAME(ENETDOWN),
    NAME(ENETUNREACH), NAME(ENETRESET),    NAME(ECONNABORTED), NAME(ECONNRESET),    NAME(ENOBUFS),
    NAME(EISCONN),     NAME(ENOTCONN),     NAME(ESHUTDOWN),    NAME(ETIMEDOUT),     NAME(ECONNREFUSED),
    NAME(EHOSTDOWN),   NAME(EHOSTUNREACH), NAME(EALREADY),     NAME(EINPROGRESS),   NAME(EDESTADDRREQ),
    NAME(EPROTO),      NAME(ENOSYS),
};

static const struct name names[] = {
    NAME(AF_INET),
    NAME(AF_INET6),
    NAME(AF_UNSPEC),
    NAME(PF_INET),
    NAME(SOCK_STREAM),
    NAME(SOCK_DGRAM),
    NAME(SOCK_RAW),
    NAME(SOCK_NONBLOCK),
    NAME(SOCK_CLOEXEC),
    NAME(IPPROTO_IP),
    NAME(IPPROTO_TCP),
    NAME(IPPROTO_UDP),
    NAME(IPPROTO_ICMP),
    NAME(INADDR_ANY),
    NAME(INADDR_LOOPBACK),
    NAME(INADDR_BROADCAST),
    NAME(SOL_SOCKET),
    NAME(SOL_TCP),
    NAME(SOL_IP),
    /* SOL_SOCKET */
    NAME(SO_REUSEADDR),
    NAME(SO_REUSEPORT),
    NAME(SO_KEEPALIVE),
    NAME(SO_LINGER),
    NAME(SO_RCVBUF),
    NAME(SO_SNDBUF),
    NAME(SO_RCVLOWAT),
    NAME(SO_RCVTIMEO),
    NAME(SO_SNDTIMEO),
    NAME(SO_ERROR),
    NAME(SO_TYPE),
    NAME(SO_PROTOCOL),
    NAME(SO_DOMAIN),
    NAME(SO_PRIORITY),
    NAME(SO_MARK),
    NAME(SO_TIMESTAMP),
    NAME(SO_ZEROCOPY),
    NAME(SO_MAX_PACING_RATE),
    NAME(SO_INCOMING_CPU),
    NAME(SO_BINDTODEVICE),
    NAME(SO_ACCEPTCONN),
    NAME(SO_BROADCAST),
    NAME(SO_OOBINLINE),
    NAME(SO_NO_CHECK),
    /* IPPROTO_TCP */
    NAME(TCP_NODELAY),
    NAME(TCP_CORK),
    NAME(TCP_MAXSEG),
    NAME(TCP_KEEPIDLE),
    NAME(TCP_KEEPINTVL),
    NAME(TCP_KEEPCNT),
    NAME(TCP_USER_TIMEOUT),
    NAME(TCP_QUICKACK),
    NAME(TCP_SYNCNT),
    NAME(TCP_LINGER2),
    NAME(TCP_DEFER_ACCEPT),
    NAME(TCP_INFO),
    NAME(SO_MAX_PACING_RATE),
    NAME(TCP_CONGESTION),
    NAME(TCP_WINDOW_CLAMP),
    NAME(TCP_MD5SIG),
    NAME(TCP_THIN_LINEAR_TIMEOUTS),
    NAME(TCP_REPAIR),
    NAME(TCP_TIMESTAMP),
    NAME(TCP_NOTSENT_LOWAT),
    NAME(TCP_SAVE_SYN),
    NAME(TCP_INQ),
    NAME(TCP_FASTOPEN),
    NAME(TCP_FASTOPEN_CONNECT),
    NAME(TCP_FASTOPEN_KEY),
    NAME(TCP_FASTOPEN_NO_COOKIE),
    /* IPPROTO_IP */
    NAME(IP_TTL),
    NAME(IP_TOS),
    NAME(IP_MTU_DISCOVER),
    NAME(IP_MTU),
    NAME(IP_RECVERR),
    NAME(IP_RECVTTL),
    NAME(IP_RECVTOS),
    NAME(IP_OPTIONS),
    NAME(IP_TRANSPARENT),
    NAME(IP_FREEBIND),
    NAME(IP_PKTINFO),
    NAME(IP_HDRINCL),
    NAME(IP_MULTICAST_TTL),
    NAME(IP_MULTICAST_LOOP),
    NAME(IP_PMTUDISC_DONT),
    NAME(IP_PMTUDISC_WANT),
    NAME(IP_PMTUDISC_DO),
    NAME(IP_PMTUDISC_PROBE),
    NAME(SO_EE_ORIGIN_NONE),
    NAME(SO_EE_ORIGIN_LOCAL),
    NAME(SO_EE_ORIGIN_ICMP),
    /* messages */
    NAME(MSG_OOB),
    NAME(MSG_PEEK),
    NAME(MSG_TRUNC),
    NAME(MSG_CTRUNC),
    NAME(MSG_WAITALL),
    NAME(MSG_DONTWAIT),
    NAME(MSG_NOSIGNAL),
    NAME(MSG_MORE),
    NAME(MSG_ERRQUEUE),
    NAME(MSG_FASTOPEN),
    NAME(MSG_EOR),
    NAME(SHUT_RD),
    NAME(SHUT_WR),
    NAME(SHUT_RDWR),
    /* fcntl, ioctl */
    NAME(F_GETFL),
    NAME(F_SETFL),
    NAME(O_RDWR),
    NAME(O_NONBLOCK),
    NAME(FIONREAD),
    NAME(FIONBIO),
    NAME(SIOCINQ),
    NAME(SIOCOUTQ),
    NAME(TIOCOUTQ),
    NAME(SIOCATMARK),
    /* readiness */
    NAME(POLLIN),
    NAME(POLLPRI),
    NAME(POLLOUT),
    NAME(POLLERR),
    NAME(POLLHUP),
    NAME(POLLNVAL),
    NAME(POLLRDHUP),
    NAME(EPOLLIN),
    NAME(EPOLLPRI),
    NAME(EPOLLOUT),
    NAME(EPOLLERR),
    NAME(EPOLLHUP),
    NAME(EPOLLRDHUP),
    NAME(EPOLLET),
    NAME(EPOLLONESHOT),
    NAME(EPOLL_CTL_ADD),
    NAME(EPOLL_CTL_MOD),
    NAME(EPOLL_CTL_DEL),
    /* TCP_INFO */
    NAME(TCPI_OPT_TIMESTAMPS),
    NAME(TCPI_OPT_SACK),
    NAME(TCPI_OPT_WSCALE),
    NAME(TCPI_OPT_ECN),
    NAME(TCPI_OPT_ECN_SEEN),
    NAME(TCPI_OPT_SYN_DATA),
    NAME(TCP_CA_Open),
    NAME(TCP_CA_Disorder),
    NAME(TCP_CA_CWR),
    NAME(TCP_CA_Recovery),
    NAME(TCP_CA_Loss),
    {"TCP_ESTABLISHED", 1},
    {"TCP_SYN_SENT", 2},
    {"TCP_SYN_RECV", 3},
    {"TCP_FIN_WAIT1", 4},
    {"TCP_FIN_WAIT2", 5},
    {"TCP_TIME_WAIT", 6},
    {"TCP_CLOSE", 7},
    {"TCP_CLOSE_WAIT", 8},
    {"TCP_LAST_ACK", 9},
    {"TCP_LISTEN", 10},
    {"TCP_CLOSING", 11},
    {"TCP_INFINITE_SSTHRESH", UINT32_MAX},
    {"NULL", 0},
};

static bool find(const struct name *table, size_t count, const char *name, int64_t *value) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].name, name) == 0) {
            *value = table[i].value;
            return true;
        }
    }
    return false;
}

bool names_value(const char *name, int64_t *value) {
    return find(names, sizeof names / sizeof names[0], name, value) ||
           find(errors, sizeof errors / sizeof errors[0], name, value);
}

const char *names_errno(int error) {
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].value == error) {
            return errors[i].name;
        }
    }
    return "an unknown error";
}
