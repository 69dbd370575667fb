/* Tests of stack/link/neighbour.c: neighbours that move (Z11), and stations that only say they are one (L5). */
#include "link/rig.h"

/* How long after its word, or after a reason to ask it, a neighbour that moved is found, at most. */
#define FOUND_US SECOND_US

/* The stations that claim the gateway's address: who answers of those two, and how many questions they were asked. */
struct stations {
    bool old_there, new_there;
    unsigned asked_alone, asked_all;
    unsigned to_old, to_new; /* datagrams */
};

/* Every frame sent arrives; who is there answers what it is asked. */
static void settle(struct rig *rig, struct stations *s) {
    for (struct sent sent = rig_sent(rig); sent.any; sent = rig_sent(rig)) {
        bool to_all = memcmp(sent.eth.dst, all_mac, 6) == 0;
        bool to_old = memcmp(sent.eth.dst, peer_mac, 6) == 0;
        if (!sent.is_arp) {
            s->to_old += to_old;
            s->to_new += !to_old;
            continue;
        }
        s->asked_all += to_all;
        s->asked_alone += !to_all;
        if (s->old_there && (to_all || to_old)) {
            rig_answer(rig, peer_mac, GATEWAY_IP);
        }
        if (s->new_there && (to_all || !to_old)) {
            rig_answer(rig, rogue_mac, GATEWAY_IP);
        }
    }
}

/* The station at rogue_mac claims the gateway's address in one of three ways. */
static void claim(struct rig *rig, unsigned way) {
    rig_arp(rig, way % 3 == 0 ? WIRE_ARP_REQUEST : WIRE_ARP_REPLY, rogue_mac, GATEWAY_IP,
            way % 3 == 1 ? OUR_IP : GATEWAY_IP);
}

/* The gateway, in conversation until a moment ago. */
static struct rig *start_talking(void) {
    struct rig *rig = rig_start();
    rig_resolve(rig, GATEWAY_IP, peer_mac);
    for (unsigned i = 0; i < 200; i++) {
        rig_wait(rig, SECOND_US / 100);
        rig_confirm(rig, GATEWAY_IP);
    }
    return rig;
}

/* ---- who only says so ---- */

Test(link_neighbour_move, L5_a_claim_within_the_lock_is_a_question_to_the_neighbour_we_know) {
    for (unsigned way = 0; way < 3; way++) {
        struct rig *rig = start_talking();
        rig_wait(rig, TAPIR_NEIGHBOUR_LOCK_US - 1);
        claim(rig, way);
        cr_assert_eq(COUNTER_OF(rig, arp_locked), 1);
        cr_assert_eq(rig_state(rig, GATEWAY_IP), NEIGHBOUR_PROBE);
        rig_assert_question(rig, GATEWAY_IP, peer_mac);
        cr_assert(!rig_sent(rig).any, "at once, and once");
        rig_assert_goes_to(rig, GATEWAY_IP, peer_mac);
        rig_answer(rig, peer_mac, GATEWAY_IP);
        cr_assert_eq(rig_state(rig, GATEWAY_IP), NEIGHBOUR_REACHABLE);
        rig_assert_goes_to(rig, GATEWAY_IP, peer_mac);
        rig_stop(rig);
    }
}

Test(link_neighbour_move, L5_a_neighbour_in_conversation_cannot_be_moved) {
    struct rig *rig = start_talking();
    struct stations s = {.old_there = true};
    for (unsigned i = 0; i < 6000; i++) { /* a minute of it */
        rig_wait(rig, SECOND_US / 100);
        claim(rig, i);
        if (i % 2 == 0) {
            rig_confirm(rig, GATEWAY_IP);
        }
        cr_assert_eq(rig_send(rig, GATEWAY_IP, 9), 0);
        settle(rig, &s);
    }
    cr_assert_eq(s.to_old, 6000);
    cr_assert_eq(s.to_new, 0);
    cr_assert_eq(s.asked_all, 0);
    cr_assert(s.asked_alone >= 55 && s.asked_alone <= 61, "%u questions: one a second", s.asked_alone);
    rig_stop(rig);
}

