/* Broken promises about one object: noted until its owner ends it. */
#include "base/promise.h"

#include "base/check.h"

void promise_init(struct promises *promises, struct core *core) { *promises = (struct promises){.core = core}; }

void promise_drop(struct promises *promises) {
    if (list_linked(&promises->node)) {
        list_remove(&promises->node);
    }
}

bool promise_broken(struct promises *promises, const char *what, const char *file, int line) {
    if (promises->core->mem.env->broken == NULL) {
        tapir_abort_hook(what, file, line);
    }
    if (!list_linked(&promises->node)) {
        promises->what = what;
        promises->file = file;
        promises->line = line;
        list_push_back(&promises->core->broken, &promises->node);
    }
    return false;
}
