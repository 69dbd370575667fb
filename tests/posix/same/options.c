/* Options of SOL_SOCKET whose answers come from the host: SO_PRIORITY, SO_DONTROUTE, SO_SNDLOWAT, SO_TIMESTAMP. */
#include "same.h"

#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sys/time.h>
#include <time.h>

static const char *name_of(int option) {
    switch (option) {
    case SO_PRIORITY:
        return "SO_PRIORITY";
    case SO_DONTROUTE:
        return "SO_DONTROUTE";
    case SO_SNDLOWAT:
        return "SO_SNDLOWAT";
    case SO_TIMESTAMP:
        return "SO_TIMESTAMP";
    default:
        return "SO_TIMESTAMPNS";
    }
}

static void get(int fd, int option) {
    int value = -1;
    socklen_t size = sizeof value;
    errno = 0;
    long result = getsockopt(fd, SOL_SOCKET, option, &value, &size);
    printf("  %s is %d (%s, %u)\n", name_of(option), value, said(result), size);
}

static void set(int fd, int option, int value) {
    errno = 0;
    long result = setsockopt(fd, SOL_SOCKET, option, &value, sizeof value);
    printf("%s = %d: %s\n", name_of(option), value, said(result));
    get(fd, option);
}

static void values(int type) {
    static const int some[] = {0, 1, 6, 7, -1, 100000};
    int fd = socket(AF_INET, type, 0);
    printf("type %d\n", type);
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        set(fd, SO_PRIORITY, some[i]);
        set(fd, SO_DONTROUTE, some[i]);
        set(fd, SO_SNDLOWAT, some[i]);
        if (type == SOCK_DGRAM) {
            set(fd, SO_TIMESTAMP, some[i]);
            get(fd, SO_TIMESTAMPNS);
            set(fd, SO_TIMESTAMPNS, some[i]);
            get(fd, SO_TIMESTAMP);
        }
    }
    char small = 0;
    SHOW(setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &small, 1));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_SNDLOWAT, &small, 1));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_DONTROUTE, NULL, 4));
    close(fd);
}

/* IP_TOS sets the priority as well. */
static void priority_of_tos(int type) {
    int fd = socket(AF_INET, type, 0), high = 5;
    printf("priorities by TOS:");
    for (int tos = 0; tos < 256; tos++) {
        int priority = -1;
        socklen_t size = sizeof priority;
        must(setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof tos) == 0, "IP_TOS");
        getsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, &size);
        printf(" %d", priority);
        if (tos == 100) { /* the same TOS again changes nothing */
            setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &high, sizeof high);
            setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
            getsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, &size);
            printf(" (%d)", priority);
        }
    }
    puts("");
    close(fd);
}

static void children(void) {
    int listener = listen_on(0), fd = socket(AF_INET, SOCK_STREAM, 0);
    set(listener, SO_PRIORITY, 3);
    set(listener, SO_DONTROUTE, 1);
    must(connect_to(fd, port_of(listener)) == 0, "connect");
    int child = accept(listener, NULL, NULL);
    get(child, SO_PRIORITY);
    get(child, SO_DONTROUTE);
    close(child);
    close(fd);
    close(listener);
}

/* The control messages of one datagram, and whether its time is now. */
static void receive(int fd) {
    char data[16], control[256];
    struct iovec piece = {data, sizeof data};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    SHOW(recvmsg(fd, &message, 0));
    for (struct cmsghdr *one = CMSG_FIRSTHDR(&message); one != NULL; one = CMSG_NXTHDR(&message, one)) {
        printf("  level %d type %d length %zu", one->cmsg_level, one->cmsg_type, (size_t)one->cmsg_len);
        if (one->cmsg_level == SOL_SOCKET) {
            struct timespec now, then;
            struct timeval micro;
            clock_gettime(CLOCK_REALTIME, &now);
            memcpy(&then, CMSG_DATA(one), sizeof then);
            memcpy(&micro, CMSG_DATA(one), sizeof micro);
            long fraction = one->cmsg_type == SCM_TIMESTAMP ? micro.tv_usec * 1000 : then.tv_nsec;
            long age_ms = (now.tv_sec - then.tv_sec) * 1000 + (now.tv_nsec - fraction) / 1000000;
            printf(" of then: %d", age_ms >= 30 && age_ms < 1000);
        }
        puts("");
    }
}

static void times(void) {
    int from = socket(AF_INET, SOCK_DGRAM, 0), to = socket(AF_INET, SOCK_DGRAM, 0), on = 1, off = 0;
    struct sockaddr_in address = address_of("127.0.0.1", 0);
    must(bind(to, (struct sockaddr *)&address, sizeof address) == 0 && connect_to(from, port_of(to)) == 0, "udp");
    setsockopt(to, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on);
    setsockopt(to, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
    pause_ms(100); /* the kernel begins to take times some time later */
    must(send(from, "one", 3, 0) == 3 && send(from, "two", 3, 0) == 3 && send(from, "three", 5, 0) == 5, "send");
    pause_ms(40);
    receive(to);
    setsockopt(to, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    receive(to);
    setsockopt(to, SOL_SOCKET, SO_TIMESTAMPNS, &off, sizeof off);
    receive(to);
    close(from);
    close(to);
}

/* A neighbour is reached without a gateway, and nobody else. */
static void without_a_gateway(const char *neighbour, int port) {
    struct sockaddr_in near = address_of(neighbour, port), far = address_of("192.0.2.1", 9);
    int stream = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
    SHOW(sendto(udp, "x", 1, 0, (struct sockaddr *)&far, sizeof far));
    setsockopt(stream, SOL_SOCKET, SO_DONTROUTE, &on, sizeof on);
    setsockopt(udp, SOL_SOCKET, SO_DONTROUTE, &on, sizeof on);
    SHOW(connect(stream, (struct sockaddr *)&near, sizeof near));
    SHOW(sendto(udp, "x", 1, 0, (struct sockaddr *)&near, sizeof near));
    SHOW(sendto(udp, "x", 1, 0, (struct sockaddr *)&far, sizeof far));
    SHOW(sendto(udp, "x", 1, MSG_DONTROUTE, (struct sockaddr *)&near, sizeof near));
    SHOW(connect(udp, (struct sockaddr *)&far, sizeof far));
    close(stream);
    stream = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(stream, SOL_SOCKET, SO_DONTROUTE, &on, sizeof on);
    SHOW(connect(stream, (struct sockaddr *)&far, sizeof far));
    close(stream);
    close(udp);
}

int main(int argc, char **argv) {
    values(SOCK_STREAM);
    values(SOCK_DGRAM);
    priority_of_tos(SOCK_STREAM);
    priority_of_tos(SOCK_DGRAM);
    children();
    times();
    without_a_gateway(argv[1], argc == 3 ? atoi(argv[2]) : 0);
    return 0;
}
