/* PROMISE: a broken promise of our own about one object ends that object, not the program (docs/decisions/0013). */
#ifndef BASE_PROMISE_H
#define BASE_PROMISE_H

#include "base/core.h"

/* The promises about one object, kept beside it; its parts have a pointer to them. */
struct promises {
    struct core *core; /* kept */
    struct list
        node; /* in core->broken once a promise was broken: the owner of the object ends it and takes this out */
    const char *what, *file; /* the first that was broken, and where */
    int line;
};

/* None is broken. Keeps core. */
void promise_init(struct promises *promises, struct core *core);

/* Called before the object is freed. */
void promise_drop(struct promises *promises);

/* Records it, so that the object is ended soon, and returns false. Does not return if the embedder does not accept such
 * records (struct tapir_env). */
bool promise_broken(struct promises *promises, const char *what, const char *file, int line);

/* Does the condition hold? If not, that is our own bug: the code that follows must do no harm without it. */
#define PROMISE(promises, condition) \
    (__builtin_expect((bool)(condition), 1) || promise_broken((promises), #condition, __FILE__, __LINE__))

#endif
