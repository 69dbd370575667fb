/* The web server's parsers: paths that stay inside, ranges, dates, types. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "httpd/httpd.h"

/* --- paths --- */

static const char *decoded(const char *target) {
    static char path[HTTPD_TARGET_MAX + 1];
    return httpd_path_decode(target, path) == 0 ? path : NULL;
}

Test(httpd_path, decodes) {
    static const char *const good[][2] = {
        {"/", "."},          {"/a/b.txt", "a/b.txt"}, {"/a%20b", "a b"},
        {"/a/?q=1", "a/"},   {"///a", "a"},           {"/%2fetc/passwd", "etc/passwd"},
        {"/%2F%2f%2f", "."}, {"/%41%5a%7e", "AZ~"},   {"http://host/x", "x"},
        {"/../x", "../x"},   {"http://host", "."},    {"HTTP://host:80/%61?b", "a"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        cr_assert_not_null(decoded(good[i][0]), "%s", good[i][0]);
        cr_assert_str_eq(decoded(good[i][0]), good[i][1], "%s", good[i][0]);
    }
}

Test(httpd_path, refuses_what_is_no_path) {
    static const char *const bad[] = {"",       "/%",          "/%4",  "/%4g", "/%zz",         "/a%00b",
                                      "host",   "host:80",     "*",    "*x",   "ftp://host/x", "https://host/x",
                                      "a.html", "http://u@h/", "?x=1", "h:/x", "http://",      "http:///x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_null(decoded(bad[i]), "%s", bad[i]);
    }
}

static char directory[] = "/tmp/tapir-unit-httpd-XXXXXX";
static int root = -1;

static void write_file(const char *name, const char *text) {
    const int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void make_root(void) {
    cr_assert_not_null(mkdtemp(directory));
    root = open(directory, O_RDONLY | O_DIRECTORY);
    cr_assert_eq(mkdirat(root, "sub", 0755), 0);
    write_file("sub/file", "inside");
    cr_assert_eq(symlinkat("sub/file", root, "good"), 0);
    cr_assert_eq(symlinkat("/etc/passwd", root, "absolute"), 0);
    cr_assert_eq(symlinkat("../../../../../../../../etc/passwd", root, "relative"), 0);
    cr_assert_eq(symlinkat("loop", root, "loop"), 0);
    cr_assert_eq(symlinkat("/", root, "slash"), 0);
}

static void remove_root(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
    close(root);
}

TestSuite(httpd_root, .init = make_root, .fini = remove_root);

Test(httpd_root, no_path_leads_out) {
    static const char *const bad[] = {"..",          "../",      "sub/../..", "sub/../../x",
                                      "absolute",    "relative", "slash",     "slash/etc",
                                      "/etc/passwd", "/",        "loop",      "sub/../../../../../../../../etc/passwd"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const int fd = httpd_path_open(root, bad[i], O_RDONLY, 0);
        cr_assert_lt(fd, 0, "%s", bad[i]);
        cr_assert_eq(httpd_path_status(-fd), 403, "%s: %d", bad[i], -fd);
    }
    static const char *const good[] = {".", "sub", "sub/file", "sub/../sub/file", "good", "./sub/./file"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const int fd = httpd_path_open(root, good[i], O_RDONLY, 0);
        cr_assert_geq(fd, 0, "%s", good[i]);
        close(fd);
    }
    cr_assert_eq(httpd_path_status(-httpd_path_open(root, "nope", O_RDONLY, 0)), 404);
    cr_assert_eq(httpd_path_status(-httpd_path_open(root, "sub/file/x", O_RDONLY, 0)), 404);
}

static int entries(void) {
    char command[128];
    snprintf(command, sizeof command, "ls -A %s | wc -l", directory);
    FILE *list = popen(command, "r");
    int count = -1;
    cr_assert_eq(fscanf(list, "%d", &count), 1);
    pclose(list);
    return count;
}

/* Uploads go the same way with and without names on their way, which only some file systems can do without. */
static void begin(struct httpd_upload *upload, const char *path, bool named) {
    *upload = (struct httpd_upload){.parent = -1, .file = -1, .named = named};
    cr_assert_eq(httpd_upload_begin(upload, root, path), 0);
    cr_assert_eq(upload->named, named);
}

static off_t size_of(const char *name) {
    struct stat info;
    return fstatat(root, name, &info, AT_SYMLINK_NOFOLLOW) == 0 ? info.st_size : -1;
}

Test(httpd_root, an_upload_appears_whole_or_not_at_all) {
    const int before = entries();
    for (int named = 0; named < 2; named++) {
        struct httpd_upload upload;
        begin(&upload, "new", named == 1);
        cr_assert_eq(httpd_upload_write(&upload, "hello", 5), 0);
        cr_assert_eq(size_of("new"), -1, "visible before it is whole");
        cr_assert_eq(entries(), before + named, "it has a name on its way");
        cr_assert_eq(httpd_upload_commit(&upload), 201);
        cr_assert_eq(size_of("new"), 5);
        begin(&upload, "new", named == 1);
        cr_assert_eq(httpd_upload_commit(&upload), 204);
        cr_assert_eq(size_of("new"), 0);
        begin(&upload, "gone", named == 1);
        httpd_upload_abort(&upload);
        httpd_upload_abort(&upload);
        cr_assert_eq(entries(), before + 1);
        cr_assert_eq(unlinkat(root, "new", 0), 0);
    }
}

/* The place may change while a file is on its way; what is left behind is nothing. */
Test(httpd_root, an_upload_meets_what_came_in_between) {
    const int before = entries();
    for (int named = 0; named < 2; named++) {
        struct httpd_upload first;
        struct httpd_upload second;
        begin(&first, "new", named == 1);
        begin(&second, "new", named == 1);
        cr_assert_eq(httpd_upload_write(&second, "second", 6), 0);
        cr_assert_eq(httpd_upload_commit(&second), 201);
        cr_assert_eq(httpd_upload_commit(&first), 204);
        cr_assert_eq(size_of("new"), 0);
        cr_assert_eq(unlinkat(root, "new", 0), 0);
        begin(&first, "new", named == 1);
        cr_assert_eq(mkdirat(root, "new", 0755), 0);
        cr_assert_eq(httpd_upload_commit(&first), 409);
        cr_assert_eq(unlinkat(root, "new", AT_REMOVEDIR), 0);
        begin(&first, "sub/new", named == 1);
        cr_assert_eq(renameat(root, "sub", root, "other"), 0);
        cr_assert_eq(httpd_upload_commit(&first), 201);
        cr_assert_eq(unlinkat(root, "other/new", 0), 0);
        cr_assert_eq(renameat(root, "other", root, "sub"), 0);
        cr_assert_eq(entries(), before);
    }
}

Test(httpd_root, temporary_names_are_nobodys) {
    struct httpd_upload first;
    struct httpd_upload second;
    begin(&first, "a", true);
    begin(&second, "a", true);
    cr_assert_str_neq(first.temporary, second.temporary);
    cr_assert_gt(strlen(first.temporary), 40);
    cr_assert(httpd_upload_is_temporary(first.temporary));
    struct httpd_upload third = {.parent = -1, .file = -1};
    cr_assert_eq(httpd_upload_begin(&third, root, first.temporary), 403);
    cr_assert_eq(httpd_upload_begin(&third, root, "sub/.Tapir-UPLOAD-0"), 403);
    cr_assert(third.parent < 0 && third.file < 0);
    httpd_upload_abort(&first);
    httpd_upload_abort(&second);
    cr_assert_not(httpd_upload_is_temporary(".tapir-upload-/x"));
    cr_assert_not(httpd_upload_is_temporary("x.tapir-upload-"));
}

Test(httpd_root, an_upload_stays_inside) {
    static const struct {
        const char *path;
        int status;
    } bad[] = {{"../x", 403}, {"slash/tmp/x", 403}, {"nodir/x", 404}, {"sub", 409},       {"sub/", 409},
               {".", 409},    {"..", 409},          {"sub/..", 409},  {"sub/file/x", 404}};
    const int before = entries();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct httpd_upload upload = {.parent = -1, .file = -1};
        cr_assert_eq(httpd_upload_begin(&upload, root, bad[i].path), bad[i].status, "%s", bad[i].path);
        cr_assert(upload.parent < 0 && upload.file < 0);
    }
    /* A link is replaced itself; what it points at is left alone. */
    struct httpd_upload upload = {.parent = -1, .file = -1};
    struct stat info;
    cr_assert_eq(httpd_upload_begin(&upload, root, "absolute"), 0);
    cr_assert_eq(httpd_upload_commit(&upload), 204);
    cr_assert_eq(fstatat(root, "absolute", &info, AT_SYMLINK_NOFOLLOW), 0);
    cr_assert(S_ISREG(info.st_mode));
    cr_assert_eq(entries(), before);
}

/* --- ranges --- */

Test(httpd_range, parts) {
    static const struct {
        const char *text;
        uint64_t size, first, last;
    } good[] = {
        {"bytes=0-0", 100, 0, 0},
        {"bytes=10-19", 100, 10, 19},
        {"Bytes=90-", 100, 90, 99},
        {"bytes=90-1000", 100, 90, 99},
        {"bytes=-1", 100, 99, 99},
        {"bytes=-100", 100, 0, 99},
        {"bytes=-1000", 100, 0, 99},
        {"bytes=0-99999999999999999999999", 100, 0, 99},
        {"bytes=5000000000-5000000001", 6000000000, 5000000000, 5000000001},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t first = 0;
        uint64_t last = 0;
        cr_assert_eq(httpd_range_parse(good[i].text, good[i].size, &first, &last), HTTPD_RANGE_PART, "%s",
                     good[i].text);
        cr_assert_eq(first, good[i].first, "%s", good[i].text);
        cr_assert_eq(last, good[i].last, "%s", good[i].text);
    }
}

Test(httpd_range, never_and_whole) {
    static const char *const never[] = {"bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999-"};
    static const char *const whole[] = {"",          "bytes",         "bytes=",    "bytes=-",    "bytes=a-b",
                                        "bytes=5-4", "bytes=0-1,3-4", "lines=0-1", "bytes=0-1x", "bytes= 0-1",
                                        "?",         "bytes=--1"};
    uint64_t first = 7;
    uint64_t last = 8;
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        cr_assert_eq(httpd_range_parse(never[i], 100, &first, &last), HTTPD_RANGE_NEVER, "%s", never[i]);
    }
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        cr_assert_eq(httpd_range_parse(whole[i], 100, &first, &last), HTTPD_RANGE_WHOLE, "%s", whole[i]);
    }
    cr_assert_eq(httpd_range_parse("bytes=0-", 0, &first, &last), HTTPD_RANGE_NEVER);
    cr_assert_eq(httpd_range_parse("bytes=-5", 0, &first, &last), HTTPD_RANGE_NEVER);
    /* Who sends the whole file begins at *first all the same. */
    cr_assert_eq(first, 7);
    cr_assert_eq(last, 8);
}

