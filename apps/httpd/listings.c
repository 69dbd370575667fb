/* Listings are kept for a moment, one for all spellings of a directory's path: making one can take ten milliseconds.
 *
 * A directory is checked (fstat) before its listing is used again, so a new or removed name shows at once. What that cannot
 * show shows after HTTPD_CACHE_US at the latest. */
#include <stdlib.h>
#include <string.h>

#include "httpd/httpd.h"

/* Writes one name for all spellings of a directory's path, "" or with a slash at its end: RFC 3986 5.2.4, and without
 * empty segments. A link is not followed, so that ".." behind one is named wrongly, but never shown wrongly. */
static void name_directory(const char *path, char *name) {
    size_t len = 0;
    while (*path != '\0') {
        const size_t segment = strcspn(path, "/");
        if (segment == 2 && memcmp(path, "..", 2) == 0) {
            len -= len > 0 ? 1 : 0;
            while (len > 0 && name[len - 1] != '/') {
                len--;
            }
        } else if (segment > 1 || (segment == 1 && *path != '.')) {
            memcpy(name + len, path, segment);
            name[len + segment] = '/';
            len += segment + 1;
        }
        path += segment;
        path += strspn(path, "/");
    }
    name[len] = '\0';
}

static void drop(struct httpd_listing *listing) {
    httpd_file_release(listing->file);
    free(listing->name);
    *listing = (struct httpd_listing){0};
}

static bool is_over(const struct httpd_listing *listing, uint64_t now_us) {
    return now_us - listing->made_us >= HTTPD_CACHE_US;
}

/* The place of the listing with this name; NULL: there is none that is good still. */
static struct httpd_listing *find(struct httpd_listings *listings, const struct stat *info, const char *name,
                                  uint64_t now_us) {
    for (size_t i = 0; i < HTTPD_LISTINGS_MAX; i++) {
        struct httpd_listing *listing = &listings->kept[i];
        if (listing->file == NULL || strcmp(listing->name, name) != 0) {
            continue;
        }
        if (!is_over(listing, now_us) && httpd_file_is_same(listing->file, info)) {
            return listing;
        }
        drop(listing);
    }
    return NULL;
}

/* When there are as many listings as allowed, the oldest that is not being sent is dropped. */
static void make_room(struct httpd_listings *listings) {
    struct httpd_listing *oldest = NULL;
    for (size_t i = 0; i < HTTPD_LISTINGS_MAX && listings->live >= HTTPD_LISTINGS_MAX; i++) {
        struct httpd_listing *listing = &listings->kept[i];
        const bool idle = listing->file != NULL && listing->file->references == 1;
        oldest = idle && (oldest == NULL || listing->made_us < oldest->made_us) ? listing : oldest;
    }
    if (oldest != NULL) {
        drop(oldest);
    }
}

/* Without memory for its name it is not kept. A place is free: fewer are kept than there are. */
static void keep(struct httpd_listings *listings, struct httpd_file *file, const char *name, uint64_t now_us) {
    char *copy = httpd_file_is_settled(file) ? strdup(name) : NULL;
    for (size_t i = 0; i < HTTPD_LISTINGS_MAX && copy != NULL; i++) {
        struct httpd_listing *listing = &listings->kept[i];
        if (listing->file == NULL) {
            *listing = (struct httpd_listing){.file = httpd_file_share(file), .name = copy, .made_us = now_us};
            return;
        }
    }
    free(copy);
}

struct httpd_file *httpd_listings_get(struct httpd_listings *listings, int directory, const struct stat *info,
                                      const char *path, uint64_t now_us) {
    char name[HTTPD_TARGET_MAX + 2];
    name_directory(path, name);
    const struct httpd_listing *found = find(listings, info, name, now_us);
    if (found != NULL) {
        return httpd_file_share(found->file);
    }
    make_room(listings);
    if (listings->live >= HTTPD_LISTINGS_MAX) {
        return NULL;
    }
    listings->made++;
    struct httpd_file *file = httpd_listing_new(directory, info, name, &listings->live);
    if (file != NULL) {
        keep(listings, file, name, now_us);
    }
    return file;
}

uint64_t httpd_listings_sweep(struct httpd_listings *listings, uint64_t now_us) {
    uint64_t next_us = UINT64_MAX;
    for (size_t i = 0; i < HTTPD_LISTINGS_MAX && listings->live > 0; i++) {
        struct httpd_listing *listing = &listings->kept[i];
        if (listing->file != NULL && is_over(listing, now_us)) {
            drop(listing);
        }
        if (listing->file != NULL && listing->made_us + HTTPD_CACHE_US - now_us < next_us) {
            next_us = listing->made_us + HTTPD_CACHE_US - now_us;
        }
    }
    return next_us;
}

void httpd_listings_clear(struct httpd_listings *listings) {
    for (size_t i = 0; i < HTTPD_LISTINGS_MAX; i++) {
        if (listings->kept[i].file != NULL) {
            drop(&listings->kept[i]);
        }
    }
}
