/* Opened files, shared by all responses that send them: their descriptor, header lines and, if small, content. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "httpd/httpd.h"

/* Reads a small file whole. NULL: memory is short, or the file is not what it was; then it is read piece by piece. */
static char *read_whole(int fd, size_t bytes) {
    char *content = malloc(bytes);
    if (content != NULL && pread(fd, content, bytes, 0) != (ssize_t)bytes) {
        free(content);
        return NULL;
    }
    return content;
}

struct httpd_file *httpd_file_new(int fd, const struct stat *info, const char *type) {
    struct httpd_file *file = calloc(1, sizeof *file);
    if (file == NULL) {
        close(fd);
        return NULL;
    }
    file->references = 1;
    file->fd = fd;
    file->info = *info;
    file->size_bytes = (uint64_t)info->st_size;
    if (file->size_bytes > 0 && file->size_bytes <= HTTPD_SMALL_FILE_BYTES) {
        file->content = read_whole(fd, (size_t)file->size_bytes);
    }
    char date[HTTPD_DATE_BYTES];
    /* RFC 9110 8.8.2.1: a date must not be in the future. */
    const time_t now = time(NULL);
    file->has_date = true;
    file->modified = info->st_mtime < now ? info->st_mtime : now;
    snprintf(file->fields, sizeof file->fields, "Last-Modified: %s\r\nContent-Type: %s\r\nAccept-Ranges: bytes\r\n",
             httpd_date_format(file->modified, date), type);
    return file;
}

struct httpd_file *httpd_file_share(struct httpd_file *file) {
    file->references++;
    return file;
}

void httpd_file_release(struct httpd_file *file) {
    if (file == NULL || --file->references > 0) {
        return;
    }
    if (file->fd >= 0) {
        close(file->fd);
    }
    if (file->live != NULL) {
        --*file->live;
    }
    free(file->content);
    free(file);
}

static bool same_time(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* A write sets both times. Replacing or removing a file changes its link count, which sets the second. */
bool httpd_file_is_same(const struct httpd_file *file, const struct stat *info) {
    const struct stat *was = &file->info;
    return info->st_dev == was->st_dev && info->st_ino == was->st_ino && info->st_size == was->st_size &&
           same_time(&info->st_mtim, &was->st_mtim) && same_time(&info->st_ctim, &was->st_ctim);
}

bool httpd_file_is_unchanged(const struct httpd_file *file) {
    struct stat info;
    return fstat(file->fd, &info) == 0 && httpd_file_is_same(file, &info);
}

/* The clock of a file system ticks every few milliseconds: of two changes within a tick the second cannot be seen. */
bool httpd_file_is_settled(const struct httpd_file *file) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t changed_us = (int64_t)file->info.st_ctim.tv_sec * 1000000 + file->info.st_ctim.tv_nsec / 1000;
    const int64_t now_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    return now_us - changed_us >= HTTPD_SETTLED_US;
}
