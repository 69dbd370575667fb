/* An intrusive treap: a search tree by key and a heap by random priority (Seidel and Aragon, 1996). */
#include "base/tree.h"

#include "base/check.h"

void tree_init(struct tree *tree, uint64_t seed) {
    tree->root = NULL;
    tree->seed = seed | 1;
    tree->count = 0;
}

static uint32_t next_priority(struct tree *tree) {
    tree->seed ^= tree->seed << 13;
    tree->seed ^= tree->seed >> 7;
    tree->seed ^= tree->seed << 17;
    return (uint32_t)(tree->seed >> 32);
}

/* The pointer to node: its parent's, or the root. */
static struct tree_node **link_to(struct tree *tree, const struct tree_node *node) {
    if (node->parent == NULL) {
        return &tree->root;
    }
    return node->parent->left == node ? &node->parent->left : &node->parent->right;
}

/* Lifts a child above its parent, keeping the order of keys. */
static void rotate_up(struct tree *tree, struct tree_node *child) {
    struct tree_node *parent = child->parent;
    struct tree_node *moved;
    *link_to(tree, parent) = child;
    child->parent = parent->parent;
    if (parent->left == child) {
        moved = child->right;
        parent->left = moved;
        child->right = parent;
    } else {
        moved = child->left;
        parent->right = moved;
        child->left = parent;
    }
    parent->parent = child;
    if (moved != NULL) {
        moved->parent = parent;
    }
}

void tree_insert(struct tree *tree, struct tree_node *node, uint64_t key) {
    struct tree_node *parent = NULL;
    struct tree_node **link = &tree->root;
    while (*link != NULL) {
        parent = *link;
        CHECK(parent->key != key);
        link = key < parent->key ? &parent->left : &parent->right;
    }
    *node = (struct tree_node){.parent = parent, .key = key, .priority = next_priority(tree)};
    *link = node;
    while (node->parent != NULL && node->parent->priority < node->priority) {
        rotate_up(tree, node);
    }
    tree->count++;
}

void tree_remove(struct tree *tree, struct tree_node *node) {
    while (node->left != NULL && node->right != NULL) {
        rotate_up(tree, node->left->priority > node->right->priority ? node->left : node->right);
    }
    struct tree_node *child = node->left != NULL ? node->left : node->right;
    *link_to(tree, node) = child;
    if (child != NULL) {
        child->parent = node->parent;
    }
    tree->count--;
}

struct tree_node *tree_at_or_before(const struct tree *tree, uint64_t key) {
    struct tree_node *best = NULL;
    for (struct tree_node *node = tree->root; node != NULL;) {
        if (node->key <= key) {
            best = node;
            node = node->right;
        } else {
            node = node->left;
        }
    }
    return best;
}

struct tree_node *tree_first(const struct tree *tree) {
    struct tree_node *node = tree->root;
    while (node != NULL && node->left != NULL) {
        node = node->left;
    }
    return node;
}

struct tree_node *tree_last(const struct tree *tree) {
    struct tree_node *node = tree->root;
    while (node != NULL && node->right != NULL) {
        node = node->right;
    }
    return node;
}

struct tree_node *tree_next(const struct tree_node *node) {
    if (node->right != NULL) {
        node = node->right;
        while (node->left != NULL) {
            node = node->left;
        }
        return (struct tree_node *)node;
    }
    while (node->parent != NULL && node->parent->right == node) {
        node = node->parent;
    }
    return node->parent;
}
