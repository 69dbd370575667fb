/* tapir_getaddrinfo: the C library's, for the addresses that a socket of the stack can use.
 *
 * Names are found as the host finds them (/etc/hosts, its name servers), past the stack. Which families the kernel's own
 * interfaces have (AI_ADDRCONFIG) says nothing about the stack's, so that is not asked.
 */
#define _GNU_SOURCE
#include <sys/socket.h>

#include <tapir/socket.h>

int tapir_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    struct addrinfo wanted = hints == NULL ? (struct addrinfo){.ai_flags = AI_V4MAPPED} : *hints;
    if (wanted.ai_family != AF_UNSPEC && wanted.ai_family != AF_INET) {
        return EAI_FAMILY;
    }
    wanted.ai_family = AF_INET;
    wanted.ai_flags &= ~AI_ADDRCONFIG;
    return getaddrinfo(host, service, &wanted, result);
}

void tapir_freeaddrinfo(struct addrinfo *result) { freeaddrinfo(result); }
