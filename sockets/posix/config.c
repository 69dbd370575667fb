/* The stack of the process, brought up from a configuration or the environment.
 *
 * Read the configuration into a plan, open the device, then build everything under the lock, so that other threads see all
 * of it or nothing.
 */
#define _GNU_SOURCE
#include "config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tapir/sock.h>
#include <tapir/socket.h>
#include <tapir/tap.h>
#include <tapir/trace.h>

#include "address.h"
#include "call.h"
#include "descriptors.h"
#include "down.h"
#include "fork.h"
#include "host.h"
#include "memory.h"
#include "news.h"
#include "setup.h"
#include "sockets/driver/driver.h"
#include "tap/host.h"
#include "tap/own.h"
#include "tell.h"

#define HOST (&posix_host)

/* --- what the core needs --- */

/* The keys of the stack hang on it: without randomness there is none. */
static void env_random(void *ctx, void *buf, size_t bytes) {
    (void)ctx;
    if (getentropy(buf, bytes) != 0) {
        tapir_abort_hook("getentropy gives what is asked for", __FILE__, __LINE__);
    }
}

struct trace {
    void (*function)(void *ctx, const struct tapir_event *event);
    void *ctx;
};
static struct trace trace;
static struct tapir_env env;

/* A build for tests stops at every broken promise, near its cause; a release loses the one connection. */
#ifdef NDEBUG
#define ENV_BROKEN posix_tell_broken
#else
#define ENV_BROKEN NULL
#endif

static void env_trace(void *ctx, const struct tapir_event *event) {
    (void)ctx;
    trace.function(trace.ctx, event);
}

static void trace_to_stderr(void *ctx, const struct tapir_event *event) {
    char line[512];
    (void)ctx;
    (void)tapir_trace_format(event, line, sizeof line);
    posix_tell_stderr("%s\n", line);
}

/* --- reading the configuration --- */

/* What a configuration says, read. */
struct plan {
    struct tapir_addr address, gateway;
    unsigned prefix_len;
    bool has_address, has_gateway;
    struct tapir_netif_config netif;
};

/* Writes the sentence for the caller and gives the error, for `return explain(...)`. */
static int explain(char *error, size_t size, int result, const char *sentence, const char *about) {
    if (size > 0) {
        snprintf(error, size, sentence, about);
    }
    return result;
}

static const char no_descriptors[] = "no descriptors left%s; raise the limit (ulimit -n)";

static bool read_address(const char *text, struct tapir_addr *address, unsigned *prefix_len) {
    char host[INET_ADDRSTRLEN], *end;
    struct in_addr ipv4;
    const char *slash = strchr(text, '/');
    if (slash == NULL || (size_t)(slash - text) >= sizeof host || slash[1] < '0' || slash[1] > '9') {
        return false;
    }
    memcpy(host, text, (size_t)(slash - text));
    host[slash - text] = '\0';
    unsigned long bits = strtoul(slash + 1, &end, 10);
    if (inet_pton(AF_INET, host, &ipv4) != 1 || *end != '\0' || bits > 32) {
        return false;
    }
    *address = posix_address_from_ipv4(ipv4);
    *prefix_len = (unsigned)bits;
    return true;
}

/* Six pairs of hexadecimal digits with colons between; neither a group address nor all zeros. */
static bool read_mac(const char *text, uint8_t mac[6]) {
    char pair[3] = "";
    unsigned any = 0;
    if (strlen(text) != sizeof "02:00:00:00:00:02" - 1) {
        return false;
    }
    for (int i = 0; i < 6; i++, text += 3) {
        memcpy(pair, text, 2);
        if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]) || text[2] != (i < 5 ? ':' : '\0')) {
            return false;
        }
        mac[i] = (uint8_t)strtoul(pair, NULL, 16);
        any |= mac[i];
    }
    return any != 0 && (mac[0] & 1) == 0;
}

/* A locally administered address that is the same each time, so that the neighbours' caches stay right: a hash (FNV-1a)
 * of the device's name and our address. */
