/* An intrusive, circular, doubly linked list: O(1) insert and remove, no allocation. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

/* A node, or the head of a list. A node in no list has next == NULL. */
struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *head) { head->next = head->prev = head; }
static inline bool list_empty(const struct list *head) { return head->next == head; }
static inline bool list_linked(const struct list *node) { return node->next != NULL; }

static inline void list_insert_before(struct list *position, struct list *node) {
    CHECK(position->prev != NULL);
    node->prev = position->prev;
    node->next = position;
    position->prev->next = node;
    position->prev = node;
}

static inline void list_push_back(struct list *head, struct list *node) { list_insert_before(head, node); }
static inline void list_push_front(struct list *head, struct list *node) { list_insert_before(head->next, node); }

/* Removes a linked node; it is in no list afterwards. */
static inline void list_remove(struct list *node) {
    CHECK(node->prev != NULL);
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = NULL;
}

/* Removes and returns the first node, or NULL. */
static inline struct list *list_pop_front(struct list *head) {
    struct list *node = head->next;
    if (node == head) {
        return NULL;
    }
    list_remove(node);
    return node;
}

/* Walks the list; the body may remove `node` but no other. */
#define LIST_FOR_EACH(node, head)                                                     \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head); \
         node = node##_next, node##_next = node->next)

#define LIST_ENTRY(node, type, field) CONTAINER_OF(node, type, field)

#endif
