/* ICMP errors about our own datagrams: what they mean, whose they are, and whether to believe them (RFC 5927). */
#include "ip/v4/v4.h"

#include <errno.h>

enum { QUOTE_MIN = 8 }; /* RFC 792: the first 64 bits of the datagram's data */

/* What each Destination Unreachable code means to a socket, as on Linux. RFC 1122 4.2.3.9 takes protocol and
 * port for hard; only those say that the very endpoint is not there. */
static const struct unreachable {
    int error;
    bool hard;
    bool passing; /* Linux calls all others fatal; RFC 1122 4.1.3.3 leaves UDP free */
} unreachables[] = {
    {.error = ENETUNREACH, .passing = true},  /* 0 net */
    {.error = EHOSTUNREACH, .passing = true}, /* 1 host */
    {.error = ENOPROTOOPT, .hard = true},     /* 2 protocol */
    {.error = ECONNREFUSED, .hard = true},    /* 3 port */
    {.error = EMSGSIZE},                      /* 4 fragmentation needed */
    {.error = EOPNOTSUPP, .passing = true},   /* 5 source route failed */
    {.error = ENETUNREACH},                   /* 6 net unknown */
    {.error = EHOSTDOWN},                     /* 7 host unknown */
    {.error = ENONET},                        /* 8 source host isolated */
    {.error = ENETUNREACH},                   /* 9 net prohibited */
    {.error = EHOSTUNREACH},                  /* 10 host prohibited */
    {.error = ENETUNREACH, .passing = true},  /* 11 net, for this TOS */
    {.error = EHOSTUNREACH, .passing = true}, /* 12 host, for this TOS */
    {.error = EHOSTUNREACH},                  /* 13 communication prohibited (RFC 1812 5.2.7.1) */
    {.error = EHOSTUNREACH},                  /* 14 host precedence violation */
    {.error = EHOSTUNREACH},                  /* 15 precedence cutoff */
};

/* RFC 1191 7.1, table 7-1: MTUs that real links have, for routers that do not tell theirs. */
static const uint16_t plateaus[] = {65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68};

/* The next likely MTU below a datagram of total_len bytes that did not fit. */
static uint32_t plateau_below(uint32_t total_len) {
    for (size_t i = 0; i < ARRAY_LEN(plateaus); i++) {
        if (plateaus[i] < total_len) {
            return plateaus[i];
        }
    }
    return TAPIR_MTU_MIN;
}

/* Fills what type and code say. False: a code that means nothing. */
static bool classify(const struct wire_icmp *icmp, const struct wire_ipv4 *quoted, struct ip_error *error) {
    error->type = icmp->type;
    error->code = icmp->code;
    switch (icmp->type) {
    case WIRE_ICMP_TIME_EXCEEDED: /* may be a transient routing loop */
        error->kind = IP_ERROR_TIME_EXCEEDED;
        error->error = EHOSTUNREACH;
        return true;
    case WIRE_ICMP_PARAMETER_PROBLEM:
        error->kind = IP_ERROR_PARAMETER;
        error->fatal = true;
        error->error = EPROTO;
        return true;
    default:
        break;
    }
    if (icmp->code >= ARRAY_LEN(unreachables)) {
        return false;
    }
    error->kind = IP_ERROR_UNREACHABLE;
    error->error = unreachables[icmp->code].error;
    error->hard = unreachables[icmp->code].hard;
    error->fatal = !unreachables[icmp->code].passing;
    if (icmp->code == WIRE_UNREACH_FRAG_NEEDED) {
        error->kind = IP_ERROR_FRAG_NEEDED;
        /* RFC 1191 5: a router from before that RFC leaves the field 0; the length that failed is a hint. */
        error->mtu = icmp->frag.mtu != 0 ? icmp->frag.mtu : plateau_below(quoted->total_len);
    }
    return true;
}

/* Is the quote the start of a unicast datagram from the address that the message came to, with enough of its
 * transport to find the flow (C4)? */
static bool read_quote(const struct ip *ip, const struct ip_rx *rx, const struct wire_icmp *icmp,
                       struct wire_ipv4 *quoted, struct ip_error *error) {
    if (rx->dst_cast != LINK_UNICAST || !wire_ipv4_parse_quote(icmp->data, icmp->data_len, quoted)) {
        return false;
    }
    uint32_t sent_len = (uint32_t)quoted->total_len - quoted->header_len;
    error->src = addr_of_ipv4(quoted->src);
    error->dst = addr_of_ipv4(quoted->dst);
    error->protocol = quoted->protocol;
    error->quote = icmp->data + quoted->header_len;
    error->quote_len = min_u32((uint32_t)icmp->data_len - quoted->header_len, sent_len);
    return addr_equal(&error->src, &rx->dst) && ip_cast_of(ip, &error->dst) == LINK_UNICAST &&
           quoted->fragment_offset == 0 && error->quote_len >= min_u32(QUOTE_MIN, sent_len);
}

const char *ip_v4_icmp_notice(struct ip *ip, const struct ip_rx *rx, const struct wire_icmp *icmp, uint64_t now_us) {
    struct wire_ipv4 quoted;
    struct ip_error error = {.offender = rx->src, .netif = rx->netif, .ttl = rx->ttl, .tos = rx->tos};
    if (!read_quote(ip, rx, icmp, &quoted, &error)) {
        COUNT(ip->core, icmp_badquote);
        return "quotes nothing that we sent";
    }
    if (!classify(icmp, &quoted, &error)) {
        COUNT(ip->core, icmp_type);
        return "unreachable for an unknown reason";
    }
    if (!ip_deliver_error(ip, &error, now_us)) {
        COUNT(ip->core, icmp_badquote);
        return "quote fits no flow";
    }
    ip_trace_in(ip, rx, "error about our datagram", false, now_us);
    /* C5: only a transport that knows the quoted bytes to be in flight can vouch for the new MTU. */
    if (error.kind == IP_ERROR_FRAG_NEEDED) {
        (void)ip_path_lower_mtu(ip, &error.dst, error.mtu, now_us);
    }
    return NULL;
}
