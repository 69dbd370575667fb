/* A small HTTP/1.1 file server: one thread, one epoll set, and a state for each connection.
 *
 *   server.c      accepts, waits, ends idle connections
 *   connection.c  READING a request -> WRITING its response -> READING the next, or LINGERING to the end
 *   request.c     http_parser's callbacks: what of a request matters to us, and its body; http/ for its form
 *   respond.c     decides the response: which file, which status
 *   condition.c   If-Modified-Since and its kin
 *   file.c cache.c   what is sent, shared and kept open for a moment
 *   listing.c listings.c   the page for a directory, kept for a moment
 *   response.c    the response's header lines and its way to the socket
 *   log.c         a line for it
 *   upload.c      PUT, into a nameless file that takes its place at the end
 *   path.c range.c date.c mime.c   small parsers, each tested alone
 */
#ifndef APPS_HTTPD_HTTPD_H
#define APPS_HTTPD_HTTPD_H

#include <http_parser.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "http/http.h"

#define HTTPD_TARGET_MAX 4096                    /* longer: 414 */
#define HTTPD_UNWANTED_BODY_MAX 65536            /* of a body that means nothing to the method; more: 413 */
#define HTTPD_HEAD_MAX (HTTPD_TARGET_MAX + 1024) /* our header lines, with room for a Location */
#define HTTPD_SCRATCH_BYTES 262144               /* a read or a write at once */
#define HTTPD_SMALL_FILE_BYTES 16384             /* a file up to this is kept in memory while it is kept open */
#define HTTPD_CACHE_FILES 256U                   /* kept open at most */
#define HTTPD_CACHE_WAYS 4U                      /* of the files whose targets have the same hash */
#define HTTPD_CACHE_SETS (HTTPD_CACHE_FILES / HTTPD_CACHE_WAYS)
#define HTTPD_CACHE_TARGET_MAX 256 /* bytes; the files of longer targets are not kept */
#define HTTPD_CACHE_US 1000000     /* how long a file is kept open; see also cache.c */
#define HTTPD_SETTLED_US 100000 /* a file that changed so recently is not kept: a few ticks of a file system's clock */
#define HTTPD_LISTING_ENTRIES 10000    /* of a directory; the rest is not shown */
#define HTTPD_LISTING_BYTES (1L << 20) /* about; the same */
#define HTTPD_LISTINGS_MAX 32          /* in memory at once; more, while all are being sent: 503 */
#define HTTPD_TURN_BYTES 1048576       /* for one connection; then the others have their turn */
#define HTTPD_RATE_MIN_PER_S 1000      /* bytes of a body or a response, below which a client is too slow */
#define HTTPD_PEER_BUCKETS 65536       /* for counts of connections: far more than there are peers */
#define HTTPD_PEER_LEAST 8             /* connections that any peer may have: more than a browser opens */
#define HTTPD_DATE_BYTES 30

/* --- path.c --- */

/* Decodes the path of a request target ("/a%20b/?q") to one relative to the root ("a b/", "." for the root)
 * in path[HTTPD_TARGET_MAX + 1]. 0, or the HTTP status to answer: 400. */
int httpd_path_decode(const char *target, char *path);

/* Opens `path` below the directory `root`, never above it, whatever dots and links say. The descriptor, or
 * a negative errno: -EXDEV when it would have escaped. */
int httpd_path_open(int root, const char *path, int flags, mode_t mode);

/* The HTTP status for an errno of httpd_path_open. */
int httpd_path_status(int error);

/* --- range.c --- */

enum httpd_range { HTTPD_RANGE_WHOLE, HTTPD_RANGE_PART, HTTPD_RANGE_NEVER };

/* Reads a Range field about a representation of size_bytes. PART fills *first and *last (inclusive), the others leave
 * them alone. What is malformed, of another unit or of several parts is WHOLE, as RFC 9110 14.2 lets us. */
enum httpd_range httpd_range_parse(const char *text, uint64_t size_bytes, uint64_t *first, uint64_t *last);

/* --- date.c --- */

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7) in text; returns it. */
const char *httpd_date_format(time_t when, char text[HTTPD_DATE_BYTES]);

/* Reads any of the three forms of RFC 9110 5.6.7; false: it is none. */
bool httpd_date_parse(const char *text, time_t *when);

/* --- mime.c --- */

