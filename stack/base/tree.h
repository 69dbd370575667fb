/* An intrusive treap keyed by a 64-bit number: O(log n) insert, remove and neighbour lookup, no recursion. */
#ifndef BASE_TREE_H
#define BASE_TREE_H

#include <stdint.h>

/* Embedded in each object. Keys are unique in a tree. */
struct tree_node {
    struct tree_node *parent, *left, *right;
    uint64_t key;
    uint32_t priority;
};

struct tree {
    struct tree_node *root;
    uint64_t seed; /* of the priorities, which a peer must not be able to predict */
    uint32_t count;
};

void tree_init(struct tree *tree, uint64_t seed);

/* Inserts a node under a key that is not in the tree (CHECKed). */
void tree_insert(struct tree *tree, struct tree_node *node, uint64_t key);
void tree_remove(struct tree *tree, struct tree_node *node);

/* The node with the greatest key <= key, or NULL. */
struct tree_node *tree_at_or_before(const struct tree *tree, uint64_t key);

/* The first node, and the one after `node`; NULL at the end. */
struct tree_node *tree_first(const struct tree *tree);
struct tree_node *tree_last(const struct tree *tree);
struct tree_node *tree_next(const struct tree_node *node);

#endif
