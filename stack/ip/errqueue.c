/* The pending error and the error reports of datagram sockets (RFC 1122 4.1.3.3; IP_RECVERR of Linux's ip(7)). */
#include "ip/errqueue.h"

#include <errno.h>

void ip_errqueue_init(struct ip_errqueue *errors, struct mem *mem) {
    *errors = (struct ip_errqueue){.mem = mem, .learns_mtu = true};
}

/* Unlinks and frees the first report, which must exist. */
static void free_first(struct ip_errqueue *errors) {
    struct ip_errreport *report = errors->first;
    errors->first = report->next;
    if (errors->first == NULL) {
        errors->last = NULL;
    }
    errors->count--;
    mem_free(errors->mem, report, report->alloc_bytes);
}

void ip_errqueue_clear(struct ip_errqueue *errors) {
    while (errors->first != NULL) {
        free_first(errors);
    }
}

/* Appends a copy of `from` and its payload; false: full or out of memory. */
static bool append(struct ip_errqueue *errors, const struct ip_errreport *from, const uint8_t *data, uint32_t len) {
    if (errors->count >= TAPIR_ERRQUEUE_MAX) {
        return false;
    }
    uint32_t alloc_bytes = (uint32_t)sizeof(struct ip_errreport) + len;
    struct ip_errreport *report = mem_alloc(errors->mem, MEM_BULK, alloc_bytes);
    if (report == NULL) {
        return false;
    }
    *report = *from;
    report->alloc_bytes = alloc_bytes;
    report->len = len;
    if (len > 0) {
        memcpy(report->data, data, len);
    }
    if (errors->last == NULL) {
        errors->first = report;
    } else {
        errors->last->next = report;
    }
    errors->last = report;
    errors->count++;
    return true;
}

bool ip_errqueue_icmp(struct ip_errqueue *errors, const struct ip_error *error, bool connected,
                      const struct tapir_endpoint *dst, const uint8_t *data, uint32_t len) {
    if (error->kind == IP_ERROR_FRAG_NEEDED && !errors->learns_mtu) {
        return false;
    }
    if (!errors->wanted && !(connected && error->fatal)) {
        return false;
    }
    /* The report may be lost to the cap or to short memory; that something went wrong is told in any case. */
    if (errors->wanted) {
        struct ip_errreport report = {.error = error->error,
                                      .origin = error->local ? IP_ERRQUEUE_LOCAL : IP_ERRQUEUE_ICMP,
                                      .type = error->type,
                                      .code = error->code,
                                      .info = error->kind == IP_ERROR_FRAG_NEEDED ? error->mtu : 0,
                                      .offender = error->offender,
                                      .local = error->src,
                                      .netif = error->local ? 0 : (uint8_t)error->netif->index,
                                      .ttl = error->ttl,
                                      .tos = error->tos,
                                      .dst = *dst};
        append(errors, &report, data, len);
    }
    errors->pending = error->error;
    return true;
}

bool ip_errqueue_too_big(struct ip_errqueue *errors, const struct tapir_endpoint *dst, uint32_t mtu_bytes) {
    struct ip_errreport report = {.error = EMSGSIZE, .origin = IP_ERRQUEUE_LOCAL, .info = mtu_bytes, .dst = *dst};
    return errors->wanted && append(errors, &report, NULL, 0);
}

/* Local reports were answered to the call that caused them: they are never pending. */
void ip_errqueue_drop_first(struct ip_errqueue *errors) {
    if (errors->first == NULL) {
        return;
    }
    bool was_icmp = errors->first->origin == IP_ERRQUEUE_ICMP;
    free_first(errors);
    if (errors->first != NULL && errors->first->origin == IP_ERRQUEUE_ICMP) {
        errors->pending = errors->first->error;
    } else if (was_icmp) {
        errors->pending = 0;
    }
}

int ip_errqueue_take(struct ip_errqueue *errors) {
    int error = errors->pending;
    errors->pending = 0;
    return error;
}
