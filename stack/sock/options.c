/* Setting and reading an option by its row. */
#include "sock/options.h"

#include <errno.h>

/* Values come from outside as 64 bits and were judged before they are narrowed here (HAZARDS A3). */
static void store(void *field, enum sock_field type, int64_t value) {
    switch (type) {
    case SOCK_FIELD_NONE:
        break;
    case SOCK_FIELD_BOOL:
        *(bool *)field = value != 0;
        break;
    case SOCK_FIELD_U8:
        *(uint8_t *)field = (uint8_t)value;
        break;
    case SOCK_FIELD_U16:
        *(uint16_t *)field = (uint16_t)value;
        break;
    case SOCK_FIELD_U32:
        *(uint32_t *)field = (uint32_t)value;
        break;
    case SOCK_FIELD_I32:
        *(int32_t *)field = (int32_t)value;
        break;
    case SOCK_FIELD_U64:
        *(uint64_t *)field = (uint64_t)value;
        break;
    case SOCK_FIELD_I64:
        *(int64_t *)field = value;
        break;
    }
}

static int64_t load(const void *field, enum sock_field type) {
    switch (type) {
    case SOCK_FIELD_NONE:
        break;
    case SOCK_FIELD_BOOL:
        return *(const bool *)field;
    case SOCK_FIELD_U8:
        return *(const uint8_t *)field;
    case SOCK_FIELD_U16:
        return *(const uint16_t *)field;
    case SOCK_FIELD_U32:
        return *(const uint32_t *)field;
    case SOCK_FIELD_I32:
        return *(const int32_t *)field;
    case SOCK_FIELD_U64:
        return (int64_t) * (const uint64_t *)field;
    case SOCK_FIELD_I64:
        return *(const int64_t *)field;
    }
    return 0;
}

int sock_options_set(const struct sock_option *option, void *state, struct sock *s, int64_t value) {
    if (option->set != NULL) {
        return option->set(s, value);
    }
    if (option->field == SOCK_FIELD_NONE) {
        return -ENOPROTOOPT;
    }
    if (option->field != SOCK_FIELD_BOOL && (value < option->least || value > option->most)) {
        return -EINVAL;
    }
    store((char *)state + option->offset, option->field, value);
    return 0;
}

int sock_options_get(const struct sock_option *option, const void *state, struct sock *s, int64_t *value) {
    if (option->get != NULL) {
        return option->get(s, value);
    }
    if (option->field == SOCK_FIELD_NONE) {
        return -ENOPROTOOPT;
    }
    *value = load((const char *)state + option->offset, option->field);
    return 0;
}

int sock_options_type(struct sock *s, int64_t *value) {
    *value = s->type;
    return 0;
}

int sock_options_protocol(struct sock *s, int64_t *value) {
    *value = s->protocol;
    return 0;
}
