/* The table of socket options of the BSD layer: what a row says, and the forms of values. */
#ifndef POSIX_OPTIONS_H
#define POSIX_OPTIONS_H

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <tapir/sock.h>

#include "descriptors.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* How a value looks to the application: see <tapir/options.h>. */
enum option_form {
    FORM_BYTES, /* no number: the row's own set_bytes and get_bytes */
    FORM_FLAG,
    FORM_INT,
    FORM_GET,
    FORM_SECONDS,
    FORM_MILLISECONDS,
    FORM_SYN_ACKS,
    FORM_BYTE,
    FORM_BYTE_OR_NONE,
    FORM_BYTE_GET,
    FORM_LINGER,
    FORM_RATE,
    FORM_DEVICE,
    FORM_INTERFACE,
    FORM_TIMEOUT, /* struct timeval: microseconds, TAPIR_NEVER for none */
};

/* One option. `set` and `get` work on a number, which the form makes of the application's value; they belong to whoever
 * keeps it: the stack, as its option `stack`, or the descriptor. */
struct option {
    int level, name;
    enum option_form form;
    enum tapir_sock_opt stack;
    int (*set)(struct descriptor *descriptor, const struct option *option, int64_t number);
    int (*get)(struct descriptor *descriptor, const struct option *option, int64_t *number);
    int (*set_bytes)(struct descriptor *descriptor, const void *value, socklen_t size);
    int (*get_bytes)(struct descriptor *descriptor, void *value, socklen_t *size);
};

/* Copies `bytes` of `from` into value, cut to *size, which becomes what was copied. 0 or -EFAULT. */
static inline int option_copy(const void *from, size_t bytes, void *value, socklen_t *size) {
    if (bytes < *size) {
        *size = (socklen_t)bytes;
    }
    if (*size > 0 && value == NULL) {
        return -EFAULT;
    }
    if (*size > 0) {
        memcpy(value, from, *size);
    }
    return 0;
}

/* --- options_form.c --- */

/* Whether a value of this form can be set. */
bool posix_options_form_settable(enum option_form form);

/* Reads the application's value: 0, -EINVAL, -EFAULT, -EDOM, or what the form names does not exist (-ENODEV,
 * -EADDRNOTAVAIL). */
int posix_options_form_read(const struct descriptor *descriptor, enum option_form form, const void *value,
                            socklen_t size, int64_t *number);

/* Writes it, cut to *size, which becomes what was written. 0, -EFAULT, -EINVAL. */
int posix_options_form_write(enum option_form form, int64_t number, void *value, socklen_t *size);

/* --- options_ip.c: groups, and the interfaces they are on --- */

/* `set_bytes` of IP_ADD_MEMBERSHIP and IP_DROP_MEMBERSHIP. */
int posix_options_ip_join(struct descriptor *descriptor, const void *value, socklen_t size);
int posix_options_ip_leave(struct descriptor *descriptor, const void *value, socklen_t size);

/* Reads and writes FORM_INTERFACE. */
int posix_options_ip_read_interface(const struct descriptor *descriptor, const void *value, socklen_t size,
                                    int64_t *netif);
int posix_options_ip_write_interface(int64_t netif, void *value, socklen_t *size);

/* --- options_tcp_info.c --- */

/* The stack's figures in the kernel's form (<linux/tcp.h>), all of it; what has no counterpart is left alone. */
struct tcp_info;
void posix_options_tcp_info_fill(struct tcp_info *out, const struct tapir_tcp_info *in, uint64_t now_us);

/* `get_bytes` of TCP_INFO. */
int posix_options_tcp_info(struct descriptor *descriptor, void *value, socklen_t *size);

#endif
