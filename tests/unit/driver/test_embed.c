/* The driver as an embedder has it: what ends a wait, what is refused, and hand-overs between real threads. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "host.h"
#include "sockets/driver/driver.h"

#define PORT 7
#define TURNS 300U
#define PEERS 4U
#define IDLE 8U /* of the threads: two per peer come before it */

TestSuite(driver_embed, .timeout = 30);

static struct host client, server;

/* A thread that waits for one socket, and what its wait said. */
struct waiting {
    struct host *host;
    tapir_sock sock;
    uint64_t deadline_us;
    _Atomic bool inside;
    int result;
};

static void *wait_once(void *argument) {
    struct waiting *waiting = argument;
    struct tapir_driver_thread self = {0};
    cr_assert(tapir_driver_enter(waiting->host->driver, &self) == 0);
    waiting->inside = true;
    waiting->result =
        tapir_driver_wait(waiting->host->driver, &self, waiting->sock, TAPIR_READY_IN, waiting->deadline_us);
    tapir_driver_leave(waiting->host->driver, &self);
    return NULL;
}

/* The lock is taken by a thread that waits until it sleeps. */
static pthread_t begin_wait(struct waiting *waiting, struct tapir_driver_thread *self) {
    pthread_t thread;
    cr_assert(pthread_create(&thread, NULL, wait_once, waiting) == 0);
    while (!waiting->inside) {
        usleep(100);
    }
    cr_assert(tapir_driver_enter(waiting->host->driver, self) == 0);
    tapir_driver_leave(waiting->host->driver, self);
    return thread;
}

Test(driver_embed, a_wait_ends_by_its_deadline) {
    struct tapir_driver_thread self = {0};
    host_pair_up(&client, &server);
    struct waiting waiting = {.host = &server, .sock = host_listen(&server, &self, PORT)};
    uint64_t begun_us = tapir_driver_now();
    waiting.deadline_us = begun_us + 30000;
    wait_once(&waiting);
    cr_assert(waiting.result == -EAGAIN);
    cr_assert(tapir_driver_now() >= waiting.deadline_us);
    host_down(&client);
    host_down(&server);
}

Test(driver_embed, a_wait_ends_when_another_thread_says_so) {
    struct tapir_driver_thread self = {0};
    host_pair_up(&client, &server);
    struct waiting first = {.host = &server, .sock = host_listen(&server, &self, PORT), .deadline_us = TAPIR_NEVER};
    struct waiting other = {.host = &server, .sock = host_listen(&server, &self, PORT + 1), .deadline_us = TAPIR_NEVER};
    pthread_t threads[2] = {begin_wait(&first, &self), begin_wait(&other, &self)};
    cr_assert(tapir_driver_enter(server.driver, &self) == 0);
    cr_assert(tapir_sock_close(server.stack, first.sock, tapir_driver_now()) == 0);
    tapir_driver_wake(server.driver, first.sock);
    tapir_driver_leave(server.driver, &self);
    pthread_join(threads[0], NULL);
    cr_assert(first.result == 0);
    cr_assert(tapir_driver_enter(server.driver, &self) == 0);
    tapir_driver_wake(server.driver, other.sock);
    tapir_driver_leave(server.driver, &self);
    pthread_join(threads[1], NULL);
    cr_assert(other.result == 0);
    host_down(&client);
    host_down(&server);
}

/* A leader and a follower, both asleep. */
Test(driver_embed, closing_ends_all_waits_and_waits_for_them) {
    struct tapir_driver_thread self = {0};
    host_pair_up(&client, &server);
    tapir_sock sock = host_listen(&server, &self, PORT);
    struct waiting waits[3];
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++) {
        waits[i] = (struct waiting){.host = &server, .sock = sock, .deadline_us = TAPIR_NEVER};
        threads[i] = begin_wait(&waits[i], &self);
    }
    host_down(&server);
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        cr_assert(waits[i].result == -EBADF);
    }
    host_down(&client);
}

/* Whether it led or followed: the call has left, and the driver goes on. */
Test(driver_embed, a_thread_cancelled_in_a_wait_has_left) {
    struct tapir_driver_thread self = {0};
    host_pair_up(&client, &server);
    tapir_sock listener = host_listen(&server, &self, PORT);
    struct waiting waits[2];
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++) {
        waits[i] = (struct waiting){.host = &server, .sock = listener, .deadline_us = TAPIR_NEVER};
        threads[i] = begin_wait(&waits[i], &self);
    }
    for (size_t i = 0; i < 2; i++) {
        void *result;
        pthread_cancel(threads[i]);
        pthread_join(threads[i], &result);
        cr_assert(result == PTHREAD_CANCELED);
    }
    /* Their stacks are used again: what they had left there would be found. */
    waits[0] = (struct waiting){.host = &server, .sock = listener, .deadline_us = TAPIR_NEVER};
    threads[0] = begin_wait(&waits[0], &self);
    host_close(&client, &self, host_connect(&client, &self, 2, PORT));
    pthread_join(threads[0], NULL);
    cr_assert(waits[0].result == 0);
    host_close(&server, &self, host_accept(&server, &self, listener));
    host_down(&client);
    host_down(&server);
}

