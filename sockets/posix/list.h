/* An intrusive, circular, doubly linked list, for the registries of this layer. */
#ifndef SOCKETS_LIST_H
#define SOCKETS_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A node, or the head of a list. A node in no list has next == NULL. */
struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *head) { head->next = head->prev = head; }
static inline bool list_empty(const struct list *head) { return head->next == head; }
static inline bool list_linked(const struct list *node) { return node->next != NULL; }

static inline void list_push_back(struct list *head, struct list *node) {
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* Removes a node that is in a list. */
static inline void list_unlink(struct list *node) {
    node->next->prev = node->prev;
    node->prev->next = node->next;
    node->next = node->prev = NULL;
}

/* Removes the node if it is in a list. */
static inline void list_remove(struct list *node) {
    if (list_linked(node)) {
        list_unlink(node);
    }
}

/* Walks the list; the body may remove `node` but no other. */
#define LIST_FOR_EACH(node, head)                                                     \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head); \
         node = node##_next, node##_next = node->next)

/* The struct of type `type` whose field `field` is `node`. */
#define LIST_ENTRY(node, type, field) ((type *)(void *)((char *)(node)-offsetof(type, field)))

#endif
