/* The names of the TCP states, for traces and for readers of TCP_INFO. */
#include <tapir/trace.h>

#include "base/check.h"

const char *tapir_tcp_state_name(unsigned state) {
    /* Spelt as in RFC 9293 section 3.3.2. */
    static const char *const names[] = {
        [TAPIR_TCP_NONE] = "?",
        [TAPIR_TCP_ESTABLISHED] = "ESTABLISHED",
        [TAPIR_TCP_SYN_SENT] = "SYN-SENT",
        [TAPIR_TCP_SYN_RECEIVED] = "SYN-RECEIVED",
        [TAPIR_TCP_FIN_WAIT_1] = "FIN-WAIT-1",
        [TAPIR_TCP_FIN_WAIT_2] = "FIN-WAIT-2",
        [TAPIR_TCP_TIME_WAIT] = "TIME-WAIT",
        [TAPIR_TCP_CLOSED] = "CLOSED",
        [TAPIR_TCP_CLOSE_WAIT] = "CLOSE-WAIT",
        [TAPIR_TCP_LAST_ACK] = "LAST-ACK",
        [TAPIR_TCP_LISTEN] = "LISTEN",
        [TAPIR_TCP_CLOSING] = "CLOSING",
    };
    return names[state < ARRAY_LEN(names) ? state : TAPIR_TCP_NONE];
}
