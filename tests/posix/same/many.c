/* sendmmsg and recvmmsg. */
#include "same.h"

#include <time.h>

#define COUNT 4

/* Messages of one piece each, whose names have room. */
struct batch {
    struct mmsghdr messages[COUNT];
    struct iovec pieces[COUNT];
    struct sockaddr_in names[COUNT];
    char data[COUNT][16];
};

static void prepare(struct batch *batch, size_t bytes) {
    memset(batch, 0, sizeof *batch);
    for (int i = 0; i < COUNT; i++) {
        snprintf(batch->data[i], sizeof batch->data[i], "message %d", i);
        batch->pieces[i] = (struct iovec){batch->data[i], bytes};
        batch->messages[i].msg_hdr = (struct msghdr){.msg_iov = &batch->pieces[i],
                                                     .msg_iovlen = 1,
                                                     .msg_name = &batch->names[i],
                                                     .msg_namelen = sizeof batch->names[i]};
    }
}

static void show_batch(const struct batch *batch) {
    for (int i = 0; i < COUNT; i++) {
        const struct mmsghdr *message = &batch->messages[i];
        printf("  %u %.*s flags %x\n", message->msg_len, (int)message->msg_len, batch->data[i],
               message->msg_hdr.msg_flags);
    }
    fflush(stdout); /* without, gcc 12 takes the function for one without effect and leaves the calls out */
}

static void datagrams(void) {
    int from = socket(AF_INET, SOCK_DGRAM, 0), to = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in address = address_of("127.0.0.1", 0);
    struct timespec second = {.tv_sec = 1}, none = {0}, wrong = {.tv_nsec = -1};
    struct batch batch;
    must(bind(to, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    address.sin_port = htons((uint16_t)port_of(to));
    prepare(&batch, 9);
    for (int i = 0; i < COUNT; i++) {
        batch.names[i] = address;
    }
    batch.pieces[2].iov_len = 5;
    SHOW(sendmmsg(from, batch.messages, COUNT, 0));
    show_batch(&batch);
    SHOW(sendmmsg(from, batch.messages, 0, 0));
    pause_ms(10);
    prepare(&batch, 16);
    SHOW(recvmmsg(to, batch.messages, COUNT, 0, NULL));
    show_batch(&batch);
    SHOW(recvmmsg(to, batch.messages, COUNT, MSG_DONTWAIT, NULL));
    SHOW(recvmmsg(to, batch.messages, COUNT, MSG_DONTWAIT, &wrong));
    SHOW(recvmmsg(to, batch.messages, 0, MSG_DONTWAIT, NULL));
    prepare(&batch, 9);
    batch.names[0] = batch.names[1] = batch.names[2] = address;
    batch.messages[2].msg_hdr.msg_iovlen = 5000;
    SHOW(sendmmsg(from, batch.messages, COUNT, 0));
    SHOW(sendmmsg(from, batch.messages + 2, 1, 0));
    SHOW(sendmmsg(from, batch.messages, 1, 0));
    pause_ms(10);
    prepare(&batch, 4);
    SHOW(recvmmsg(to, batch.messages, 2, MSG_WAITFORONE, &second));
    show_batch(&batch);
    SHOW(second.tv_sec == 0 && second.tv_nsec > 900000000);
    SHOW(recvmmsg(to, batch.messages, COUNT, MSG_WAITFORONE, NULL));
    SHOW(sendto(from, "x", 1, 0, (struct sockaddr *)&address, sizeof address));
    SHOW(sendto(from, "x", 1, 0, (struct sockaddr *)&address, sizeof address));
    pause_ms(10);
    SHOW(recvmmsg(to, batch.messages, COUNT, 0, &none));
    SHOW(recvmmsg(to, batch.messages, 1, 0, NULL));
    SHOW(recvmmsg(99, batch.messages, 1, 0, NULL));
    SHOW(sendmmsg(99, batch.messages, 1, 0));
    SHOW(sendmmsg(0, batch.messages, 1, 0));
    close(from);
    close(to);
}

/* The error that comes after some messages is the next call's. */
static void an_error_between(void) {
    int from = socket(AF_INET, SOCK_DGRAM, 0), to = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in address = address_of("127.0.0.1", 0);
    struct batch batch;
    must(bind(to, (struct sockaddr *)&address, sizeof address) == 0 && connect_to(from, port_of(to)) == 0, "udp");
    must(connect_to(to, port_of(from)) == 0, "udp");
    SHOW(send(to, "x", 1, 0));
    close(to);
    SHOW(send(from, "x", 1, 0));
    pause_ms(20);
    prepare(&batch, 4);
    SHOW(recvmmsg(from, batch.messages, COUNT, MSG_DONTWAIT, NULL));
    SHOW(recvmmsg(from, batch.messages, COUNT, MSG_DONTWAIT, NULL));
    SHOW(recvmmsg(from, batch.messages, COUNT, MSG_DONTWAIT, NULL));
    close(from);
}

static void streams(void) {
    int ends[2];
    struct batch batch;
    join_ends(0, ends);
    prepare(&batch, 9);
    SHOW(sendmmsg(ends[0], batch.messages, COUNT, 0));
    pause_ms(10);
    prepare(&batch, 16);
    SHOW(recvmmsg(ends[1], batch.messages, COUNT, MSG_DONTWAIT, NULL));
    show_batch(&batch);
    close(ends[0]);
    SHOW(recvmmsg(ends[1], batch.messages, 2, 0, NULL));
    close(ends[1]);
}

int main(void) {
    datagrams();
    an_error_between();
    streams();
    return 0;
}
