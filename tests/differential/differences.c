/* The differences that are right: each has its reason. Nothing else may differ. */
#include <string.h>

#include "differential.h"

struct difference {
    const char *step, *expected, *got; /* parts of the texts; "": anything */
    bool goes_on;                      /* both hosts are in the same state after it */
    const char *reason;
};

#define GOES_ON true
#define ENDS false
static const struct difference differences[] = {
    {"sockopt(", "= 0", "= -1 ENOPROTOOPT", GOES_ON,
     "an option that means nothing to a socket of this kind is refused, and not kept"},
    {"tcp getsockopt(%, IP_RECV", "= 0", "= 0", GOES_ON, "as above: what was not kept is not told"},
    {"tcp getsockopt(%, IP_PKTINFO", "= 0", "= 0", GOES_ON, "as above"},
    {"IP_MTU_DISCOVER", "= 0", "", GOES_ON, "IP_PMTUDISC_INTERFACE and IP_PMTUDISC_OMIT are refused"},
    {"TCP_MAXSEG", "= 0 ", "= 0 ", GOES_ON,
     "on the loopback interface Linux counts half of the largest window that it has seen"},
    {"TCP_SYNCNT", "= 0 % 06", "= 0 % 07", GOES_ON, "a SYN is tried for three minutes at least (RFC 9293 MUST-23)"},
    {"tcp getsockopt(%, IP_MTU,", "= 0 ", "= -1 ENOTCONN", GOES_ON, "a connection that is over has no path any more"},
    {"set ioctl(", "= -1 EINVAL", "= -1 ENOTTY", GOES_ON,
     "sets have an ioctl of their own since Linux 6.9; before, it was ENOTTY"},
    {"udp recv(", "= -1 EAGAIN", "= -1 EOPNOTSUPP", GOES_ON, "MSG_OOB is refused on datagrams, and not ignored"},
    {"udp recv(", "= ", "= -1 EOPNOTSUPP", ENDS, "as above, with a datagram there"},
    {"udp recv(", "= -1 EAGAIN", "= 0 ", GOES_ON,
     "after SHUT_RD a datagram socket is at its end without a wait too, as poll says on both"},
    {"udp send", "= ", "= -1 EINVAL", ENDS,
     "nobody is at port 0: a connected datagram socket says so, as sendto does on both"},
    {"getsockopt(%, IP_MTU,", "= -1 ENOTCONN", "= 0", GOES_ON, "to change SO_DONTROUTE leaves a connection its path"},
    {"", ":O,%recv% waits", ":PO,%recv% waits", ENDS,
     "an urgent byte stays for MSG_OOB, though a recv for the others waits"},
    {"", ":O,%read waits", ":PO,%read waits", ENDS, "as above"},
    {"listener shutdown(", ":OEH,0,CLOSED", ":OH,0,CLOSED", ENDS, "as of the listener's send"},
    {"listener connect(", ":OEH,0,CLOSED", ":OH,0,CLOSED", ENDS, "as above"},
    {"peer: ICMP", "EH%CLOSED", ",SYN-SENT", ENDS, "only protocol and port unreachable are hard (RFC 1122 4.2.3.9)"},
    {"listener getsockopt(%, IP_RECV", "= 0", "= 0", GOES_ON, "as of the options that a stream refuses"},
    {"listener getsockopt(%, IP_PKTINFO", "= 0", "= 0", GOES_ON, "as above"},
    {"tcp recv(", "= -1 ENOTCONN", "= 1 ", ENDS,
     "an urgent byte that came before a reset can be read, as what came before it"},
    {"peer: ", "CLOSED%FIN RST", "CLOSED%FIN", ENDS, "a reset does not end TIME-WAIT (RFC 1337)"},
    {"udp recv(", "control 0 8 of 28 % 0", "control 0 8 of 28 % ", GOES_ON,
     "IP_PKTINFO tells of what came before it was asked for too"},
    {"peer: ICMP, flow %, 11, 1", ":O,", ":OE,", ENDS, "reassembly that timed out is told too (RFC 1122 3.2.2.4)"},
    {"tcp getsockopt(%, SO_ERROR", "= 0 4 bytes", "= 0 4 bytes 00000000", GOES_ON,
     "as below: an error about a bare ACK"},
    {"", "recv(MSG_WAITALL) waits", "recv(MSG_WAITALL) = ", ENDS,
     "SO_RCVLOWAT that grows beyond what a recv waits for does not keep from it what has come"},
    {"peer: ICMP", ":OE,", ":O,", ENDS, "an error about a bare ACK is about nothing that is on its way (RFC 5927 4.1)"},
    {"tcp bind(", "= 0", "= -1 EINVAL", ENDS,
     "a port that bind chose stays with the socket, one that it was free to choose too"},
    {"tcp bind(", "= 0", "= -1 EADDRINUSE", ENDS,
     "a socket bound to 0.0.0.0 stays so when its connection ends, and not only to the address that this had"},
    {"udp bind(", "= -1 EINVAL", "= 0", ENDS, "a connect whose address made no sense has not bound the socket"},
    {"udp names(", "0.0.0.0:any", "0.0.0.0:0 ", GOES_ON, "as above"},
    {"tcp names(", "= 0 local 0.0.0.0:% peer = -1 ENOTCONN", "= 0 local 10.0.0.2:% peer = -1 ENOTCONN", GOES_ON,
     "a bind that failed does not change the name of a connection that is over"},
    {"tcp names(", "= 0 local 0.0.0.0:% peer = -1 ENOTCONN", "= 0 local 127.0.0.1:% peer = -1 ENOTCONN", GOES_ON,
     "as above"},
    {"listener send", "= -1 ECONN", "= -1 EPIPE", ENDS,
     "an error of what the socket was before it listened is not kept"},
    {"tcp names(", "= 0 local % peer = -1 ENOTCONN", "= 0 local 0.0.0.0:0 ", GOES_ON,
     "after a disconnect the port is no longer the socket's, and getsockname does not tell it"},
    {"tcp listen(", "= -1 EADDRINUSE", "= 0", ENDS,
     "a socket that stopped to listen has kept its port and may listen again, though connections that it accepted go "
     "on"},
    {"", ":IPOEHR,%,CLOSED", ":IOEHR,%,CLOSED", ENDS,
     "urgent data in a segment that is answered by a reset was not taken"},
};

/* Whether text has the part's pieces in order; % stands between them. */
static bool has(const char *text, const char *part) {
    size_t len = strcspn(part, "%");
    for (const char *at = text; *at != '\0' || len == 0; at++) {
        if (strncmp(at, part, len) == 0) {
            return part[len] == '\0' || has(at + len, part + len + 1);
        }
    }
    return false;
}

const char *difference_argued(const char *step, const char *expected, const char *got, bool *goes_on) {
    for (size_t i = 0; i < sizeof differences / sizeof differences[0]; i++) {
        const struct difference *d = &differences[i];
        if (has(step, d->step) && has(expected, d->expected) && has(got, d->got)) {
            *goes_on = d->goes_on;
            return d->reason;
        }
    }
    return NULL;
}
