/* Packets between script and wire: built to be injected, compared when expected, shown in the script's notation. */
#ifndef DRILL_PACKET_H
#define DRILL_PACKET_H

#include "flow.h"
#include "world.h"

struct packet_context {
    struct flows *flows;
    const struct script_options *options;
    int64_t tolerance_us;
};

/* Writes the frame of a packet to inject, and notes what the flow learns from it. Gives its length.
 * frame has WORLD_FRAME_BYTES. packet_build.c */
uint32_t packet_build(struct packet_context *context, const struct packet_spec *spec, uint8_t *frame);

/* Is this frame what was expected? If so the flow learns from it; if not, *why says what is wrong. packet_match.c */
bool packet_match(struct packet_context *context, const struct packet_spec *spec, const struct world_frame *frame,
                  struct text *why);

/* Adds the frame in the notation of scripts. packet_show.c */
void packet_show(const struct flows *flows, const struct world_frame *frame, struct text *text);

/* Adds TCP flags as letters. packet_show.c */
void packet_show_flags(uint32_t flags, struct text *text);

/* The flow that a TCP or UDP packet belongs to: by its ports, or the current one. packet_build.c */
struct flow *packet_flow(struct packet_context *context, const struct packet_spec *spec);

/* Writes a TCP packet's options as they are on the wire. Gives their length. packet_options.c */
uint8_t packet_options_build(const struct options_spec *options, const struct flow *flow, uint8_t *bytes);

/* Are these the options expected, in this order? Notes the timestamp. packet_options.c */
bool packet_options_match(struct packet_context *context, const struct options_spec *options, struct flow *flow,
                          const uint8_t *bytes, uint8_t len);

/* Adds the options of a packet, nothing if it has none. packet_options.c */
void packet_options_show(const struct flows *flows, const struct flow *flow, bool outbound, const uint8_t *bytes,
                         uint8_t len, struct text *text);

#endif
