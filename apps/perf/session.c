/* Serves iperf3 clients: whoever has the control connection leads, and the threads of the streams follow. */
#include "perf/session.h"

#include <errno.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "common.h"

#define STEP_MAX_US 10000000ULL     /* for each step of the handshake */
#define GRACE_MAX_US 30000000U      /* beyond its duration, for a client to say that the test is over */
#define ENDLESS_MAX_US 86400000000U /* the duration of a test that has another end, such as so many bytes */
#define LOOK_US 100000U             /* how soon a waiting thread sees that the server ends */

/* A test. It lives on the stack of the thread with the control connection, which outlasts the others. */
struct perf_session {
    struct perf_session *next;
    const char *cookie;
    struct perf_iperf_params params;
    /* Under the lock: */
    unsigned joined, inside; /* streams that have come; threads at work on one */
    bool running;
    int fds[PERF_PARALLEL_MAX];

    struct perf_count counts[PERF_PARALLEL_MAX];
    atomic_bool stop;
    uint64_t started_us;
};

void perf_session_init(struct perf_sessions *sessions, const atomic_bool *stop, struct perf_count *total) {
    *sessions = (struct perf_sessions){.stop = stop, .total = total};
    pthread_condattr_t monotonic;
    pthread_mutex_init(&sessions->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sessions->changed, &monotonic);
}

/* Waits for a change, with the lock held; false: the time is over, or the server ends. */
static bool wait_for_change(struct perf_sessions *sessions, uint64_t until_us) {
    const uint64_t now_us = common_now_us();
    const uint64_t us = until_us < now_us + LOOK_US ? until_us : now_us + LOOK_US;
    const struct timespec until = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
    pthread_cond_timedwait(&sessions->changed, &sessions->lock, &until);
    return common_now_us() < until_us && !atomic_load(sessions->stop);
}

/* --- a stream --- */

/* The test that waits for a stream with this cookie, joined; NULL: none does. */
static struct perf_session *join(struct perf_sessions *sessions, int fd, const char *cookie, unsigned *index) {
    pthread_mutex_lock(&sessions->lock);
    struct perf_session *session = sessions->first;
    while (session != NULL &&
           (memcmp(session->cookie, cookie, PERF_COOKIE_BYTES) != 0 || session->joined == session->params.parallel)) {
        session = session->next;
    }
    if (session != NULL) {
        *index = session->joined++;
        session->inside++;
        session->fds[*index] = fd;
        pthread_cond_broadcast(&sessions->changed);
    }
    pthread_mutex_unlock(&sessions->lock);
    return session;
}

static bool await_start(struct perf_sessions *sessions, const struct perf_session *session) {
    const uint64_t until_us = common_now_us() + 2 * STEP_MAX_US;
    bool waits = true;
    pthread_mutex_lock(&sessions->lock);
    while (waits && !session->running && !atomic_load(&session->stop)) {
        waits = wait_for_change(sessions, until_us);
    }
    const bool running = session->running;
    pthread_mutex_unlock(&sessions->lock);
    return running;
}

static void leave(struct perf_sessions *sessions, struct perf_session *session) {
    pthread_mutex_lock(&sessions->lock);
    session->inside--;
    pthread_cond_broadcast(&sessions->changed);
    pthread_mutex_unlock(&sessions->lock);
}

/* What the client asks of the sockets. 0 or -1 with errno. */
static int prepare(int fd, const struct perf_iperf_params *params) {
    const struct timeval never = {0};
    const int bytes = params->window_bytes;
    if (tapir_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &never, sizeof never) != 0 ||
        tapir_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &never, sizeof never) != 0 ||
        (bytes != 0 && (tapir_setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) != 0 ||
                        tapir_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) != 0)) ||
        (params->tos != 0 && tapir_setsockopt(fd, IPPROTO_IP, IP_TOS, &params->tos, sizeof params->tos) != 0)) {
        return -1;
    }
    return perf_flow_congestion(fd, params->congestion[0] == '\0' ? NULL : params->congestion);
}

