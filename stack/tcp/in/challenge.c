/* Challenge ACKs, with a limit per connection: a shared limit would be an oracle (RFC 5961 7, S5). */
#include "tcp/conn/owe.h"
#include "tcp/in/arrives.h"

bool tcp_challenge_allowed(struct tcp_conn *c, uint64_t now_us) {
    if (c->challenge_us != 0 && now_us - c->challenge_us < TCP_CHALLENGE_US) {
        COUNT(c->tcp->core, tcp_challenge_limited);
        return false;
    }
    c->challenge_us = max_u64(now_us, 1);
    return true;
}

void tcp_challenge(struct tcp_conn *c, uint64_t now_us) {
    if (tcp_challenge_allowed(c, now_us)) {
        COUNT(c->tcp->core, tcp_challenge_ack);
        tcp_conn_owe(c, TCP_OWE_ACK | TCP_OWE_CHALLENGE);
    }
}
