/* PUT: a file arrives without a name, and takes its place only when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

#include "httpd/httpd.h"

#define FILE_MODE 0644
#define TEMPORARY ".tapir-upload-"
#define DESCRIPTOR_PATH_BYTES 32

static void forget(struct httpd_upload *upload) {
    if (upload->file >= 0) {
        close(upload->file);
    }
    if (upload->parent >= 0) {
        close(upload->parent);
    }
    upload->file = upload->parent = -1;
    upload->named = false;
}

/* Also on a file system that ignores case. */
bool httpd_upload_is_temporary(const char *path) {
    const char *slash = strrchr(path, '/');
    return strncasecmp(slash == NULL ? path : slash + 1, TEMPORARY, sizeof TEMPORARY - 1) == 0;
}

/* Splits path into its directory, opened below root, and its last name. 0 or an HTTP status. */
static int open_parent(struct httpd_upload *upload, int root, const char *path) {
    char directory[HTTPD_TARGET_MAX + 1];
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return 409; /* a directory's name: there is something, and no file can take its place */
    }
    if (strlen(name) >= sizeof upload->name) {
        return 414;
    }
    if (httpd_upload_is_temporary(name)) {
        return 403;
    }
    memcpy(upload->name, name, strlen(name) + 1);
    const size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    memcpy(directory, path, len);
    directory[len] = '\0';
    const int fd = httpd_path_open(root, len == 0 ? "." : directory, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) {
        return httpd_path_status(-fd);
    }
    upload->parent = fd;
    return 0;
}

/* The way to link a file that has no name: proc(5). */
static const char *descriptor_path(const struct httpd_upload *upload, char text[DESCRIPTOR_PATH_BYTES]) {
    snprintf(text, DESCRIPTOR_PATH_BYTES, "/proc/self/fd/%d", upload->file);
    return text;
}

/* A file without a name is gone with its last descriptor, however the program ends. It needs a file system that has
 * such files, and /proc to give them a name. 0 or a negative errno. */
static int open_nameless(struct httpd_upload *upload) {
    char text[DESCRIPTOR_PATH_BYTES];
    upload->file = openat(upload->parent, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, FILE_MODE);
    if (upload->file < 0) {
        return -errno;
    }
    if (access(descriptor_path(upload, text), F_OK) != 0) {
        close(upload->file);
        upload->file = -1;
        return -ENOENT;
    }
    return 0;
}

/* Makes a name that nobody can predict. 0 or a negative errno. */
static int choose_temporary(struct httpd_upload *upload) {
    uint64_t number[2];
    if (getrandom(number, sizeof number, 0) != (ssize_t)sizeof number) {
        return -EAGAIN;
    }
    snprintf(upload->temporary, sizeof upload->temporary, TEMPORARY "%016" PRIx64 "%016" PRIx64, number[0], number[1]);
    return 0;
}

static int open_named(struct httpd_upload *upload) {
    const int result = choose_temporary(upload);
    if (result != 0) {
        return result;
    }
    upload->file = openat(upload->parent, upload->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    upload->named = upload->file >= 0;
    return upload->file < 0 ? -errno : 0;
}

int httpd_upload_begin(struct httpd_upload *upload, int root, const char *path) {
    struct stat old;
    const bool without_names = !upload->named;
    upload->named = false;
    const int status = open_parent(upload, root, path);
    if (status != 0) {
        return status;
    }
    upload->exists = fstatat(upload->parent, upload->name, &old, AT_SYMLINK_NOFOLLOW) == 0;
    upload->old_modified = upload->exists ? old.st_mtime : 0;
    if (upload->exists && S_ISDIR(old.st_mode)) {
        forget(upload);
        return 409;
    }
    if (without_names && open_nameless(upload) == 0) {
        return 0;
    }
    const int result = open_named(upload);
    if (result != 0) {
        forget(upload);
    }
    return result == 0 ? 0 : httpd_path_status(-result);
}

int httpd_upload_write(struct httpd_upload *upload, const char *data, size_t bytes) {
    size_t done = 0;
    while (done < bytes) {
        const ssize_t n = write(upload->file, data + done, bytes - done);
        if (n < 0 && errno != EINTR) {
            const int status = httpd_path_status(errno);
            httpd_upload_abort(upload);
            return status;
        }
        done += n < 0 ? 0 : (size_t)n;
    }
    return 0;
}

/* Gives the nameless file a name. 0 or a negative errno. */
static int link_as(const struct httpd_upload *upload, const char *name) {
    char text[DESCRIPTOR_PATH_BYTES];
    return linkat(AT_FDCWD, descriptor_path(upload, text), upload->parent, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : -errno;
}

/* Puts the file where there is none yet. 0 or a negative errno, -EEXIST if there is one. */
static int place_new(const struct httpd_upload *upload) {
    if (!upload->named) {
        return link_as(upload, upload->name);
    }
    return renameat2(upload->parent, upload->temporary, upload->parent, upload->name, RENAME_NOREPLACE) == 0 ? 0
                                                                                                             : -errno;
}

/* Puts it in the place of one that is there, of which a link cannot be made: only a rename replaces. It replaces a
 * symbolic link itself, not what that points at. 0 or a negative errno. */
static int replace_old(struct httpd_upload *upload) {
    if (!upload->named) {
        int result = choose_temporary(upload);
        result = result != 0 ? result : link_as(upload, upload->temporary);
        if (result != 0) {
            return result;
        }
        upload->named = true;
    }
    return renameat(upload->parent, upload->temporary, upload->parent, upload->name) == 0 ? 0 : -errno;
}

/* A link and a rename are atomic: a reader finds the old file or the new one, never a part. It is no promise about a
 * power cut, for which the data would have to be synced first. */
int httpd_upload_commit(struct httpd_upload *upload) {
    const bool was_there = faccessat(upload->parent, upload->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    int status = was_there ? 204 : 201;
    if (was_there ? upload->only_new : upload->only_old) {
        httpd_upload_abort(upload);
        return 412;
    }
    int result = was_there ? replace_old(upload) : place_new(upload);
    if (result == -EEXIST && upload->only_new) {
        httpd_upload_abort(upload);
        return 412;
    }
    /* A file has appeared meanwhile, or the file system cannot rename without replacing. */
    if (!was_there && (result == -EEXIST || (result == -EINVAL && !upload->only_new))) {
        status = result == -EEXIST ? 204 : 201;
        result = replace_old(upload);
    }
    if (result != 0) {
        httpd_upload_abort(upload);
        return httpd_path_status(-result);
    }
    forget(upload);
    return status;
}

void httpd_upload_abort(struct httpd_upload *upload) {
    if (upload->parent >= 0 && upload->named) {
        unlinkat(upload->parent, upload->temporary, 0);
    }
    forget(upload);
}
