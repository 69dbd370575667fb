/* The intrusive list, and the byte cursors at their ends. */
#include <criterion/criterion.h>
#include <signal.h>

#include "base/bytes.h"
#include "base/list.h"

Test(list, keeps_its_order) {
    struct list head, a = {0}, b = {0}, c = {0};
    list_init(&head);
    cr_assert(list_empty(&head));
    list_push_back(&head, &b);
    list_push_back(&head, &c);
    list_push_front(&head, &a);
    struct list *expected[] = {&a, &b, &c};
    int i = 0;
    LIST_FOR_EACH(node, &head) {
        cr_assert_eq(node, expected[i++]);
        list_remove(node);
        cr_assert_not(list_linked(node));
    }
    cr_assert_eq(i, 3);
    cr_assert(list_empty(&head));
    cr_assert_null(list_pop_front(&head));
}

Test(list, head_never_made, .signal = SIGABRT) {
    struct list head = {0}, node = {0};
    list_push_back(&head, &node);
}

Test(list, removing_twice, .signal = SIGABRT) {
    struct list head, node;
    list_init(&head);
    list_push_back(&head, &node);
    list_remove(&node);
    list_remove(&node);
}

Test(bytes, reader_gives_zeros_past_its_end) {
    const uint8_t data[] = {1, 2, 3, 4, 5};
    struct reader r = reader_of(data, sizeof data);
    uint8_t copy[4] = {9, 9, 9, 9};
    cr_assert_eq(reader_u32(&r), 0x01020304);
    cr_assert_eq(reader_u16(&r), 0);
    cr_assert(r.failed);
    cr_assert_eq(reader_left(&r), 0, "a failed read ends it");
    reader_copy(&r, copy, sizeof copy);
    cr_assert_eq(copy[3], 0);
    cr_assert_eq(reader_u8(&r), 0);
}

Test(bytes, writer_stops_at_its_end) {
    uint8_t data[8] = {0};
    struct writer w = writer_of(data, 7);
    writer_u32(&w, 0x01020304);
    writer_u16(&w, 0x0506);
    cr_assert_not(w.failed);
    writer_copy(&w, "xy", 2);
    cr_assert(w.failed);
    writer_u8(&w, 7);
    cr_assert_eq(memcmp(data, "\1\2\3\4\5\6\7", 8), 0);
}
