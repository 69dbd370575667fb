/* Assertions: parsed to reverse Polish by Dijkstra's shunting yard, evaluated on a stack.
 *
 * The notation is Python's, which scripts for packetdrill use, as far as it compares numbers: no statement but assert,
 * and no chains of comparisons, which would mean something else without being noticed. */
#include "assert.h"

#include <string.h>

#include "names.h"

#define PARTS_MAX 64

enum operation {
    OP_NUMBER,
    OP_NAME,
    OP_OPEN, /* a parenthesis, while it waits for its other half */
    OP_OR,
    OP_AND,
    OP_NOT,
    OP_EQ,
    OP_NE,
    OP_LE,
    OP_GE,
    OP_LT,
    OP_GT,
    OP_BIT_OR,
    OP_BIT_XOR,
    OP_BIT_AND,
    OP_LEFT,
    OP_RIGHT,
    OP_PLUS,
    OP_MINUS,
    OP_TIMES,
    OP_DIVIDE,
    OP_MODULO,
    OP_NEGATE,
};

/* Higher binds tighter, as in Python, whose notation this is. */
static const struct {
    const char *sign;
    enum operation operation;
    int strength;
} binary[] = {
    {"or", OP_OR, 1},    {"and", OP_AND, 2},    {"==", OP_EQ, 4},     {"!=", OP_NE, 4},     {"<=", OP_LE, 4},
    {">=", OP_GE, 4},    {"<<", OP_LEFT, 8},    {">>", OP_RIGHT, 8},  {"<", OP_LT, 4},      {">", OP_GT, 4},
    {"|", OP_BIT_OR, 5}, {"^", OP_BIT_XOR, 6},  {"&", OP_BIT_AND, 7}, {"+", OP_PLUS, 9},    {"-", OP_MINUS, 9},
    {"*", OP_TIMES, 10}, {"//", OP_DIVIDE, 10}, {"/", OP_DIVIDE, 10}, {"%", OP_MODULO, 10},
};

#define STRENGTH_NOT 3
#define STRENGTH_COMPARE 4
#define STRENGTH_NEGATE 11

struct part {
    enum operation operation;
    int64_t number;
    const char *name;
};

struct assertion {
    struct assertion *next;
    const char *text;
    unsigned count;
    struct part parts[PARTS_MAX];
};

struct yard {
    struct scan *scan;
    struct assertion *out;
    struct part stack[PARTS_MAX];
    int strength[PARTS_MAX];
    unsigned depth;
};

static void emit(struct yard *yard, struct part part) {
    if (yard->out->count == PARTS_MAX) {
        scan_fail(yard->scan, "an assertion is too long");
        return;
    }
    yard->out->parts[yard->out->count++] = part;
}

static void push(struct yard *yard, enum operation operation, int strength) {
    if (yard->depth == PARTS_MAX) {
        scan_fail(yard->scan, "an assertion is nested too deeply");
        return;
    }
    yard->strength[yard->depth] = strength;
    yard->stack[yard->depth++] = (struct part){.operation = operation};
}

/* Everything on the stack that binds at least so tightly is complete. */
static void reduce(struct yard *yard, int strength) {
    while (yard->depth > 0 && yard->stack[yard->depth - 1].operation != OP_OPEN &&
           yard->strength[yard->depth - 1] >= strength) {
        if (strength == STRENGTH_COMPARE && yard->strength[yard->depth - 1] == STRENGTH_COMPARE) {
            scan_fail(yard->scan, "comparisons do not chain here: join them by 'and'");
        }
        emit(yard, yard->stack[--yard->depth]);
    }
}

static void operand(struct yard *yard) {
    struct scan *scan = yard->scan;
    char word[WORD_BYTES];
    struct part part = {.operation = OP_NUMBER};
    while (true) {
        if (scan_accept(scan, "(")) {
            push(yard, OP_OPEN, 0);
        } else if (scan_accept(scan, "not")) {
            push(yard, OP_NOT, STRENGTH_NOT);
        } else if (scan_next_is(scan, "-") && (scan->at[1] < '0' || scan->at[1] > '9')) {
            (void)scan_accept(scan, "-");
            push(yard, OP_NEGATE, STRENGTH_NEGATE);
        } else {
            break;
        }
    }
    if (!scan_number(scan, &part.number)) {
        if (!scan_word(scan, word)) {
            scan_fail(scan, "expected a number or a name before '%.20s'", scan->at);
        } else if (!names_value(word, &part.number)) {
            part.operation = OP_NAME;
            part.name = memory_text(&scan->script->memory, word, strlen(word));
        }
    }
    emit(yard, part);
}

static void close_parenthesis(struct yard *yard) {
    reduce(yard, 0);
    if (yard->depth == 0) {
        scan_fail(yard->scan, "')' without '('");
        return;
    }
    yard->depth--;
}