Test(link_neighbour_move, L5_two_lost_answers_do_not_move_it) {
    struct rig *rig = start_talking();
    claim(rig, 0);
    rig_wait(rig, 2 * TAPIR_NEIGHBOUR_DOUBT_RETRY_US);
    for (unsigned i = 0; i < TAPIR_NEIGHBOUR_TRIES; i++) {
        rig_assert_question(rig, GATEWAY_IP, peer_mac);
        claim(rig, 1);
    }
    rig_wait(rig, TAPIR_NEIGHBOUR_DOUBT_RETRY_US - 1);
    rig_answer(rig, peer_mac, GATEWAY_IP);
    cr_assert_eq(rig_state(rig, GATEWAY_IP), NEIGHBOUR_REACHABLE);
    rig_assert_goes_to(rig, GATEWAY_IP, peer_mac);
    rig_stop(rig);
}

/* Sends datagrams `first` to `first` + count - 1 while nothing answers: none leaves. */
static void send_in_vain(struct rig *rig, uint8_t first, uint8_t count) {
    for (uint8_t tag = first; tag < first + count; tag++) {
        cr_assert_eq(rig_send(rig, GATEWAY_IP, tag), 0);
    }
    cr_assert(!rig_sent(rig).any);
}

/* The next frames are datagrams `first` to `first` + count - 1, for mac. */
static void assert_arrive(struct rig *rig, const uint8_t mac[6], uint8_t first, uint8_t count) {
    for (uint8_t tag = first; tag < first + count; tag++) {
        struct sent sent = rig_sent(rig);
        cr_assert(sent.any && !sent.is_arp && sent.tag == tag, "datagram %u", tag);
        cr_assert_arr_eq(sent.eth.dst, mac, 6);
    }
}

/* Once it has left a question without an answer, datagrams wait, and lose nothing but time. */
Test(link_neighbour_move, L5_a_neighbour_that_answers_late_has_all_that_was_sent) {
    struct rig *rig = start_talking();
    claim(rig, 0);
    rig_assert_question(rig, GATEWAY_IP, peer_mac);
    rig_assert_goes_to(rig, GATEWAY_IP, peer_mac);
    rig_wait(rig, TAPIR_NEIGHBOUR_DOUBT_RETRY_US);
    rig_assert_question(rig, GATEWAY_IP, peer_mac);
    send_in_vain(rig, 1, 20);
    claim(rig, 1);
    rig_answer(rig, rogue_mac, GATEWAY_IP);
    send_in_vain(rig, 21, 20);
    rig_answer(rig, peer_mac, GATEWAY_IP);
    assert_arrive(rig, peer_mac, 1, 40);
    rig_assert_goes_to(rig, GATEWAY_IP, peer_mac);
    rig_stop(rig);
}

/* The answer to a question that was put to one station can only be that station's. */
Test(link_neighbour_move, L5_nobody_answers_for_another) {
    struct rig *rig = rig_start();
    rig_make_stale(rig, GATEWAY_IP, peer_mac);
    rig_assert_goes_to(rig, GATEWAY_IP, peer_mac);
    rig_wait(rig, TAPIR_NEIGHBOUR_DELAY_US);
    rig_assert_question(rig, GATEWAY_IP, peer_mac);
    rig_answer(rig, rogue_mac, GATEWAY_IP);
    cr_assert_eq(rig_state(rig, GATEWAY_IP), NEIGHBOUR_STALE, "a claim like another, to be verified");
    rig_stop(rig);
}

Test(link_neighbour_move, L5_after_the_lock_a_claim_is_taken_and_verified) {
    struct rig *rig = rig_start();
    rig_resolve(rig, GATEWAY_IP, peer_mac);
    rig_wait(rig, TAPIR_NEIGHBOUR_LOCK_US);
    rig_arp(rig, WIRE_ARP_REQUEST, rogue_mac, GATEWAY_IP, GATEWAY_IP);
    cr_assert_eq(rig_state(rig, GATEWAY_IP), NEIGHBOUR_STALE);
    rig_assert_goes_to(rig, GATEWAY_IP, rogue_mac);
    cr_assert_eq(rig_state(rig, GATEWAY_IP), NEIGHBOUR_DELAY);
    rig_wait(rig, TAPIR_NEIGHBOUR_DELAY_US);
    rig_assert_question(rig, GATEWAY_IP, rogue_mac);
    rig_stop(rig);
}

