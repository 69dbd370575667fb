/* The known algorithms: a new one has its row here. */
#include <string.h>

#include "base/check.h"
#include "tcp/cc/cc.h"

const struct cc_ops *tcp_cc_known(const char *name, size_t len) {
    static const struct cc_ops *const known[] = {&tcp_cc_cubic, &tcp_cc_reno, &tcp_cc_bbr};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (len < sizeof known[i]->name && memcmp(known[i]->name, name, len) == 0 && known[i]->name[len] == '\0') {
            return known[i];
        }
    }
    return NULL;
}