/* The media type that a file's name suggests. */
const char *httpd_mime_type(const char *path);

/* --- upload.c --- */

/* A file on its way in; parent -1: none. */
struct httpd_upload {
    int parent, file;
    bool named;  /* it is there under its temporary name. Set before it begins: not to try without one */
    bool exists; /* there was a file in its place when it began, of that date */
    time_t old_modified;
    bool only_new, only_old; /* set before the end: to take its place only if there is none, or is one */
    char temporary[48], name[256];
};

/* Is the last name of path one that uploads have while they are under way? Nobody can ask for those. */
bool httpd_upload_is_temporary(const char *path);

/* Starts an upload to `path` below root. 0, or the HTTP status to answer. */
int httpd_upload_begin(struct httpd_upload *upload, int root, const char *path);

/* Appends. 0, or the HTTP status to answer. */
int httpd_upload_write(struct httpd_upload *upload, const char *data, size_t bytes);

/* Puts the whole file in its place, atomically. The HTTP status: 201, 204 or an error, 412 for what `only_` forbids. */
int httpd_upload_commit(struct httpd_upload *upload);

/* Gives up the upload and removes what there is of it; does nothing if there is none. */
void httpd_upload_abort(struct httpd_upload *upload);

/* --- request.c --- */

struct httpd_request {
    int status;        /* an error to answer, found while parsing; 0: none */
    bool started;      /* some of it has come */
    bool headers_done; /* the rest is body */
    bool complete;
    bool keep_alive;
    bool owes_continue; /* the client waits for a 100 (Continue) before it sends the body */
    bool chunked;
    unsigned method;         /* enum http_method */
    unsigned version_minor;  /* of HTTP/1 */
    unsigned hosts, codings; /* Host and Transfer-Encoding fields seen */
    uint64_t length_bytes;   /* by Content-Length; 0: none */
    uint64_t body_bytes;     /* come so far, decoded */
    uint64_t body_bytes_max; /* taken at most */
    bool has_length;         /* there was a Content-Length */
    struct http_head head;
    struct http_chunked chunks;
    http_parser parser; /* for the head */
    struct httpd_upload upload;
    char *capture; /* where the value of the current header field goes; NULL: nowhere */
    size_t capture_size;
    char name[24]; /* of the current header field, truncated: no name that matters is longer */
    size_t name_len, target_len;
    bool in_value;
    /* Values, several lines of one field joined as RFC 9110 5.3 has it; "?...": too long to be any we know. */
    char host[264], connection[64], transfer_encoding[24];
    char range[64], expect[24], content_range[24];
    char if_match[48], if_none_match[48], if_range[48], if_modified_since[48], if_unmodified_since[48];
    char target[HTTPD_TARGET_MAX + 1];
};

struct httpd_connection;

/* Prepares for the next request of a connection. */
void httpd_request_reset(struct httpd_request *request);

/* Parses bytes for connection->request, as far as the end of one request, and writes over those of a chunked body.
 * The bytes used; when request.complete or request.status is set afterwards, it is time to answer. */
size_t httpd_request_parse(struct httpd_connection *connection, char *data, size_t bytes);

/* --- condition.c --- */

/* Whether the request's conditions hold for what its target names. `modified` is borrowed; NULL: it has no date.
 * 0, or the HTTP status to answer: 304 or 412. */
int httpd_condition_check(const struct httpd_request *request, bool exists, const time_t *modified);

/* Whether its Range counts. */
bool httpd_condition_range(const struct httpd_request *request, time_t modified, time_t now);

/* --- file.c --- */

/* Something to send; reference-counted. */
struct httpd_file {
    unsigned references;
    int fd; /* owned; -1: all is in content */
    struct stat info;
    uint64_t size_bytes;
    bool has_date;
    time_t modified;
    char *content;    /* the whole of it, owned; NULL: read from fd */
    unsigned *live;   /* how many listings there are, borrowed; NULL: it is none */
    char fields[160]; /* header lines */
};

/* Gives a file with one reference for a descriptor, which it takes; NULL, descriptor closed: memory is short. */
struct httpd_file *httpd_file_new(int fd, const struct stat *info, const char *type);

/* Gives another reference. */
struct httpd_file *httpd_file_share(struct httpd_file *file);

/* Takes a reference; frees the file with the last. NULL is nothing to do. */
void httpd_file_release(struct httpd_file *file);

