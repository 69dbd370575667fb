/* Stacks with little memory and many peers: who is in goes on, who knocks is let in again, and nobody makes the stack deaf
 * (HAZARDS Z4, D10). */
#include "pair.h"

#include <stdlib.h>

enum { CLIENTS_MAX = 6000, REQUEST_BYTES = 16 };

/* The server's side of one connection. */
struct served {
    tapir_sock sock;
    bool silent; /* it neither reads nor writes any more */
};

struct crowd {
    struct pair *p;
    struct served *served; /* CLIENTS_MAX of them */
    tapir_sock *clients;   /* likewise */
    unsigned served_count, client_count;
    size_t answer_bytes; /* to each request; 0: as long as it is */
};

static void crowd_open(struct crowd *crowd, size_t cap_bytes) {
    static const struct pair_config plain = {.seed = 1, .delay_us = 1 * MS, .caps = TAPIR_CAP_CSUM | TAPIR_CAP_TSO4};
    struct pair_config config = plain;
    config.cap_bytes = cap_bytes;
    *crowd = (struct crowd){.p = pair_open(&config),
                            .served = calloc(CLIENTS_MAX, sizeof *crowd->served),
                            .clients = calloc(CLIENTS_MAX, sizeof *crowd->clients)};
    struct pair_host *b = &crowd->p->hosts[1];
    struct tapir_endpoint port = {.port = PAIR_PORT_B};
    pair_wait(crowd->p, 5 * SECOND);
    cr_assert_eq(tapir_sock_open(b->stack, TAPIR_SOCK_STREAM, 0, &b->listener), 0);
    cr_assert_eq(tapir_sock_bind(b->stack, b->listener, &port), 0);
    cr_assert_eq(tapir_sock_listen(b->stack, b->listener, 4096, crowd->p->now_us), 0);
}

static void crowd_close(struct crowd *crowd) {
    for (unsigned i = 0; i < crowd->client_count; i++) {
        tapir_sock_close(crowd->p->hosts[0].stack, crowd->clients[i], crowd->p->now_us);
    }
    for (unsigned i = 0; i < crowd->served_count; i++) {
        tapir_sock_close(crowd->p->hosts[1].stack, crowd->served[i].sock, crowd->p->now_us);
    }
    free(crowd->clients);
    free(crowd->served);
    pair_wait(crowd->p, 1200 * SECOND);
    pair_close(crowd->p);
}

static int64_t move(struct tapir_stack *stack, tapir_sock sock, void *bytes, size_t len, bool out, uint64_t now_us) {
    struct tapir_iovec iov = {.base = bytes, .len = len};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
    return out ? tapir_sock_send(stack, sock, &msg, 0, now_us) : tapir_sock_recv(stack, sock, &msg, 0, now_us);
}

/* Accepts, answers, closes what has ended. */
static void serve(struct crowd *crowd) {
    static uint8_t bytes[65536];
    struct pair_host *b = &crowd->p->hosts[1];
    uint64_t now_us = crowd->p->now_us;
    struct tapir_endpoint peer;
    tapir_sock sock;
    while (crowd->served_count < CLIENTS_MAX && tapir_sock_accept(b->stack, b->listener, &sock, &peer, now_us) == 0) {
        crowd->served[crowd->served_count++] = (struct served){.sock = sock};
    }
    for (unsigned i = crowd->served_count; i-- > 0;) {
        struct served *s = &crowd->served[i];
        int64_t got = s->silent ? -EAGAIN : move(b->stack, s->sock, bytes, sizeof bytes, false, now_us);
        if (got > 0) {
            size_t answer = crowd->answer_bytes != 0 ? crowd->answer_bytes : (size_t)got;
            for (size_t left = answer; left > 0;) {
                int64_t sent = move(b->stack, s->sock, bytes, left < sizeof bytes ? left : sizeof bytes, true, now_us);
                left = sent > 0 ? left - (size_t)sent : 0;
            }
        } else if (got != -EAGAIN) {
            tapir_sock_close(b->stack, s->sock, now_us);
            *s = crowd->served[--crowd->served_count];
        }
    }
}

