/* The web server's answers: what is sent for which request, shared and kept open, listed, and logged. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "httpd/httpd.h"

static char directory[] = "/tmp/tapir-unit-respond-XXXXXX";
static struct httpd_server server;

static void write_file(const char *name, const char *text) {
    const int fd = openat(server.root, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* Dates a file: 784111777 is Sun, 06 Nov 1994 08:49:37 GMT. */
static void date_file(const char *name, time_t when) {
    const struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};
    cr_assert_eq(utimensat(server.root, name, times, 0), 0);
}

static void make_root(void) {
    cr_assert_not_null(mkdtemp(directory));
    server.root = open(directory, O_RDONLY | O_DIRECTORY);
    server.list = server.upload = true;
    server.upload_bytes_max = 1000;
    server.cache.kept_max = HTTPD_CACHE_FILES;
    server.cache.key = 0x243f6a8885a308d3U;
    server.now = 1000000000;
    httpd_date_format(server.now, server.date);
    write_file("page.html", "a page");
    date_file("page.html", 784111777);
    cr_assert_eq(mkdirat(server.root, "sub", 0755), 0);
}

static void remove_root(void) {
    char command[128];
    httpd_cache_clear(&server.cache);
    httpd_listings_clear(&server.listings);
    cr_assert_eq(server.listings.live, 0, "all listings have been given up");
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
    close(server.root);
}

TestSuite(httpd_respond, .init = make_root, .fini = remove_root);

/* The whole answer to a request, as it would be sent. */
static const char *answer(const char *request) {
    static char text[HTTPD_HEAD_MAX + HTTPD_LISTING_BYTES + 100000];
    static char copy[8192];
    struct httpd_connection *connection = calloc(1, sizeof *connection);
    struct httpd_response *response = &connection->response;
    connection->server = &server;
    httpd_request_reset(&connection->request);
    snprintf(copy, sizeof copy, "%s", request);
    httpd_request_parse(connection, copy, strlen(copy));
    cr_assert(connection->request.complete || connection->request.status != 0, "%s", request);
    httpd_respond(connection);
    memcpy(text, response->head, response->head_len);
    size_t len = response->head_len;
    if (response->left_bytes > 0 && response->file->content != NULL) {
        memcpy(text + len, response->file->content + response->offset_bytes, response->left_bytes);
        len += response->left_bytes;
    } else if (response->left_bytes > 0) {
        const ssize_t n = pread(response->file->fd, text + len, response->left_bytes, (off_t)response->offset_bytes);
        len += n < 0 ? 0 : (size_t)n;
    }
    text[len] = '\0';
    httpd_response_end(response);
    httpd_upload_abort(&connection->request.upload);
    free(connection);
    return text;
}

/* Asks with a method, target and fields, each of those with its CRLF. */
static const char *ask(const char *method, const char *target, const char *fields) {
    char request[8192];
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, target, fields);
    return answer(request);
}

static int status_of(const char *text) { return (int)strtol(text + strlen("HTTP/1.1 "), NULL, 10); }

static const char *body_of(const char *text) { return strstr(text, "\r\n\r\n") + 4; }

#define HAS(text, part) cr_assert_not_null(strstr(text, part), "%s\nlacks %s", text, part)
#define LACKS(text, part) cr_assert_null(strstr(text, part), "%s\nhas %s", text, part)