/* Is the file, whose present state is `info`, what it was when it was opened? */
bool httpd_file_is_same(const struct httpd_file *file, const struct stat *info);

/* Is it still what it was when it was opened? */
bool httpd_file_is_unchanged(const struct httpd_file *file);

/* Was its last change long enough ago for another to be visible? */
bool httpd_file_is_settled(const struct httpd_file *file);

/* --- cache.c --- */

struct httpd_cached {
    struct httpd_file *file; /* a reference; NULL: the entry is empty */
    uint64_t opened_us;
    size_t target_len;
    char target[HTTPD_CACHE_TARGET_MAX];
};

/* All zero but kept_max and the key: empty. A target here has no query, as that names the same file. */
struct httpd_cache {
    uint64_t key; /* secret, so that nobody can choose targets that push each other out */
    struct httpd_cached sets[HTTPD_CACHE_SETS][HTTPD_CACHE_WAYS];
    uint64_t sweep_us; /* when to look for entries that are too old */
    unsigned kept, kept_max;
};

/* Gives a reference to the file that the target named a moment ago, if it is unchanged; else NULL. */
struct httpd_file *httpd_cache_find(struct httpd_cache *cache, const char *target, size_t len, uint64_t now_us);

/* Keeps another reference for a while, unless the file changed only just now, the target is long, or kept_max are. */
void httpd_cache_keep(struct httpd_cache *cache, const char *target, size_t len, struct httpd_file *file,
                      uint64_t now_us);

/* Closes what has been kept long enough. Returns how long it is until the next call, UINT64_MAX: there is no need. */
uint64_t httpd_cache_sweep(struct httpd_cache *cache, uint64_t now_us);

/* Gives up everything. */
void httpd_cache_clear(struct httpd_cache *cache);

/* --- listing.c --- */

/* Gives the page for a directory (borrowed), named `name` below the root: "" or with a slash at its end. *live counts the
 * listings there are, as long as they are: borrowed. NULL: memory or descriptors are short. */
struct httpd_file *httpd_listing_new(int directory, const struct stat *info, const char *name, unsigned *live);

/* --- listings.c --- */

struct httpd_listing {
    struct httpd_file *file; /* a reference; NULL: the place is empty */
    char *name;              /* of the directory, owned */
    uint64_t made_us;
};

/* All zero: empty. */
struct httpd_listings {
    struct httpd_listing kept[HTTPD_LISTINGS_MAX];
    unsigned live; /* in memory, kept or being sent */
    uint64_t made; /* since the start */
};

/* Gives a reference to the listing of a directory (borrowed) that `path` names below the root: one made a moment ago, or a
 * new one. NULL: HTTPD_LISTINGS_MAX are being sent, or memory or descriptors are short. */
struct httpd_file *httpd_listings_get(struct httpd_listings *listings, int directory, const struct stat *info,
                                      const char *path, uint64_t now_us);

/* As httpd_cache_sweep. */
uint64_t httpd_listings_sweep(struct httpd_listings *listings, uint64_t now_us);

/* Gives up those that are kept. */
void httpd_listings_clear(struct httpd_listings *listings);

/* --- response.c --- */

struct httpd_response {
    int status;
    struct httpd_file *file;           /* a reference; NULL: none */
    uint64_t offset_bytes, left_bytes; /* of file, still to be sent */
    uint64_t body_bytes;               /* for the log */
    uint64_t sent_bytes;               /* taken by the socket */
    bool keep_alive;
    bool says_so; /* to an HTTP/1.0 client, for whom it is not the default */
    size_t head_len, head_sent;
    char head[HTTPD_HEAD_MAX]; /* header lines, and the body too when there is no file */
};

enum httpd_sent { HTTPD_SENT_ALL, HTTPD_SENT_SOME, HTTPD_SENT_FAILED };

/* Makes a response of `status` without a file: its text as body, unless it must have none or `head_only`.
 * `fields` are further header lines, each with its CRLF; `date` is that of now. */
void httpd_response_text(struct httpd_response *response, int status, const char *fields, bool head_only,
                         const char *date);

/* Makes one from [offset_bytes, offset_bytes + length_bytes) of `file`, whose reference it takes. */
void httpd_response_file(struct httpd_response *response, int status, const char *fields, bool head_only,
                         struct httpd_file *file, uint64_t offset_bytes, uint64_t length_bytes, const char *date);

