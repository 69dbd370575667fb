/* Names: getaddrinfo of IPv4, gethostbyname, getnameinfo; and sockets that belong to the kernel on every host. */
#include "same.h"

#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <netdb.h>

static void look_up(const char *host, const char *service, int flags, int type) {
    struct addrinfo hints = {.ai_family = AF_INET, .ai_flags = flags, .ai_socktype = type}, *list = NULL;
    int error = getaddrinfo(host, service, &hints, &list);
    printf("%s %s %x %d: %s\n", host == NULL ? "-" : host, service == NULL ? "-" : service, (unsigned)flags, type,
           error == 0 ? "0" : gai_strerror(error));
    for (const struct addrinfo *one = list; one != NULL; one = one->ai_next) {
        const struct sockaddr_in *address = (const struct sockaddr_in *)(const void *)one->ai_addr;
        printf("  %d %d %s %d %s\n", one->ai_socktype, one->ai_protocol, inet_ntoa(address->sin_addr),
               ntohs(address->sin_port), one->ai_canonname == NULL ? "-" : one->ai_canonname);
    }
    if (list != NULL) {
        freeaddrinfo(list);
    }
}

static void look_up_all(void) {
    look_up("localhost", "http", 0, SOCK_STREAM);
    look_up("localhost", "http", AI_NUMERICHOST, SOCK_STREAM);
    look_up("127.1", "80", AI_CANONNAME, 0);
    look_up("10.1.2.3", NULL, AI_NUMERICHOST, SOCK_DGRAM);
    look_up("10.1.2.3 ", "80", 0, SOCK_STREAM);
    look_up(NULL, "7", AI_PASSIVE, SOCK_DGRAM);
    look_up(NULL, "7", 0, SOCK_STREAM);
    look_up(NULL, NULL, 0, 0);
    look_up("10.1.2.3", "65536", 0, SOCK_STREAM);
    look_up("10.1.2.3", "no-such-service", 0, SOCK_STREAM);
    look_up("10.1.2.3", "http", AI_NUMERICSERV, SOCK_STREAM);
    look_up("no.such.name.invalid", "80", 0, SOCK_STREAM);
    look_up("10.1.2.3", "80", 0x8000, SOCK_STREAM);
    look_up("10.1.2.3", "80", 0, 77);
    const struct hostent *host = gethostbyname("localhost");
    printf("gethostbyname: %s\n", host == NULL ? "-" : inet_ntoa(*(struct in_addr *)(void *)host->h_addr_list[0]));
    struct sockaddr_in address = address_of("127.0.0.1", 80);
    char name[64], service[64];
    SHOW(getnameinfo((struct sockaddr *)&address, sizeof address, name, sizeof name, service, sizeof service, 0));
    printf("%s %s\n", name, service);
}

/* How many interfaces the kernel has is its own affair; that it answers is what counts. */
static void ask_the_kernel(void) {
    struct {
        struct nlmsghdr header;
        struct ifinfomsg body;
    } question = {
        .header = {.nlmsg_len = sizeof question, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
    char answer[8192];
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    SHOW(fd >= 0);
    SHOW(send(fd, &question, sizeof question, 0) == sizeof question);
    SHOW(recv(fd, answer, sizeof answer, 0) > 0);
    SHOW(((struct nlmsghdr *)(void *)answer)->nlmsg_type == RTM_NEWLINK);
    SHOW(close(fd));
    int packets = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    SHOW(packets >= 0);
    SHOW(close(packets));
    SHOW(socket(999, SOCK_STREAM, 0));
    SHOW(socket(AF_UNSPEC, SOCK_STREAM, 0));
}

int main(void) {
    look_up_all();
    ask_the_kernel();
    return 0;
}