static void take_note(int number) { (void)number; }

Test(driver_embed, a_signal_handler_ends_a_wait) {
    struct tapir_driver_thread self = {0};
    const struct sigaction action = {.sa_handler = take_note};
    sigaction(SIGUSR1, &action, NULL);
    host_pair_up(&client, &server);
    struct waiting waiting = {.host = &server, .sock = host_listen(&server, &self, PORT), .deadline_us = TAPIR_NEVER};
    pthread_t thread = begin_wait(&waiting, &self);
    do { /* a handler that runs before the sleep is one that ran before the call */
        pthread_kill(thread, SIGUSR1);
        usleep(1000);
    } while (pthread_tryjoin_np(thread, NULL) != 0);
    cr_assert(waiting.result == -EINTR);
    host_down(&client);
    host_down(&server);
}

Test(driver_embed, what_makes_no_sense_is_refused) {
    struct tapir_driver_thread self = {0};
    struct tapir_driver *none = NULL;
    host_pair_up(&client, &server);
    const struct tapir_driver_config no_stack = {.device = &client.device, .netif = 1};
    const struct tapir_driver_config no_netif = {.stack = client.stack, .device = &client.device};
    cr_assert(tapir_driver_open(&no_stack, &none) == -EINVAL);
    cr_assert(tapir_driver_open(&no_netif, &none) == -EINVAL);
    const struct tapir_driver_config wrong_netif = {.stack = client.stack, .device = &client.device, .netif = 7};
    cr_assert(tapir_driver_open(&wrong_netif, &none) == -EINVAL);
    cr_assert(none == NULL);
    cr_assert(tapir_driver_enter(client.driver, &self) == 0);
    cr_assert(tapir_driver_enter(client.driver, &self) == -EDEADLK);
    tapir_driver_leave(client.driver, &self);
    host_close(&server, &self, host_listen(&server, &self, PORT));
    host_down(&client);
    host_down(&server);
}

static struct driver down = DRIVER_INITIALIZER;

Test(driver_embed, a_call_without_a_stack_is_refused) {
    struct driver_thread thread = {0};
    cr_assert(!driver_enter(&down, &thread));
    cr_assert(!driver_at_work(&thread));
}

/* The wake and the signal coincide: both are told, each once, and the waits after that sleep. */
Test(driver_embed, a_signal_is_told_once) {
    struct tapir_driver_thread self = {0};
    const struct sigaction action = {.sa_handler = take_note};
    sigaction(SIGUSR1, &action, NULL);
    host_pair_up(&client, &server);
    tapir_sock sock = host_listen(&server, &self, PORT);
    struct driver_thread *inside = (struct driver_thread *)&self;
    cr_assert(tapir_driver_enter(server.driver, &self) == 0);
    inside->call.waited = inside->call.interrupted = true; /* as a wake that came first leaves it */
    uint64_t begun_us = tapir_driver_now();
    cr_assert(tapir_driver_wait(server.driver, &self, sock, 0, begun_us + 20000) == -EINTR);
    cr_assert(tapir_driver_wait(server.driver, &self, sock, 0, begun_us + 20000) == -EAGAIN);
    cr_assert(tapir_driver_now() >= begun_us + 20000);
    tapir_driver_leave(server.driver, &self);
    host_down(&client);
    host_down(&server);
}

static void *close_driver(void *argument) {
    struct host *host = argument;
    tapir_driver_close(host->driver);
    host->driver = NULL;
    pthread_testcancel();
    return NULL;
}

/* Whether the cancellation came before or while it waits for who is inside: the driver is closed, and then the thread ends. */
Test(driver_embed, closing_is_no_cancellation_point) {
    struct tapir_driver_thread self = {0};
    pthread_t thread;
    void *result;
    host_pair_up(&client, &server);
    cr_assert(tapir_driver_enter(server.driver, &self) == 0);
    cr_assert(pthread_create(&thread, NULL, close_driver, &server) == 0);
    pthread_cancel(thread);
    usleep(5000);
    tapir_driver_leave(server.driver, &self);
    pthread_join(thread, &result);
    cr_assert(result == PTHREAD_CANCELED && server.driver == NULL);
    tapir_stack_destroy(server.stack);
    server.device.ops->close(&server.device);
    host_down(&client);
}

