/* One program on one host: step by step, and after each until all is quiet. */
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <time.h>

#include "differential.h"

enum {
    QUIET_US = 200,       /* of the kernel: nothing changes for so long */
    PATIENCE_US = 400000, /* Tapir's other threads may be on their way to what the kernel says */
};

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void pause_us(long us) { nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL); }

/* --- what is to be seen from outside --- */

static int print_slot(const struct run *run, unsigned slot, char *text, size_t size) {
    static const char *const tcp_states[16] = {
        "?",          "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT",     "FIN-WAIT", "TIME-WAIT", "CLOSED",
        "CLOSE-WAIT", "LAST-ACK",    "LISTEN",   "CLOSING",      "SYN-RECEIVED", "?",        "?",         "?"};
    static const struct {
        short bit;
        char letter;
    } letters[] = {{POLLIN, 'I'},  {POLLPRI, 'P'},  {POLLOUT, 'O'},  {POLLERR, 'E'},
                   {POLLHUP, 'H'}, {POLLNVAL, 'N'}, {POLLRDHUP, 'R'}};
    struct pollfd one = {.fd = run->fds[slot], .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP};
    struct tcp_info info;
    struct sockaddr_in local;
    char host[INET_ADDRSTRLEN];
    socklen_t len = sizeof info, local_len = sizeof local;
    int waiting = 0, at = snprintf(text, size, " %u:", slot);
    (void)run->host->poll(&one, 1, 0);
    for (unsigned i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        if ((one.revents & letters[i].bit) != 0) {
            text[at++] = letters[i].letter;
        }
    }
    text[at] = '\0';
    if (run->is_set[slot]) {
        return at;
    }
    if (run->host->ioctl(one.fd, FIONREAD, &waiting) == 0) {
        at += snprintf(text + at, size - (size_t)at, ",%d", waiting);
    }
    if (run->host->getsockopt(one.fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0) {
        at += snprintf(text + at, size - (size_t)at, ",%s", tcp_states[info.tcpi_state % 16]);
    } else if (run->host->getsockname(one.fd, (struct sockaddr *)&local, &local_len) == 0) {
        at += snprintf(text + at, size - (size_t)at, "@%s", inet_ntop(AF_INET, &local.sin_addr, host, sizeof host));
    }
    return at;
}

static void print_all(struct run *run, char text[LINE_BYTES]) {
    size_t at = 0;
    blocked_settle(run);
    text[at++] = ' ';
    for (unsigned i = 0; i < SLOTS; i++) {
        if (run->fds[i] >= 0) {
            at += (size_t)print_slot(run, i, text + at, LINE_BYTES - at);
        }
    }
    text[at] = '\0';
    blocked_print(run, text + at, LINE_BYTES - at);
    at = strlen(text);
    at += (size_t)snprintf(text + at, LINE_BYTES - at, "; ");
    peer_print(&run->peer, text + at, LINE_BYTES - at);
}

/* --- quiet --- */

static void settle_kernel(struct run *run, char text[LINE_BYTES]) {
    char before[LINE_BYTES];
    do {
        print_all(run, before);
        pause_us(QUIET_US);
        while (peer_take(&run->peer) > 0) {
        }
        print_all(run, text);
    } while (strcmp(before, text) != 0);
}

/* Whether Tapir has taken every frame of the peer from the wire. */
static bool frames_are_taken(const struct run *run) {
    int bytes = 0;
    return ioctl(run->host->wire, SIOCOUTQ, &bytes) == 0 && bytes == 0;
}

static void settle_tapir(struct run *run, const char *expected, char text[LINE_BYTES]) {
    uint64_t end_us = now_us() + PATIENCE_US;
    do {
        while (peer_take(&run->peer) > 0) {
        }
        bool taken = frames_are_taken(run);
        print_all(run, text);
        if (taken && strcmp(text, expected) == 0) {
            return;
        }
        pause_us(50);
    } while (now_us() < end_us);
}

/* --- the comparison --- */

/* Writes the kernel's line down, or compares Tapir's with it. */
static enum run_end tell(struct run *run, const char *step, const char *text) {
    if (!run->host->is_tapir) {
        if (run->traced) {
            fprintf(run->out, "%s: ", step);
        }
        fprintf(run->out, "%s\n", text);
        return RUN_SAME;
    }
    const char *expected = run->at < run->expected_count ? run->expected[run->at] : "(nothing)";
    run->at++;
    if (strcmp(expected, text) == 0) {
        return RUN_SAME;
    }
    bool goes_on = false;
    const char *reason = difference_argued(step, expected, text, &goes_on);
    if (goes_on) {
        return RUN_SAME;
    }
    fprintf(run->out, "%s\n    kernel: %s\n    tapir:  %s\n%s%s%s", step, expected, text,
            reason == NULL ? "" : "    argued: ", reason == NULL ? "" : reason, reason == NULL ? "" : "\n");
    return reason == NULL ? RUN_DIFFERS : RUN_EXCUSED;
}

static enum run_end tell_quiet(struct run *run, const char *step) {
    char text[LINE_BYTES];
    if (run->host->is_tapir) {
        settle_tapir(run, run->at < run->expected_count ? run->expected[run->at] : "", text);
    } else {
        settle_kernel(run, text);
    }
    return tell(run, step, text);
}

/* What the step's descriptor is, for who reads the step or argues about it. */
static const char *kind_of(const struct run *run, const struct step *step) {
    int type = 0, listens = 0;
    socklen_t len = sizeof type;
    if (step->kind == STEP_PEER || run->fds[step->slot] < 0) {
        return "";
    }
    if (run->is_set[step->slot] || run->host->getsockopt(run->fds[step->slot], SOL_SOCKET, SO_TYPE, &type, &len) != 0) {
        return "set ";
    }
    (void)run->host->getsockopt(run->fds[step->slot], SOL_SOCKET, SO_ACCEPTCONN, &listens, &len);
    return listens != 0 ? "listener " : type == SOCK_STREAM ? "tcp " : "udp ";
}

static enum run_end one_step(struct run *run, const struct step *step) {
    char call[LINE_BYTES], text[LINE_BYTES] = "";
    size_t at = (size_t)snprintf(call, sizeof call, "%s", kind_of(run, step));
    step_print(step, call + at, sizeof call - at);
    if (step->kind != STEP_SOCKET && step->kind != STEP_PEER && step->kind != STEP_SIGNAL && step->kind != STEP_POLL &&
        step->kind != STEP_SELECT && step->kind != STEP_EPOLL_CREATE && run->fds[step->slot] < 0 && step->c % 16 != 0) {
        return RUN_SAME; /* no socket there: a few calls of a closed number are enough */
    }
    call_step(run, step, text, sizeof text);
    enum run_end end = tell(run, call, text);
    return end != RUN_SAME ? end : tell_quiet(run, call);
}

static enum run_end close_all(struct run *run) {
    enum run_end end = RUN_SAME;
    blocked_end(run);
    end = tell_quiet(run, "the end of the threads");
    for (unsigned i = 0; i < SLOTS && end == RUN_SAME; i++) {
        if (run->fds[i] >= 0) {
            end = one_step(run, &(struct step){.kind = STEP_CLOSE, .slot = i, .c = 16});
        }
    }
    return end;
}

enum run_end run_program(struct run *run, const struct program *program) {
    enum run_end end = RUN_SAME;
    for (unsigned i = 0; i < SLOTS; i++) {
        run->fds[i] = -1;
    }
    for (unsigned i = 0; i < 4; i++) {
        run->ports[i] = (uint16_t)(5000 + i);
    }
    for (unsigned i = 0; i < program->count && end == RUN_SAME; i++) {
        end = one_step(run, &program->steps[i]);
    }
    if (end == RUN_SAME) {
        end = close_all(run);
    }
    blocked_end(run);
    return end;
}
