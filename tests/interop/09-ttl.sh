#!/bin/bash
# Time to live: a router's reports reach the stack's program, and what arrives with the last hop is taken.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

tap tap0 10.0.0.1/24
far_make

# Out: the first router says where the probe ended, and one hop more arrives.
fails 1 "a probe of one hop" "$apps/tapir-ping" "${here[@]}" -c 1 -t 1 -W 3 10.9.0.2
says "From 10.0.0.1 icmp_seq=1 .*[Tt]ime to live exceeded"
must "a probe of two hops" "$apps/tapir-ping" "${here[@]}" -c 1 -t 2 -W 3 10.9.0.2
says "bytes from 10.9.0.2.* ttl=63"
fails 1 "a probe to nobody behind the router" "$apps/tapir-ping" "${here[@]}" -c 1 -W 5 10.9.0.77
says "From 10.0.0.1 icmp_seq=1 .*[Uu]nreachable"

# In: the stack is the last hop, so a TTL of 1 is enough.
serve echo echo
must "the kernel's ping with TTL 1" ping -n -c 1 -t 1 -W 3 10.0.0.2
fails 1 "one hop is too few from afar" "${far[@]}" ping -n -c 1 -t 1 -W 3 10.0.0.2
says "From 10.9.0.1 icmp_seq=1 Time to live exceeded"
must "two hops are enough from afar" "${far[@]}" ping -n -c 1 -t 2 -W 3 10.0.0.2
the_end
