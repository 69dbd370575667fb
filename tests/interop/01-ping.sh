#!/bin/bash
# Ping of every kind of size, so with fragments, and in a flood, the kernel asking and the stack asking.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

sizes=(0 1 7 8 56 1471 1472 1473 2952 2953 8191 32768 65506 65507)

# By -l all are sent at once, and late answers have a second to come.
tap tap0 10.0.0.1/24
serve echo echo
for size in "${sizes[@]}"; do
    must "the kernel's ping of $size bytes" ping -q -n -c 3 -l 3 -s "$size" 10.0.0.2
    says "3 received, 0% packet loss"
done
must "a flood of fragments by the kernel" ping -q -n "${flood[@]}" -c 200 -w 10 -s 20000 10.0.0.2
says "200 received"

# Late is not lost: the trace tells how many were answered.
must "a flood by the kernel" ping -q -n "${flood[@]}" -c 1000 -w 10 -s 100 10.0.0.2
says "1000 received"
end_trace tap0
asked=$(traced tap0 'icmp[icmptype] == icmp-echo and ip[2:2] == 128' | wc -l)
answered=$(traced tap0 'icmp[icmptype] == icmp-echoreply and ip[2:2] == 128' | wc -l)
((asked >= 1000 && asked == answered)) || fail "of $asked pings $answered were answered"
stop echo

for size in "${sizes[@]}"; do
    must "the stack's ping of $size bytes" "$apps/tapir-ping" "${here[@]}" -q -c 3 -i 0.002 -W 5 -s "$size" 10.0.0.1
    says "3 received, 0% packet loss"
done
must "a flood by the stack" "$apps/tapir-ping" "${here[@]}" -q -f -c 1000 -W 5 10.0.0.1
says "1000 received, 0% packet loss"
fails 1 "a ping that nobody answers" "$apps/tapir-ping" "${here[@]}" -q -c 1 -W 4 10.0.0.77
says "100% packet loss"
the_end
