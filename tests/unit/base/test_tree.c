/* The treap against a sorted array, and its depth (S2: no order of insertion makes it deep). */
#include <criterion/criterion.h>

#include "base/check.h"
#include "base/tree.h"

enum { NODES = 2000 };

static struct tree_node nodes[NODES];

static uint64_t draw(uint64_t *seed) {
    *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return *seed >> 33;
}

static unsigned depth_of(const struct tree_node *node) {
    unsigned depth = 0;
    for (; node != NULL; node = node->parent) {
        depth++;
    }
    return depth;
}

static void check_links(const struct tree *tree) {
    uint64_t before = 0;
    uint32_t count = 0;
    for (const struct tree_node *node = tree_first(tree); node != NULL; node = tree_next(node)) {
        cr_assert(count == 0 || node->key > before);
        cr_assert(node->left == NULL || (node->left->parent == node && node->left->priority <= node->priority));
        cr_assert(node->right == NULL || (node->right->parent == node && node->right->priority <= node->priority));
        before = node->key;
        count++;
    }
    cr_assert_eq(count, tree->count);
    cr_assert(tree_last(tree) == NULL || tree_last(tree)->key == before);
}

Test(base_tree, empty) {
    struct tree tree;
    tree_init(&tree, 0);
    cr_assert(tree_first(&tree) == NULL && tree_last(&tree) == NULL && tree_at_or_before(&tree, 5) == NULL);
}

Test(base_tree, against_a_bitmap) {
    struct tree tree;
    bool in[256] = {false};
    uint64_t seed = 11;
    tree_init(&tree, 99);
    for (unsigned step = 0; step < 20000; step++) {
        uint64_t key = draw(&seed) % 256;
        if (in[key]) {
            tree_remove(&tree, &nodes[key]);
        } else {
            tree_insert(&tree, &nodes[key], key);
        }
        in[key] = !in[key];
        uint64_t asked = draw(&seed) % 256;
        int64_t best = (int64_t)asked;
        while (best >= 0 && !in[best]) {
            best--;
        }
        const struct tree_node *found = tree_at_or_before(&tree, asked);
        cr_assert_eq(found == NULL ? -1 : (int64_t)found->key, best);
        if (step % 100 == 0) {
            check_links(&tree);
        }
    }
}

Test(base_tree, S2_stays_shallow_whatever_the_order) {
    for (unsigned order = 0; order < 3; order++) {
        struct tree tree;
        uint64_t seed = 5;
        unsigned deepest = 0;
        tree_init(&tree, 12345 + order);
        for (uint64_t i = 0; i < NODES; i++) {
            uint64_t key = order == 0 ? i : order == 1 ? NODES - i : draw(&seed) * NODES + i;
            tree_insert(&tree, &nodes[i], key);
        }
        for (size_t i = 0; i < NODES; i++) {
            deepest = depth_of(&nodes[i]) > deepest ? depth_of(&nodes[i]) : deepest;
        }
        cr_assert_lt(deepest, 60, "%u deep", deepest); /* 2 ln 2000 = 15 on average; a list would be 2000 */
        check_links(&tree);
        for (size_t i = 0; i < NODES; i++) {
            tree_remove(&tree, &nodes[i]);
        }
        cr_assert(tree.root == NULL && tree.count == 0);
    }
}
