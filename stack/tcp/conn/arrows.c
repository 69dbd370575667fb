/* The arrow table of RFC 9293 figure 5. */
#include "tcp/conn/arrows.h"

#include "base/check.h"

#define ARROW(from, event, to, section) \
    { from, TCP_EVENT_##event, to, section }
#define ALIVE (SYN_SENT | SYN_RECEIVED | ESTABLISHED | FIN_WAIT_1 | FIN_WAIT_2 | CLOSE_WAIT | CLOSING | LAST_ACK)

const struct tcp_arrow tcp_arrows[] = {
    ARROW(CLOSED, ACTIVE_OPEN, SYN_SENT, "3.10.1"),
    ARROW(CLOSED, PASSIVE_OPEN, LISTEN, "3.10.1"),
    ARROW(LISTEN, RCV_SYN, SYN_RECEIVED, "3.10.7.2 third"),
    ARROW(SYN_SENT, RCV_SYN, SYN_RECEIVED, "3.10.7.3 fourth"),
    ARROW(SYN_SENT, RCV_SYN_ACK, ESTABLISHED, "3.10.7.3 fourth"),
    ARROW(SYN_SENT, CLOSE, CLOSED, "3.10.4"),
    ARROW(SYN_RECEIVED, RCV_RST, LISTEN, "3.10.7.4 second"), /* of a record, whose listener goes on (MUST-11) */
    ARROW(SYN_RECEIVED, RCV_ACK_OF_SYN, ESTABLISHED, "3.10.7.4 fifth"),
    ARROW(ESTABLISHED, CLOSE, FIN_WAIT_1, "3.10.4"),
    ARROW(ESTABLISHED, RCV_FIN, CLOSE_WAIT, "3.10.7.4 eighth"),
    ARROW(FIN_WAIT_1, RCV_ACK_OF_FIN, FIN_WAIT_2, "3.10.7.4 fifth"),
    ARROW(FIN_WAIT_1, RCV_FIN, CLOSING, "3.10.7.4 eighth"),
    ARROW(FIN_WAIT_2, RCV_FIN, TIME_WAIT, "3.10.7.4 eighth"),
    ARROW(CLOSING, RCV_ACK_OF_FIN, TIME_WAIT, "3.10.7.4 fifth"),
    ARROW(CLOSE_WAIT, CLOSE, LAST_ACK, "3.10.4"),
    ARROW(LAST_ACK, RCV_ACK_OF_FIN, CLOSED, "3.10.7.4 fifth"),
    ARROW(TIME_WAIT, TIMEOUT, CLOSED, "3.10.8"), /* of the connection at once; its record waits for the timeout */
    ARROW(ALIVE, RCV_RST, CLOSED, "3.10.7.3 second, 3.10.7.4 second"),
    ARROW(ALIVE, ABORT, CLOSED, "3.10.5"),
    ARROW(ALIVE, TIMEOUT, CLOSED, "3.10.8"),
    ARROW(SYN_SENT | SYN_RECEIVED, ICMP, CLOSED, "3.9.2.2"),
};
const size_t tcp_arrows_count = ARRAY_LEN(tcp_arrows);

int tcp_arrows_find(enum tcp_state from, enum tcp_event event, enum tcp_state to) {
    for (size_t i = 0; i < tcp_arrows_count; i++) {
        const struct tcp_arrow *arrow = &tcp_arrows[i];
        if ((arrow->from & (uint32_t)from) != 0 && arrow->event == event && arrow->to == to) {
            return (int)i;
        }
    }
    return -1;
}

const char *tcp_arrows_event_name(enum tcp_event event) {
    static const char names[][20] = {
        [TCP_EVENT_ACTIVE_OPEN] = "OPEN active",
        [TCP_EVENT_PASSIVE_OPEN] = "OPEN passive",
        [TCP_EVENT_RCV_SYN] = "rcv SYN",
        [TCP_EVENT_RCV_SYN_ACK] = "rcv SYN,ACK",
        [TCP_EVENT_RCV_ACK_OF_SYN] = "rcv ACK of SYN",
        [TCP_EVENT_CLOSE] = "CLOSE",
        [TCP_EVENT_RCV_FIN] = "rcv FIN",
        [TCP_EVENT_RCV_ACK_OF_FIN] = "rcv ACK of FIN",
        [TCP_EVENT_RCV_RST] = "rcv RST",
        [TCP_EVENT_ABORT] = "ABORT",
        [TCP_EVENT_TIMEOUT] = "timeout",
        [TCP_EVENT_ICMP] = "rcv ICMP error",
    };
    return names[event];
}