static void derive_mac(const char *device, const char *address, uint8_t mac[6]) {
    const char *texts[] = {device, address};
    uint64_t hash = 0xcbf29ce484222325U;
    for (int i = 0; i < 2; i++) {
        for (const char *c = texts[i]; *c != '\0'; c++) {
            hash = (hash ^ (uint8_t)*c) * 0x100000001b3U;
        }
    }
    mac[0] = 0x02;
    for (int i = 1; i < 6; i++) {
        mac[i] = (uint8_t)(hash >> (8 * i));
    }
}

/* Everything that can be wrong with the words of a configuration is found here, before anything is made. */
static int read_words(const struct tapir_config *config, struct plan *plan, char *error, size_t size) {
    struct in_addr gateway;
    *plan = (struct plan){.has_address = config->address != NULL, .has_gateway = config->gateway != NULL};
    if (plan->has_address && !read_address(config->address, &plan->address, &plan->prefix_len)) {
        return explain(error, size, -EINVAL, "%s is no address with prefix; write it as 10.0.0.2/24", config->address);
    }
    if (plan->has_gateway && inet_pton(AF_INET, config->gateway, &gateway) != 1) {
        return explain(error, size, -EINVAL, "%s is no address for a gateway; write it as 10.0.0.1", config->gateway);
    }
    if (plan->has_gateway) {
        plan->gateway = posix_address_from_ipv4(gateway);
    }
    if (plan->has_address && plan->has_gateway && memcmp(&plan->address, &plan->gateway, sizeof plan->gateway) == 0) {
        return explain(error, size, -EINVAL, "gateway %s is ourselves: name the host that leads on", config->gateway);
    }
    if (config->mac != NULL && !read_mac(config->mac, plan->netif.mac)) {
        return explain(error, size, -EINVAL, "%s is no MAC address for a host; write it as 02:00:00:00:00:02",
                       config->mac);
    }
    return 0;
}

/* The plan for a device; NULL: none. */
static int make_plan(const struct tapir_device *device, const struct tapir_config *config, struct plan *plan,
                     char *error, size_t size) {
    int result = read_words(config, plan, error, size);
    if (result != 0) {
        return result;
    }
    if (device == NULL) {
        return plan->has_address || plan->has_gateway
                   ? explain(error, size, -EINVAL, "an address needs a device%s; the loopback has its own", "")
                   : 0;
    }
    if (!plan->has_address) {
        return explain(error, size, -EINVAL, "no address for %s; give one such as 10.0.0.2/24", device->name);
    }
    if (config->mac == NULL) {
        derive_mac(device->name, config->address, plan->netif.mac);
    }
    memcpy(plan->netif.name, device->name, sizeof plan->netif.name);
    plan->netif.mtu_bytes = config->mtu_bytes != 0 ? config->mtu_bytes : device->mtu_bytes;
    plan->netif.caps = device->caps;
    return 0;
}

/* --- up --- */

static int add_interface(const struct plan *plan, const struct tapir_config *config, int *index, char *error,
                         size_t size) {
    static const struct tapir_addr everywhere = {.b = {[10] = 0xff, [11] = 0xff}};
    int netif = tapir_netif_add(HOST->driver.stack, &plan->netif);
    if (netif < 0) {
        return explain(error, size, netif, "%s cannot be an interface; is its MTU within 68 and 65521?",
                       plan->netif.name);
    }
    *index = netif;
    HOST->address = posix_address_to_ipv4(&plan->address);
    int result =
        tapir_netif_add_address(HOST->driver.stack, netif, &plan->address, plan->prefix_len, false, driver_clock_now());
    if (result != 0) {
        return explain(error, size, result,
                       "%s cannot be a host's address: it is that of a network, of everyone, of a group, or of lo",
                       config->address);
    }
    if (plan->has_gateway) {
        result = tapir_route_add(HOST->driver.stack, netif, &everywhere, 0, &plan->gateway, 0);
    }
    if (result == 0) {
        return 0;
    }
    if (result == -ENETUNREACH) {
        return explain(error, size, -EINVAL, "gateway %s is not in the network of our address: it must be a neighbour",
                       config->gateway);
    }
    return explain(error, size, result, "gateway %s is no host but a group or a broadcast address", config->gateway);
}