Test(httpd_respond, a_file) {
    for (int i = 0; i < 2; i++) {
        const char *text = ask("GET", "/page.html", "");
        cr_assert_eq(status_of(text), 200);
        HAS(text, "\r\nDate: Sun, 09 Sep 2001 01:46:40 GMT\r\n");
        HAS(text, "\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
        HAS(text, "\r\nContent-Type: text/html; charset=utf-8\r\n");
        HAS(text, "\r\nContent-Length: 6\r\n");
        LACKS(text, "Connection:");
        cr_assert_str_eq(body_of(text), "a page");
        usleep(HTTPD_SETTLED_US + 1000); /* the second answer is from the cache */
    }
    cr_assert_str_eq(body_of(ask("HEAD", "/page.html", "")), "");
    cr_assert_str_eq(body_of(ask("GET", "/page.html", "Range: bytes=2-3\r\n")), "pa");
    cr_assert_eq(status_of(ask("GET", "/page.html", "Range: bytes=6-\r\n")), 416);
    cr_assert_eq(status_of(ask("GET", "/none", "")), 404);
}

/* RFC 9112 9.3: ab -k waits for ever for the end of a connection that did not say that it stays. */
Test(httpd_respond, each_version_is_told_what_is_not_its_default) {
    LACKS(answer("GET /page.html HTTP/1.1\r\nHost: x\r\n\r\n"), "Connection:");
    HAS(answer("GET /page.html HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "\r\nConnection: close\r\n");
    HAS(answer("GET /page.html HTTP/1.0\r\n\r\n"), "\r\nConnection: close\r\n");
    HAS(answer("GET /page.html HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), "\r\nConnection: keep-alive\r\n");
    HAS(answer("GET /none HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), "\r\nConnection: keep-alive\r\n");
    HAS(answer("GET /page.html HTTP/1.0\r\nHost: a b\r\nConnection: keep-alive\r\n\r\n"), "\r\nConnection: close\r\n");
}

/* RFC 9110 8.8.2.1 */
Test(httpd_respond, no_date_lies_in_the_future) {
    char date[HTTPD_DATE_BYTES];
    char line[64];
    write_file("future", "x");
    date_file("future", time(NULL) + 100000);
    const char *text = ask("GET", "/future", "");
    snprintf(line, sizeof line, "Last-Modified: %s", httpd_date_format(time(NULL) + 100000, date));
    HAS(text, "Last-Modified:");
    LACKS(text, line);
}

#define OLDER "Sun, 06 Nov 1994 08:49:36 GMT\r\n"
#define SAME "Sun, 06 Nov 1994 08:49:37 GMT\r\n"

/* RFC 9110 13 */
Test(httpd_respond, conditions) {
    static const struct {
        const char *fields;
        int status;
    } cases[] = {
        {"If-None-Match: *\r\n", 304},
        {"If-None-Match: \"x\"\r\n", 200},
        {"If-None-Match: \"x\"\r\nIf-Modified-Since: " SAME, 200},
        {"If-None-Match: *\r\nIf-Modified-Since: " OLDER, 304},
        {"If-Modified-Since: " SAME, 304},
        {"If-Modified-Since: " OLDER, 200},
        {"If-Modified-Since: yesterday\r\n", 200},
        {"If-Modified-Since: " SAME "If-Modified-Since: " SAME, 200},
        {"If-Match: *\r\n", 200},
        {"If-Match: \"x\"\r\n", 412},
        {"If-Match: *\r\nIf-Unmodified-Since: " OLDER, 200},
        {"If-Unmodified-Since: " SAME, 200},
        {"If-Unmodified-Since: " OLDER, 412},
        {"If-Unmodified-Since: yesterday\r\n", 200},
        {"Range: bytes=0-1\r\nIf-Range: " SAME, 206},
        {"Range: bytes=0-1\r\nIf-Range: " OLDER, 200},
        {"Range: bytes=0-1\r\nIf-Range: \"x\"\r\n", 200},
        {"Range: bytes=0-1\r\nIf-None-Match: *\r\n", 304},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = ask("GET", "/page.html", cases[i].fields);
        cr_assert_eq(status_of(text), cases[i].status, "%s: %s", cases[i].fields, text);
    }
    const char *text = ask("GET", "/page.html", "If-None-Match: *\r\n");
    HAS(text, "\r\nLast-Modified: " SAME);
    LACKS(text, "Content-");
    cr_assert_eq(status_of(ask("HEAD", "/page.html", "If-None-Match: *\r\n")), 304);
    cr_assert_eq(status_of(ask("OPTIONS", "/page.html", "If-None-Match: *\r\n")), 204);
    cr_assert_eq(status_of(ask("GET", "/none", "If-Match: *\r\n")), 404);
    /* A date of this very second is a weak validator. */
    server.now = 784111777;
    cr_assert_eq(status_of(ask("GET", "/page.html", "Range: bytes=0-1\r\nIf-Range: " SAME)), 200);
}

Test(httpd_respond, conditions_of_uploads) {
    static const struct {
        const char *target, *fields;
        int status;
    } cases[] = {
        {"/page.html", "If-None-Match: *\r\n", 412},
        {"/new", "If-None-Match: *\r\n", 201},
        {"/new", "If-None-Match: *\r\n", 412},
        {"/page.html", "If-None-Match: \"x\"\r\n", 204},
        {"/newer", "If-Match: *\r\n", 412},
        {"/page.html", "If-Match: *\r\n", 204},
        {"/page.html", "If-Match: \"x\"\r\n", 412},
        {"/page.html", "If-Unmodified-Since: " OLDER, 412},
        {"/newer", "If-Unmodified-Since: " OLDER, 201},
        {"/x", "Content-Range: bytes 0-1/2\r\n", 400},
        {"/.tapir-upload-0", "", 403},
    };
    char fields[256];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(fields, sizeof fields, "Content-Length: 0\r\n%s", cases[i].fields);
        const char *text = ask("PUT", cases[i].target, fields);
        cr_assert_eq(status_of(text), cases[i].status, "%s %s: %s", cases[i].target, cases[i].fields, text);
    }
    cr_assert_eq(status_of(ask("PUT", "/x", "")), 411);
    cr_assert_eq(status_of(ask("PUT", "/x", "Content-Length: 1001\r\n")), 413);
    write_file(".tapir-upload-0", "");
    cr_assert_eq(status_of(ask("GET", "/.tapir-upload-0", "")), 404);
}

/* Of two that both asked to be the first, one is. */
Test(httpd_respond, the_condition_holds_when_a_file_takes_its_place) {
    struct httpd_upload uploads[2];
    for (int i = 0; i < 2; i++) {
        uploads[i] = (struct httpd_upload){.parent = -1, .file = -1, .named = i == 1};
        cr_assert_eq(httpd_upload_begin(&uploads[i], server.root, "new"), 0);
        cr_assert_not(uploads[i].exists);
        uploads[i].only_new = true;
    }
    cr_assert_eq(httpd_upload_commit(&uploads[0]), 201);
    cr_assert_eq(httpd_upload_commit(&uploads[1]), 412);
    uploads[0] = (struct httpd_upload){.parent = -1, .file = -1};
    cr_assert_eq(httpd_upload_begin(&uploads[0], server.root, "new"), 0);
    cr_assert(uploads[0].exists);
    uploads[0].only_old = true;
    cr_assert_eq(unlinkat(server.root, "new", 0), 0);
    cr_assert_eq(httpd_upload_commit(&uploads[0]), 412);
    HAS(ask("GET", "/", ""),
        "<ul>\n<li><a href=\"page.html\">page.html</a></li>\n<li><a href=\"sub/\">sub/</a></li>\n</ul>");
}

/* --- what is kept open --- */

/* The answer after the file has settled and been asked for once, so that it is kept. */
static void keep(const char *target) {
    usleep(HTTPD_SETTLED_US + 10000);
    ask("GET", target, "");
    cr_assert_gt(server.cache.kept, 0);
}

Test(httpd_respond, a_change_shows_at_once) {
    keep("/page.html");
    write_file("page.html", "A PAGE");
    cr_assert_str_eq(body_of(ask("GET", "/page.html", "")), "A PAGE", "written over");
    keep("/page.html");
    write_file("page.html", "longer than before");
    cr_assert_str_eq(body_of(ask("GET", "/page.html", "")), "longer than before");
    keep("/page.html");
    write_file("other", "another");
    cr_assert_eq(renameat(server.root, "other", server.root, "page.html"), 0);
    cr_assert_str_eq(body_of(ask("GET", "/page.html", "")), "another", "replaced");
    keep("/page.html");
    ask("PUT", "/page.html", "Content-Length: 0\r\n");
    cr_assert_str_eq(body_of(ask("GET", "/page.html", "")), "", "put");
    write_file("page.html", "again");
    keep("/page.html");
    cr_assert_eq(unlinkat(server.root, "page.html", 0), 0);
    cr_assert_eq(status_of(ask("GET", "/page.html", "")), 404);
    usleep(HTTPD_SETTLED_US + 10000);
    LACKS(ask("GET", "/", ""), "newcomer");
    cr_assert_eq(server.listings.live, 1);
    write_file("newcomer", "");
    HAS(ask("GET", "/", ""), "newcomer");
    write_file("sub/index.html", "");
    HAS(ask("GET", "/", ""), "sub/");
    write_file("index.html", "the index");
    cr_assert_str_eq(body_of(ask("GET", "/", "")), "the index");
    keep("/");
    cr_assert_eq(unlinkat(server.root, "index.html", 0), 0);
    HAS(ask("GET", "/", ""), "Directory listing");
}

/* Two writes of the same length within a tick of the file system's clock look like one. */
Test(httpd_respond, what_changed_just_now_is_not_kept) {
    for (int i = 0; i < 200; i++) {
        char text[16];
        snprintf(text, sizeof text, "version %03d", i);
        write_file("busy", text);
        cr_assert_str_eq(body_of(ask("GET", "/busy", "")), text);
    }
    cr_assert_eq(server.cache.kept, 0);
}

Test(httpd_respond, kept_files_are_few_and_soon_given_up) {
    char target[64];
    for (int i = 0; i < 2000; i++) {
        snprintf(target, sizeof target, "x%d", i);
        write_file(target, "");
    }
    usleep(HTTPD_SETTLED_US + 10000);
    for (int i = 0; i < 2000; i++) {
        snprintf(target, sizeof target, "/x%d", i);
        cr_assert_eq(status_of(ask("GET", target, "")), 200);
    }
    unsigned held = 0;
    for (size_t i = 0; i < HTTPD_CACHE_FILES; i++) {
        held += server.cache.sets[i / HTTPD_CACHE_WAYS][i % HTTPD_CACHE_WAYS].file != NULL ? 1 : 0;
    }
    cr_assert_gt(held, HTTPD_CACHE_FILES * 9 / 10);
    cr_assert_eq(server.cache.kept, held);
    cr_assert_neq(httpd_cache_sweep(&server.cache, server.now_us + HTTPD_CACHE_US / 2), UINT64_MAX);
    server.now_us += HTTPD_CACHE_US;
    cr_assert_eq(httpd_cache_sweep(&server.cache, server.now_us), UINT64_MAX);
    for (size_t i = 0; i < HTTPD_CACHE_FILES; i++) {
        cr_assert_null(server.cache.sets[i / HTTPD_CACHE_WAYS][i % HTTPD_CACHE_WAYS].file);
    }
}

Test(httpd_respond, fewer_are_kept_where_descriptors_are_few) {
    server.cache.kept_max = 1;
    write_file("other", "x");
    usleep(HTTPD_SETTLED_US + 10000);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(status_of(ask("GET", "/other", "")), 200);
        cr_assert_eq(status_of(ask("GET", "/page.html", "")), 200);
        cr_assert_eq(server.cache.kept, 1);
    }
}

/* The set in which the file of this target is kept. */
static size_t set_of(const char *target) {
    for (size_t i = 0; i < HTTPD_CACHE_FILES; i++) {
        const struct httpd_cached *entry = &server.cache.sets[i / HTTPD_CACHE_WAYS][i % HTTPD_CACHE_WAYS];
        if (entry->file != NULL && entry->target_len == strlen(target) &&
            memcmp(entry->target, target, entry->target_len) == 0) {
            return i / HTTPD_CACHE_WAYS;
        }
    }
    cr_assert_fail("%s is not kept", target);
    return 0;
}

Test(httpd_respond, who_shares_a_set_is_secret) {
    char targets[HTTPD_CACHE_WAYS + 1][16];
    char target[16];
    unsigned found = 0;
    struct stat info;
    usleep(HTTPD_SETTLED_US + 10000);
    const int fd = openat(server.root, "page.html", O_RDONLY);
    fstat(fd, &info);
    struct httpd_file *file = httpd_file_new(fd, &info, "text/plain");
    for (int i = 0; i < 10000 && found < HTTPD_CACHE_WAYS + 1; i++) {
        httpd_cache_clear(&server.cache);
        snprintf(target, sizeof target, "/%d", i);
        httpd_cache_keep(&server.cache, target, strlen(target), file, 0);
        if (set_of(target) == 0) {
            strcpy(targets[found++], target);
        }
    }
    cr_assert_eq(found, HTTPD_CACHE_WAYS + 1, "as many as push each other out");
    server.cache.key ^= 0x13198a2e03707344U;
    bool apart = false;
    for (unsigned i = 0; i < found; i++) {
        httpd_cache_clear(&server.cache);
        httpd_cache_keep(&server.cache, targets[i], strlen(targets[i]), file, 0);
        apart = apart || set_of(targets[i]) != 0;
    }
    cr_assert(apart, "with another key they do not");
    httpd_file_release(file);
}

/* A response goes on with the file that it began with. */
Test(httpd_respond, a_file_outlives_its_place_in_the_cache) {
    usleep(HTTPD_SETTLED_US + 10000);
    struct stat info;
    const int fd = openat(server.root, "page.html", O_RDONLY);
    fstat(fd, &info);
    struct httpd_file *file = httpd_file_new(fd, &info, "text/plain");
    httpd_cache_keep(&server.cache, "/t", 2, file, 0);
    cr_assert_eq(file->references, 2);
    cr_assert_eq(httpd_cache_find(&server.cache, "/t", 2, HTTPD_CACHE_US - 1), file);
    cr_assert_null(httpd_cache_find(&server.cache, "/u", 2, 0));
    cr_assert_null(httpd_cache_find(&server.cache, "/t", 1, 0));
    cr_assert_null(httpd_cache_find(&server.cache, "/t", 2, HTTPD_CACHE_US));
    cr_assert_eq(file->references, 2);
    cr_assert_eq(strncmp(file->content, "a page", 6), 0);
    httpd_file_release(file);
    httpd_file_release(file);
}

/* --- listings --- */

Test(httpd_respond, a_listing) {
    static const char *const names[] = {"B",
                                        "a",
                                        "c & <d>\"'.txt",
                                        "javascript:alert(1)",
                                        "bad\xff\xc0\xafutf8",
                                        "esc\x1b[2J\xc2\x9b",
                                        "\xc3\xa9t\xc3\xa9",
                                        "q?x#y",
                                        ".hidden"};
    char name[64];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(name, sizeof name, "sub/%s", names[i]);
        write_file(name, "");
    }
    write_file("sub/.tapir-upload-1", "");
    cr_assert_eq(mkdirat(server.root, "sub/dir", 0755), 0);
    cr_assert_eq(symlinkat("/etc", server.root, "sub/link"), 0);
    const char *text = ask("GET", "/sub/", "");
    cr_assert_eq(status_of(text), 200);
    HAS(text, "\r\nContent-Type: text/html; charset=utf-8\r\n");
    cr_assert_str_eq(body_of(text),
                     "<!DOCTYPE HTML>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<title>Directory listing for /sub/</title>\n</head>\n<body>\n<h1>Directory listing for "
                     "/sub/</h1>\n<hr>\n<ul>\n"
                     "<li><a href=\".hidden\">.hidden</a></li>\n"
                     "<li><a href=\"a\">a</a></li>\n"
                     "<li><a href=\"B\">B</a></li>\n"
                     "<li><a href=\"bad%FF%C0%AFutf8\">bad\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdutf8</a></li>\n"
                     "<li><a href=\"c%20%26%20%3Cd%3E%22%27.txt\">c &amp; &lt;d&gt;&quot;&#x27;.txt</a></li>\n"
                     "<li><a href=\"dir/\">dir/</a></li>\n"
                     "<li><a href=\"esc%1B%5B2J%C2%9B\">esc\xef\xbf\xbd[2J\xef\xbf\xbd\xef\xbf\xbd</a></li>\n"
                     "<li><a href=\"javascript%3Aalert%281%29\">javascript:alert(1)</a></li>\n"
                     "<li><a href=\"link\">link@</a></li>\n"
                     "<li><a href=\"q%3Fx%23y\">q?x#y</a></li>\n"
                     "<li><a href=\"%C3%A9t%C3%A9\">\xc3\xa9t\xc3\xa9</a></li>\n"
                     "</ul>\n<hr>\n</body>\n</html>\n");
    cr_assert_eq(status_of(ask("GET", "/sub", "")), 301);
    cr_assert_eq(status_of(ask("GET", "/sub/", "If-None-Match: *\r\n")), 304);
    cr_assert_eq(status_of(ask("GET", "/sub/", "If-Unmodified-Since: " OLDER)), 200, "a listing has no date");
    cr_assert_eq(status_of(ask("GET", "/sub/", "If-Modified-Since: " SAME)), 200);
    cr_assert_eq(status_of(ask("GET", "/sub/", "Range: bytes=0-1\r\n")), 200);
    cr_assert_str_eq(body_of(ask("HEAD", "/sub/", "")), "");
    server.list = false;
    cr_assert_eq(status_of(ask("GET", "/sub/", "")), 403);
}

/* The title is a name too. */
Test(httpd_respond, a_listing_of_a_directory_with_a_wild_name) {
    cr_assert_eq(mkdirat(server.root, "<script>", 0755), 0);
    const char *text = ask("GET", "/%3Cscript%3E/", "");
    cr_assert_eq(status_of(text), 200);
    LACKS(text, "<script>");
    HAS(text, "<title>Directory listing for /&lt;script&gt;/</title>");
}

/* The index may be a link to anywhere below the root, and to nowhere else. */
Test(httpd_respond, an_index) {
    cr_assert_eq(symlinkat("../page.html", server.root, "sub/index.html"), 0);
    cr_assert_str_eq(body_of(ask("GET", "/sub/", "")), "a page");
    cr_assert_eq(unlinkat(server.root, "sub/index.html", 0), 0);
    cr_assert_eq(symlinkat("/etc/passwd", server.root, "sub/index.html"), 0);
    cr_assert_eq(status_of(ask("GET", "/sub/", "")), 403);
    cr_assert_eq(unlinkat(server.root, "sub/index.html", 0), 0);
    cr_assert_eq(mkdirat(server.root, "sub/index.html", 0755), 0);
    cr_assert_eq(status_of(ask("GET", "/sub/", "")), 403);
}

Test(httpd_respond, listings_have_limits) {
    struct httpd_file *held[HTTPD_LISTINGS_MAX];
    struct stat info;
    fstatat(server.root, "sub", &info, 0);
    for (int i = 0; i < HTTPD_LISTINGS_MAX; i++) {
        const int fd = openat(server.root, "sub", O_RDONLY | O_DIRECTORY);
        held[i] = httpd_listing_new(fd, &info, "sub/", &server.listings.live);
        close(fd);
        cr_assert_not_null(held[i]);
    }
    cr_assert_eq(status_of(ask("GET", "/sub/", "")), 503);
    for (int i = 0; i < HTTPD_LISTINGS_MAX; i++) {
        httpd_file_release(held[i]);
    }
    cr_assert_eq(status_of(ask("GET", "/sub/", "")), 200);
    /* Long names that are longer still when they are escaped. */
    char name[256];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "sub/%03d", i);
        memset(name + 7, '"', 240);
        name[247] = '\0';
        write_file(name, "");
    }
    httpd_cache_clear(&server.cache);
    const char *text = ask("GET", "/sub/", "");
    HAS(text, "<p>There are more, which are not shown.</p>");
    cr_assert_lt(strlen(text), HTTPD_LISTING_BYTES + 10000);
}

/* Nothing of a request but the directory that it names makes a listing of its own. */
Test(httpd_respond, a_directory_has_one_listing_however_it_is_spelled) {
    static const char *const targets[] = {"/sub/",         "/sub/?1",        "/sub//",         "//sub/",
                                          "/./sub/",       "/sub/./?a=b",    "/%73ub/",        "/sub/../sub/",
                                          "http://h/sub/", "/../sub/?/../x", "http://h/sub/?2"};
    usleep(HTTPD_SETTLED_US + 10000);
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        const char *text = ask("GET", targets[i], "");
        if (strncmp(targets[i], "/../", 4) == 0) {
            cr_assert_eq(status_of(text), 403, "%s: above the root", targets[i]);
            continue;
        }
        cr_assert_eq(status_of(text), 200, "%s", targets[i]);
        HAS(text, "<h1>Directory listing for /sub/</h1>");
        cr_assert_eq(server.listings.made, 1, "%s", targets[i]);
    }
    server.now_us += HTTPD_CACHE_US;
    cr_assert_eq(httpd_listings_sweep(&server.listings, server.now_us), UINT64_MAX);
    cr_assert_eq(server.listings.live, 0);
}

/* Only what somebody is being sent takes a place that another could have. */
Test(httpd_respond, a_kept_listing_gives_way_to_a_new_one) {
    char target[64];
    for (int i = 0; i < 2 * HTTPD_LISTINGS_MAX; i++) {
        snprintf(target, sizeof target, "sub/%d", i);
        cr_assert_eq(mkdirat(server.root, target, 0755), 0);
    }
    usleep(HTTPD_SETTLED_US + 10000);
    for (int i = 0; i < 2 * HTTPD_LISTINGS_MAX; i++) {
        snprintf(target, sizeof target, "/sub/%d/", i);
        cr_assert_eq(status_of(ask("GET", target, "")), 200, "%s", target);
        cr_assert_leq(server.listings.live, HTTPD_LISTINGS_MAX);
        server.now_us++;
    }
    cr_assert_eq(server.listings.live, HTTPD_LISTINGS_MAX);
    const uint64_t made = server.listings.made;
    cr_assert_eq(status_of(ask("GET", target, "")), 200);
    cr_assert_eq(server.listings.made, made, "the last one is kept");
}

/* --- the log --- */

Test(httpd_respond, the_log_holds_no_control_characters) {
    char escaped[64];
    cr_assert_eq(http_value_escape("/a\x1b[2J \"\\\x7f\xc2\x9b\r\n", escaped, sizeof escaped), 41);
    cr_assert_str_eq(escaped, "/a\\x1b[2J\\x20\\x22\\x5c\\x7f\\xc2\\x9b\\x0d\\x0a");
    cr_assert_eq(http_value_escape("aaaa\x01zzz", escaped, 9), 8);
    cr_assert_str_eq(escaped, "aaaa\\x01");
    cr_assert_eq(http_value_escape("aaaaa\x01zzz", escaped, 9), 5, "cut, not split");
}
