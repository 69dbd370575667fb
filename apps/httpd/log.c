/* The log: a line for each request, in which nothing that a client sends can be taken for anything else. */
#include <stdio.h>

#include "common.h"
#include "httpd/httpd.h"

void httpd_log_request(const struct httpd_connection *connection) {
    char peer[COMMON_ADDRESS_BYTES];
    char target[4 * HTTPD_TARGET_MAX + 1];
    const struct httpd_request *request = &connection->request;
    if (!connection->server->log) {
        return;
    }
    /* The method is known once the head is complete; a malformed request may have no target. */
    const size_t len = http_value_escape(request->target, target, sizeof target);
    printf("%s %s %s %d %llu\n", common_address_text(&connection->peer, peer),
           request->headers_done ? http_method_str((enum http_method)request->method) : "-", len > 0 ? target : "-",
           connection->response.status, (unsigned long long)connection->response.body_bytes);
    fflush(stdout);
}
