/* The parts of the parser, for each other. */
#ifndef DRILL_PARSE_H
#define DRILL_PARSE_H

#include "scan.h"

/* Takes a packet from its direction on. parse_packet.c */
struct packet_spec *parse_packet(struct scan *scan);

/* Takes "[...]" if it is next. parse_ip.c */
void parse_ip(struct scan *scan, struct ip_spec *ip, bool outbound);

/* Takes what follows "icmp". parse_icmp.c */
void parse_icmp(struct scan *scan, struct packet_spec *packet);

/* The name of an ICMP type, or NULL; of a code of that type, or NULL. parse_icmp.c */
const char *parse_icmp_type_name(uint8_t type);
const char *parse_icmp_code_name(uint8_t type, uint8_t code);

/* Takes "<...>" if it is next. parse_options.c */
void parse_options(struct scan *scan, struct options_spec *options);

/* Takes "first:end(len)"; len is what end says beyond first. parse_packet.c */
void parse_sequence(struct scan *scan, uint32_t *first, uint32_t *len);

/* Takes "a > b" if a number is next. parse_packet.c */
bool parse_ports(struct scan *scan, uint16_t *src, uint16_t *dst);

/* Takes a call from its name to its result. parse_call.c */
struct call_spec *parse_call(struct scan *scan);

#endif
