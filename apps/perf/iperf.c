/* The messages of iperf3's protocol: states of one byte, and JSON behind its length. */
#include "perf/iperf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common.h"

#define TEXT_MAX 65536        /* of a message: 128 streams are 20,000 bytes */
#define BLOCK_BYTES 131072    /* iperf3's own; whoever sends may do as he likes */
#define DURATION_MAX_S 86400  /* iperf3's */
#define NOT_IMPLEMENTED 13    /* IEUNIMP in iperf3's list of errors */
#define VERSION_SPOKEN "3.12" /* of iperf3, to which this was tried */

void perf_iperf_cookie(char cookie[PERF_COOKIE_BYTES]) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t random[PERF_COOKIE_BYTES - 1];
    /* It only has to differ from others, so without randomness the time is enough. */
    if (getrandom(random, sizeof random, 0) != sizeof random) {
        const uint64_t now_us = common_now_us();
        for (size_t i = 0; i < sizeof random; i++) {
            random[i] = (uint8_t)(now_us >> i);
        }
    }
    for (size_t i = 0; i < sizeof random; i++) {
        cookie[i] = letters[random[i] % 32];
    }
    cookie[PERF_COOKIE_BYTES - 1] = '\0';
}

int perf_iperf_say(int fd, enum perf_iperf_state state) {
    const uint8_t byte = (uint8_t)state;
    return perf_flow_send_all(fd, &byte, 1);
}

int perf_iperf_refuse(int fd) {
    const uint32_t why[2] = {htonl(NOT_IMPLEMENTED), 0};
    return perf_iperf_say(fd, PERF_IPERF_SERVER_ERROR) != 0 ? -1 : perf_flow_send_all(fd, why, sizeof why);
}

int perf_iperf_hear(int fd, enum perf_iperf_state *state) {
    uint8_t byte = 0;
    if (perf_flow_recv_all(fd, &byte, 1) != 0) {
        errno = errno == EAGAIN ? ETIMEDOUT : errno;
        return -1;
    }
    *state = (enum perf_iperf_state)byte;
    return 0;
}

int perf_iperf_expect(int fd, enum perf_iperf_state state) {
    enum perf_iperf_state heard;
    if (perf_iperf_hear(fd, &heard) != 0) {
        return -1;
    }
    switch (heard) {
    case PERF_IPERF_ACCESS_DENIED:
        errno = EBUSY;
        break;
    case PERF_IPERF_SERVER_ERROR:
        errno = EOPNOTSUPP;
        break;
    case PERF_IPERF_SERVER_TERMINATE:
    case PERF_IPERF_CLIENT_TERMINATE:
        errno = ECANCELED;
        break;
    default:
        errno = EPROTO;
        break;
    }
    return heard == state ? 0 : -1;
}

/* --- JSON --- */

/* Takes `text`. */
static int send_text(int fd, char *text) {
    if (text == NULL) {
        errno = ENOMEM;
        return -1;
    }
    const uint32_t size = htonl((uint32_t)strlen(text));
    const int result =
        perf_flow_send_all(fd, &size, sizeof size) == 0 ? perf_flow_send_all(fd, text, strlen(text)) : -1;
    free(text);
    return result;
}

