/* Request paths: decoding them, and opening what they name without leaving the root. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "httpd/httpd.h"

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

int httpd_path_decode(const char *target, char *path) {
    struct http_parser_url url;
    http_parser_url_init(&url);
    if (http_parser_parse_url(target, strlen(target), 0, &url) != 0 || (url.field_set & 1U << UF_PATH) == 0) {
        return 400;
    }
    const char *at = target + url.field_data[UF_PATH].off;
    const char *end = at + url.field_data[UF_PATH].len;
    size_t len = 0;
    while (at < end && *at == '/') {
        at++;
    }
    while (at < end) {
        char c = *at++;
        if (c == '%') {
            const int high = end - at >= 2 ? hex_value(at[0]) : -1;
            const int low = high >= 0 ? hex_value(at[1]) : -1;
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

/* The check is the kernel's, made on each step of the walk: one made here on the text would know nothing of links,
 * and one on the result would come too late for what changes in between. */
int httpd_path_open(int root, const char *path, int flags, mode_t mode) {
    const struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), /* a FIFO must not hold us */
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
    /* A name that goes through a file as if it were a directory is just not there. */
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
