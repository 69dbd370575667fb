/* tapir_getaddrinfo: numeric hosts and services, and what needs no name server.
 *
 * The C library's own would do for numbers, but it would ask the host's name servers about names, past the stack,
 * and offer IPv6 addresses that no socket here can use.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define FLAGS (AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_NUMERICSERV | AI_ADDRCONFIG | AI_V4MAPPED | AI_ALL)

/* What a socket type is opened with. */
struct kind {
    int type, protocol;
    const char *name; /* in /etc/services; NULL: it has no services */
};

static const struct kind kinds[] = {
    {SOCK_STREAM, IPPROTO_TCP, "tcp"},
    {SOCK_DGRAM, IPPROTO_UDP, "udp"},
    {SOCK_RAW, 0, NULL},
};

/* A result and what it points at, in one allocation. */
struct result {
    struct addrinfo info;
    struct sockaddr_in address;
    char name[];
};

static bool is_localhost(const char *host) { return strcmp(host, "localhost") == 0; } /* RFC 6761 6.3 */

static int resolve_host(const char *host, const struct addrinfo *hints, struct in_addr *address) {
    if (host == NULL) {
        address->s_addr = (hints->ai_flags & AI_PASSIVE) != 0 ? INADDR_ANY : htonl(INADDR_LOOPBACK);
        return 0;
    }
    if (is_localhost(host) && (hints->ai_flags & AI_NUMERICHOST) == 0) {
        address->s_addr = htonl(INADDR_LOOPBACK);
        return 0;
    }
    return inet_aton(host, address) == 1 && strpbrk(host, " \t\r\n") == NULL ? 0 : EAI_NONAME;
}

/* The port of a service for a kind, in network order; -1: it has none there. */
static int find_service(const char *service, const struct kind *kind, bool numeric_only) {
    char buffer[1024], *end;
    struct servent entry, *found = NULL;
    if (service == NULL) {
        return 0;
    }
    unsigned long number = strtoul(service, &end, 10);
    if (*service >= '0' && *service <= '9' && *end == '\0') {
        return number <= UINT16_MAX ? htons((uint16_t)number) : -1;
    }
    if (numeric_only || kind->name == NULL ||
        getservbyname_r(service, kind->name, &entry, buffer, sizeof buffer, &found) != 0 || found == NULL) {
        return -1;
    }
    return entry.s_port;
}

static struct addrinfo *make_result(const struct kind *kind, int protocol, struct in_addr address, int port,
                                    const char *name) {
    size_t name_size = name == NULL ? 0 : strlen(name) + 1;
    struct result *result = calloc(1, sizeof *result + name_size);
    if (result == NULL) {
        return NULL;
    }
    result->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = (in_port_t)port, .sin_addr = address};
    result->info = (struct addrinfo){.ai_family = AF_INET,
                                     .ai_socktype = kind->type,
                                     .ai_protocol = protocol,
                                     .ai_addrlen = sizeof result->address,
                                     .ai_addr = (struct sockaddr *)&result->address};
    if (name != NULL) {
        memcpy(result->name, name, name_size);
        result->info.ai_canonname = result->name;
    }
    return &result->info;
}

/* A protocol asked for must be the type's, but for those types that carry others: raw, and ping over SOCK_DGRAM. */
static bool kind_wanted(const struct kind *kind, const struct addrinfo *hints) {
    bool any_protocol = hints->ai_protocol == 0 || kind->type == SOCK_RAW ||
                        (kind->type == SOCK_DGRAM && hints->ai_protocol == IPPROTO_ICMP);
    return (hints->ai_socktype == 0 || hints->ai_socktype == kind->type) &&
           (any_protocol || hints->ai_protocol == kind->protocol);
}

static int check_hints(const char *host, const char *service, const struct addrinfo *hints) {
    if ((hints->ai_flags & ~FLAGS) != 0 || ((hints->ai_flags & AI_CANONNAME) != 0 && host == NULL)) {
        return EAI_BADFLAGS;
    }
    if (hints->ai_family != AF_UNSPEC && hints->ai_family != AF_INET) {
        return EAI_FAMILY;
    }
    return host == NULL && service == NULL ? EAI_NONAME : 0;
}

/* A service that one of the types does not have leaves that type out; that none has it is an error. */
int tapir_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    static const struct addrinfo no_hints;
    struct in_addr address;
    hints = hints == NULL ? &no_hints : hints;
    int error = check_hints(host, service, hints);
    error = error != 0 ? error : resolve_host(host, hints, &address);
    if (error != 0) {
        return error;
    }
    struct addrinfo *first = NULL, **next = &first;
    bool any_kind = false;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (!kind_wanted(&kinds[i], hints)) {
            continue;
        }
        any_kind = true;
        int port = find_service(service, &kinds[i], (hints->ai_flags & AI_NUMERICSERV) != 0);
        if (port < 0) {
            continue;
        }
        const char *name = first == NULL && (hints->ai_flags & AI_CANONNAME) != 0 ? host : NULL;
        int protocol = hints->ai_protocol != 0 ? hints->ai_protocol : kinds[i].protocol;
        *next = make_result(&kinds[i], protocol, address, port, name);
        if (*next == NULL) {
            tapir_freeaddrinfo(first);
            return EAI_MEMORY;
        }
        next = &(*next)->ai_next;
    }
    *result = first;
    if (first != NULL) {
        return 0;
    }
    return any_kind ? (hints->ai_flags & AI_NUMERICSERV) != 0 ? EAI_NONAME : EAI_SERVICE : EAI_SOCKTYPE;
}

void tapir_freeaddrinfo(struct addrinfo *result) {
    while (result != NULL) {
        struct addrinfo *next = result->ai_next;
        free(result); /* the first member of struct result */
        result = next;
    }
}
