/* Conditional requests (RFC 9110 13), for files that have a date and no entity tags. */
#include <string.h>

#include "httpd/httpd.h"

/* Of a list of entity tags none is ours: only "*" can match. */
static bool is_any(const char *field) { return strcmp(field, "*") == 0; }

/* RFC 9110 13.1.3 and 13.1.4: what is no date is ignored. */
static bool is_later(const char *field, time_t modified) {
    time_t date;
    return httpd_date_parse(field, &date) && modified > date;
}

static bool is_not_later(const char *field, time_t modified) {
    time_t date;
    return httpd_date_parse(field, &date) && modified <= date;
}

/* The order of RFC 9110 13.2.2. */
int httpd_condition_check(const struct httpd_request *request, bool exists, const time_t *modified) {
    const bool safe = request->method == HTTP_GET || request->method == HTTP_HEAD;
    if (request->if_match[0] != '\0') {
        if (!exists || !is_any(request->if_match)) {
            return 412;
        }
    } else if (modified != NULL && is_later(request->if_unmodified_since, *modified)) {
        return 412;
    }
    if (request->if_none_match[0] != '\0') {
        if (exists && is_any(request->if_none_match)) {
            return safe ? 304 : 412;
        }
    } else if (safe && modified != NULL && is_not_later(request->if_modified_since, *modified)) {
        return 304;
    }
    return 0;
}

/* RFC 9110 13.1.5: a part is useful only if the rest has not changed. A date of the current second does not tell, since the
 * file may change again within it (8.8.2.2). */
bool httpd_condition_range(const struct httpd_request *request, time_t modified, time_t now) {
    time_t date;
    if (request->method != HTTP_GET || request->range[0] == '\0') {
        return false;
    }
    return request->if_range[0] == '\0' ||
           (httpd_date_parse(request->if_range, &date) && date == modified && modified < now);
}
