/* HTTP dates. */
#include <string.h>

#include "httpd/httpd.h"

const char *httpd_date_format(time_t when, char text[HTTPD_DATE_BYTES]) {
    struct tm parts;
    gmtime_r(&when, &parts);
    /* The program never calls setlocale, so the names are English. */
    strftime(text, HTTPD_DATE_BYTES, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return text;
}

bool httpd_date_parse(const char *text, time_t *when) {
    static const char *const forms[] = {
        "%a, %d %b %Y %H:%M:%S GMT", /* the one in use */
        "%A, %d-%b-%y %H:%M:%S GMT", /* RFC 850 */
        "%a %b %d %H:%M:%S %Y",      /* asctime */
    };
    /* Most requests have none, and strptime would compare it with the names of all days. */
    for (size_t i = 0; *text != '\0' && i < sizeof forms / sizeof forms[0]; i++) {
        struct tm parts;
        memset(&parts, 0, sizeof parts);
        const char *end = strptime(text, forms[i], &parts);
        if (end != NULL && *end == '\0') {
            *when = timegm(&parts);
            return true;
        }
    }
    return false;
}
