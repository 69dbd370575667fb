/* A bug of our own strikes one connection: it alone ends, reset and told (docs/decisions/0013). */
#include <signal.h>

#include "support/tcp_bench.h"
#include "tcp/conn/path.h"

static const struct tcp_bench_config plain = {.active = true, .sack = true};

static struct tapir_broken told;
static unsigned told_count;

static void note(void *ctx, const struct tapir_broken *broken) {
    (void)ctx;
    told = *broken;
    told_count++;
}

/* Each puts something wrong into a connection, and makes the stack come across it. */

static void acked_beyond_the_queue(struct tcp_bench *b) {
    struct sndq *queue = &tcp_bench_conn(b)->snd.queue;
    cr_assert_eq(tcp_bench_write(b, 1000), 1000);
    tcp_bench_skip(b);
    queue->tail -= 500;
    send_seg(b, .seq = 0);
    queue->tail += 500;
}

static void pieces_beyond_the_queue(struct tcp_bench *b) {
    struct sndq *queue = &tcp_bench_conn(b)->snd.queue;
    cr_assert_eq(tcp_bench_write(b, 1000), 1000);
    queue->tail += 5000;
    tcp_bench_run(b);
    queue->tail -= 5000;
}

static void a_state_without_its_arrow(struct tcp_bench *b) {
    tcp_bench_conn(b)->fin_received = true;
    send_seg(b, .len = 10);
}

static void a_segment_without_a_size(struct tcp_bench *b) {
    struct tcp_conn *c = tcp_bench_conn(b);
    c->snd.peer_mss = 20000000;
    c->has_path = false;
    tcp_conn_path_update_mss(c, b->now_us);
}

static void a_run_that_cannot_be(struct tcp_bench *b) {
    struct tcp_conn *c = tcp_bench_conn(b);
    cr_assert_eq(tcp_bench_write(b, 4000), 4000);
    tcp_bench_skip(b);
    tcp_scoreboard_first(&c->loss.board)->sacked = true;
    tcp_loss_resend_all(&c->loss, 0, 4000);
    tcp_scoreboard_lose(&c->loss.board, tcp_scoreboard_first(&c->loss.board));
    tcp_scoreboard_first(&c->loss.board)->sacked = false;
}

static void (*const sabotages[])(struct tcp_bench *) = {acked_beyond_the_queue, pieces_beyond_the_queue,
                                                        a_state_without_its_arrow, a_segment_without_a_size,
                                                        a_run_that_cannot_be};

/* Another connection is there before and after. */
static tapir_sock other_connection(struct tcp_bench *b) {
    tapir_sock other = tcp_bench_socket(b, 4001);
    cr_assert_eq(tcp_bench_connect(b, other, BENCH_OTHER_IPV4, 80), -EINPROGRESS);
    tcp_bench_skip(b);
    return other;
}

Test(tcp_broken, one_connection_ends_and_the_others_go_on) {
    for (size_t i = 0; i < ARRAY_LEN(sabotages); i++) {
        struct tcp_bench *b = tcp_bench_established(&plain);
        b->env.env.broken = note;
        b->keeps_memory = true;
        tapir_sock other = other_connection(b);
        told_count = 0;
        sabotages[i](b);
        const struct tcp_bench_heard *h;
        bool reset = false;
        while ((h = tcp_bench_hear(b)) != NULL) {
            reset = reset || (h->flags & F(RST)) != 0;
        }
        cr_assert(told_count == 1 && reset, "sabotage %zu: told %u times", i, told_count);
        cr_assert_eq(COUNTED(b, tcp_broken), 1);
        cr_assert(told.what[0] != '\0' && strstr(told.file, "tcp/") != NULL && told.line > 0);
        cr_assert(told.local.port == BENCH_OUR_PORT && told.remote.port == BENCH_PEER_PORT);
        cr_assert_eq(told.state, TAPIR_TCP_ESTABLISHED);
        expect_state(b, CLOSED);
        cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), ECONNABORTED);
        tcp_bench_wait(b, 3 * SECOND); /* the other one sends its SYN again */
        cr_assert_neq(tcp_bench_hear(b), NULL);
        tapir_sock_close(b->stack, other, b->now_us);
        tcp_bench_free(b);
    }
}

/* Nobody owns it any more, or nobody has accepted it yet. */
Test(tcp_broken, an_orphan_and_one_in_the_accept_queue) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    b->env.env.broken = note;
    cr_assert_eq(tcp_bench_write(b, 100), 100);
    tcp_bench_skip(b);
    tcp_bench_close(b);
    tcp_bench_skip(b);
    tcp_bench_conn(b)->fin_received = true;
    send_seg(b, .ack = -101);
    expect(b, SEG_FLAGS(F(RST) | F(ACK)));
    expect_state(b, CLOSED);
    tcp_bench_free(b);
    b = tcp_bench_listen(&(struct tcp_bench_config){0});
    b->env.env.broken = note;
    send_seg(b, .flags = F(SYN));
    tcp_bench_skip(b);
    send_seg(b, .len = 0);
    tcp_bench_conn(b)->fin_received = true;
    send_seg(b, .len = 10);
    expect(b, SEG_FLAGS(F(RST) | F(ACK)));
    cr_assert_eq(b->stack->tcp.conns.used, 0);
    b->keeps_memory = true;
    tcp_bench_free(b);
}

/* Whoever takes no note wants to hear of it: tests, simulators, fuzzers. */
Test(tcp_broken, without_a_listener_the_program_ends, .signal = SIGABRT) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    acked_beyond_the_queue(b);
}
