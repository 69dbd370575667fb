/* Decides what a request gets: a file or part of it, a redirect, or an error. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common.h"
#include "httpd/httpd.h"

static const char *allowed(const struct httpd_server *server) {
    return server->upload ? "Allow: GET, HEAD, PUT, OPTIONS\r\n" : "Allow: GET, HEAD, OPTIONS\r\n";
}

static void answer(struct httpd_connection *connection, int status, const char *fields) {
    httpd_response_text(&connection->response, status, fields, connection->request.method == HTTP_HEAD, time(NULL));
}

/* Starts the upload that a PUT asks for. 0 or an HTTP status. */
static int begin_upload(struct httpd_connection *connection) {
    char path[HTTPD_TARGET_MAX + 1];
    struct httpd_request *request = &connection->request;
    if (!connection->server->upload) {
        return 405;
    }
    if (request->content_range[0] != '\0') {
        return 400; /* RFC 9110 14.5: a part is no whole representation */
    }
    if (!request->chunked && !request->has_length) {
        return 411;
    }
    request->body_bytes_max = connection->server->upload_bytes_max;
    if (request->length_bytes > request->body_bytes_max) {
        return 413;
    }
    const int status = httpd_path_decode(request->target, path);
    return status != 0 ? status : httpd_upload_begin(&request->upload, connection->server->root, path);
}

void httpd_respond_headers(struct httpd_connection *connection) {
    struct httpd_request *request = &connection->request;
    /* RFC 9110 10.1.1: an expectation of an HTTP/1.0 client is not one. */
    const bool expects = request->expect[0] != '\0' && request->version_minor >= 1;
    if (expects && strcasecmp(request->expect, "100-continue") != 0) {
        request->status = 417;
        return;
    }
    /* Here, not at the end of the request: what will be refused need not be sent first. */
    if (request->method == HTTP_PUT) {
        request->status = begin_upload(connection);
    } else if (request->method != HTTP_GET && request->method != HTTP_HEAD && request->method != HTTP_OPTIONS) {
        request->status = 405;
    } else {
        request->body_bytes_max = HTTPD_UNWANTED_BODY_MAX;
        request->status = request->length_bytes > request->body_bytes_max ? 413 : 0;
    }
    request->owes_continue = expects;
}

/* Adds the slash that a directory's name lacks, so that relative links in its index work. */
static void redirect(struct httpd_connection *connection) {
    char fields[HTTPD_TARGET_MAX + 64];
    struct http_parser_url url;
    const char *target = connection->request.target;
    http_parser_url_init(&url);
    http_parser_parse_url(target, strlen(target), 0, &url);
    const char *path = target + url.field_data[UF_PATH].off;
    size_t len = url.field_data[UF_PATH].len;
    /* "//host" would send the client elsewhere. */
    while (len > 1 && path[0] == '/' && path[1] == '/') {
        path++;
        len--;
    }
    snprintf(fields, sizeof fields, "Location: %.*s/\r\n", (int)len, path);
    answer(connection, 301, fields);
}

/* RFC 9110 13.1.3: unchanged since the date that the client has. */
static bool not_modified(const struct httpd_request *request, time_t modified) {
    time_t since;
    return request->if_modified_since[0] != '\0' && httpd_date_parse(request->if_modified_since, &since) &&
           modified <= since;
}

/* RFC 9110 13.1.5: a part is of use only if the rest is still the same. We give no entity tags to match. */
static bool range_counts(const struct httpd_request *request, time_t modified) {
    time_t since;
    return request->method == HTTP_GET && request->range[0] != '\0' &&
           (request->if_range[0] == '\0' || (httpd_date_parse(request->if_range, &since) && since == modified));
}