/* --- dates and types --- */

Test(httpd_date, three_forms_of_one_moment) {
    char text[HTTPD_DATE_BYTES];
    static const char *const forms[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                        "Sun Nov  6 08:49:37 1994"};
    for (size_t i = 0; i < 3; i++) {
        time_t when = 0;
        cr_assert(httpd_date_parse(forms[i], &when), "%s", forms[i]);
        cr_assert_eq(when, 784111777, "%s", forms[i]);
    }
    cr_assert_str_eq(httpd_date_format(784111777, text), forms[0]);
    time_t when;
    cr_assert_not(httpd_date_parse("yesterday", &when));
    cr_assert_not(httpd_date_parse("Sun, 06 Nov 1994 08:49:37 GMT+1", &when));
    cr_assert_not(httpd_date_parse("", &when));
}

Test(httpd_mime, by_suffix) {
    cr_assert_str_eq(httpd_mime_type("a/b.html"), "text/html; charset=utf-8");
    cr_assert_str_eq(httpd_mime_type("A.PNG"), "image/png");
    cr_assert_str_eq(httpd_mime_type("dir.html/file"), "application/octet-stream");
    cr_assert_str_eq(httpd_mime_type("noext"), "application/octet-stream");
    cr_assert_str_eq(httpd_mime_type("."), "application/octet-stream");
}
