/* T8: all 256 flag bytes, in every state, before, at and within the window, against a table of verdicts. */
#include "support/tcp_bench.h"

enum where { OUT = 1, AT = 2, IN = 4, ANY = 7 };
enum answer { SILENCE, AN_ACK, A_RESET, A_SYN_ACK };

#define EVERY_SYNCHRONIZED (ESTABLISHED | FIN_WAIT_1 | FIN_WAIT_2 | CLOSE_WAIT | CLOSING | LAST_ACK)
#define FROM_SYN_RECEIVED (EVERY_SYNCHRONIZED | SYN_RECEIVED)
#define EVERY (FROM_SYN_RECEIVED | TIME_WAIT | CLOSED | LISTEN | SYN_SENT)
#define SAME 0

/* What must happen to a segment without data that acknowledges all that was heard. The first row that fits counts:
 * `set` are flags that must be there, `clear` flags that must not. */
struct rule {
    uint32_t states, where;
    uint8_t set, clear;
    enum answer answer;
    uint32_t after; /* SAME, or the state */
    const char *section;
};

static const struct rule rules[] = {
    {CLOSED, ANY, F(RST), 0, SILENCE, SAME, "3.10.7.1"},
    {CLOSED, ANY, 0, 0, A_RESET, SAME, "3.10.7.1"},
    {LISTEN, ANY, F(RST), 0, SILENCE, SAME, "3.10.7.2 first"},
    {LISTEN, ANY, F(ACK), 0, A_RESET, SAME, "3.10.7.2 second"},
    {LISTEN, ANY, F(SYN), F(FIN), A_SYN_ACK, SYN_RECEIVED, "3.10.7.2 third"},
    {LISTEN, ANY, 0, 0, SILENCE, SAME, "3.10.7.2 fourth"},
    {SYN_SENT, ANY, F(RST) | F(ACK), 0, SILENCE, CLOSED, "3.10.7.3 second"},
    {SYN_SENT, ANY, F(RST), 0, SILENCE, SAME, "3.10.7.3 second"},
    {SYN_SENT, ANY, F(SYN) | F(ACK), F(FIN), AN_ACK, ESTABLISHED, "3.10.7.3 fourth"},
    {SYN_SENT, ANY, F(SYN), F(FIN), A_SYN_ACK, SYN_RECEIVED, "3.10.7.3 fourth"},
    {SYN_SENT, ANY, 0, 0, SILENCE, SAME, "3.10.7.3 fifth"},
    {TIME_WAIT, ANY, F(RST), 0, SILENCE, SAME, "RFC 1337"},
    {TIME_WAIT, AT, 0, F(SYN) | F(FIN), SILENCE, SAME, "3.10.7.4 fifth"},
    {TIME_WAIT, ANY, 0, 0, AN_ACK, SAME, "3.10.7.4 first"},
    {FROM_SYN_RECEIVED, OUT, F(RST), 0, SILENCE, SAME, "3.10.7.4 first"},
    {FROM_SYN_RECEIVED, OUT, 0, 0, AN_ACK, SAME, "3.10.7.4 first"},
    {FROM_SYN_RECEIVED, IN, F(RST), 0, AN_ACK, SAME, "3.10.7.4 second"},
    {FROM_SYN_RECEIVED, AT, F(RST), 0, SILENCE, CLOSED, "3.10.7.4 second"},
    {FROM_SYN_RECEIVED, AT | IN, F(SYN), 0, AN_ACK, SAME, "3.10.7.4 fourth"},
    {FROM_SYN_RECEIVED, AT | IN, 0, F(ACK), SILENCE, SAME, "3.10.7.4 fifth"},
    /* From here on the segment acknowledges our SYN or FIN. */
    {CLOSING, AT | IN, 0, 0, SILENCE, TIME_WAIT, "3.10.7.4 fifth"},
    {LAST_ACK, AT | IN, 0, 0, SILENCE, CLOSED, "3.10.7.4 fifth"},
    {CLOSE_WAIT, AT | IN, 0, 0, SILENCE, SAME, "3.10.7.4 eighth"},
    {SYN_RECEIVED | ESTABLISHED, AT, F(FIN), 0, AN_ACK, CLOSE_WAIT, "3.10.7.4 eighth"},
    {FIN_WAIT_1 | FIN_WAIT_2, AT, F(FIN), 0, AN_ACK, TIME_WAIT, "3.10.7.4 eighth"},
    {SYN_RECEIVED, IN, F(FIN), 0, AN_ACK, ESTABLISHED, "3.10.7.4 fifth; the FIN is early"},
    {FIN_WAIT_1, IN, F(FIN), 0, AN_ACK, FIN_WAIT_2, "3.10.7.4 fifth; the FIN is early"},
    {ESTABLISHED | FIN_WAIT_2, IN, F(FIN), 0, AN_ACK, SAME, "the FIN is early"},
    {SYN_RECEIVED, AT | IN, 0, 0, SILENCE, ESTABLISHED, "3.10.7.4 fifth"},
    {FIN_WAIT_1, AT | IN, 0, 0, SILENCE, FIN_WAIT_2, "3.10.7.4 fifth"},
    {ESTABLISHED | FIN_WAIT_2, AT | IN, 0, 0, SILENCE, SAME, "3.10.7.4"},
};