/* Takes `file`: the response sends it, or it is closed here. Conditions first, then the range: RFC 9110 13.2.2. */
static void answer_file(struct httpd_connection *connection, const char *path, int file, const struct stat *info) {
    const struct httpd_request *request = &connection->request;
    char fields[256];
    char date[HTTPD_DATE_BYTES];
    const uint64_t size_bytes = (uint64_t)info->st_size;
    uint64_t first = 0;
    uint64_t last = 0;
    int n = snprintf(fields, sizeof fields, "Last-Modified: %s\r\n", httpd_date_format(info->st_mtime, date));
    if (not_modified(request, info->st_mtime)) {
        close(file);
        answer(connection, 304, fields);
        return;
    }
    enum httpd_range range = HTTPD_RANGE_WHOLE;
    if (range_counts(request, info->st_mtime)) {
        range = httpd_range_parse(request->range, size_bytes, &first, &last);
    }
    if (range == HTTPD_RANGE_NEVER) {
        close(file);
        snprintf(fields, sizeof fields, "Content-Range: bytes */%" PRIu64 "\r\n", size_bytes);
        answer(connection, 416, fields);
        return;
    }
    n += snprintf(fields + n, sizeof fields - (size_t)n, "Content-Type: %s\r\nAccept-Ranges: bytes\r\n",
                  httpd_mime_type(path));
    uint64_t length_bytes = size_bytes;
    if (range == HTTPD_RANGE_PART) {
        length_bytes = last - first + 1;
        snprintf(fields + n, sizeof fields - (size_t)n, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n",
                 first, last, size_bytes);
    }
    httpd_response_file(&connection->response, range == HTTPD_RANGE_PART ? 206 : 200, fields,
                        request->method == HTTP_HEAD, file, first, length_bytes, time(NULL));
}

/* The index of the directory that path names (with its slash), opened; or a negative errno. */
static int open_index(int root, char *path, struct stat *info) {
    const size_t len = strlen(path);
    static const char name[] = "index.html";
    if (len + sizeof name > HTTPD_TARGET_MAX) {
        return -ENAMETOOLONG;
    }
    if (strcmp(path, ".") == 0) {
        memcpy(path, name, sizeof name);
    } else {
        memcpy(path + len, name, sizeof name);
    }
    const int file = httpd_path_open(root, path, O_RDONLY, 0);
    if (file >= 0) {
        fstat(file, info);
    }
    return file == -ENOENT ? -EACCES : file; /* a directory without an index is there, but is not shown */
}

static void answer_get(struct httpd_connection *connection) {
    char path[HTTPD_TARGET_MAX + 1];
    struct stat info;
    const int root = connection->server->root;
    const int status = httpd_path_decode(connection->request.target, path);
    if (status != 0 || httpd_upload_is_temporary(path)) {
        answer(connection, status == 0 ? 404 : status, "");
        return;
    }
    /* Open first and look at what was opened: between a look by name and an open it could have changed. */
    int file = httpd_path_open(root, path, O_RDONLY, 0);
    if (file >= 0 && fstat(file, &info) == 0 && S_ISDIR(info.st_mode)) {
        close(file);
        if (strcmp(path, ".") != 0 && path[strlen(path) - 1] != '/') {
            redirect(connection);
            return;
        }
        file = open_index(root, path, &info);
    }
    if (file < 0) {
        answer(connection, httpd_path_status(-file), "");
    } else if (!S_ISREG(info.st_mode)) {
        close(file);
        answer(connection, 403, "");
    } else {
        answer_file(connection, path, file, &info);
    }
}

/* Of the whole server ("*", RFC 9112 3.2.4) or of a path, the answer is the same. */
static void answer_options(struct httpd_connection *connection) {
    char path[HTTPD_TARGET_MAX + 1];
    const char *target = connection->request.target;
    const int status = strcmp(target, "*") == 0 ? 0 : httpd_path_decode(target, path);
    answer(connection, status == 0 ? 204 : status, status == 0 ? allowed(connection->server) : "");
}

void httpd_respond(struct httpd_connection *connection) {
    struct httpd_request *request = &connection->request;
    /* After an error the rest of what comes cannot be trusted to be a request. */
    connection->response.keep_alive = request->complete && request->status == 0 && request->keep_alive;
    if (request->status != 0) {
        httpd_upload_abort(&request->upload);
        answer(connection, request->status, request->status == 405 ? allowed(connection->server) : "");
    } else if (request->method == HTTP_PUT) {
        answer(connection, httpd_upload_commit(&request->upload), "");
    } else if (request->method == HTTP_OPTIONS) {
        answer_options(connection);
    } else {
        answer_get(connection);
    }
}
