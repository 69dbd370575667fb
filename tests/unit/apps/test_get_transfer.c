/* The HTTP client's responses, over the stack's loopback: where they end, and what is not accepted as one. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "get/get.h"

static int listener = -1;
static struct get_url url;

static void start(void) {
    const struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(80)};
    char error[256];
    cr_assert_eq(tapir_up_device(NULL, NULL, error, sizeof error), 0, "%s", error);
    listener = tapir_socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(tapir_bind(listener, (const struct sockaddr *)&local, sizeof local), 0);
    cr_assert_eq(tapir_listen(listener, 5), 0);
    cr_assert_null(get_url_parse("http://127.0.0.1/x", &url));
}

static void end(void) {
    tapir_close(listener);
    tapir_down();
}

TestSuite(get_transfer, .init = start, .fini = end, .timeout = 20);

/* What the server says to whatever it is asked; cut in two, so that the second part is a read of its own. */
struct response {
    const char *text;
    size_t len, cut;
};

static void *serve(void *ctx) {
    const struct response *response = ctx;
    char request[1024];
    const int fd = tapir_accept(listener, NULL, NULL);
    if (tapir_recv(fd, request, sizeof request, 0) > 0) {
        tapir_send(fd, response->text, response->cut, MSG_NOSIGNAL);
        if (response->cut < response->len) {
            usleep(2000);
        }
        tapir_send(fd, response->text + response->cut, response->len - response->cut, MSG_NOSIGNAL);
    }
    tapir_close(fd);
    return NULL;
}

/* The body that a transfer gave; NULL: it failed. */
static const char *got(struct get_transfer *transfer, const char *text, size_t len, size_t cut) {
    static char body[256];
    struct response response = {text, len, cut};
    FILE *file = tmpfile();
    pthread_t thread;
    transfer->url = &url;
    transfer->output = fileno(file);
    transfer->timeout_us = 5000000;
    cr_assert_eq(pthread_create(&thread, NULL, serve, &response), 0);
    const int result = get_transfer_run(transfer);
    pthread_join(thread, NULL);
    rewind(file);
    const size_t n = fread(body, 1, sizeof body - 1, file);
    body[n] = '\0';
    fclose(file);
    return result == 0 ? body : NULL;
}

#define OK "HTTP/1.1 200 OK\r\n"
#define GO_ON "HTTP/1.1 100 Continue\r\n\r\n"
#define EIGHT(text) text text text text text text text text
#define CHUNKED "Transfer-Encoding: chunked \r\n"

/* RFC 9112 6.3 and 7.1, RFC 9110 15.2 */
Test(get_transfer, where_a_response_ends) {
    static const struct {
        const char *text, *body; /* NULL: it is refused */
    } cases[] = {
        {OK "Content-Length: 5\r\n\r\nhello", "hello"},
        {OK "Content-Length: 5\r\n\r\nhello, and more", "hello"},
        {OK "Content-Length: 0\r\n\r\n", ""},
        {OK "Content-Length: 6\r\n\r\nhello", NULL},
        {OK "Content-Length: 5\r\nContent-Length: 4\r\n\r\nhello", NULL},
        {OK "\r\nhello", "hello"},
        {OK "\r\n", ""},
        {OK CHUNKED "\r\n5\r\nhello\r\n0\r\n\r\n", "hello"},
        {OK CHUNKED "\r\n2;x\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n", "hello"},
        {OK CHUNKED "\r\n5\r\nhello\r\n0\r\n", NULL},
        {OK CHUNKED "\r\n5\r\nhello\r\n", NULL},
        {OK CHUNKED "\r\n5\r\nhelloXX0\r\n\r\n", NULL},
        {OK CHUNKED "\r\n5 x\r\nhello\r\n0\r\n\r\n", NULL},
        {OK CHUNKED "Content-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n", NULL},
        {OK "Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", NULL},
        {OK "Transfer-Encoding: gzip\r\n" CHUNKED "\r\n5\r\nhello\r\n0\r\n\r\n", NULL},
        {OK "Transfer-Encoding: gzip\r\n\r\nhello", NULL},
        {OK "Transfer-Encoding: chunked \r\nTransfer-Encoding: gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n", NULL},
        {OK "Transfer-Encoding: chunked gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n", NULL},
        {OK "Transfer-Encoding: chunked             , gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n", NULL},
        {OK "Transfer-Encoding:\r\n\r\n5\r\nhello\r\n0\r\n\r\n", NULL},
        {"HTTP/1.1 000 None\r\nContent-Length: 0\r\n\r\n", NULL},
        {"HTTP/1.1 999 None\r\nContent-Length: 0\r\n\r\n", NULL},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", ""},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", ""},
        {GO_ON GO_ON OK "Content-Length: 5\r\n\r\nhello", "hello"},
        {EIGHT(EIGHT(GO_ON)) OK "Content-Length: 5\r\n\r\nhello", "hello"},
        {EIGHT(EIGHT(GO_ON)) GO_ON OK "Content-Length: 5\r\n\r\nhello", NULL},
        {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", NULL},
        {GO_ON, NULL},
        {"", NULL},
        {"hello", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t len = strlen(cases[i].text);
        for (size_t cut = 1; cut <= len || cut == 1; cut += len / 3 + 1) {
            struct get_transfer transfer = {0};
            const char *body = got(&transfer, cases[i].text, len, cut < len ? cut : len);
            cr_assert_eq(body == NULL, cases[i].body == NULL, "%s, cut at %zu", cases[i].text, cut);
            cr_assert(body == NULL || strcmp(body, cases[i].body) == 0, "%s: %s", cases[i].text, body);
            cr_assert(body == NULL || transfer.body_bytes == strlen(body), "%s", cases[i].text);
        }
    }
}

/* It might have no end. */
Test(get_transfer, the_body_of_a_redirect_is_not_waited_for) {
    static const char text[] = "HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 1000\r\n\r\nhello";
    struct get_transfer transfer = {.drop_redirects = true};
    const char *body = got(&transfer, text, sizeof text - 1, 4);
    cr_assert_str_eq(body, "");
    cr_assert_str_eq(transfer.location, "/y");
}

Test(get_transfer, a_head_has_no_body) {
    static const char text[] = OK "Content-Length: 5\r\n\r\n";
    struct get_transfer transfer = {.head_only = true};
    const char *body = got(&transfer, text, sizeof text - 1, 4);
    cr_assert_str_eq(body, text);
}

/* The beginning of an address leads somewhere else. */
Test(get_transfer, a_location_is_kept_whole_or_not_at_all) {
    static char text[GET_URL_MAX + 256];
    struct get_transfer transfer = {0};
    int n = snprintf(text, sizeof text, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /");
    memset(text + n, 'a', GET_URL_MAX);
    strcpy(text + n + GET_URL_MAX - 2, "\r\n\r\n");
    cr_assert_not_null(got(&transfer, text, strlen(text), 100));
    cr_assert_eq(strlen(transfer.location), GET_URL_MAX - 1);
    strcpy(text + n + GET_URL_MAX - 2, "b\r\n\r\n");
    cr_assert_null(got(&transfer, text, strlen(text), 100));
}