/* False: the expression is at its end. */
static bool operator(struct yard *yard) {
    while (scan_accept(yard->scan, ")")) {
        close_parenthesis(yard);
    }
    for (size_t i = 0; i < sizeof binary / sizeof binary[0]; i++) {
        if (scan_accept(yard->scan, binary[i].sign)) {
            reduce(yard, binary[i].strength);
            push(yard, binary[i].operation, binary[i].strength);
            return true;
        }
    }
    return false;
}

static struct assertion *parse_one(struct scan *scan) {
    struct assertion *made = memory_take(&scan->script->memory, sizeof *made);
    struct yard yard = {.scan = scan, .out = made};
    scan_expect(scan, "assert");
    scan_skip(scan);
    const char *start = scan->at;
    do {
        operand(&yard);
    } while (operator(&yard) && !scan->failed);
    reduce(&yard, 0);
    if (yard.depth > 0) {
        scan_fail(scan, "a parenthesis is not closed");
    }
    if (scan->failed) {
        return made;
    }
    made->text = memory_text(&scan->script->memory, start, (size_t)(scan->end - start));
    if (scan_accept(scan, ",")) { /* what Python would print */
        scan->at += strcspn(scan->at, "\n;");
    }
    (void)scan_accept(scan, ";");
    return made;
}

struct assertion *assert_parse(struct script *script, const char *code, unsigned line) {
    struct scan scan = {.at = code, .line = line, .is_code = true, .script = script};
    struct assertion *first = NULL, **tail = &first;
    while (!scan_at_end(&scan)) {
        *tail = parse_one(&scan);
        tail = &(*tail)->next;
    }
    if (first == NULL && !scan.failed) {
        scan_fail(&scan, "nothing is asserted");
    }
    return first;
}

/* The least number by -1 is beyond the greatest, and the processor stops at it. */
static int64_t divide(int64_t a, int64_t b) { return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b; }

/* Sums and products wrap, whatever a script makes of them. */
static int64_t apply(enum operation operation, int64_t a, int64_t b) {
    switch (operation) {
    case OP_OR:
        return a != 0 || b != 0;
    case OP_AND:
        return a != 0 && b != 0;
    case OP_EQ:
        return a == b;
    case OP_NE:
        return a != b;
    case OP_LE:
        return a <= b;
    case OP_GE:
        return a >= b;
    case OP_LT:
        return a < b;
    case OP_GT:
        return a > b;
    case OP_BIT_OR:
        return a | b;
    case OP_BIT_XOR:
        return a ^ b;
    case OP_BIT_AND:
        return a & b;
    case OP_LEFT:
        return (int64_t)((uint64_t)a << (b & 63));
    case OP_RIGHT:
        return a >> (b & 63);
    case OP_PLUS:
        return (int64_t)((uint64_t)a + (uint64_t)b);
    case OP_MINUS:
        return (int64_t)((uint64_t)a - (uint64_t)b);
    case OP_TIMES:
        return (int64_t)((uint64_t)a * (uint64_t)b);
    case OP_DIVIDE:
        return divide(a, b);
    default:
        return b == -1 ? 0 : a % b;
    }
}

static bool divides_by_zero(enum operation operation, int64_t by) {
    return (operation == OP_DIVIDE || operation == OP_MODULO) && by == 0;
}

/* False: a name has no value, or a divisor is 0, and *why says which. Names and their values collect in *values. */
static bool evaluate(const struct assertion *assertion, assert_lookup_fn *lookup, void *ctx, int64_t *result,
                     struct text *values, struct text *why) {
    int64_t stack[PARTS_MAX];
    unsigned depth = 0;
    for (unsigned i = 0; i < assertion->count; i++) {
        const struct part *part = &assertion->parts[i];
        if (part->operation == OP_NUMBER) {
            stack[depth++] = part->number;
        } else if (part->operation == OP_NAME) {
            if (!lookup(ctx, part->name, &stack[depth])) {
                text_add(why, "'%s' is nothing that can be asserted here", part->name);
                return false;
            }
            text_add(values, "%s%s = %lld", values->len > 0 ? ", " : "", part->name, (long long)stack[depth]);
            depth++;
        } else if (part->operation == OP_NOT) {
            stack[depth - 1] = stack[depth - 1] == 0;
        } else if (part->operation == OP_NEGATE) {
            stack[depth - 1] = (int64_t)(0 - (uint64_t)stack[depth - 1]);
        } else if (divides_by_zero(part->operation, stack[depth - 1])) {
            text_add(why, "an assertion divides by 0: %s (%s)", assertion->text, values->bytes);
            return false;
        } else {
            depth--;
            stack[depth - 1] = apply(part->operation, stack[depth - 1], stack[depth]);
        }
    }
    *result = stack[0];
    return true;
}

bool assert_hold(const struct assertion *asserts, assert_lookup_fn *lookup, void *ctx, struct text *why) {
    for (; asserts != NULL; asserts = asserts->next) {
        struct text values = {0};
        int64_t result = 0;
        if (!evaluate(asserts, lookup, ctx, &result, &values, why)) {
            return false;
        }
        if (result == 0) {
            text_add(why, "assertion does not hold: %s (%s)", asserts->text, values.bytes);
            return false;
        }
    }
    return true;
}
