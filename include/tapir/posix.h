/* Makes plain socket code use the stack: compile it with `-include tapir/posix.h`, or add this one line to it.
 *
 * The system's headers come first, so that their own declarations are not touched; from here on the plain names
 * mean the stack's calls. They are object-like macros: taking a function's address (a table of callbacks) works
 * too, and a struct member of the same name is renamed alike everywhere in the file. No call sets anything up:
 * the first socket() does, from the environment (see tapir_socket in <tapir/socket.h>).
 *
 * Put before a file, -include also comes before its own feature macros: what `#define _GNU_SOURCE` in it should bring
 * is to be asked for on the command line (-D_GNU_SOURCE).
 *
 * Left to the C library: socketpair, whose descriptors are the kernel's and work in every call below.
 */
#ifndef TAPIR_POSIX_H
#define TAPIR_POSIX_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tapir/socket.h>

#define socket tapir_socket
#define bind tapir_bind
#define listen tapir_listen
#define accept tapir_accept
#define accept4 tapir_accept4
#define connect tapir_connect
#define shutdown tapir_shutdown
#define close tapir_close
#define close_range tapir_close_range
#define closefrom tapir_closefrom
#define dup tapir_dup
#define fdopen tapir_fdopen
#define fileno tapir_fileno
#define dprintf tapir_dprintf
#define vdprintf tapir_vdprintf
#define dup2 tapir_dup2
#define dup3 tapir_dup3
#define getsockname tapir_getsockname
#define getpeername tapir_getpeername
#define send tapir_send
#define recv tapir_recv
#define sendto tapir_sendto
#define recvfrom tapir_recvfrom
#define sendmsg tapir_sendmsg
#define sendmmsg tapir_sendmmsg
#define recvmmsg tapir_recvmmsg
#define sendfile tapir_sendfile
#define lseek tapir_lseek
#define isatty tapir_isatty
#define sockatmark tapir_sockatmark
#define recvmsg tapir_recvmsg
#define read tapir_read
#define write tapir_write
#define readv tapir_readv
#define writev tapir_writev
#define getsockopt tapir_getsockopt
#define setsockopt tapir_setsockopt
#define fcntl tapir_fcntl
#define ioctl tapir_ioctl
#define poll tapir_poll
#define ppoll tapir_ppoll
#define select tapir_select
#define pselect tapir_pselect
#define epoll_create tapir_epoll_create
#define epoll_create1 tapir_epoll_create1
#define epoll_pwait tapir_epoll_pwait
#define epoll_pwait2 tapir_epoll_pwait2
#define epoll_ctl tapir_epoll_ctl
#define epoll_wait tapir_epoll_wait
#define getaddrinfo tapir_getaddrinfo
#define freeaddrinfo tapir_freeaddrinfo

#endif
