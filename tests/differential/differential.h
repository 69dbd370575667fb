/* Random programs of socket calls, run once on the kernel and once on Tapir: what the parts share.
 *
 * A program is a list of steps made from a seed. It runs on one host, 10.0.0.2, which has a loopback interface and a wire with a
 * scripted peer, 10.0.0.1. After each step the run writes down what the call said, and once all is quiet what every socket of the
 * program is ready for, its TCP state, and what the peer has seen. The kernel's run comes first; Tapir's has to say the same.
 */
#ifndef DIFFERENTIAL_H
#define DIFFERENTIAL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <pcap/pcap.h>

enum {
    SLOTS = 8,         /* descriptors that a program has at a time */
    THREADS = 2,       /* of its threads that block */
    STEPS_MAX = 96,    /* of one program */
    FLOWS = 4,         /* connections of the peer */
    LINE_BYTES = 1024, /* of a record */
    DATA_MAX = 4000,   /* bytes of a send or a receive */
};

/* --- programs: program.c --- */

enum step_kind {
    STEP_SOCKET,
    STEP_BIND,
    STEP_LISTEN,
    STEP_CONNECT,
    STEP_ACCEPT,
    STEP_SEND,
    STEP_SENDTO,
    STEP_RECV,
    STEP_SHUTDOWN,
    STEP_CLOSE,
    STEP_DUP,
    STEP_SET,
    STEP_GET,
    STEP_NAMES,
    STEP_IOCTL,
    STEP_FCNTL,
    STEP_POLL,
    STEP_SELECT,
    STEP_EPOLL_CREATE,
    STEP_EPOLL_CTL,
    STEP_EPOLL_WAIT,
    STEP_BLOCK,  /* a thread makes a call that waits */
    STEP_SIGNAL, /* a signal for that thread */
    STEP_PEER,
    STEP_KINDS
};

/* `slot` is the descriptor it is about, `other` a second one; what a, b and c mean is the step's own. */
struct step {
    enum step_kind kind;
    unsigned slot, other;
    uint32_t a, b, c;
};

struct program {
    uint64_t seed;
    unsigned count;
    struct step steps[STEPS_MAX];
};

void program_make(struct program *program, uint64_t seed);

/* The step as a call, into text[size]. */
void step_print(const struct step *step, char *text, size_t size);

/* --- hosts: host.c --- */

/* The calls of one of the two. */
#define CALLS(X)   \
    X(socket)      \
    X(bind)        \
    X(listen)      \
    X(accept4)     \
    X(connect)     \
    X(shutdown)    \
    X(getsockname) \
    X(getpeername) \
    X(getsockopt)  \
    X(setsockopt)  \
    X(close)       \
    X(dup)         \
    X(send)        \
    X(recv)        \
    X(sendto)      \
    X(recvfrom)    \
    X(sendmsg)     \
    X(recvmsg) X(read) X(write) X(readv) X(writev) X(poll) X(select) X(epoll_create1) X(epoll_ctl) X(epoll_wait)
#define AS_MEMBER(name) __typeof__(&name) name;
struct host {
    bool is_tapir;
    int wire; /* a datagram is a frame; the peer's end */
    CALLS(AS_MEMBER)
    int (*ioctl)(int fd, unsigned long request, ...);
    int (*fcntl)(int fd, int command, ...);
};

/* Brings the host up, in this process; false with a line on stderr. The kernel's is a new network namespace. */
bool host_up_kernel(struct host *host);
bool host_up_tapir(struct host *host);
void host_down(struct host *host);

/* --- the peer: peer.c --- */

enum peer_act {
    PEER_SYN,  /* opens a connection to port b */
    PEER_DATA, /* b bytes */
    PEER_FIN,
    PEER_RST,
    PEER_WINDOW,   /* offers b bytes from now on */
    PEER_POLICY,   /* b: one of the below */
    PEER_URGENT,   /* b bytes, of which the last is urgent */
    PEER_GAP,      /* b bytes whose first half comes last */
    PEER_ICMP,     /* an error about what the host sent last: type b, code c */
    PEER_DATAGRAM, /* b bytes to port c */
    PEER_ACTS
};
enum peer_policy { POLICY_ANSWER, POLICY_REFUSE, POLICY_SILENT, POLICY_HOLD_ACKS, POLICIES };

