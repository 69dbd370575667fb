/* Tests of tapir_getaddrinfo, beside the C library's. */
#define _GNU_SOURCE
#include "loop.h"

static int ask(const char *host, const char *service, int flags, int type, struct sockaddr_in *address) {
    struct addrinfo hints = {.ai_flags = flags, .ai_socktype = type}, *result = NULL;
    int error = tapir_getaddrinfo(host, service, &hints, &result);
    if (error == 0) {
        cr_assert(result->ai_family == AF_INET && result->ai_addrlen == sizeof *address);
        memcpy(address, result->ai_addr, sizeof *address);
        tapir_freeaddrinfo(result);
    }
    return error;
}

Test(addrinfo, numbers_and_services) {
    struct sockaddr_in address;
    cr_assert(ask("10.1.2.3", "80", 0, SOCK_STREAM, &address) == 0);
    cr_assert(address.sin_addr.s_addr == htonl(0x0a010203) && address.sin_port == htons(80));
    cr_assert(ask(NULL, "7", AI_PASSIVE, SOCK_DGRAM, &address) == 0);
    cr_assert(address.sin_addr.s_addr == INADDR_ANY && address.sin_port == htons(7));
    cr_assert(ask(NULL, "7", 0, SOCK_DGRAM, &address) == 0);
    cr_assert(address.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    cr_assert(ask("localhost", NULL, 0, SOCK_STREAM, &address) == 0);
    cr_assert(address.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && address.sin_port == 0);
}

/* The C library's answers, but for a family that no socket has, and an interface that is not the stack's. */
Test(addrinfo, refusals) {
    struct sockaddr_in address;
    struct addrinfo hints = {.ai_family = AF_INET6}, *result;
    cr_assert(ask("localhost", "80", AI_NUMERICHOST, SOCK_STREAM, &address) == EAI_NONAME);
    cr_assert(ask("::1", "80", 0, SOCK_STREAM, &address) == EAI_ADDRFAMILY);
    cr_assert(ask(NULL, NULL, 0, SOCK_STREAM, &address) == EAI_NONAME);
    cr_assert(ask("10.1.2.3", "no-such-service", 0, SOCK_STREAM, &address) == EAI_SERVICE);
    cr_assert(ask("10.1.2.3", "80", 0x8000, SOCK_STREAM, &address) == EAI_BADFLAGS);
    cr_assert(ask("10.1.2.3", "80", 0, 77, &address) == EAI_SOCKTYPE);
    cr_assert(ask("10.1.2.3", "80", AI_ADDRCONFIG, SOCK_STREAM, &address) == 0);
    cr_assert(tapir_getaddrinfo("10.1.2.3", "80", &hints, &result) == EAI_FAMILY);
    cr_assert(tapir_getaddrinfo("10.1.2.3", "80", NULL, &result) == 0);
    tapir_freeaddrinfo(result);
}

/* Without a type asked for, each comes once, in the C library's order, and the name with the first. */
Test(addrinfo, all_types_as_the_c_library_has_them) {
    struct addrinfo hints = {.ai_family = AF_INET, .ai_flags = AI_CANONNAME}, *theirs, *ours;
    cr_assert(getaddrinfo("127.0.0.1", "80", &hints, &theirs) == 0);
    cr_assert(tapir_getaddrinfo("127.0.0.1", "80", &hints, &ours) == 0);
    const struct addrinfo *a = theirs, *b = ours;
    cr_assert_str_eq(a->ai_canonname, b->ai_canonname);
    for (; a != NULL && b != NULL; a = a->ai_next, b = b->ai_next) {
        cr_assert(a->ai_socktype == b->ai_socktype && a->ai_protocol == b->ai_protocol);
        cr_assert(memcmp(a->ai_addr, b->ai_addr, sizeof(struct sockaddr_in)) == 0);
    }
    cr_assert(a == NULL && b == NULL);
    freeaddrinfo(theirs);
    tapir_freeaddrinfo(ours);
}
