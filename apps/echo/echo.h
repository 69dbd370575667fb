/* An echo server in the classic designs: each takes its socket, runs until common_stopped, and may be read alone. */
#ifndef APPS_ECHO_ECHO_H
#define APPS_ECHO_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One connection after the other, with blocking calls. 0, or -1 after printing why; borrows the socket, as all do. */
int echo_iterative_serve(int listener);

/* A thread for each connection, with blocking calls. */
int echo_threads_serve(int listener);

/* One thread, every socket in one tapir_poll. */
int echo_poll_serve(int listener);

/* One thread, every socket in one epoll set. */
int echo_epoll_serve(int listener);

/* Datagrams; one socket does for all peers. */
int echo_udp_serve(int fd, uint16_t own_port);

/* May a datagram from this port be answered? Not if the answer would be answered in turn, for ever (U4). */
bool echo_udp_may_answer(uint16_t source_port, uint16_t own_port);

/* Copies from the connection to itself until its end or common_stopped, with blocking calls; closes it. */
void echo_blocking_session(int fd);

/* A connection of the designs that never block. */
struct echo_session {
    struct echo_session *next, *previous; /* for use by the server that holds it */
    int fd;
    size_t start, end; /* what waits in buffer to be sent */
    bool ended;        /* the peer has sent its FIN */
    char buffer[65536];
};

/* Gives a session for an accepted, non-blocking socket, which it takes; NULL, and the socket closed: memory is short. */
struct echo_session *echo_session_new(int fd);

/* Moves what can be moved now. POLLIN or POLLOUT: call again then; 0: it is over, free it. */
short echo_session_pump(struct echo_session *session);

/* Takes the session and closes its socket. NULL is allowed. */
void echo_session_free(struct echo_session *session);

#endif