/* A SYN is answered for a listener that outlives the record: MAY-2, above any sequence number heard. */
static const struct rule reopen = {TIME_WAIT, IN, F(SYN), F(ACK) | F(FIN) | F(RST), A_SYN_ACK, SYN_RECEIVED, "MAY-2"};
/* MUST-11: the reset of a passive half-open connection leaves the listener. */
static const struct rule back = {SYN_RECEIVED, AT, F(RST), 0, SILENCE, LISTEN, "3.10.7.4 second, MUST-11"};

/* A SYN for a half-open record: the SYN-ACK again, which a peer that has started anew will reset. */
static const struct rule again = {
    SYN_RECEIVED, ANY, F(SYN), F(ACK) | F(RST), A_SYN_ACK, SAME, "3.10.7.4 first and fourth"};

static bool fits(const struct rule *rule, enum tcp_state state, enum where where, uint8_t flags) {
    return (rule->states & (uint32_t)state) != 0 && (rule->where & (uint32_t)where) != 0 &&
           (flags & rule->set) == rule->set && (flags & rule->clear) == 0;
}

static const struct rule *rule_for(enum tcp_state state, enum where where, uint8_t flags, bool active) {
    if (!active && fits(&reopen, state, where, flags)) {
        return &reopen;
    }
    if (!active && fits(&back, state, where, flags)) {
        return &back;
    }
    if (!active && fits(&again, state, where, flags)) {
        return &again;
    }
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (fits(&rules[i], state, where, flags)) {
            return &rules[i];
        }
    }
    cr_assert_fail("no rule for flags %02x", flags);
    return NULL;
}

static enum answer answer_of(const struct tcp_bench_heard *h) {
    if (h == NULL) {
        return SILENCE;
    }
    uint8_t flags = h->flags & (F(RST) | F(SYN) | F(FIN) | F(ACK));
    cr_assert_eq(h->len, 0);
    if ((flags & F(RST)) != 0) {
        return A_RESET;
    }
    cr_assert(flags == F(ACK) || flags == (F(SYN) | F(ACK)), "answered with flags %02x", h->flags);
    return flags == F(ACK) ? AN_ACK : A_SYN_ACK;
}

static int64_t sequence_of(enum where where) { return where == OUT ? -100000 : where == AT ? 0 : 1000; }