/* Builds everything, with the lock held. */
static int build(struct tapir_device *device, const struct plan *plan, const struct tapir_config *config, char *error,
                 size_t size) {
    env = (struct tapir_env){.alloc = posix_memory_alloc,
                             .free = posix_memory_free,
                             .random = env_random,
                             .broken = ENV_BROKEN,
                             .notice = posix_tell_notice};
    trace = (struct trace){config->trace, config->trace_ctx};
    env.trace = config->trace == NULL ? NULL : env_trace;
    posix_tell_init(config, device);
    int result = posix_descriptors_init();
    result = result != 0 ? result : driver_open(&HOST->driver, &posix_news_listener);
    if (result != 0) {
        return explain(error, size, result, no_descriptors, "");
    }
    driver_attach(&HOST->driver, tapir_stack_create(&env, config->memory_cap_bytes, driver_clock_now()));
    if (HOST->driver.stack == NULL || (device != NULL && !driver_device_has_memory(&HOST->driver))) {
        return explain(error, size, -ENOMEM, "not enough memory for the stack%s; is memory_cap_bytes too low?", "");
    }
    int netif = 0;
    result = device == NULL ? 0 : add_interface(plan, config, &netif, error, size);
    if (result != 0) {
        return result;
    }
    result = driver_background_start(&HOST->driver);
    if (result != 0) {
        return explain(error, size, result,
                       result == -EMFILE ? no_descriptors : "the background thread cannot be started%s", "");
    }
    driver_attach_device(&HOST->driver, device, netif);
    if (device != NULL && !tap_own_is(device->fd)) {
        HOST->claimed_fd = device->fd;
        tap_own_claim(device->fd);
    }
    (void)driver_round_flush(&HOST->driver); /* the announcement of our address */
    return 0;
}

/* With `setup` held. */
static int up(struct tapir_device *device, const struct tapir_config *config, char *error, size_t size) {
    struct plan plan;
    int result = make_plan(device, config, &plan, error, size);
    if (result != 0) {
        return result;
    }
    posix_fork_watch(true);
    driver_lock(&HOST->driver, &posix_host_thread);
    result = build(device, &plan, config, error, size);
    if (result != 0) {
        posix_setup_undo();
    }
    driver_lock_release(&HOST->driver);
    return result;
}

/* A child does not try the locks: the threads that hold them may not exist there. */
static bool refused_to_child(char *error, size_t size) {
    return posix_fork_in_child() &&
           explain(error, size, true, "the stack is the parent's%s; a forked child has none", "");
}

static int refuse_nested(char *error, size_t size) {
    return explain(error, size, -EDEADLK, "in the middle of another call%s: a signal handler cannot do that", "");
}

/* Whether one may be brought up: 0 or -EALREADY. */
static int check_down(char *error, size_t size) {
    driver_lock(&HOST->driver, &posix_host_thread);
    bool is_up = HOST->driver.stack != NULL;
    driver_lock_release(&HOST->driver);
    return is_up ? explain(error, size, -EALREADY, "the stack is up already%s", "") : 0;
}

int tapir_up_device(struct tapir_device *device, const struct tapir_config *config, char *error, size_t size) {
    static const struct tapir_config nothing = TAPIR_CONFIG_DEFAULT;
    if (size > 0) {
        error[0] = '\0';
    }
    if (refused_to_child(error, size)) {
        return (int)posix_result(-EBADF);
    }
    int cancel_state;
    if (!posix_setup_begin(&cancel_state)) {
        return (int)posix_result(refuse_nested(error, size));
    }
    int result = check_down(error, size);
    if (result == 0) {
        HOST->driver.device_down = false;
        result = up(device, config == NULL ? &nothing : config, error, size);
    }
    posix_setup_end(cancel_state);
    return (int)posix_result(result);
}

/* --- up, over a TAP --- */

