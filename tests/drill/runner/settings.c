/* Shell lines: sysctl for what are socket options of the stack, ip for its interface and addresses.
 *
 * No shell runs. A setting of a whole Linux system is here an option given to each socket that is opened later; one
 * that the stack has no option for is an error, since a script that sets it relies on it. */
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

#define LINE_BYTES 512

/* What a setting's numbers mean. Of tcp_rmem and tcp_wmem the second of three is the default; the stack doubles it. */
enum meaning { MEANING_PLAIN, MEANING_SECONDS, MEANING_MIDDLE_OF_THREE, MEANING_BUFFER, MEANING_NO_PMTU_DISCOVERY };

static const struct {
    const char *name;
    enum tapir_sock_type type;
    enum tapir_sock_opt option;
    enum meaning meaning;
} known[] = {
    {"net.ipv4.tcp_syn_retries", TAPIR_SOCK_STREAM, TAPIR_OPT_SYNCNT, MEANING_PLAIN},
    {"net.ipv4.tcp_keepalive_time", TAPIR_SOCK_STREAM, TAPIR_OPT_KEEPIDLE_US, MEANING_SECONDS},
    {"net.ipv4.tcp_keepalive_intvl", TAPIR_SOCK_STREAM, TAPIR_OPT_KEEPINTVL_US, MEANING_SECONDS},
    {"net.ipv4.tcp_keepalive_probes", TAPIR_SOCK_STREAM, TAPIR_OPT_KEEPCNT, MEANING_PLAIN},
    {"net.ipv4.tcp_fin_timeout", TAPIR_SOCK_STREAM, TAPIR_OPT_LINGER2_US, MEANING_SECONDS},
    {"net.ipv4.tcp_ecn", TAPIR_SOCK_STREAM, TAPIR_OPT_ECN, MEANING_PLAIN},
    {"net.ipv4.tcp_rto_min_us", TAPIR_SOCK_STREAM, TAPIR_OPT_RTO_MIN_US, MEANING_PLAIN},
    {"net.ipv4.tcp_mtu_probing", TAPIR_SOCK_STREAM, TAPIR_OPT_MTU_PROBING, MEANING_PLAIN},
    {"net.ipv4.tcp_base_mss", TAPIR_SOCK_STREAM, TAPIR_OPT_MTU_BASE_MSS, MEANING_PLAIN},
    {"net.ipv4.tcp_rmem", TAPIR_SOCK_STREAM, TAPIR_OPT_RCVBUF, MEANING_MIDDLE_OF_THREE},
    {"net.ipv4.tcp_wmem", TAPIR_SOCK_STREAM, TAPIR_OPT_SNDBUF, MEANING_MIDDLE_OF_THREE},
    {"net.ipv4.ip_default_ttl", TAPIR_SOCK_STREAM, TAPIR_OPT_TTL, MEANING_PLAIN},
    {"net.ipv4.ip_default_ttl", TAPIR_SOCK_DGRAM, TAPIR_OPT_TTL, MEANING_PLAIN},
    {"net.ipv4.ip_no_pmtu_disc", TAPIR_SOCK_STREAM, TAPIR_OPT_MTU_DISCOVER, MEANING_NO_PMTU_DISCOVERY},
    {"net.ipv4.ip_no_pmtu_disc", TAPIR_SOCK_DGRAM, TAPIR_OPT_MTU_DISCOVER, MEANING_NO_PMTU_DISCOVERY},
    {"net.core.rmem_default", TAPIR_SOCK_DGRAM, TAPIR_OPT_RCVBUF, MEANING_BUFFER},
    {"net.core.wmem_default", TAPIR_SOCK_DGRAM, TAPIR_OPT_SNDBUF, MEANING_BUFFER},
};

/* The number of a setting's text in the stack's unit. */
static bool read_value(enum meaning meaning, const char *text, int64_t *value) {
    long long numbers[3] = {0};
    bool three = meaning == MEANING_MIDDLE_OF_THREE;
    int end = 0, count = three ? sscanf(text, "%lld %lld %lld %n", &numbers[0], &numbers[1], &numbers[2], &end)
                               : sscanf(text, "%lld %n", &numbers[0], &end);
    if (count != (three ? 3 : 1) || text[end] != '\0') {
        return false;
    }
    *value = three                                  ? numbers[1] / 2
             : meaning == MEANING_BUFFER            ? numbers[0] / 2
             : meaning == MEANING_SECONDS           ? numbers[0] * 1000000
             : meaning == MEANING_NO_PMTU_DISCOVERY ? numbers[0] == 0
                                                    : numbers[0];
    return true;
}

/* Tried on a socket at once, so that a value out of range fails at its line. */
static bool accepted(struct world *world, const struct setting *setting) {
    tapir_sock sock;
    if (tapir_sock_open(world->stack, setting->type, 0, &sock) != 0) {
        return false;
    }
    bool good = tapir_sock_set(world->stack, sock, setting->option, setting->value, world->now_us) == 0;
    (void)tapir_sock_close(world->stack, sock, world->now_us);
    return good;
}

/* The one setting that is a name. */
static bool assign_congestion(struct settings *settings, struct world *world, const char *text, struct text *why) {
    tapir_sock sock;
    bool good =
        strlen(text) < sizeof settings->congestion && tapir_sock_open(world->stack, TAPIR_SOCK_STREAM, 0, &sock) == 0;
    if (good) {
        (void)memcpy(settings->congestion, text, strlen(text) + 1);
        good = tapir_sock_set_congestion(world->stack, sock, text) == 0;
        (void)tapir_sock_close(world->stack, sock, world->now_us);
    }
    if (!good) {
        text_add(why, "no congestion control of the stack: '%s'", text);
    }
    return good;
}

