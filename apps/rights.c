/* Drops root, capabilities and the ways back to them. */
#include "rights.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "number.h"

#define NOBODY 65534 /* the kernel's own number for "none of the users here", and nobody's on every Linux */

/* Who to become. */
struct identity {
    uid_t uid;
    gid_t gid;
    const char *name; /* NULL: not asked for by name, and has no groups but gid */
};

/* sudo says who called it: the program is meant to read and write what that user may. */
static struct identity default_identity(void) {
    const char *uid_text = getenv("SUDO_UID");
    const char *gid_text = getenv("SUDO_GID");
    uint64_t uid = 0;
    uint64_t gid = 0;
    if (uid_text != NULL && gid_text != NULL && number_parse(uid_text, 1, UINT32_MAX - 1, &uid) &&
        number_parse(gid_text, 0, UINT32_MAX - 1, &gid)) {
        return (struct identity){.uid = (uid_t)uid, .gid = (gid_t)gid};
    }
    return (struct identity){.uid = NOBODY, .gid = NOBODY};
}

/* Changes the supplementary groups, the group and the user. 0 or -errno. */
static int become(const struct identity *who) {
    const gid_t gid = who->gid;
    /* The groups first: without root they could not be changed. */
    if ((who->name != NULL ? initgroups(who->name, gid) : setgroups(1, &gid)) != 0 || setresgid(gid, gid, gid) != 0 ||
        setresuid(who->uid, who->uid, who->uid) != 0) {
        return -errno;
    }
    return 0;
}

/* The bounding set limits what exec may give. Shrinking it takes a capability; without that, no_new_privs has the same
 * effect. */
static void drop_bounding_set(void) {
    for (unsigned long capability = 0; capability < 32UL * _LINUX_CAPABILITY_U32S_3; capability++) {
        prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    }
}

/* Dropping all of them is always allowed. */
static void drop_capabilities(void) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    syscall(SYS_capset, &head, none);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* As root: the user's identity. 0, or -errno and error. */
static int leave_root(const char *user, char *error, size_t size) {
    struct identity who = default_identity();
    if (user != NULL) {
        const struct passwd *entry = getpwnam(user);
        if (entry == NULL) {
            snprintf(error, size, "no user is called %s", user);
            return -EINVAL;
        }
        who = (struct identity){.uid = entry->pw_uid, .gid = entry->pw_gid, .name = user};
    }
    const int result = become(&who);
    if (result == 0 || (user == NULL && (result == -EINVAL || result == -EPERM))) {
        return 0;
    }
    snprintf(error, size, "cannot become user %s: %s", user == NULL ? "nobody" : user, strerror(-result));
    return -EPERM; /* EINVAL is about the name */
}

int rights_drop(const char *user, char *error, size_t size) {
    if (user != NULL && geteuid() != 0) {
        snprintf(error, size, "only root can become another user: --user %s", user);
        return -EPERM;
    }
    drop_bounding_set();
    const int result = geteuid() == 0 ? leave_root(user, error, size) : 0;
    drop_capabilities();
    return result;
}
