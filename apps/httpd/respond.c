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
    httpd_response_text(&connection->response, status, fields, connection->request.method == HTTP_HEAD,
                        connection->server->date);
}

/* The conditions of a PUT, now; and those about whether there is a file again when it takes its place, by which clients
 * that write at the same time keep off each other's work. 0 or an HTTP status. */
static int check_upload(struct httpd_request *request) {
    struct httpd_upload *upload = &request->upload;
    upload->only_new = strcmp(request->if_none_match, "*") == 0;
    upload->only_old = request->if_match[0] != '\0';
    return httpd_condition_check(request, upload->exists, upload->exists ? &upload->old_modified : NULL);
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
    int status = httpd_path_decode(request->target, path);
    if (status == 0) {
        status = httpd_upload_begin(&request->upload, connection->server->root, path);
    }
    return status != 0 ? status : check_upload(request);
}

void httpd_respond_headers(struct httpd_connection *connection) {
    struct httpd_request *request = &connection->request;
    /* RFC 9110 10.1.1: an expectation of an HTTP/1.0 client is not one. */
    const bool expects = request->expect[0] != '\0' && request->version_minor >= 1;
    if (expects && strcasecmp(request->expect, "100-continue") != 0) {
        request->status = 417;
        return;
    }
    /* Decided here and not at the end of the request, so that what will be refused need not be sent. */
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

/* Takes the reference to file: the response sends it, or it is given up here. Conditions first, then the range: RFC 9110
 * 13.2.2. */
static void answer_file(struct httpd_connection *connection, struct httpd_file *file) {
    const struct httpd_request *request = &connection->request;
    char fields[128] = "";
    uint64_t first = 0;
    uint64_t last = 0;
    const int unmet = httpd_condition_check(request, true, file->has_date ? &file->modified : NULL);
    if (unmet != 0) {
        if (unmet == 304 && file->has_date) {
            char date[HTTPD_DATE_BYTES];
            snprintf(fields, sizeof fields, "Last-Modified: %s\r\n", httpd_date_format(file->modified, date));
        }
        answer(connection, unmet, fields);
        httpd_file_release(file);
        return;
    }
    enum httpd_range range = HTTPD_RANGE_WHOLE;
    if (file->has_date && httpd_condition_range(request, file->modified, connection->server->now)) {
        range = httpd_range_parse(request->range, file->size_bytes, &first, &last);
    }
    if (range == HTTPD_RANGE_NEVER) {
        snprintf(fields, sizeof fields, "Content-Range: bytes */%" PRIu64 "\r\n", file->size_bytes);
        answer(connection, 416, fields);
        httpd_file_release(file);
        return;
    }
    uint64_t length_bytes = file->size_bytes;
    if (range == HTTPD_RANGE_PART) {
        length_bytes = last - first + 1;
        snprintf(fields, sizeof fields, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", first, last,
                 file->size_bytes);
    }
    httpd_response_file(&connection->response, range == HTTPD_RANGE_PART ? 206 : 200, fields,
                        request->method == HTTP_HEAD, file, first, length_bytes, connection->server->date);
}

/* Gives what is sent for an opened directory, which it takes and which path names (with its slash): its index, or a
 * listing of it. NULL, and the HTTP status to answer. */
static struct httpd_file *open_directory(struct httpd_server *server, const char *path, int directory,
                                         const struct stat *info, int *status) {
    char index_path[HTTPD_TARGET_MAX + 16];
    struct stat index_info;
    /* From the root, as the index may be a link to anywhere below that. */
    snprintf(index_path, sizeof index_path, "%s/index.html", path);
    const int index = httpd_path_open(server->root, index_path, O_RDONLY, 0);
    if (index == -ENOENT && server->list) {
        struct httpd_file *listing = httpd_listings_get(&server->listings, directory, info, path, server->now_us);
        close(directory);
        *status = 503;
        return listing;
    }
    close(directory);
    if (index < 0) {
        *status = index == -ENOENT ? 403 : httpd_path_status(-index); /* it exists, but may not be listed */
        return NULL;
    }
    if (fstat(index, &index_info) != 0 || !S_ISREG(index_info.st_mode)) {
        close(index);
        *status = 403;
        return NULL;
    }
    *status = 503;
    return httpd_file_new(index, &index_info, httpd_mime_type(index_path));
}

/* Opens what the target names. NULL, and the HTTP status to answer: 301 for a directory without its slash. */
static struct httpd_file *open_target(struct httpd_server *server, const char *target, int *status) {
    char path[HTTPD_TARGET_MAX + 1];
    struct stat info;
    *status = httpd_path_decode(target, path);
    if (*status != 0 || httpd_upload_is_temporary(path)) {
        *status = *status == 0 ? 404 : *status;
        return NULL;
    }
    /* Open first and look at what was opened: between a look by name and an open it could have changed. */
    const int fd = httpd_path_open(server->root, path, O_RDONLY, 0);
    if (fd < 0) {
        *status = httpd_path_status(-fd);
        return NULL;
    }
    const bool known = fstat(fd, &info) == 0;
    if (known && S_ISDIR(info.st_mode) && (strcmp(path, ".") == 0 || path[strlen(path) - 1] == '/')) {
        return open_directory(server, path, fd, &info, status);
    }
    if (!known || !S_ISREG(info.st_mode)) {
        close(fd);
        *status = known && S_ISDIR(info.st_mode) ? 301 : 403;
        return NULL;
    }
    *status = 503;
    return httpd_file_new(fd, &info, httpd_mime_type(path));
}

static void answer_get(struct httpd_connection *connection) {
    struct httpd_server *server = connection->server;
    const struct httpd_request *request = &connection->request;
    const size_t len = strcspn(request->target, "?");
    struct httpd_file *file = httpd_cache_find(&server->cache, request->target, len, server->now_us);
    if (file == NULL) {
        int status = 0;
        file = open_target(server, request->target, &status);
        if (file == NULL && status == 301) {
            redirect(connection);
            return;
        }
        if (file == NULL) {
            answer(connection, status, "");
            return;
        }
        if (file->live == NULL) {
            httpd_cache_keep(&server->cache, request->target, len, file, server->now_us);
        }
    }
    answer_file(connection, file);
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
    /* After an error what follows may not be a request. */
    connection->response.keep_alive = request->complete && request->status == 0 && request->keep_alive;
    connection->response.says_so = request->version_minor == 0;
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