/* The descriptor stays with the session. It is no failure if a flow is ended because the test is over. */
static int serve_stream(struct perf_sessions *sessions, struct perf_session *session, unsigned index, char *buffer) {
    const int fd = session->fds[index];
    struct perf_count *count = &session->counts[index];
    int result = prepare(fd, &session->params);
    if (result == 0 && await_start(sessions, session)) {
        result = session->params.reverse ? perf_flow_source(fd, TAPIR_NEVER, &session->stop, false, count)
                                         : perf_flow_sink(fd, &session->stop, false, buffer, count);
    }
    result = atomic_load(&session->stop) ? 0 : result;
    const int why = errno;
    leave(sessions, session);
    errno = why;
    return result;
}

/* --- a test --- */

static void enlist(struct perf_sessions *sessions, struct perf_session *session) {
    pthread_mutex_lock(&sessions->lock);
    session->next = sessions->first;
    sessions->first = session;
    pthread_mutex_unlock(&sessions->lock);
}

/* After this no thread but ours knows the session. */
static void delist(struct perf_sessions *sessions, struct perf_session *session) {
    pthread_mutex_lock(&sessions->lock);
    struct perf_session **at = &sessions->first;
    while (*at != session) {
        at = &(*at)->next;
    }
    *at = session->next;
    atomic_store(&session->stop, true);
    pthread_cond_broadcast(&sessions->changed);
    for (unsigned i = 0; i < session->joined; i++) {
        tapir_shutdown(session->fds[i], SHUT_RDWR); /* ends the call that its thread is in */
    }
    while (session->inside > 0) {
        pthread_cond_wait(&sessions->changed, &sessions->lock);
    }
    pthread_mutex_unlock(&sessions->lock);
}

/* 0, or -1 with errno: they did not all come. */
static int await_streams(struct perf_sessions *sessions, const struct perf_session *session) {
    const uint64_t until_us = common_now_us() + STEP_MAX_US;
    bool waits = true;
    pthread_mutex_lock(&sessions->lock);
    while (waits && session->joined < session->params.parallel) {
        waits = wait_for_change(sessions, until_us);
    }
    const bool all = session->joined == session->params.parallel;
    pthread_mutex_unlock(&sessions->lock);
    errno = ETIMEDOUT;
    return all ? 0 : -1;
}

/* Tells the client and lets the streams go. */
static int begin(struct perf_sessions *sessions, struct perf_session *session, int fd) {
    if (perf_iperf_say(fd, PERF_IPERF_TEST_START) != 0 || perf_iperf_say(fd, PERF_IPERF_TEST_RUNNING) != 0) {
        return -1;
    }
    pthread_mutex_lock(&sessions->lock);
    session->started_us = common_now_us();
    session->running = true;
    pthread_cond_broadcast(&sessions->changed);
    pthread_mutex_unlock(&sessions->lock);
    return 0;
}

/* The client says when the test is over. What passes until the end of its "omit" is noted in results, to be subtracted. 0,
 * or -1 with errno. */
static int await_end(struct perf_session *session, int fd, struct perf_iperf_results *omitted) {
    struct pollfd heard = {.fd = fd, .events = POLLIN};
    const uint64_t omit_us = session->params.omit_us;
    if (omit_us != 0 && tapir_poll(&heard, 1, common_wait_ms(omit_us)) == 0) {
        for (unsigned i = 0; i < session->params.parallel; i++) {
            omitted->stream[i].bytes = atomic_load(&session->counts[i].bytes);
        }
        omitted->elapsed_us = common_now_us() - session->started_us;
    }
    const uint64_t duration_us = session->params.duration_us == 0 ? ENDLESS_MAX_US : session->params.duration_us;
    const int count = tapir_poll(&heard, 1, common_wait_ms(duration_us + GRACE_MAX_US));
    if (count <= 0) {
        errno = count == 0 ? ETIMEDOUT : errno;
        return -1;
    }
    return perf_iperf_expect(fd, PERF_IPERF_TEST_END);
}