/* The TAP. As long as something may fail the caller's descriptor is the caller's: a copy stands in for it. */
static struct tapir_device *open_tap(const struct tapir_config *config, char *error, size_t size) {
    struct tapir_tap_config tap = {.name = config->tap,
                                   .fd = config->tap_fd,
                                   .no_offload = config->no_offload,
                                   .host_address = config->host_address,
                                   .mtu_bytes = config->mtu_bytes};
    struct tapir_device *device = tapir_tap_open(&tap, error, size);
    if (device == NULL || config->tap_fd < 0) {
        return device;
    }
    device->fd = tap_own_keep(fcntl(config->tap_fd, F_DUPFD_CLOEXEC, 0));
    if (device->fd < 0) {
        int reason = errno;
        device->ops->close(device);
        (void)explain(error, size, 0, no_descriptors, "");
        errno = reason;
        return NULL;
    }
    return device;
}

/* The TAP, with a recorder around it if a pcap file is wanted. */
static struct tapir_device *open_device(const struct tapir_config *config, char *error, size_t size) {
    struct tapir_device *device = open_tap(config, error, size);
    if (device == NULL || config->pcap == NULL) {
        return device;
    }
    struct tapir_device *recorder = tapir_pcap_open(device, config->pcap, config->filter, error, size);
    if (recorder == NULL) {
        int reason = errno;
        device->ops->close(device);
        errno = reason;
    }
    return recorder;
}

/* Is the address within the other's network? */
static bool within(const struct tapir_addr *address, const struct tapir_addr *other, unsigned prefix_len) {
    uint32_t difference = ntohl(posix_address_to_ipv4(address).s_addr ^ posix_address_to_ipv4(other).s_addr);
    return prefix_len == 0 || difference >> (32 - prefix_len) == 0;
}

/* The two ends of the link. 0; EINVAL: they are to have one address, so that the host would answer itself, and nobody us;
 * ENETUNREACH: one is not in the other's network, which somebody may want who adds routes. What cannot be read is found
 * out elsewhere. */
static int judge_host(const struct tapir_config *config) {
    struct tapir_addr ours, theirs;
    unsigned our_len, their_len;
    if (config->host_address == NULL || config->address == NULL || !read_address(config->address, &ours, &our_len) ||
        !read_address(config->host_address, &theirs, &their_len)) {
        return 0;
    }
    if (memcmp(&ours, &theirs, sizeof ours) == 0) {
        return EINVAL;
    }
    return within(&theirs, &ours, our_len) && within(&ours, &theirs, their_len) ? 0 : ENETUNREACH;
}

/* What works, and may not be meant. */
static void remark_on(const struct tapir_config *config, const struct tapir_device *device, bool host_apart,
                      char *error, size_t size) {
    const uint32_t mtu_bytes = config->mtu_bytes;
    if (size == 0) {
        return;
    }
    if (host_apart) {
        snprintf(error, size,
                 "host %s and our address are in different networks: neither finds the other without a route",
                 config->host_address);
    } else if (mtu_bytes != 0 && device->mtu_bytes != 0 && mtu_bytes != device->mtu_bytes) {
        snprintf(
            error, size,
            "our MTU is %u and that of %s %u: what is longer than the smaller one gets lost (ip link set %s mtu %u)",
            mtu_bytes, device->name, device->mtu_bytes, device->name, mtu_bytes);
    }
}

static int up_tap(const struct tapir_config *config, char *error, size_t size) {
    int result = check_down(error, size);
    if (result != 0) {
        return result;
    }
    struct plan words;
    result = read_words(config, &words, error, size);
    if (result != 0) {
        return result;
    }
    const int host = judge_host(config);
    if (host == EINVAL) {
        return explain(error, size, -EINVAL, "%s is our own address: give the host's side another one",
                       config->host_address);
    }
    char remark[256] = "";
    errno = ENODEV;
    struct tapir_device *device = open_device(config, remark, sizeof remark);
    if (size > 0) {
        snprintf(error, size, "%s", remark);
    }
    if (device == NULL) {
        return errno == 0 ? -ENODEV : -errno;
    }
    bool is_up;
    uint32_t mtu_bytes;
    tap_host_state(device->name, &mtu_bytes, &is_up);
    HOST->driver.device_down = !is_up; /* the remark says so: nobody looks at it before there is a stack */
    result = config->opened == NULL ? 0 : config->opened(config->opened_ctx, error, size);
    result = result != 0 ? result : up(device, config, error, size);
    if (result == 0 && remark[0] == '\0') {
        remark_on(config, device, host == ENETUNREACH, error, size);
    }
    if (result != 0) {
        device->ops->close(device);
    } else if (config->tap_fd >= 0) {
        close(config->tap_fd);
    }
    return result;
}

