/* Sending and receiving, in the stack's terms. */
#ifndef POSIX_TRANSFER_H
#define POSIX_TRANSFER_H

#include <sys/socket.h>
#include <sys/uio.h>

#include <tapir/sock.h>

#include "descriptors.h"

#define TRANSFER_MAX_BYTES 0x7ffff000U /* Linux moves no more in one call */

/* sendmsg and recvmsg in the stack's terms, blocking as the descriptor and the flags (MSG_*) say. msg->iov_count
 * counts iov, which is consumed. Bytes, or -errno: what the stack says, -EAGAIN, -EINTR, -EBADF, or -EOPNOTSUPP for
 * the flags. `later`: the application's call has progress to report already, so a pending error that stops it is told here
 * but stays for the next call. */
int64_t posix_transfer_send(struct descriptor *descriptor, struct tapir_msg *msg, struct tapir_iovec *iov, int flags,
                            bool later);
int64_t posix_transfer_recv(struct descriptor *descriptor, struct tapir_msg *msg, struct tapir_iovec *iov, int flags,
                            bool later);

/* Reads where a message is to go into msg->peer. Linux forgives a forgotten family, but not to ping sockets; on a stream,
 * with MSG_FASTOPEN, AF_UNSPEC is -EOPNOTSUPP. 0, -EFAULT, -EINVAL or -EAFNOSUPPORT. */
int posix_transfer_peer(const struct descriptor *descriptor, const struct sockaddr *address, socklen_t size,
                        struct tapir_msg *msg);

/* Copies the pieces, cutting their sum at what Linux moves in one call: 0, -EFAULT, or -EINVAL (a length beyond
 * SSIZE_MAX). With `discard` the bases do not matter. */
int posix_transfer_pieces(const struct iovec *pieces, size_t count, bool discard, struct tapir_iovec *iov);

/* The result of a public send call: raises SIGPIPE where it is due, sets errno. */
ssize_t posix_transfer_sent(int64_t result, bool stream, int flags);

#endif