static void count_results(struct perf_session *session, struct perf_cpu cpu, struct perf_iperf_results *results,
                          const struct perf_iperf_results *omitted) {
    *results = (struct perf_iperf_results){.streams = session->params.parallel,
                                           .elapsed_us = common_now_us() - session->started_us - omitted->elapsed_us,
                                           .cpu = perf_report_cpu(cpu),
                                           .sender = session->params.reverse};
    for (unsigned i = 0; i < results->streams; i++) {
        results->stream[i].bytes = atomic_load(&session->counts[i].bytes) - omitted->stream[i].bytes;
        results->stream[i].retransmits = perf_flow_retransmits(session->fds[i]);
    }
}

/* The end of a test that went well. */
static int exchange(int fd, const struct perf_iperf_results *results) {
    struct perf_iperf_results theirs;
    enum perf_iperf_state state;
    if (perf_iperf_say(fd, PERF_IPERF_EXCHANGE_RESULTS) != 0 || perf_iperf_results_receive(fd, &theirs) != 0 ||
        perf_iperf_results_send(fd, results) != 0 || perf_iperf_say(fd, PERF_IPERF_DISPLAY_RESULTS) != 0) {
        return -1;
    }
    (void)perf_iperf_hear(fd, &state); /* DONE, or it has simply gone */
    return 0;
}

static int run_test(struct perf_sessions *sessions, struct perf_session *session, int fd) {
    struct perf_iperf_results results;
    struct perf_iperf_results omitted = {0};
    enlist(sessions, session);
    int result = perf_iperf_say(fd, PERF_IPERF_CREATE_STREAMS) != 0 || await_streams(sessions, session) != 0 ||
                         begin(sessions, session, fd) != 0
                     ? -1
                     : 0;
    const struct perf_cpu cpu = perf_report_cpu((struct perf_cpu){0});
    result = result == 0 ? await_end(session, fd, &omitted) : -1;
    int why = errno;
    delist(sessions, session);
    if (result == 0) {
        count_results(session, cpu, &results, &omitted);
        result = exchange(fd, &results);
        why = errno;
    }
    for (unsigned i = 0; i < session->joined; i++) {
        tapir_close(session->fds[i]);
    }
    errno = why;
    return result;
}

static int serve_control(struct perf_sessions *sessions, int fd, const char *cookie) {
    struct perf_session session = {.cookie = cookie};
    for (unsigned i = 0; i < PERF_PARALLEL_MAX; i++) {
        session.counts[i].also = sessions->total;
    }
    if (perf_iperf_say(fd, PERF_IPERF_PARAM_EXCHANGE) != 0 || perf_iperf_params_receive(fd, &session.params) != 0) {
        return -1;
    }
    /* The name is tried on the control connection, where it has no effect. */
    const char *congestion = session.params.congestion;
    if (session.params.beyond_us || (congestion[0] != '\0' && perf_flow_congestion(fd, congestion) != 0)) {
        (void)perf_iperf_refuse(fd);
        errno = EOPNOTSUPP;
        return -1;
    }
    return run_test(sessions, &session, fd);
}

int perf_session_serve(struct perf_sessions *sessions, int fd, const char cookie[PERF_COOKIE_BYTES], char *buffer) {
    const struct timeval step = {.tv_sec = STEP_MAX_US / 1000000};
    unsigned index = 0;
    tapir_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &step, sizeof step);
    struct perf_session *session = join(sessions, fd, cookie, &index);
    if (session != NULL) {
        return serve_stream(sessions, session, index, buffer);
    }
    const int result = serve_control(sessions, fd, cookie);
    const int why = errno;
    tapir_close(fd);
    errno = why;
    return result;
}
