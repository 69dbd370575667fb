/* Rows of the tables of options: what setting and reading one does to a kind of socket. */
#ifndef SOCK_OPTIONS_H
#define SOCK_OPTIONS_H

#include "sock/sock.h"

/* The C type of an option that is a field. */
enum sock_field {
    SOCK_FIELD_NONE,
    SOCK_FIELD_BOOL,
    SOCK_FIELD_U8,
    SOCK_FIELD_U16,
    SOCK_FIELD_U32,
    SOCK_FIELD_I32,
    SOCK_FIELD_U64,
    SOCK_FIELD_I64
};

/* One option of one kind of socket: a field, or what `set` and `get` do in its place. Without either it cannot be set, or
 * read: -ENOPROTOOPT. A row that is all zero is an option that this kind does not have. */
struct sock_option {
    enum sock_field field;
    uint32_t offset;     /* of the field in the kind's own struct */
    int64_t least, most; /* the range of a field that is a number; -EINVAL beyond */
    int (*set)(struct sock *s, int64_t value);
    int (*get)(struct sock *s, int64_t *value);
};

/* clang-format off */
#define SOCK_FIELD_OF(field)        \
    _Generic((field),               \
        bool:     SOCK_FIELD_BOOL,  \
        uint8_t:  SOCK_FIELD_U8,    \
        uint16_t: SOCK_FIELD_U16,   \
        uint32_t: SOCK_FIELD_U32,   \
        int32_t:  SOCK_FIELD_I32,   \
        uint64_t: SOCK_FIELD_U64,   \
        int64_t:  SOCK_FIELD_I64)
/* clang-format on */

/* Of a row: `name` of `struct type` is the field. A bool is set by any value that is not 0. */
#define SOCK_OPTION_FIELD(type, name) \
    .field = SOCK_FIELD_OF(((struct type *)0)->name), .offset = offsetof(struct type, name)

/* Sets the option by its row: 0, -ENOPROTOOPT, -EINVAL, or what the row's `set` says. `state` is the struct of the fields. */
int sock_options_set(const struct sock_option *option, void *state, struct sock *s, int64_t value);

/* Reads it likewise: 0, -ENOPROTOOPT, or what the row's `get` says. */
int sock_options_get(const struct sock_option *option, const void *state, struct sock *s, int64_t *value);

/* `get` of what every kind of socket has. */
int sock_options_type(struct sock *s, int64_t *value);
int sock_options_protocol(struct sock *s, int64_t *value);

#endif