Test(link_neighbour_move, L5_two_claimants_that_nobody_answers_for_alternate_once_a_second_at_most) {
    struct rig *rig = start_talking();
    unsigned moves = 0;
    uint8_t mac[6];
    memcpy(mac, peer_mac, 6);
    for (unsigned i = 0; i < 100; i++) {
        rig_wait(rig, SECOND_US / 10);
        rig_arp(rig, WIRE_ARP_REPLY, i % 2 == 0 ? rogue_mac : peer_mac, GATEWAY_IP, GATEWAY_IP);
        (void)rig_send(rig, GATEWAY_IP, 1);
        (void)rig_drain(rig);
        const struct link_neighbour *entry = rig_neighbour(rig, GATEWAY_IP);
        if (entry->state != NEIGHBOUR_INCOMPLETE && memcmp(entry->mac, mac, 6) != 0) {
            moves++;
            memcpy(mac, entry->mac, 6);
        }
    }
    cr_assert(moves > 0 && moves <= 10, "%u moves in 10 s", moves);
    rig_stop(rig);
}

Test(link_neighbour_move, L5_only_an_answer_confirms) {
    struct rig *rig = rig_start();
    rig_make_stale(rig, PEER_IP, peer_mac);
    /* Unasked, gratuitous, or for another: none of them proves that it hears us. */
    rig_arp(rig, WIRE_ARP_REPLY, peer_mac, PEER_IP, OUR_IP);
    rig_arp(rig, WIRE_ARP_REPLY, peer_mac, PEER_IP, PEER_IP);
    rig_arp(rig, WIRE_ARP_REQUEST, peer_mac, PEER_IP, OUR_IP);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_STALE);
    (void)rig_drain(rig);
    rig_assert_goes_to(rig, PEER_IP, peer_mac);
    rig_wait(rig, TAPIR_NEIGHBOUR_DELAY_US);
    rig_arp(rig, WIRE_ARP_REPLY, peer_mac, PEER_IP, GATEWAY_IP);
    rig_arp(rig, WIRE_ARP_REQUEST, peer_mac, PEER_IP, OUR_IP);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_PROBE);
    rig_answer(rig, peer_mac, PEER_IP);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_REACHABLE);
    rig_stop(rig);
}

/* ---- who moved ---- */

/* Datagrams go to the gateway 5 times a second, and one word of it comes `claims` times. How long until they arrive? */
static uint64_t time_to_find(struct rig *rig, unsigned claims, bool acks_on_the_way) {
    struct stations s = {.new_there = true};
    uint64_t start_us = rig->now_us;
    for (unsigned i = 0; i < claims; i++) {
        claim(rig, i);
    }
    while (s.to_new == 0 && rig->now_us - start_us < 200 * SECOND_US) {
        if (acks_on_the_way && rig->now_us - start_us < SECOND_US) {
            rig_confirm(rig, GATEWAY_IP);
        }
        cr_assert(rig_send(rig, GATEWAY_IP, 1) >= 0);
        settle(rig, &s);
        rig_wait(rig, SECOND_US / 5);
    }
    return rig->now_us - start_us;
}

/* The lock is for those who only say so: who moved says so once (RFC 5227 2.3, VRRP, live migration). */
Test(link_neighbour_move, Z11_one_word_of_a_neighbour_in_conversation) {
    for (unsigned way = 0; way < 6; way++) {
        struct rig *rig = start_talking();
        rig_wait(rig, 20000);
        uint64_t took_us = time_to_find(rig, way < 3 ? 1 : 5, way % 2 == 0);
        cr_assert(took_us <= FOUND_US, "%llu us", (unsigned long long)took_us);
        rig_stop(rig);
    }
}

/* It answered a moment ago: the second between questions does not swallow its word. */
Test(link_neighbour_move, Z11_right_after_an_answer) {
    struct rig *rig = start_talking();
    struct stations s = {.old_there = true};
    claim(rig, 0);
    settle(rig, &s);
    cr_assert_eq(rig_state(rig, GATEWAY_IP), NEIGHBOUR_REACHABLE);
    rig_wait(rig, 1000);
    uint64_t took_us = time_to_find(rig, 1, false);
    cr_assert(took_us > SECOND_US && took_us <= SECOND_US + FOUND_US, "%llu us", (unsigned long long)took_us);
    rig_stop(rig);
}

Test(link_neighbour_move, Z11_one_word_of_an_idle_neighbour) {
    struct rig *rig = start_talking();
    rig_wait(rig, TAPIR_NEIGHBOUR_LOCK_US);
    cr_assert_leq(time_to_find(rig, 1, false), SECOND_US / 5);
    rig_stop(rig);
}

/* Nobody says a word: what the transport does not hear is reason enough to ask. */
Test(link_neighbour_move, Z11_a_transport_that_hears_nothing) {
    struct rig *rig = start_talking();
    rig_wait(rig, SECOND_US); /* R1 */
    rig_suspect(rig, GATEWAY_IP);
    cr_assert_eq(rig_state(rig, GATEWAY_IP), NEIGHBOUR_PROBE);
    cr_assert_leq(time_to_find(rig, 0, false), FOUND_US);
    rig_stop(rig);
}

