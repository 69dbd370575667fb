/* Files that targets named a moment ago, so that a popular file is not opened for each request.
 *
 * A file is checked (fstat) each time before it is used, so a change shows at once. What that cannot show, such as a link or
 * a directory in its path that has changed, shows after HTTPD_CACHE_US at the latest. */
#include <string.h>

#include "httpd/httpd.h"

/* FNV-1a with a secret multiplier, of which the high bits are well mixed. */
static struct httpd_cached *set_of(struct httpd_cache *cache, const char *target, size_t len) {
    const uint64_t multiplier = cache->key | 1;
    uint64_t hash = multiplier;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)target[i]) * multiplier;
    }
    return cache->sets[(hash >> 32) % HTTPD_CACHE_SETS];
}

static void empty(struct httpd_cache *cache, struct httpd_cached *entry) {
    if (entry->file != NULL) {
        httpd_file_release(entry->file);
        entry->file = NULL;
        cache->kept--;
    }
}

static bool is_over(const struct httpd_cached *entry, uint64_t now_us) {
    return now_us - entry->opened_us >= HTTPD_CACHE_US;
}

struct httpd_file *httpd_cache_find(struct httpd_cache *cache, const char *target, size_t len, uint64_t now_us) {
    struct httpd_cached *set = set_of(cache, target, len);
    for (size_t i = 0; i < HTTPD_CACHE_WAYS; i++) {
        struct httpd_cached *entry = &set[i];
        if (entry->file == NULL || entry->target_len != len || memcmp(entry->target, target, len) != 0) {
            continue;
        }
        if (!is_over(entry, now_us) && httpd_file_is_unchanged(entry->file)) {
            return httpd_file_share(entry->file);
        }
        empty(cache, entry);
        return NULL;
    }
    return NULL;
}

void httpd_cache_keep(struct httpd_cache *cache, const char *target, size_t len, struct httpd_file *file,
                      uint64_t now_us) {
    struct httpd_cached *set = set_of(cache, target, len);
    struct httpd_cached *oldest = set;
    if (len > sizeof set->target || !httpd_file_is_settled(file)) {
        return;
    }
    for (size_t i = 0; i < HTTPD_CACHE_WAYS && oldest->file != NULL; i++) {
        oldest = set[i].file == NULL || set[i].opened_us < oldest->opened_us ? &set[i] : oldest;
    }
    empty(cache, oldest);
    if (cache->kept >= cache->kept_max) {
        return;
    }
    oldest->file = httpd_file_share(file);
    oldest->opened_us = now_us;
    oldest->target_len = len;
    memcpy(oldest->target, target, len);
    if (cache->kept++ == 0) {
        cache->sweep_us = now_us + HTTPD_CACHE_US;
    }
}

/* All at once, about once per second: neither a removed file nor one that nobody asks for may stay open for long. */
uint64_t httpd_cache_sweep(struct httpd_cache *cache, uint64_t now_us) {
    if (cache->kept == 0) {
        return UINT64_MAX;
    }
    if (now_us >= cache->sweep_us) {
        for (unsigned i = 0; i < HTTPD_CACHE_FILES; i++) {
            struct httpd_cached *entry = &cache->sets[i / HTTPD_CACHE_WAYS][i % HTTPD_CACHE_WAYS];
            if (is_over(entry, now_us)) {
                empty(cache, entry);
            }
        }
        cache->sweep_us = now_us + HTTPD_CACHE_US;
    }
    return cache->kept == 0 ? UINT64_MAX : cache->sweep_us - now_us;
}

void httpd_cache_clear(struct httpd_cache *cache) {
    for (unsigned i = 0; i < HTTPD_CACHE_FILES; i++) {
        empty(cache, &cache->sets[i / HTTPD_CACHE_WAYS][i % HTTPD_CACHE_WAYS]);
    }
}
