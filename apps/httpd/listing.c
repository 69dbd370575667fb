/* The listing of a directory without an index, as Python's http.server has it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "httpd/httpd.h"

struct entry {
    char *name;
    unsigned char type; /* DT_DIR, DT_LNK, ... */
};

/* How many bytes the UTF-8 character at `at` has; 0: it is none, or a control character. */
static size_t utf8_len(const unsigned char *at) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const size_t len = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf8 ? 4 : 0;
    uint32_t value = len <= 1 ? at[0] : at[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (at[i] & 0x3f);
    }
    const bool control = value < ' ' || (value >= 0x7f && value < 0xa0);
    const bool surrogate = value >= 0xd800 && value < 0xe000;
    return len > 0 && value >= least[len] && value <= 0x10ffff && !control && !surrogate ? len : 0;
}

/* For text and attribute values. What is not UTF-8, or would control a terminal, becomes U+FFFD. */
static void put_html(FILE *out, const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        const size_t len = utf8_len(at);
        if (len == 0) {
            fputs("\xef\xbf\xbd", out);
            at++;
            continue;
        }
        switch (*at) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#x27;", out);
            break;
        default:
            fwrite(at, 1, len, out);
            break;
        }
        at += len;
    }
}

/* RFC 3986 2.3: all but the unreserved, so that a name is neither a scheme, a query nor a way up. */
static void put_url(FILE *out, const char *name) {
    for (; *name != '\0'; name++) {
        const unsigned char c = (unsigned char)*name;
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c) != NULL;
        fprintf(out, plain ? "%c" : "%%%02X", c);
    }
}

/* The type as the directory entry has it; on file systems that do not say, one more system call. */
static unsigned char type_of(int directory, const struct dirent *found) {
    struct stat info;
    if (found->d_type != DT_UNKNOWN) {
        return found->d_type;
    }
    return fstatat(directory, found->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 ? (unsigned char)IFTODT(info.st_mode)
                                                                              : DT_UNKNOWN;
}

static bool is_listed(const char *name) {
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !httpd_upload_is_temporary(name);
}

/* Reads up to HTTPD_LISTING_ENTRIES of the directory. *whole: those are all. */
static size_t read_entries(DIR *stream, struct entry *entries, bool *whole) {
    size_t count = 0;
    const struct dirent *found = readdir(stream);
    for (; found != NULL && count < HTTPD_LISTING_ENTRIES; found = readdir(stream)) {
        if (is_listed(found->d_name)) {
            entries[count].name = strdup(found->d_name);
            entries[count].type = type_of(dirfd(stream), found);
            count += entries[count].name != NULL ? 1 : 0;
        }
    }
    *whole = found == NULL;
    return count;
}

/* As Python sorts them: a before B. */
static int compare(const void *a, const void *b) {
    const char *one = ((const struct entry *)a)->name;
    const char *other = ((const struct entry *)b)->name;
    const int result = strcasecmp(one, other);
    return result != 0 ? result : strcmp(one, other);
}

/* A directory has a slash behind its name, a link an @. */
static void put_entry(FILE *out, const struct entry *entry) {
    fputs("<li><a href=\"", out);
    put_url(out, entry->name);
    fputs(entry->type == DT_DIR ? "/\">" : "\">", out);
    put_html(out, entry->name);
    fputs(entry->type == DT_DIR ? "/</a></li>\n" : entry->type == DT_LNK ? "@</a></li>\n" : "</a></li>\n", out);
}

static void put_title(FILE *out, const char *name) {
    fputs("Directory listing for /", out);
    put_html(out, name);
}

static void put_page(FILE *out, const char *name, const struct entry *entries, size_t count, bool whole) {
    fputs("<!DOCTYPE HTML>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>", out);
    put_title(out, name);
    fputs("</title>\n</head>\n<body>\n<h1>", out);
    put_title(out, name);
    fputs("</h1>\n<hr>\n<ul>\n", out);
    size_t shown = 0;
    while (shown < count && ftell(out) < HTTPD_LISTING_BYTES) {
        put_entry(out, &entries[shown++]);
    }
    fputs(whole && shown == count ? "</ul>\n" : "</ul>\n<p>There are more, which are not shown.</p>\n", out);
    fputs("<hr>\n</body>\n</html>\n", out);
}

/* The page as a text of its own, to be freed; NULL: memory or descriptors are short. */
static char *make_page(int directory, const char *name, size_t *bytes) {
    char *page = NULL;
    bool whole = true;
    struct entry *entries = calloc(HTTPD_LISTING_ENTRIES, sizeof *entries);
    const int again = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = again < 0 ? NULL : fdopendir(again);
    FILE *out = entries == NULL || stream == NULL ? NULL : open_memstream(&page, bytes);
    size_t count = 0;
    if (out != NULL) {
        count = read_entries(stream, entries, &whole);
        qsort(entries, count, sizeof *entries, compare);
        put_page(out, name, entries, count, whole);
        if (fclose(out) != 0) {
            free(page);
            page = NULL;
        }
    }
    for (size_t i = 0; i < count; i++) {
        free(entries[i].name);
    }
    free(entries);
    if (stream != NULL) {
        closedir(stream);
    } else if (again >= 0) {
        close(again);
    }
    return page;
}

struct httpd_file *httpd_listing_new(int directory, const struct stat *info, const char *name, unsigned *live) {
    static const char fields[] = "Content-Type: text/html; charset=utf-8\r\n";
    size_t bytes = 0;
    char *page = make_page(directory, name, &bytes);
    struct httpd_file *file = page == NULL ? NULL : calloc(1, sizeof *file);
    if (file == NULL) {
        free(page);
        return NULL;
    }
    file->references = 1;
    file->fd = -1;
    file->info = *info;
    file->content = page;
    file->size_bytes = bytes;
    file->live = live;
    ++*live;
    memcpy(file->fields, fields, sizeof fields);
    return file;
}
