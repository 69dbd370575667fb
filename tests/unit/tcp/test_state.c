/* The state machine by its arrow table: the constructors of the bench reach every state by both kinds of opening. */
#include "support/tcp_bench.h"

Test(tcp_state, every_state_is_reached) {
    static const uint32_t isses[][2] = {{0, 0}, {0x7ffffffe, 0x7fffffff}, {0xfffffffe, 0xffffffff}}; /* T11 */
    static const enum tcp_state states[] = {LISTEN,     SYN_SENT,   SYN_RECEIVED, ESTABLISHED, FIN_WAIT_1,
                                            FIN_WAIT_2, CLOSE_WAIT, CLOSING,      LAST_ACK,    TIME_WAIT};
    for (size_t i = 0; i < ARRAY_LEN(states) * ARRAY_LEN(isses) * 4; i++) {
        enum tcp_state state = states[i % ARRAY_LEN(states)];
        const uint32_t *iss = isses[i / ARRAY_LEN(states) % ARRAY_LEN(isses)];
        size_t way = i / (ARRAY_LEN(states) * ARRAY_LEN(isses));
        struct tcp_bench *b = tcp_bench_at(state, &(struct tcp_bench_config){.active = (way & 1) != 0,
                                                                             .timestamps = (way & 2) != 0,
                                                                             .sack = (way & 2) != 0,
                                                                             .has_wscale = (way & 2) != 0,
                                                                             .wscale = 5,
                                                                             .has_iss = true,
                                                                             .iss = iss[0],
                                                                             .peer_iss = iss[1]});
        expect_state(b, state);
        tcp_bench_free(b);
    }
}
