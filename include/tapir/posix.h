/* Makes plain socket code use the stack: compile it with `-include tapir/posix.h`, or begin it with this one line.
 *
 * The plain names get the linker names of the stack's calls, wherever a header declares them later: the header includes nothing,
 * so that a file's own feature macros, config.h and choice of headers mean what they meant before. Only the C
 * library's functions are renamed: not members, variables or macros that have one of their names, and in C++ no method. Taking a
 * function's address (a table of callbacks) works too. No call sets anything up: the first socket() does, from the environment
 * (see tapir_socket in <tapir/socket.h>).
 *
 * Where it comes after the system's headers (C alone: GCC's C++ would not hear of it any more), those must not have been told to
 * fortify. Before them it turns that off for this file: _FORTIFY_SOURCE makes inline functions of read, recv and poll that call the
 * C library by its own linker names. Files of more than 2 GB (_FILE_OFFSET_BITS) have such names too, which the assembler
 * redirects; that does not go together with -flto.
 *
 * Left to the C library: socketpair, whose descriptors are the kernel's and work in every call below; gethostbyname and
 * getnameinfo, which ask the host's resolver; fstat and isfdtype, which find a socket; and calls that are for files (pread, fsync),
 * or that the stack has not (splice): those fail with EBADF.
 */
#if !defined TAPIR_POSIX_H && !defined __ASSEMBLER__
#define TAPIR_POSIX_H
#pragma GCC system_header

#if defined _FEATURES_H && defined __cplusplus
#error "<tapir/posix.h> comes before the system's headers in C++"
#elif defined __USE_FORTIFY_LEVEL && __USE_FORTIFY_LEVEL > 0
#error "<tapir/posix.h> comes before the system's headers where _FORTIFY_SOURCE is on"
#endif
#undef _FORTIFY_SOURCE
#define _FORTIFY_SOURCE 0

#ifdef __clang__ /* would warn of each variable that has such a name and is, rightly, not renamed */
#pragma clang diagnostic ignored "-Wpragmas"
#endif

/* Sockets. */
#pragma redefine_extname socket tapir_socket
#pragma redefine_extname bind tapir_bind
#pragma redefine_extname listen tapir_listen
#pragma redefine_extname accept tapir_accept
#pragma redefine_extname accept4 tapir_accept4
#pragma redefine_extname connect tapir_connect
#pragma redefine_extname shutdown tapir_shutdown
#pragma redefine_extname getsockname tapir_getsockname
#pragma redefine_extname getpeername tapir_getpeername
#pragma redefine_extname getsockopt tapir_getsockopt
#pragma redefine_extname setsockopt tapir_setsockopt
#pragma redefine_extname sockatmark tapir_sockatmark

/* Descriptors. */
#pragma redefine_extname close tapir_close
#pragma redefine_extname close_range tapir_close_range
#pragma redefine_extname closefrom tapir_closefrom
#pragma redefine_extname dup tapir_dup
#pragma redefine_extname dup2 tapir_dup2
#pragma redefine_extname dup3 tapir_dup3
#pragma redefine_extname fcntl tapir_fcntl
#pragma redefine_extname ioctl tapir_ioctl
#pragma redefine_extname isatty tapir_isatty
#pragma redefine_extname lseek tapir_lseek

/* Data. */
#pragma redefine_extname send tapir_send
#pragma redefine_extname recv tapir_recv
#pragma redefine_extname sendto tapir_sendto
#pragma redefine_extname recvfrom tapir_recvfrom
#pragma redefine_extname sendmsg tapir_sendmsg
#pragma redefine_extname recvmsg tapir_recvmsg
#pragma redefine_extname sendmmsg tapir_sendmmsg
#pragma redefine_extname recvmmsg tapir_recvmmsg
#pragma redefine_extname read tapir_read
#pragma redefine_extname write tapir_write
#pragma redefine_extname readv tapir_readv
#pragma redefine_extname writev tapir_writev
#pragma redefine_extname sendfile tapir_sendfile
#pragma redefine_extname fdopen tapir_fdopen
#pragma redefine_extname fileno tapir_fileno
#pragma redefine_extname freopen tapir_freopen
#pragma redefine_extname dprintf tapir_dprintf
#pragma redefine_extname vdprintf tapir_vdprintf

/* Readiness. */
#pragma redefine_extname poll tapir_poll
#pragma redefine_extname ppoll tapir_ppoll
#pragma redefine_extname select tapir_select
#pragma redefine_extname pselect tapir_pselect
#pragma redefine_extname epoll_create tapir_epoll_create
#pragma redefine_extname epoll_create1 tapir_epoll_create1
#pragma redefine_extname epoll_ctl tapir_epoll_ctl
#pragma redefine_extname epoll_wait tapir_epoll_wait
#pragma redefine_extname epoll_pwait tapir_epoll_pwait
#pragma redefine_extname epoll_pwait2 tapir_epoll_pwait2

/* Names. */
#pragma redefine_extname getaddrinfo tapir_getaddrinfo
#pragma redefine_extname freeaddrinfo tapir_freeaddrinfo

/* The end of the process. */
#pragma redefine_extname _exit tapir__exit
#pragma redefine_extname _Exit tapir__Exit

/* What <fcntl.h>, <stdio.h>, <sys/sendfile.h> and <unistd.h> call the same functions with _FILE_OFFSET_BITS=64. */
__asm__(".set fcntl64, tapir_fcntl");
__asm__(".set freopen64, tapir_freopen");
__asm__(".set sendfile64, tapir_sendfile");
__asm__(".set lseek64, tapir_lseek");

#endif
