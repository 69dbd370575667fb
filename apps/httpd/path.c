/* Request paths: decoding them, and opening what they name without leaving the root. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "httpd/httpd.h"

/* Finds the path of a target in origin-form or absolute-form (RFC 9112 3.2). false: it is neither. */
static bool find_path(const char *target, const char **path, size_t *len) {
    struct http_parser_url url;
    http_parser_url_init(&url);
    if (http_parser_parse_url(target, strlen(target), 0, &url) != 0 || (url.field_set & 1U << UF_USERINFO) != 0) {
        return false;
    }
    /* Whatever its authority: there is one site here. Other schemes are none of ours (RFC 9110 4.2.2). */
    if (target[0] != '/' && (url.field_data[UF_SCHEMA].len != 4 || strncasecmp(target, "http", 4) != 0)) {
        return false;
    }
    /* RFC 9110 4.2.3: no path is "/". */
    const bool has_path = (url.field_set & 1U << UF_PATH) != 0;
    *path = has_path ? target + url.field_data[UF_PATH].off : "/";
    *len = has_path ? url.field_data[UF_PATH].len : 1;
    return true;
}

int httpd_path_decode(const char *target, char *path) {
    const char *at = NULL;
    size_t raw_len = 0;
    if (!find_path(target, &at, &raw_len)) {
        return 400;
    }
    const char *end = at + raw_len;
    size_t len = 0;
    while (at < end && *at == '/') {
        at++;
    }
    while (at < end) {
        char c = *at++;
        if (c == '%') {
            const int high = end - at >= 2 ? http_chunk_digit(at[0]) : -1;
            const int low = high >= 0 ? http_chunk_digit(at[1]) : -1;
            if (low < 0 || (high == 0 && low == 0)) {
                return 400; /* malformed; or a NUL, which would end the name early */
            }
            c = (char)(high << 4 | low);
            at += 2;
        }
        /* A decoded slash in front must not make the path absolute. */
        if (c != '/' || len > 0) {
            path[len++] = c;
        }
    }
    if (len == 0) {
        path[len++] = '.';
    }
    path[len] = '\0';
    return 0;
}

/* The kernel makes the check on each step of the walk. A check of the text would not know about links, and one of the result
 * would miss what changes in between. */
int httpd_path_open(int root, const char *path, int flags, mode_t mode) {
    const struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), /* a FIFO must not block us */
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    /* EAGAIN: something was renamed meanwhile, and the kernel could not be sure. */
    for (int i = 0; i < 8; i++) {
        const long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0) {
            return (int)fd;
        }
        if (errno != EAGAIN) {
            return -errno;
        }
    }
    return -EAGAIN;
}

int httpd_path_status(int error) {
    switch (error) {
    /* A path that uses a file as a directory names nothing. */
    case ENOENT:
    case ENOTDIR:
        return 404;
    case EXDEV:
    case ELOOP:
    case EACCES:
    case EPERM:
    case EROFS:
    case ENXIO: /* a socket */
        return 403;
    case ENAMETOOLONG:
        return 414;
    case EISDIR:
        return 409;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return 507;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
        return 503;
    default:
        return 500;
    }
}