static bool assign(struct settings *settings, struct world *world, const char *name, const char *text,
                   struct text *why) {
    bool found = false;
    if (strcmp(name, "net.ipv4.tcp_congestion_control") == 0) {
        return assign_congestion(settings, world, text, why);
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, name) != 0) {
            continue;
        }
        struct setting setting = {.type = known[i].type, .option = known[i].option};
        if (settings->count == SETTINGS_MAX || !read_value(known[i].meaning, text, &setting.value) ||
            !accepted(world, &setting)) {
            text_add(why, "not a value for %s: '%s'", name, text);
            return false;
        }
        settings->list[settings->count++] = setting;
        found = true;
    }
    if (!found) {
        text_add(why, "no setting of the stack: %s", name);
    }
    return found;
}

/* Takes the next word, or what stands between quotes; NULL: no more. */
static char *next_word(char **at) {
    char *out = *at + strspn(*at, " \t\n;");
    if (*out == '\0') {
        return NULL;
    }
    char *start = out, *end = out;
    char quote = '\0';
    for (; *end != '\0' && (quote != '\0' || strchr(" \t\n;", *end) == NULL); end++) {
        if (*end == quote) {
            quote = '\0';
        } else if (quote == '\0' && (*end == '"' || *end == '\'')) {
            quote = *end;
        } else {
            *out++ = *end;
        }
    }
    *at = *end == '\0' ? end : end + 1;
    *out = '\0';
    return start;
}

/* "sysctl -q name=value name=value"; another sysctl may follow in the same line. */
static bool obey_sysctl(struct settings *settings, struct world *world, char *rest, struct text *why) {
    for (char *word = next_word(&rest); word != NULL; word = next_word(&rest)) {
        if (word[0] == '-' || strcmp(word, "sysctl") == 0) {
            continue;
        }
        char *equals = strchr(word, '=');
        if (equals == NULL) {
            text_add(why, "not understood: '%s'", word);
            return false;
        }
        *equals = '\0';
        if (!assign(settings, world, word, equals + 1, why)) {
            return false;
        }
    }
    return true;
}

/* "ip link set dev tun0 mtu 1200", "... up", "... down". */
static bool obey_link(struct world *world, const char *rest) {
    unsigned mtu;
    char word[8];
    int end = 0;
    if (sscanf(rest, " set dev tun0 mtu %u %n", &mtu, &end) == 1 && rest[end] == '\0') {
        world->mtu_bytes = mtu > world->mtu_bytes ? mtu : world->mtu_bytes;
        return tapir_netif_set_mtu(world->stack, world->netif, mtu) == 0;
    }
    end = 0;
    if (sscanf(rest, " set dev tun0 %7s %n", word, &end) == 1 && rest[end] == '\0' &&
        (strcmp(word, "up") == 0 || strcmp(word, "down") == 0)) {
        return tapir_netif_set_up(world->stack, world->netif, word[0] == 'u', world->now_us) == 0;
    }
    return false;
}

/* "ip addr add 192.168.5.1/24 dev tun0", "ip addr del ...". */
static bool obey_address(struct world *world, const char *rest) {
    unsigned a, b, c, d, prefix;
    char word[4];
    int end = 0;
    if (sscanf(rest, " %3s %u.%u.%u.%u/%u dev tun0 %n", word, &a, &b, &c, &d, &prefix, &end) != 6 || end == 0 ||
        rest[end] != '\0') {
        return false;
    }
    struct tapir_addr addr = addr_of_ipv4(IPV4(a, b, c, d));
    if (strcmp(word, "add") == 0) {
        return tapir_netif_add_address(world->stack, world->netif, &addr, prefix, false, world->now_us) == 0;
    }
    return strcmp(word, "del") == 0 && tapir_netif_remove_address(world->stack, world->netif, &addr) == 0;
}

bool settings_shell(struct settings *settings, struct world *world, const char *line, struct text *why) {
    char copy[LINE_BYTES];
    size_t len = strlen(line);
    if (len >= sizeof copy) {
        text_add(why, "the line is too long");
        return false;
    }
    memcpy(copy, line, len + 1);
    char *start = copy + strspn(copy, " \t\n");
    if (strncmp(start, "sysctl ", 7) == 0) {
        return obey_sysctl(settings, world, start + 7, why);
    }
    bool done = (strncmp(start, "ip link", 7) == 0 && obey_link(world, start + 7)) ||
                (strncmp(start, "ip addr", 7) == 0 && obey_address(world, start + 7));
    world_pull(world);
    if (!done) {
        text_add(why, "not understood, or refused: '%s'", line);
    }
    return done;
}

void settings_apply(const struct settings *settings, struct world *world, tapir_sock sock, enum tapir_sock_type type) {
    for (unsigned i = 0; i < settings->count; i++) {
        if (settings->list[i].type == type) {
            (void)tapir_sock_set(world->stack, sock, settings->list[i].option, settings->list[i].value, world->now_us);
        }
    }
    if (type == TAPIR_SOCK_STREAM && settings->congestion[0] != '\0') {
        (void)tapir_sock_set_congestion(world->stack, sock, settings->congestion);
    }
}
