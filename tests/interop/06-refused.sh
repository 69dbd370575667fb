#!/bin/bash
# What nobody listens to is refused at once: TCP by a reset, UDP by an ICMP error, both ways.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

tap tap0 10.0.0.1/24
serve echo echo

fails 7 "the kernel's connection to a closed port" curl -sS --max-time 5 http://10.0.0.2:81/
says "refused|Couldn't connect"
# The second datagram's error names the first one's ICMP error.
must "the kernel's datagram to a closed port" timeout 5 bash -c '
    exec 3<>/dev/udp/10.0.0.2/4000
    echo anybody >&3
    ! read -r -t 4 line <&3 2>error && grep -q refused error || { cat error; exit 1; }'
stop echo

fails 1 "the stack's connection to a closed port" timeout 5 "$apps/tapir-get" "${here[@]}" http://10.0.0.1:81/
says "Connection refused"
echo anybody >question
input=question fails 1 "the stack's datagram to a closed port" \
    timeout 5 "$apps/tapir-nc" "${here[@]}" -u -w 4 10.0.0.1 4000
says "Connection refused"
fails 1 "the stack's connection to nobody" timeout 10 "$apps/tapir-get" "${here[@]}" http://10.0.0.77/
says "No route to host"
the_end