/* A connection as the peer has it. */
struct flow {
    bool used, established, fin_seen, rst_seen, fin_sent;
    uint16_t port, host_port;
    uint32_t snd_nxt, rcv_nxt;
    size_t received;
};

struct peer {
    int wire;
    pcap_dumper_t *capture; /* or NULL */
    bool knows_host;
    uint8_t host_mac[6];
    enum peer_policy policy;
    uint16_t window;
    unsigned flow_count, datagrams, unreachables;
    struct flow flows[FLOWS];
    uint8_t last[64]; /* the beginning of the IP datagram that came last */
    size_t last_len;
};

/* Learns where the host is. False: it does not answer. What passes the wire goes to the file too, if it is not NULL; kept. */
bool peer_init(struct peer *peer, int wire, pcap_dumper_t *file);
/* Takes what has come and answers it. How many frames it was. */
unsigned peer_take(struct peer *peer);
/* `flow`: which of its connections, newest first. */
void peer_act(struct peer *peer, enum peer_act act, unsigned flow, uint32_t b, uint32_t c);
/* What it has seen, into text[size]. */
void peer_print(const struct peer *peer, char *text, size_t size);

/* --- a run: run.c, calls.c, options.c, blocked.c --- */

struct blocked;

struct run {
    const struct host *host;
    struct peer peer;
    int fds[SLOTS];                                 /* -1: none */
    bool is_set[SLOTS];                             /* an epoll set */
    unsigned descriptions[SLOTS], next_description; /* what several numbers may share (dup) */
    unsigned busy[STEPS_MAX + 2];                   /* by description: the threads that wait in a call on it */
    struct blocked *blocked;                        /* THREADS of them */
    uint32_t sent_bytes;                            /* gives each byte its value */
    uint16_t ports[4];                              /* that a program may ask for by name */
    /* What the kernel said, line by line; NULL in the kernel's own run. */
    char *const *expected;
    unsigned expected_count, at;
    bool traced; /* write the call before each line of the kernel's */
    FILE *out;   /* the kernel's lines; or of Tapir's run what differs */
};

enum run_end { RUN_SAME, RUN_DIFFERS, RUN_EXCUSED };

/* Runs the program. In Tapir's run it ends with the first difference: RUN_EXCUSED, if differences.c argues for it. */
enum run_end run_program(struct run *run, const struct program *program);

/* Does one step; what it said goes into text[size]. */
void call_step(struct run *run, const struct step *step, char *text, size_t size);
/* Whether the slot has a connected datagram socket, with which no further connect is compared. */
bool call_keeps_its_source(const struct run *run, unsigned slot);
/* Gives a descriptor that a thread has accepted a slot, or closes it. */
void call_keep(struct run *run, int fd);
void option_step(struct run *run, const struct step *step, char *text, size_t size);

/* Names and numbers: options.c. */
unsigned option_count(void);
const char *option_name(unsigned index);

/* A result as text: "= 5", "= -1 EAGAIN". */
int print_result(char *text, size_t size, long result);

/* blocked.c: the threads that wait in calls. */
enum blocked_call {
    BLOCK_RECV,
    BLOCK_RECV_ALL,
    BLOCK_READ,
    BLOCK_ACCEPT,
    BLOCK_CONNECT,
    BLOCK_POLL,
    BLOCK_SELECT,
    BLOCK_EPOLL,
    BLOCKED_CALLS
};
void blocked_start(struct run *run, const struct step *step, char *text, size_t size);
void blocked_signal(struct run *run, const struct step *step, char *text, size_t size);
/* Waits until each is asleep in its call or has returned. */
void blocked_settle(struct run *run);
void blocked_print(struct run *run, char *text, size_t size);
/* Interrupts those that are left, and waits for them. */
void blocked_end(struct run *run);
struct blocked *blocked_new(void);

/* Why a difference is right, or NULL; and whether it leaves both hosts in the same state, so that the program can go on. */
const char *difference_argued(const char *step, const char *expected, const char *got, bool *goes_on);

#endif
