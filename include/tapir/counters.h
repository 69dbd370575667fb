/* Every counter of the stack. A frame or segment that goes no further adds one to exactly one drop counter. */
#ifndef TAPIR_COUNTERS_H
#define TAPIR_COUNTERS_H

#include <stdint.h>

/* COUNTER(name, what it counts). Rooms keep to their own section. */
#define TAPIR_COUNTERS(COUNTER)                                                                           \
    /* link */                                                                                            \
    COUNTER(eth_in, "frames received")                                                                    \
    COUNTER(eth_out, "frames given to the device")                                                        \
    COUNTER(eth_short, "drop: shorter than an Ethernet header")                                           \
    COUNTER(eth_long, "drop: longer than the MTU allows")                                                 \
    COUNTER(eth_not_ours, "drop: sent to another station")                                                \
    COUNTER(eth_type, "drop: an EtherType or LLC header we do not speak")                                 \
    COUNTER(eth_offload, "drop: offload fields that contradict the frame")                                \
    COUNTER(link_down, "drop: the interface is down")                                                     \
    COUNTER(link_queue_full, "drop: the device queue is full")                                            \
    COUNTER(link_no_memory, "drop: no memory for a frame or for its neighbour")                           \
    COUNTER(arp_in, "ARP packets received")                                                               \
    COUNTER(arp_short, "drop: ARP shorter than its addresses")                                            \
    COUNTER(arp_bad, "drop: ARP of another hardware, protocol or operation")                              \
    COUNTER(arp_martian, "drop: ARP sender that no station may have")                                     \
    COUNTER(arp_locked, "ARP claim not taken at once: the neighbour we know is asked first")              \
    COUNTER(arp_conflict, "another station claims our address")                                           \
    COUNTER(arp_ratelimit, "ARP request not answered: rate limit")                                        \
    COUNTER(arp_defend, "announcements sent to defend an address")                                        \
    COUNTER(arp_table_full, "neighbour not cached: the table is full or memory short")                    \
    COUNTER(arp_pending_drop, "drop: too much waits for one neighbour")                                   \
    COUNTER(arp_unreachable, "drop: neighbour did not answer")                                            \
    /* ip */                                                                                              \
    COUNTER(ip_in, "IP datagrams received")                                                               \
    COUNTER(ip_out, "IP datagrams sent")                                                                  \
    COUNTER(ip_delivered, "IP datagrams given to a transport")                                            \
    COUNTER(ip_short, "drop: shorter than an IP header, or than its total length")                        \
    COUNTER(ip_version, "drop: version is not 4")                                                         \
    COUNTER(ip_hdrlen, "drop: header length below 20 or past the datagram")                               \
    COUNTER(ip_checksum, "drop: header checksum wrong")                                                   \
    COUNTER(ip_flags, "drop: reserved flag set")                                                          \
    COUNTER(ip_ttl, "drop: TTL zero")                                                                     \
    COUNTER(ip_martian, "drop: source or destination that cannot be")                                     \
    COUNTER(ip_not_ours, "drop: for another host")                                                        \
    COUNTER(ip_link_broadcast, "drop: unicast datagram in a link broadcast")                              \
    COUNTER(ip_options_bad, "drop: malformed IP options")                                                 \
    COUNTER(ip_source_route, "drop: source-routed")                                                       \
    COUNTER(ip_offload, "drop: segmentation offload of another protocol, or of a fragment")               \
    COUNTER(ip_proto_unknown, "drop: no transport for the protocol")                                      \
    COUNTER(ip_no_route, "drop: no route to the destination")                                             \
    COUNTER(ip_no_memory, "drop: memory short")                                                           \
    COUNTER(ip_frag_out, "fragments sent")                                                                \
    COUNTER(ip_frag_needed, "drop: too big to send and not to be fragmented")                             \
    COUNTER(frag_in, "fragments received")                                                                \
    COUNTER(frag_reassembled, "datagrams reassembled")                                                    \
    COUNTER(frag_toobig, "drop: fragment beyond 65535 bytes")                                             \
    COUNTER(frag_tiny, "drop: first fragment too small for its transport header")                         \
    COUNTER(frag_length, "drop: fragment length not a multiple of 8, or zero")                            \
    COUNTER(frag_overlap, "drop: overlapping fragments kill the datagram")                                \
    COUNTER(frag_last, "drop: data beyond the last fragment")                                             \
    COUNTER(frag_duplicate, "exact duplicate fragment ignored")                                           \
    COUNTER(frag_cap, "drop: reassembly memory or datagram cap")                                          \
    COUNTER(frag_killed, "drop: fragment of a datagram that was killed")                                  \
    COUNTER(frag_ecn, "drop: fragments that disagree about ECN (RFC 3168 5.3)")                           \
    COUNTER(frag_timeout, "drop: reassembly timed out")                                                   \
    COUNTER(icmp_in, "ICMP messages received")                                                            \
    COUNTER(icmp_out, "ICMP messages sent")                                                               \
    COUNTER(icmp_short, "drop: ICMP shorter than its header")                                             \
    COUNTER(icmp_checksum, "drop: ICMP checksum wrong")                                                   \
    COUNTER(icmp_type, "drop: ICMP type ignored on purpose")                                              \
    COUNTER(icmp_broadcast, "drop: echo request to a broadcast or multicast address")                     \
    COUNTER(icmp_unsolicited, "drop: echo reply that nobody waits for")                                   \
    COUNTER(icmp_badquote, "drop: ICMP error whose quote fits no flow of ours")                           \
    COUNTER(icmp_echo_ratelimit, "echo request not answered: rate limit")                                 \
    COUNTER(icmp_ratelimit, "ICMP error not sent: rate limit")                                            \
    COUNTER(icmp_suppressed, "ICMP error not sent: about what must not be answered")                      \
    COUNTER(pmtu_lowered, "path MTU lowered")                                                             \
    COUNTER(igmp_in, "IGMP messages received")                                                            \
    COUNTER(igmp_out, "IGMP messages sent")                                                               \
    COUNTER(igmp_bad, "drop: malformed IGMP")                                                             \
    /* udp, raw, ping */                                                                                  \
    COUNTER(udp_in, "UDP datagrams received")                                                             \
    COUNTER(udp_out, "UDP datagrams sent")                                                                \
    COUNTER(udp_length, "drop: UDP length below 8 or past the datagram")                                  \
    COUNTER(udp_checksum, "drop: UDP checksum wrong")                                                     \
    COUNTER(udp_port_zero, "drop: UDP destination port 0")                                                \
    COUNTER(udp_no_port, "drop: nobody has the UDP port")                                                 \
    COUNTER(udp_rcvbuf, "drop: UDP receive queue full")                                                   \
    COUNTER(raw_rcvbuf, "drop: raw or ping receive queue full")                                           \
    /* tcp */                                                                                             \
    COUNTER(tcp_in, "TCP segments received (a super-segment is one)")                                     \
    COUNTER(tcp_out, "TCP segments sent (a super-segment is one)")                                        \
    COUNTER(tcp_short, "drop: shorter than a TCP header")                                                 \
    COUNTER(tcp_off, "drop: data offset below 5 or past the segment")                                     \
    COUNTER(tcp_checksum, "drop: TCP checksum wrong")                                                     \
    COUNTER(tcp_options_bad, "drop: malformed TCP options")                                               \
    COUNTER(tcp_cast, "drop: TCP to or from a broadcast or multicast address")                            \
    COUNTER(tcp_land, "drop: from our own address and port to itself")                                    \
    COUNTER(tcp_no_port, "segment for no connection (answered with RST)")                                 \
    COUNTER(tcp_flags, "drop: flags that make no sense in this state")                                    \
    COUNTER(tcp_out_of_window, "drop: outside the receive window (answered with ACK)")                    \
    COUNTER(tcp_paws, "drop: timestamp older than the last (RFC 7323 5)")                                 \
    COUNTER(tcp_no_timestamp, "drop: timestamps agreed on and missing")                                   \
    COUNTER(tcp_bad_ack, "drop: ACK of something never sent or far too old")                              \
    COUNTER(tcp_no_ack, "drop: no ACK flag where one is needed")                                          \
    COUNTER(tcp_rst_in, "resets accepted")                                                                \
    COUNTER(tcp_rst_out, "resets sent")                                                                   \
    COUNTER(tcp_rst_ignored, "drop: reset outside the window or in TIME-WAIT")                            \
    COUNTER(tcp_challenge_ack, "challenge ACKs sent (RFC 5961)")                                          \
    COUNTER(tcp_challenge_limited, "challenge ACK not sent: rate limit")                                  \
    COUNTER(tcp_after_fin, "drop: text beyond the peer's FIN")                                            \
    COUNTER(tcp_after_close, "segment with data after close (answered with RST)")                         \
    COUNTER(tcp_ooo, "segments queued out of order")                                                      \
    COUNTER(tcp_ooo_full, "drop: out-of-order queue full")                                                \
    COUNTER(tcp_duplicate, "segments holding nothing new")                                                \
    COUNTER(tcp_window_full, "drop: data beyond the offered window")                                      \
    COUNTER(tcp_rcv_memory, "drop: memory short on receive")                                              \
    COUNTER(tcp_wscale_bad, "window scale above 14, used as 14")                                          \
    COUNTER(tcp_sack_bad, "SACK blocks ignored: not within what is in flight")                            \
    COUNTER(tcp_syn_in, "connection requests")                                                            \
    COUNTER(tcp_syn_dropped, "drop: connection request, no room")                                         \
    COUNTER(tcp_accept_full, "drop: final ACK, the accept queue is full")                                 \
    COUNTER(tcp_cookie_sent, "SYN cookies sent")                                                          \
    COUNTER(tcp_cookie_bad, "drop: ACK that is no valid SYN cookie")                                      \
    COUNTER(tcp_cookie_good, "connections made from a SYN cookie")                                        \
    COUNTER(tcp_fastopen_asked, "Fast Open: cookies asked of us, and given")                              \
    COUNTER(tcp_fastopen_bad, "Fast Open: cookies that were not ours, answered with a new one")           \
    COUNTER(tcp_fastopen_passive, "Fast Open: connections made at the SYN")                               \
    COUNTER(tcp_fastopen_full, "Fast Open: refused, too many handshakes are not over")                    \
    COUNTER(tcp_fastopen_active, "Fast Open: data on our SYN was acknowledged")                           \
    COUNTER(tcp_fastopen_failed, "Fast Open: data or option of our SYN was not heeded")                   \
    COUNTER(tcp_active_open, "connections asked for")                                                     \
    COUNTER(tcp_passive_open, "connections accepted")                                                     \
    COUNTER(tcp_established, "connections that reached ESTABLISHED")                                      \
    COUNTER(tcp_retransmits, "segments sent again")                                                       \
    COUNTER(tcp_rto, "retransmission timeouts")                                                           \
    COUNTER(tcp_fast_retransmit, "fast recoveries entered")                                               \
    COUNTER(tcp_tail_probes, "tail loss probes sent (RFC 8985)")                                          \
    COUNTER(tcp_rescues, "rescue retransmissions sent (RFC 6675)")                                        \
    COUNTER(tcp_undone, "recoveries that were for nothing, undone")                                       \
    COUNTER(tcp_black_holes, "path MTU black holes: full segments timed out, shorter ones go (RFC 4821)") \
    COUNTER(tcp_mtu_probes, "path MTU probes sent (RFC 4821)")                                            \
    COUNTER(tcp_mtu_probes_passed, "path MTU probes acknowledged")                                        \
    COUNTER(tcp_mtu_probes_lost, "path MTU probes lost alone")                                            \
    COUNTER(tcp_ecn_reductions, "congestion windows reduced by ECN (RFC 3168)")                           \
    COUNTER(tcp_dsack_in, "duplicates that the peer reported (RFC 2883)")                                 \
    COUNTER(tcp_limited_transmit, "new segments sent on duplicate ACKs (RFC 3042)")                       \
    COUNTER(tcp_probes, "window probes sent")                                                             \
    COUNTER(tcp_keepalives, "keep-alive probes sent")                                                     \
    COUNTER(tcp_broken, "connections ended by a bug of our own")                                          \
    COUNTER(tcp_timeouts, "connections given up")                                                         \
    COUNTER(tcp_timewait, "connections that entered TIME-WAIT")                                           \
    COUNTER(tcp_timewait_reused, "TIME-WAIT records reused by a new SYN")                                 \
    COUNTER(tcp_timewait_cap, "TIME-WAIT records dropped: cap")                                           \
    COUNTER(tcp_orphan_cap, "orphaned connections reset: cap")                                            \
    COUNTER(tcp_linger_timeout, "FIN-WAIT-2 orphans timed out")

struct tapir_counters {
#define TAPIR_COUNTER_FIELD(name, what) uint64_t name;
    TAPIR_COUNTERS(TAPIR_COUNTER_FIELD)
#undef TAPIR_COUNTER_FIELD
};

#endif
