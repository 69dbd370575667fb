/* Forked children: the stack stays with the process that has it, and a child is told so once.
 *
 * A child has copies of the sockets' numbers and of this memory, but not of the threads; what it did with them would be heard
 * by no peer. So it is known as a child by a byte that fork wipes (MADV_WIPEONFORK, also of a fork without handlers), takes
 * no lock, and gets EBADF from every call that would need the stack. What it may do is what it does before exec: close the
 * numbers and set their flags. The library's own descriptors are closed in it, so that the device is as free as
 * the parent leaves it, and nothing that the parent had buffered for a pcap file is written twice.
 */
#define _GNU_SOURCE
#include "fork.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"
#include "tap/own.h"

static char plain_mark;          /* where the kernel cannot wipe: the handler does */
static char *mark = &plain_mark; /* 1 in the process that has the stack, 0 in a child */
static atomic_bool watched;      /* the stack is up, here or in the parent */
static pid_t owner;              /* whose it is */
static atomic_flag told = ATOMIC_FLAG_INIT;

/* In the child, after fork. A device that the program made itself is the program's to close. */
static void note_child(void) {
    if (atomic_load(&watched)) {
        *mark = 0;
        atomic_flag_clear(&told);
        tap_own_disclaim(posix_host.claimed_fd);
        tap_own_close_all();
    }
}

static void prepare(void) {
    long page_bytes = sysconf(_SC_PAGESIZE);
    char *page = mmap(NULL, (size_t)page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED && madvise(page, (size_t)page_bytes, MADV_WIPEONFORK) == 0) {
        mark = page;
    }
    pthread_atfork(NULL, NULL, note_child);
}

void posix_fork_watch(bool up) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare);
    *mark = 1;
    owner = getpid();
    atomic_store(&watched, up);
}

bool posix_fork_in_child(void) { return atomic_load_explicit(&watched, memory_order_acquire) && *mark == 0; }

bool posix_fork_elsewhere(void) { return posix_fork_in_child() || (atomic_load(&watched) && getpid() != owner); }

/* By write: stdio may be in the state in which some thread of the parent left it. */
void posix_fork_refuse(void) {
    static const char text[] =
        "tapir: this process was forked, and the stack stayed with its parent: calls on its sockets "
        "fail here (EBADF). Serve with threads, poll or epoll; or fork before the first socket.\n";
    if (!atomic_flag_test_and_set(&told)) {
        (void)!write(STDERR_FILENO, text, sizeof text - 1);
    }
}
