/* PROMISE: a broken promise of our own about one object ends that object, not the program (docs/decisions/0013). */
#ifndef BASE_PROMISE_H
#define BASE_PROMISE_H

#include "base/core.h"

/* The promises about one object, kept beside it; its parts hold a pointer. */
struct promises {
    struct core *core; /* kept */
    struct list node;  /* in core->broken once one was broken: whoever owns the object ends it, and takes it out */
    const char *what, *file; /* the first that was */
    int line;
};

/* None is broken. Keeps core. */
void promise_init(struct promises *promises, struct core *core);

/* The object goes away. */
void promise_drop(struct promises *promises);

/* Notes it, so that the object is ended soon; false. Does not return where the embedder takes no such note (struct tapir_env). */
bool promise_broken(struct promises *promises, const char *what, const char *file, int line);

/* Does the condition hold? If not, that is our own bug: the code that follows must do no harm without it. */
#define PROMISE(promises, condition) \
    (__builtin_expect((bool)(condition), 1) || promise_broken((promises), #condition, __FILE__, __LINE__))

#endif