static void wait_serving(struct crowd *crowd, uint64_t us) {
    for (uint64_t end_us = crowd->p->now_us + us; crowd->p->now_us < end_us;) {
        pair_wait(crowd->p, 10 * MS);
        serve(crowd);
    }
}

static tapir_sock knock(struct crowd *crowd) {
    struct tapir_stack *stack = crowd->p->hosts[0].stack;
    struct tapir_endpoint to = {.addr = pair_address(crowd->p, 1), .port = PAIR_PORT_B};
    tapir_sock sock;
    cr_assert_eq(tapir_sock_open(stack, TAPIR_SOCK_STREAM, 0, &sock), 0);
    cr_assert_eq(tapir_sock_connect(stack, sock, &to, crowd->p->now_us), -EINPROGRESS);
    return sock;
}

static bool ask(struct crowd *crowd, tapir_sock sock) {
    static uint8_t bytes[REQUEST_BYTES];
    return move(crowd->p->hosts[0].stack, sock, bytes, sizeof bytes, true, crowd->p->now_us) == REQUEST_BYTES;
}

static bool hear(struct crowd *crowd, tapir_sock sock) {
    uint8_t bytes[REQUEST_BYTES];
    return move(crowd->p->hosts[0].stack, sock, bytes, sizeof bytes, false, crowd->p->now_us) == REQUEST_BYTES;
}

static void a_new_one_is_served(struct crowd *crowd) {
    tapir_sock sock = knock(crowd);
    wait_serving(crowd, 5 * SECOND);
    cr_assert(ask(crowd, sock));
    wait_serving(crowd, 2 * SECOND);
    cr_assert(hear(crowd, sock));
    tapir_sock_close(crowd->p->hosts[0].stack, sock, crowd->p->now_us);
}

/* Clients come, and ask, until some are not answered; those who were stay in the list. */
static void fill(struct crowd *crowd) {
    unsigned refused = 0;
    a_new_one_is_served(crowd); /* the neighbours know each other */
    while (refused == 0 && crowd->client_count + 64 < CLIENTS_MAX) {
        tapir_sock fresh[64];
        for (unsigned i = 0; i < 64; i++) {
            fresh[i] = knock(crowd);
        }
        wait_serving(crowd, 100 * MS);
        for (unsigned i = 0; i < 64; i++) {
            (void)ask(crowd, fresh[i]);
        }
        wait_serving(crowd, SECOND);
        for (unsigned i = 0; i < 64; i++) {
            if (hear(crowd, fresh[i])) {
                crowd->clients[crowd->client_count++] = fresh[i];
            } else {
                tapir_sock_close(crowd->p->hosts[0].stack, fresh[i], crowd->p->now_us);
                refused++;
            }
        }
    }
    wait_serving(crowd, 30 * SECOND);
}

/* All who are in ask at once, and are answered. */
static void all_are_served(struct crowd *crowd, uint64_t patience_us) {
    for (unsigned i = 0; i < crowd->client_count; i++) {
        cr_assert(ask(crowd, crowd->clients[i]));
    }
    wait_serving(crowd, patience_us);
    for (unsigned i = 0; i < crowd->client_count; i++) {
        cr_assert(hear(crowd, crowd->clients[i]), "client %u of %u", i, crowd->client_count);
    }
}

static const size_t caps_bytes[] = {256U << 10, 1U << 20, 8U << 20};