int tapir_up(const struct tapir_config *config, char *error, size_t size) {
    if (size > 0) {
        error[0] = '\0';
    }
    if (config == NULL || (config->tap == NULL && config->tap_fd < 0)) {
        return (int)posix_result(explain(error, size, -EINVAL, "no TAP device%s; name one such as tap0", ""));
    }
    if (refused_to_child(error, size)) {
        return (int)posix_result(-EBADF);
    }
    int cancel_state;
    if (!posix_setup_begin(&cancel_state)) {
        return (int)posix_result(refuse_nested(error, size));
    }
    int result = up_tap(config, error, size);
    posix_setup_end(cancel_state);
    return (int)posix_result(result);
}

/* --- up, from the environment --- */

/* TAPIR_MTU, which need not be there. false: it makes no sense. */
static bool read_mtu(uint32_t *mtu_bytes) {
    const char *text = getenv("TAPIR_MTU");
    char *end;
    *mtu_bytes = 0;
    if (text == NULL) {
        return true;
    }
    unsigned long number = strtoul(text, &end, 10);
    *mtu_bytes = (uint32_t)number;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && number >= TAPIR_MTU_MIN && number <= TAPIR_MTU_MAX;
}

/* For programs that know nothing of the stack: there is nobody to take a sentence, so it goes to stderr. */
static int up_from_environment(void) {
    char error[256];
    const char *traced = getenv("TAPIR_TRACE");
    struct tapir_config config = {.tap = getenv("TAPIR_TAP"),
                                  .tap_fd = -1,
                                  .address = getenv("TAPIR_ADDRESS"),
                                  .gateway = getenv("TAPIR_GATEWAY"),
                                  .mac = getenv("TAPIR_MAC"),
                                  .host_address = getenv("TAPIR_HOST"),
                                  .pcap = getenv("TAPIR_PCAP"),
                                  .filter = getenv("TAPIR_FILTER")};
    if (traced != NULL && strcmp(traced, "0") != 0) {
        config.trace = trace_to_stderr;
    }
    if (config.tap == NULL || config.address == NULL) {
        posix_tell_stderr("tapir: set TAPIR_TAP and TAPIR_ADDRESS (tap0, 10.0.0.2/24), or call tapir_up\n");
        return -ENETDOWN;
    }
    if (!read_mtu(&config.mtu_bytes)) {
        posix_tell_stderr("tapir: TAPIR_MTU is no number from %d to %d\n", TAPIR_MTU_MIN, TAPIR_MTU_MAX);
        return -ENETDOWN;
    }
    if (up_tap(&config, error, sizeof error) != 0) {
        posix_tell_stderr("tapir: %s\n", error);
        return -ENETDOWN;
    }
    if (error[0] != '\0') {
        posix_tell_stderr("tapir: %s\n", error);
    }
    posix_down_with_process();
    return 0;
}

int posix_config_ensure(void) {
    if (posix_fork_in_child()) {
        posix_fork_refuse();
        return -EBADF;
    }
    if (posix_host_at_work()) {
        return -EDEADLK;
    }
    if (check_down(NULL, 0) == -EALREADY) {
        return 0;
    }
    int cancel_state, caller_errno = errno;
    if (!posix_setup_begin(&cancel_state)) {
        return -EDEADLK;
    }
    int result = check_down(NULL, 0) == -EALREADY ? 0 : up_from_environment();
    posix_setup_end(cancel_state);
    errno = caller_errno;
    return result;
}