/* Sends what the socket takes, through scratch[HTTPD_SCRATCH_BYTES], and about HTTPD_TURN_BYTES at most. */
enum httpd_sent httpd_response_send(struct httpd_response *response, int fd, char *scratch);

/* Gives up the file. */
void httpd_response_end(struct httpd_response *response);

/* --- log.c --- */

/* A line for a request whose response has left, if a log is wanted. */
void httpd_log_request(const struct httpd_connection *connection);

/* --- server.c, connection.c, respond.c --- */

/* What a connection waits for. Each of these waits has a limit: server.c. */
enum httpd_wait {
    HTTPD_WAIT_NEW,     /* none has been noted yet, or a response has just left */
    HTTPD_WAIT_REQUEST, /* for the first byte of one */
    HTTPD_WAIT_HEAD,
    HTTPD_WAIT_BODY,
    HTTPD_WAIT_SEND,
    HTTPD_WAIT_CLOSE, /* for the client's end, after an answer to a request that was not read whole */
};

/* Connections in the order in which their wait began or was renewed. */
struct httpd_queue {
    struct httpd_connection *oldest, *newest;
};

struct httpd_server {
    int root;    /* the directory served */
    bool list;   /* directories without an index are listed */
    bool upload; /* PUT is allowed */
    uint64_t upload_bytes_max;
    bool log; /* a line a request on standard output */
    uint64_t idle_us, close_us;
    uint32_t connections, connections_max;
    uint32_t peer_max; /* connections of one address; 0: as many as there are places free */
    uint32_t peer_seed, of_peer[HTTPD_PEER_BUCKETS];
    int set, listener;
    bool listening;     /* the listener is in the set */
    bool short_of_room; /* accept failed for want of descriptors or memory, and nothing has ended since */
    uint64_t now_us;    /* when the turn at hand began */
    time_t now;         /* the same by the calendar, and as text */
    char date[HTTPD_DATE_BYTES];
    struct httpd_cache cache;
    struct httpd_listings listings;
    struct httpd_queue waiting, closing;
    char scratch[HTTPD_SCRATCH_BYTES];
};

enum httpd_state { HTTPD_READING, HTTPD_WRITING, HTTPD_LINGERING };

struct httpd_connection {
    struct httpd_server *server;
    struct httpd_connection *older, *newer;
    int fd;
    enum httpd_state state;
    uint32_t events; /* what the epoll set waits for */
    enum httpd_wait wait;
    uint64_t since_us;   /* this wait began or was renewed */
    int64_t moved_bytes; /* of what it waits for, at that time */
    struct sockaddr_in peer;
    char *pending; /* bytes of later requests, owned; NULL: none */
    size_t pending_len, pending_used;
    struct httpd_request request;
    struct httpd_response response;
};

/* Serves `listener` (borrowed) until the program is asked to stop. 0, or -1 after printing why. */
int httpd_server_run(struct httpd_server *server, int listener);

/* The bucket of of_peer[] in which connections from this address are counted. */
uint32_t *httpd_server_of_peer(struct httpd_server *server, struct in_addr address);

/* May another connection come from a peer that has `count` of them? */
bool httpd_server_admits(const struct httpd_server *server, uint32_t count);

/* Gives a connection for an accepted socket, which it takes; NULL, socket closed: memory short. */
struct httpd_connection *httpd_connection_new(struct httpd_server *server, int fd, const struct sockaddr_in *peer);

/* Serves a connection that is ready. false: it is over; free it. */
bool httpd_connection_ready(struct httpd_connection *connection);

/* What the connection waits for. */
enum httpd_wait httpd_connection_wait(const struct httpd_connection *connection);

/* How much of it has come or, when sending, was acknowledged: a count whose differences matter. */
int64_t httpd_connection_moved(const struct httpd_connection *connection);

/* It has waited too long: says so where a request was under way. The caller frees it then. */
void httpd_connection_expire(struct httpd_connection *connection);

/* Takes the connection and closes its socket. */
void httpd_connection_free(struct httpd_connection *connection);

/* Called when the header fields are in: refuses early what need not be read, starts an upload. */
void httpd_respond_headers(struct httpd_connection *connection);

/* Fills connection->response for a complete or failed request. */
void httpd_respond(struct httpd_connection *connection);

#endif