Test(stack_shares, Z4_idle_connections_fill_the_stack) {
    for (size_t i = 0; i < ARRAY_LEN(caps_bytes); i++) {
        struct crowd crowd;
        crowd_open(&crowd, caps_bytes[i]);
        fill(&crowd);
        cr_assert_gt(crowd.client_count, caps_bytes[i] / 40000, "cap %zu: %u", caps_bytes[i], crowd.client_count);
        all_are_served(&crowd, 5 * SECOND);
        all_are_served(&crowd, 5 * SECOND);
        for (unsigned k = 0; k < crowd.client_count; k++) {
            tapir_sock_close(crowd.p->hosts[0].stack, crowd.clients[k], crowd.p->now_us);
        }
        crowd.client_count = 0;
        wait_serving(&crowd, 5 * SECOND);
        cr_assert_eq(crowd.served_count, 0);
        wait_serving(&crowd, 65 * SECOND); /* TIME-WAIT is over */
        a_new_one_is_served(&crowd);
        crowd_close(&crowd);
    }
}

/* Each asks and ends at once: the FIN is behind data that there may be no memory for yet. */
Test(stack_shares, Z4_a_fin_behind_refused_data) {
    for (size_t i = 0; i < ARRAY_LEN(caps_bytes); i++) {
        struct crowd crowd;
        crowd_open(&crowd, caps_bytes[i]);
        fill(&crowd);
        for (unsigned k = 0; k < crowd.client_count; k++) {
            cr_assert(ask(&crowd, crowd.clients[k]));
            tapir_sock_close(crowd.p->hosts[0].stack, crowd.clients[k], crowd.p->now_us);
        }
        crowd.client_count = 0;
        pair_wait(crowd.p, 2 * SECOND); /* nobody reads for a while */
        wait_serving(&crowd, 30 * SECOND);
        cr_assert_eq(crowd.served_count, 0, "cap %zu: %u are left", caps_bytes[i], crowd.served_count);
        wait_serving(&crowd, 65 * SECOND);
        a_new_one_is_served(&crowd);
        crowd_close(&crowd);
    }
}

/* A few, who leave room for more. */
static unsigned knock_some(struct crowd *crowd, size_t cap_bytes) {
    for (unsigned k = 0; k < 20 && k < cap_bytes / 80000; k++) {
        crowd->clients[crowd->client_count++] = knock(crowd);
    }
    wait_serving(crowd, SECOND);
    return crowd->client_count;
}

/* They ask for much, and do not read it: their data waits here. Others come and go all the same. */
Test(stack_shares, Z4_D5_readers_who_do_not_read) {
    for (size_t i = 0; i < ARRAY_LEN(caps_bytes); i++) {
        struct crowd crowd;
        crowd_open(&crowd, caps_bytes[i]);
        crowd.answer_bytes = 4U << 20;
        unsigned greedy = knock_some(&crowd, caps_bytes[i]);
        for (unsigned k = 0; k < greedy; k++) {
            cr_assert(ask(&crowd, crowd.clients[k]));
        }
        wait_serving(&crowd, 5 * SECOND);
        for (unsigned k = 0; k < crowd.served_count; k++) {
            crowd.served[k].silent = true;
        }
        crowd.answer_bytes = 0;
        for (unsigned k = 0; k < 10; k++) {
            a_new_one_is_served(&crowd);
        }
        crowd_close(&crowd);
    }
}

/* They send much, and nobody here reads it. */
Test(stack_shares, Z4_D10_data_that_nobody_reads) {
    for (size_t i = 0; i < ARRAY_LEN(caps_bytes); i++) {
        static uint8_t bytes[65536];
        struct crowd crowd;
        crowd_open(&crowd, caps_bytes[i]);
        unsigned senders = knock_some(&crowd, caps_bytes[i]);
        for (unsigned k = 0; k < crowd.served_count; k++) {
            crowd.served[k].silent = true;
        }
        for (unsigned round = 0; round < 200; round++) {
            for (unsigned k = 0; k < senders; k++) {
                (void)move(crowd.p->hosts[0].stack, crowd.clients[k], bytes, sizeof bytes, true, crowd.p->now_us);
            }
            wait_serving(&crowd, 10 * MS);
        }
        for (unsigned k = 0; k < 10; k++) {
            a_new_one_is_served(&crowd);
        }
        crowd_close(&crowd);
    }
}