/* Gives the text, to be freed, and its size; NULL with errno. */
static char *receive_text(int fd, size_t *size) {
    uint32_t wire = 0;
    if (perf_flow_recv_all(fd, &wire, sizeof wire) != 0) {
        return NULL;
    }
    *size = ntohl(wire);
    char *text = *size == 0 || *size > TEXT_MAX ? NULL : malloc(*size);
    if (text == NULL) {
        errno = *size == 0 || *size > TEXT_MAX ? EPROTO : ENOMEM;
        return NULL;
    }
    if (perf_flow_recv_all(fd, text, *size) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* A whole number within [0, max]; what is missing is 0. false: it is something else. */
static bool read_number(const json_t *object, const char *name, uint64_t max, uint64_t *number) {
    const json_t *value = json_object_get(object, name);
    *number = 0;
    if (value == NULL) {
        return true;
    }
    if (!json_is_number(value) || json_number_value(value) < 0 || json_number_value(value) > (double)max) {
        return false;
    }
    *number = (uint64_t)json_number_value(value);
    return true;
}

/* Is it there and neither false nor zero? */
static bool asked(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return value != NULL && !json_is_false(value) && !json_is_null(value) &&
           !(json_is_number(value) && json_number_value(value) == 0);
}

static json_t *read_object(const char *text, size_t size) {
    json_error_t why;
    /* As real numbers: iperf3 writes a -1 as 18446744073709551615, which is no integer of jansson's. */
    json_t *object = json_loadb(text, size, JSON_DECODE_INT_AS_REAL, &why);
    if (object != NULL && !json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* Parameters that would change how the server sends, and that our server does not support. */
static bool is_beyond_us(const json_t *object, bool reverse) {
    static const char *const always[] = {"udp", "sctp", "bidirectional"};
    static const char *const reversed[] = {"MSS", "bandwidth", "fqrate", "burst", "flowlabel"};
    bool beyond = false;
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        beyond = beyond || asked(object, always[i]);
    }
    for (size_t i = 0; reverse && i < sizeof reversed / sizeof reversed[0]; i++) {
        beyond = beyond || asked(object, reversed[i]);
    }
    return beyond;
}

bool perf_iperf_params_read(struct perf_iperf_params *params, const char *text, size_t size) {
    uint64_t parallel, seconds, omit, window, tos;
    json_t *object = read_object(text, size);
    *params = (struct perf_iperf_params){0};
    if (object == NULL) {
        return false;
    }
    const char *congestion = json_string_value(json_object_get(object, "congestion"));
    const bool good = read_number(object, "parallel", PERF_PARALLEL_MAX, &parallel) && parallel >= 1 &&
                      read_number(object, "time", DURATION_MAX_S, &seconds) &&
                      read_number(object, "omit", DURATION_MAX_S, &omit) &&
                      read_number(object, "window", INT32_MAX, &window) && read_number(object, "TOS", 255, &tos) &&
                      (congestion == NULL || strlen(congestion) < sizeof params->congestion);
    if (good) {
        params->parallel = (unsigned)parallel;
        params->duration_us = seconds * 1000000;
        params->omit_us = omit * 1000000;
        params->reverse = asked(object, "reverse");
        params->window_bytes = (int)window;
        params->tos = (int)tos;
        /* We would fill such large buffers for a client that reads nothing. */
        params->beyond_us = is_beyond_us(object, params->reverse) || window * parallel > PERF_WINDOWS_MAX;
        memcpy(params->congestion, congestion == NULL ? "" : congestion,
               congestion == NULL ? 1 : strlen(congestion) + 1);
    }
    json_decref(object);
    return good;
}

char *perf_iperf_params_write(const struct perf_iperf_params *params) {
    /* iperf3's seconds are whole; the client says when it is over. */
    json_t *object = json_pack("{s:b, s:i, s:I, s:i, s:i, s:i, s:i, s:s}", "tcp", 1, "omit", 0, "time",
                               (json_int_t)((params->duration_us + 999999) / 1000000), "num", 0, "blockcount", 0,
                               "parallel", (int)params->parallel, "len", BLOCK_BYTES, "client_version", VERSION_SPOKEN);
    if (object != NULL && params->reverse) {
        json_object_set_new(object, "reverse", json_true());
    }
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

bool perf_iperf_results_read(struct perf_iperf_results *results, const char *text, size_t size) {
    json_t *object = read_object(text, size);
    const json_t *streams = json_object_get(object, "streams");
    const size_t count = json_array_size(streams);
    *results = (struct perf_iperf_results){.streams = (unsigned)count};
    bool good = count >= 1 && count <= PERF_PARALLEL_MAX;
    for (size_t i = 0; good && i < count; i++) {
        const json_t *stream = json_array_get(streams, i);
        const double end_s = json_number_value(json_object_get(stream, "end_time"));
        good = read_number(stream, "bytes", INT64_MAX, &results->stream[i].bytes) && end_s >= 0 && end_s < 1e9;
        /* A receiver has none to tell of, and says -1. */
        (void)read_number(stream, "retransmits", INT32_MAX, &results->stream[i].retransmits);
        results->elapsed_us = good ? (uint64_t)(end_s * 1e6) : 0;
    }
    results->sender = json_number_value(json_object_get(object, "sender_has_retransmits")) == 1; /* -1: it cannot say */
    json_decref(object);
    return good;
}

char *perf_iperf_results_write(const struct perf_iperf_results *results) {
    const double elapsed_us = results->elapsed_us == 0 ? 1 : (double)results->elapsed_us;
    const double user = 100 * (double)results->cpu.user_us / elapsed_us;
    const double system = 100 * (double)results->cpu.system_us / elapsed_us;
    json_t *streams = json_array();
    for (unsigned i = 0; i < results->streams; i++) {
        /* iperf3 counts its streams 1, 3, 4, 5. */
        json_array_append_new(streams,
                              json_pack("{s:i, s:I, s:I, s:f, s:i, s:i, s:f, s:f}", "id", i == 0 ? 1 : (int)i + 2,
                                        "bytes", (json_int_t)results->stream[i].bytes, "retransmits",
                                        results->sender ? (json_int_t)results->stream[i].retransmits : -1, "jitter",
                                        0.0, "errors", 0, "packets", 0, "start_time", 0.0, "end_time",
                                        (double)results->elapsed_us / 1e6));
    }
    json_t *object =
        json_pack("{s:f, s:f, s:f, s:i, s:o}", "cpu_util_total", user + system, "cpu_util_user", user,
                  "cpu_util_system", system, "sender_has_retransmits", results->sender ? 1 : -1, "streams", streams);
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

int perf_iperf_params_send(int fd, const struct perf_iperf_params *params) {
    return send_text(fd, perf_iperf_params_write(params));
}

int perf_iperf_results_send(int fd, const struct perf_iperf_results *results) {
    return send_text(fd, perf_iperf_results_write(results));
}

int perf_iperf_params_receive(int fd, struct perf_iperf_params *params) {
    size_t size = 0;
    char *text = receive_text(fd, &size);
    const bool good = text != NULL && perf_iperf_params_read(params, text, size);
    errno = text == NULL ? errno : EPROTO;
    free(text);
    return good ? 0 : -1;
}

int perf_iperf_results_receive(int fd, struct perf_iperf_results *results) {
    size_t size = 0;
    char *text = receive_text(fd, &size);
    const bool good = text != NULL && perf_iperf_results_read(results, text, size);
    errno = text == NULL ? errno : EPROTO;
    free(text);
    return good ? 0 : -1;
}
