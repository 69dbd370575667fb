/* PUT: a file arrives under a temporary name, and takes its place only when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "httpd/httpd.h"

#define NAME_TRIES 100

static void forget(struct httpd_upload *upload) {
    if (upload->file >= 0) {
        close(upload->file);
    }
    if (upload->parent >= 0) {
        close(upload->parent);
    }
    upload->file = upload->parent = -1;
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

/* Creates a file under a name that nobody has. 0 or an HTTP status. */
static int open_temporary(struct httpd_upload *upload) {
    for (unsigned i = 0; i < NAME_TRIES; i++) {
        snprintf(upload->temporary, sizeof upload->temporary, ".tapir-upload-%d-%d-%u", (int)getpid(), upload->parent,
                 i);
        upload->file = openat(upload->parent, upload->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (upload->file >= 0) {
            return 0;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return httpd_path_status(errno);
}

int httpd_upload_begin(struct httpd_upload *upload, int root, const char *path) {
    struct stat old;
    int status = open_parent(upload, root, path);
    if (status != 0) {
        return status;
    }
    upload->replaces = fstatat(upload->parent, upload->name, &old, AT_SYMLINK_NOFOLLOW) == 0;
    status = upload->replaces && S_ISDIR(old.st_mode) ? 409 : open_temporary(upload);
    if (status != 0) {
        forget(upload);
    }
    return status;
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

/* rename is atomic: a reader finds the old file or the new one, never a part. It is no promise about a power cut,
 * for which the data would have to be synced first. */
int httpd_upload_commit(struct httpd_upload *upload) {
    /* rename replaces a link itself, not what it points at. */
    if (renameat(upload->parent, upload->temporary, upload->parent, upload->name) != 0) {
        const int status = httpd_path_status(errno);
        httpd_upload_abort(upload);
        return status;
    }
    forget(upload);
    return upload->replaces ? 204 : 201;
}

void httpd_upload_abort(struct httpd_upload *upload) {
    if (upload->parent >= 0) {
        unlinkat(upload->parent, upload->temporary, 0);
    }
    forget(upload);
}
