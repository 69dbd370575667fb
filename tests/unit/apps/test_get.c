/* URLs, redirects and the progress line of the HTTP client. */
#include <criterion/criterion.h>
#include <string.h>

#include "get/get.h"

Test(get_url, parts) {
    static const struct {
        const char *text, *host, *target;
        uint16_t port;
    } good[] = {
        {"http://10.0.0.1/", "10.0.0.1", "/", 80},
        {"10.0.0.1", "10.0.0.1", "/", 80},
        {"10.0.0.1:8080/a/b?c=d&e#f", "10.0.0.1", "/a/b?c=d&e", 8080},
        {"HTTP://Host.example/x", "Host.example", "/x", 80},
        {"http://h?q", "h", "/?q", 80},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct get_url url;
        const char *wrong = get_url_parse(good[i].text, &url);
        cr_assert_null(wrong, "%s: %s", good[i].text, wrong);
        cr_assert_str_eq(url.host, good[i].host);
        cr_assert_str_eq(url.target, good[i].target, "%s: %s", good[i].text, url.target);
        cr_assert_eq(url.port, good[i].port);
    }
}

Test(get_url, refuses) {
    static char overlong[2 * GET_URL_MAX];
    memset(overlong, 'a', sizeof overlong - 1);
    const char *const bad[] = {"",
                               "https://host/",
                               "ftp://host/",
                               "http://",
                               "http:///x",
                               "http://user:word@host/",
                               "http://host:99999/",
                               "a b",
                               "http://host:0/",
                               "host:00",
                               overlong,
                               "host/a\tb",
                               "host/a?\fb",
                               "host/\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct get_url url;
        cr_assert_not_null(get_url_parse(bad[i], &url), "%s", bad[i]);
    }
}

Test(get_url, redirects) {
    struct get_url base;
    cr_assert_null(get_url_parse("http://h:81/a/b?c", &base));
    static const struct {
        const char *location, *host, *target;
        uint16_t port;
    } cases[] = {
        {"/x", "h", "/x", 81},          {"x", "h", "/a/x", 81},
        {"?y", "h", "/a/b?y", 81},      {"//other/x", "other", "/x", 80},
        {"http://o:82/", "o", "/", 82}, {"x?u=http://z/", "h", "/a/x?u=http://z/", 81},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct get_url url;
        const char *wrong = get_url_follow(&base, cases[i].location, &url);
        cr_assert_null(wrong, "%s: %s", cases[i].location, wrong);
        cr_assert_str_eq(url.host, cases[i].host, "%s", cases[i].location);
        cr_assert_str_eq(url.target, cases[i].target, "%s: %s", cases[i].location, url.target);
        cr_assert_eq(url.port, cases[i].port);
    }
    struct get_url url;
    cr_assert_not_null(get_url_follow(&base, "https://secure/", &url));
}

Test(get_progress, line) {
    struct get_progress progress = {.total_bytes = 2000000, .done_bytes = 1000000, .started_us = 1};
    char text[128];
    get_progress_line(&progress, 1000001, text, sizeof text);
    cr_assert_not_null(strstr(text, " 50%"), "%s", text);
    cr_assert_not_null(strstr(text, "1.0 MB/s"), "%s", text);
    progress.total_bytes = 0;
    get_progress_line(&progress, 1, text, sizeof text);
    cr_assert_null(strchr(text, '%'), "%s", text);
}