static void note_state(void *ctx, enum tapir_driver_device state) { *(enum tapir_driver_device *)ctx = state; }

/* What a device is that is at its end: gone, and told so, and nobody reads it in a circle. */
static void expect_gone(void (*end)(int ends[2])) {
    enum tapir_driver_device state = TAPIR_DEVICE_UP;
    struct tapir_driver_thread self = {0};
    struct tapir_driver *driver;
    int ends[2];
    host_pair_up(&client, &server);
    cr_assert(pipe(ends) == 0);
    end(ends);
    struct tapir_device device = {.ops = client.device.ops, .fd = ends[0], .mtu_bytes = 1500, .name = "pipe"};
    tapir_driver_close(client.driver);
    const struct tapir_driver_config config = {
        .stack = client.stack, .device = &device, .netif = 1, .ctx = &state, .device_is = note_state};
    cr_assert(tapir_driver_open(&config, &driver) == 0);
    cr_assert(tapir_driver_enter(driver, &self) == 0);
    cr_assert(tapir_driver_wait(driver, &self, 0, 0, tapir_driver_now() + 20000) == -EAGAIN);
    cr_assert(state == TAPIR_DEVICE_GONE);
    tapir_driver_leave(driver, &self);
    tapir_driver_close(driver);
    tapir_stack_destroy(client.stack);
    client.device.ops->close(&client.device);
    host_down(&server);
}

static void hang_up(int ends[2]) { close(ends[1]); }

static void close_both(int ends[2]) {
    close(ends[0]);
    close(ends[1]);
}

Test(driver_embed, v5_a_device_whose_other_end_is_gone_is_given_up) { expect_gone(hang_up); }
Test(driver_embed, v5_a_device_that_the_program_closed_is_given_up) { expect_gone(close_both); }

/* --- hand-overs --- */

struct peer {
    tapir_sock listener;
    uint16_t port;
};

/* Echoes byte for byte: each answer wakes this thread anew, and the thread that leads is another's. */
static void *echo(void *argument) {
    const struct peer *peer = argument;
    struct tapir_driver_thread self = {0};
    tapir_sock sock = host_accept(&server, &self, peer->listener);
    uint8_t byte;
    while (host_recv(&server, &self, sock, &byte, 1) > 0) {
        host_send(&server, &self, sock, &byte, 1);
    }
    host_close(&server, &self, sock);
    return NULL;
}

static void *ask(void *argument) {
    const struct peer *peer = argument;
    struct tapir_driver_thread self = {0};
    tapir_sock sock = host_connect(&client, &self, 2, peer->port);
    for (unsigned turn = 0; turn < TURNS; turn++) {
        uint8_t sent = (uint8_t)(turn * 7 + peer->port), got = (uint8_t)~sent;
        host_send(&client, &self, sock, &sent, 1);
        cr_assert(host_recv(&client, &self, sock, &got, 1) == 1);
        cr_assert(got == sent);
        if (turn % 64 == 63) {
            usleep(3000); /* longer than a nap: the background leads meanwhile */
        }
    }
    host_close(&client, &self, sock);
    return NULL;
}

/* A thread blocked in accept leads and only wakes the others, which evict it; they lead by turns, and give way to the background.
 * Every byte arrives, no thread is forgotten asleep. */
Test(driver_embed, threads_hand_the_lead_over_and_lose_nothing) {
    struct tapir_driver_thread self = {0};
    struct peer peers[PEERS];
    pthread_t threads[IDLE + 1];
    host_pair_up(&client, &server);
    struct waiting idle = {.host = &server, .sock = host_listen(&server, &self, 99), .deadline_us = TAPIR_NEVER};
    threads[IDLE] = begin_wait(&idle, &self);
    for (size_t i = 0; i < PEERS; i++) {
        uint16_t port = (uint16_t)(PORT + i);
        peers[i] = (struct peer){host_listen(&server, &self, port), port};
        cr_assert(pthread_create(&threads[2 * i], NULL, echo, &peers[i]) == 0);
        cr_assert(pthread_create(&threads[2 * i + 1], NULL, ask, &peers[i]) == 0);
    }
    for (size_t i = 0; i < IDLE; i++) {
        pthread_join(threads[i], NULL);
    }
    cr_assert(client.news > 0 && client.reentered == -EDEADLK);
    cr_assert(server.news > 0 && server.reentered == -EDEADLK);
    host_down(&server);
    pthread_join(threads[IDLE], NULL);
    cr_assert(idle.result == -EBADF);
    host_down(&client);
}