static void try_one(enum tcp_state state, enum where where, uint8_t flags, bool active) {
    struct tcp_bench *b = tcp_bench_at(state, &(struct tcp_bench_config){.active = active});
    const struct rule *rule = rule_for(state, where, flags, active);
    send_seg(b, .flags = flags, .null = flags == 0, .seq = sequence_of(where), .stay = true);
    enum answer answer = answer_of(tcp_bench_hear(b));
    cr_assert_eq(answer, rule->answer, "%s, flags %02x, where %d, %s: answer %d and not %d (%s)",
                 tapir_tcp_state_name(tcp_state_number(state)), flags, (int)where, active ? "active" : "passive",
                 (int)answer, (int)rule->answer, rule->section);
    expect_none(b);
    if (b->listener != 0 && b->sock == 0) {
        b->sock = tcp_bench_accept(b);
    }
    enum tcp_state wanted = rule->after == SAME ? state : (enum tcp_state)rule->after;
    cr_assert_eq(tcp_bench_state(b), wanted, "%s, flags %02x, where %d: now %s and not %s (%s)",
                 tapir_tcp_state_name(tcp_state_number(state)), flags, (int)where,
                 tapir_tcp_state_name(tcp_state_number(tcp_bench_state(b))),
                 tapir_tcp_state_name(tcp_state_number(wanted)), rule->section);
    tcp_bench_free(b); /* nothing leaked, whatever it was */
}

static void try_all(bool active, const enum tcp_state *states, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (unsigned flags = 0; flags < 256; flags++) {
            try_one(states[i], OUT, (uint8_t)flags, active);
            try_one(states[i], AT, (uint8_t)flags, active);
            try_one(states[i], IN, (uint8_t)flags, active);
        }
    }
}

#define STATES(...) ((const enum tcp_state[]){__VA_ARGS__}), sizeof((const enum tcp_state[]){__VA_ARGS__}) / sizeof(int)

Test(tcp_arrives_flags, T8_S3_opening) { try_all(true, STATES(CLOSED, SYN_SENT, SYN_RECEIVED)); }
Test(tcp_arrives_flags, T8_S3_listening) { try_all(false, STATES(LISTEN, SYN_RECEIVED)); }
Test(tcp_arrives_flags, T8_S3_open) { try_all(true, STATES(ESTABLISHED, CLOSE_WAIT)); }
Test(tcp_arrives_flags, T8_S3_closing) { try_all(false, STATES(FIN_WAIT_1, FIN_WAIT_2)); }
Test(tcp_arrives_flags, T8_S3_closed) { try_all(true, STATES(CLOSING, LAST_ACK)); }
Test(tcp_arrives_flags, T8_S9_waiting) { try_all(false, STATES(TIME_WAIT)); }

/* SYN with data, to a listener and to a connection: nothing is delivered before the handshake is done. */
Test(tcp_arrives_flags, T8_SYN_with_data) {
    struct tcp_bench *b = tcp_bench_listen(&(struct tcp_bench_config){0});
    send_seg(b, .flags = F(SYN), .len = 100);
    expect(b, SEG_FLAGS(F(SYN) | F(ACK)), SEG_ACK(0)); /* the text comes again */
    b->peer_nxt -= 100;
    send_seg(b, .len = 100);
    b->sock = tcp_bench_accept(b);
    cr_assert_eq(tcp_bench_read(b, 1000), 100);
    tcp_bench_free(b);
}

/* 3.10.7.3: text and FIN that come with the SYN-ACK are taken at once. */
Test(tcp_arrives_flags, SYN_ACK_with_data) {
    struct tcp_bench *b = tcp_bench_syn_sent(&(struct tcp_bench_config){.active = true});
    send_seg(b, .flags = F(SYN) | F(ACK), .len = 100);
    expect(b, SEG_FLAGS(F(ACK)), SEG_SEQ(0), SEG_ACK(100));
    cr_assert_eq(tcp_bench_read(b, 1000), 100);
    expect_state(b, ESTABLISHED);
    tcp_bench_free(b);
}