/* What waits for the old one's answer asks everybody when there is none, and goes to who is there. */
Test(link_neighbour_move, Z11_what_waits_reaches_the_new_one) {
    struct rig *rig = start_talking();
    claim(rig, 0);
    rig_wait(rig, TAPIR_NEIGHBOUR_DOUBT_RETRY_US);
    (void)rig_drain(rig);
    send_in_vain(rig, 1, 30);
    rig_wait(rig, 2 * TAPIR_NEIGHBOUR_DOUBT_RETRY_US);
    rig_assert_question(rig, GATEWAY_IP, peer_mac);
    rig_assert_question(rig, GATEWAY_IP, all_mac);
    rig_answer(rig, rogue_mac, GATEWAY_IP);
    assert_arrive(rig, rogue_mac, 1, 30);
    cr_assert_eq(rig_state(rig, GATEWAY_IP), NEIGHBOUR_REACHABLE);
    rig_stop(rig);
}

Test(link_neighbour_move, Z11_what_waits_is_told_when_nobody_is_there) {
    struct rig *rig = start_talking();
    claim(rig, 0);
    rig_wait(rig, TAPIR_NEIGHBOUR_DOUBT_RETRY_US);
    (void)rig_drain(rig);
    send_in_vain(rig, 1, 10);
    rig_wait(rig, 2 * TAPIR_NEIGHBOUR_DOUBT_RETRY_US + TAPIR_NEIGHBOUR_TRIES * TAPIR_NEIGHBOUR_RETRY_US);
    cr_assert_eq(rig_state(rig, GATEWAY_IP), NEIGHBOUR_FAILED);
    cr_assert_eq(rig->lost, 10);
    rig_stop(rig);
}

Test(link_neighbour_move, a_suspected_neighbour_that_is_there_is_asked_once_a_second) {
    struct rig *rig = start_talking();
    struct stations s = {.old_there = true};
    for (unsigned i = 0; i < 1000; i++) {
        rig_suspect(rig, GATEWAY_IP);
        settle(rig, &s);
        rig_assert_goes_to(rig, GATEWAY_IP, peer_mac);
        rig_wait(rig, SECOND_US / 100);
    }
    cr_assert(s.asked_alone >= 9 && s.asked_alone <= 11, "%u", s.asked_alone);
    cr_assert_eq(s.asked_all, 0);
    rig_stop(rig);
}

/* RFC 4861 7.3.1: an answer from beyond it is as good as one of its own, unless it may be another's. */
Test(link_neighbour_move, what_a_transport_hears_ends_its_own_doubt_alone) {
    struct rig *rig = start_talking();
    rig_suspect(rig, GATEWAY_IP);
    rig_confirm(rig, GATEWAY_IP);
    cr_assert_eq(rig_state(rig, GATEWAY_IP), NEIGHBOUR_REACHABLE);
    (void)rig_drain(rig);
    rig_wait(rig, SECOND_US - 1);
    rig_suspect(rig, GATEWAY_IP);
    claim(rig, 0);
    cr_assert_eq(COUNTER_OF(rig, arp_locked), 1);
    rig_confirm(rig, GATEWAY_IP);
    cr_assert_eq(rig_state(rig, GATEWAY_IP), NEIGHBOUR_PROBE);
    rig_suspect(rig, GATEWAY_IP); /* the lesser doubt */
    rig_confirm(rig, GATEWAY_IP);
    cr_assert_eq(rig_state(rig, GATEWAY_IP), NEIGHBOUR_PROBE);
    rig_stop(rig);
}

Test(link_neighbour_move, suspecting_who_is_not_known_does_nothing) {
    struct rig *rig = rig_start();
    rig_suspect(rig, PEER_IP);
    cr_assert_eq(rig_state(rig, PEER_IP), -1);
    (void)rig_send(rig, PEER_IP, 1);
    rig_suspect(rig, PEER_IP);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_INCOMPLETE);
    rig_wait(rig, TAPIR_NEIGHBOUR_TRIES * TAPIR_NEIGHBOUR_RETRY_US);
    rig_suspect(rig, PEER_IP);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_FAILED);
    cr_assert_eq(rig_drain(rig), TAPIR_NEIGHBOUR_TRIES);
    rig_stop(rig);
}
