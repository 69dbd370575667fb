/* A small HTTP client: one request, one response, to a file or standard output. */
#ifndef APPS_GET_GET_H
#define APPS_GET_GET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GET_URL_MAX 4096

/* The parts of an http:// URL. */
struct get_url {
    char host[256];
    uint16_t port;
    char target[GET_URL_MAX]; /* path and query, as the request line wants them */
};

/* Takes apart `text`; a missing scheme is http://. NULL, or what is wrong with it. */
const char *get_url_parse(const char *text, struct get_url *url);

/* Resolves a Location field against the URL that was asked for. NULL, or what is wrong with it. */
const char *get_url_follow(const struct get_url *base, const char *location, struct get_url *url);

/* A line on standard error that shows how far a transfer is. */
struct get_progress {
    bool shown;           /* false: stay silent */
    uint64_t total_bytes; /* 0: not known */
    uint64_t done_bytes;
    uint64_t started_us, drawn_us;
};

/* Counts bytes and redraws a few times a second. */
void get_progress_add(struct get_progress *progress, uint64_t bytes, uint64_t now_us);

/* Draws the final state and ends the line. */
void get_progress_end(struct get_progress *progress, uint64_t now_us);

/* Writes the line for a moment into text[size]; returns text. */
const char *get_progress_line(const struct get_progress *progress, uint64_t now_us, char *text, size_t size);

/* What to do, and the result. */
struct get_transfer {
    const struct get_url *url;
    const char *upload;  /* name of the file to PUT; NULL: GET */
    int upload_fd;       /* it, open for reading; borrowed */
    int output;          /* descriptor for the body; borrowed */
    bool head_only;      /* HEAD: print the header lines */
    bool show_head;      /* print the header lines before the body */
    bool drop_errors;    /* of an error response (4xx, 5xx), drop the body */
    bool drop_redirects; /* of a 3xx response, drop the body */
    uint64_t timeout_us; /* how long without progress; 0: for ever */
    bool progress;

    int status;                 /* of the response */
    uint64_t body_bytes;        /* received */
    char location[GET_URL_MAX]; /* where a redirect points; empty: nowhere */
};

/* Runs one request and its response. 0 if a whole response came, whatever its status; -1 after printing why. */
int get_transfer_run(struct get_transfer *transfer);

#endif
