/* The copy: the sources as they are, with counters in what they visit runs by. */
#include "counted.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/promise.h"
#include "base/tree.h"

uint64_t counted_steps;

#undef LIST_ENTRY
#define LIST_ENTRY(node, type, field) (counted_steps++, CONTAINER_OF(node, type, field))
#define tree_next(node) (counted_steps++, tree_next(node))
#define tree_at_or_before(tree, key) (counted_steps++, tree_at_or_before(tree, key))
#define tree_insert(tree, node, key) (counted_steps++, tree_insert(tree, node, key))
#define tree_remove(tree, node) (counted_steps++, tree_remove(tree, node))
#include "../../../../stack/tcp/loss/congestion.c"
#include "../../../../stack/tcp/loss/loss.c"
#include "../../../../stack/tcp/loss/rack.c"
#include "../../../../stack/tcp/loss/scoreboard.c"
#include "../../../../stack/tcp/loss/sent.c"
#include "../../../../stack/tcp/loss/tail.c"
#include "../../../../stack/tcp/loss/undo.c"
#include "../../../../stack/tcp/loss/with_sack.c"
#include "../../../../stack/tcp/loss/without_sack.c"
