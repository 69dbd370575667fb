/* URLs, and the relative ones of redirects. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <http_parser.h>

#include "get/get.h"

/* "http://..." and the like; not a "://" further on, in a query. */
static bool has_scheme(const char *text) {
    const size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    return len > 0 && strncmp(text + len, "://", 3) == 0;
}

/* RFC 3986 2 has none, but http_parser takes a tab and a form feed, at which some servers end the target. */
static bool has_control(const char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text <= ' ' || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

const char *get_url_parse(const char *text, struct get_url *url) {
    char full[GET_URL_MAX];
    struct http_parser_url parts;
    const int len = snprintf(full, sizeof full, "%s%s", has_scheme(text) ? "" : "http://", text);
    if ((size_t)len >= sizeof full) {
        return "too long";
    }
    http_parser_url_init(&parts);
    if (has_control(full) || http_parser_parse_url(full, (size_t)len, 0, &parts) != 0 ||
        (parts.field_set & 1U << UF_HOST) == 0) {
        return "malformed";
    }
    if (parts.field_data[UF_SCHEMA].len != 4 || strncasecmp(full, "http", 4) != 0) {
        return "not an http:// URL";
    }
    if (parts.field_data[UF_HOST].len >= sizeof url->host) {
        return "too long";
    }
    /* A URL with a password is refused: it should be sent neither without it nor in the clear. */
    if ((parts.field_set & 1U << UF_USERINFO) != 0) {
        return "refused: it has a user name, which would be sent in the clear";
    }
    snprintf(url->host, sizeof url->host, "%.*s", (int)parts.field_data[UF_HOST].len,
             full + parts.field_data[UF_HOST].off);
    /* An empty port is the default one (RFC 3986 3.2.3), but there is no port 0. */
    if ((parts.field_set & 1U << UF_PORT) != 0 && parts.port == 0) {
        return "refused: there is no port 0";
    }
    url->port = parts.port == 0 ? 80 : parts.port;
    /* Path and query are sent together; the fragment is not sent. */
    const char *path = "";
    int path_len = 0;
    if ((parts.field_set & 1U << UF_PATH) != 0) {
        path = full + parts.field_data[UF_PATH].off;
        path_len = (int)parts.field_data[UF_PATH].len;
    }
    /* http_parser leaves out the question mark. */
    const char *query = "";
    int query_len = 0;
    if ((parts.field_set & 1U << UF_QUERY) != 0) {
        query = full + parts.field_data[UF_QUERY].off - 1;
        query_len = (int)parts.field_data[UF_QUERY].len + 1;
    }
    snprintf(url->target, sizeof url->target, "%s%.*s%.*s", path_len == 0 ? "/" : "", path_len, path, query_len, query);
    return NULL;
}

const char *get_url_follow(const struct get_url *base, const char *location, struct get_url *url) {
    char full[2 * GET_URL_MAX];
    int len;
    if (has_scheme(location)) {
        return get_url_parse(location, url);
    }
    if (location[0] == '/' && location[1] == '/') {
        len = snprintf(full, sizeof full, "http:%s", location);
    } else if (location[0] == '/') {
        len = snprintf(full, sizeof full, "http://%s:%u%s", base->host, (unsigned)base->port, location);
    } else {
        /* Relative to the directory of the path; a query alone keeps the path (RFC 3986 5.2). */
        const size_t path_len = strcspn(base->target, "?");
        size_t keep = path_len;
        while (location[0] != '?' && keep > 0 && base->target[keep - 1] != '/') {
            keep--;
        }
        len = snprintf(full, sizeof full, "http://%s:%u%.*s%s", base->host, (unsigned)base->port, (int)keep,
                       base->target, location);
    }
    return (size_t)len >= sizeof full ? "too long" : get_url_parse(full, url);
}
