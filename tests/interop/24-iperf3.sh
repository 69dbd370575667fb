#!/bin/bash
# tapir-perf and iperf3 measure each other, whichever is the server.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

tap tap0 10.0.0.1/24

# figure FILE WORDS...: the number at this place of the JSON in it, by jq's way of naming it.
figure() { jq -r "$2" "$1"; }

# Several clients at once, each with streams of its own: what one side has sent the other has received.
serve perf perf --server
for way in "" "-R" "-P 4" "-P 3 -R" "-R -C reno" "-w 64K"; do
    read -ra words <<<"$way"
    start "iperf3$way" iperf3 -J -c 10.0.0.2 -n 3M "${words[@]}"
done
for way in "" "-R" "-P 4" "-P 3 -R" "-R -C reno" "-w 64K"; do
    finish "iperf3$way" 20
    [[ $(figure "iperf3$way.out" .error) == null ]] || fail "iperf3 $way: $(figure "iperf3$way.out" .error)"
    (($(figure "iperf3$way.out" .end.sum_sent.bytes) >= 3000000)) || fail "iperf3 $way has sent too little"
    (($(figure "iperf3$way.out" .end.sum_received.bytes) > 0)) || fail "iperf3 $way: nothing was received"
done
must "a test that does not count its first second" iperf3 -J -c 10.0.0.2 -R -t 1 -O 1
sent=$(figure must.out .end.sum_sent.bytes) received=$(figure must.out .end.sum_received.bytes)
((sent > received / 2 && sent < received * 2)) || fail "$sent bytes were sent, and $received received"

# What it does not do it refuses, in words that iperf3 has for it, and goes on.
for way in -u --bidir "-R -M 1000" "-R -b 10M" "-R -C nosuch"; do
    read -ra words <<<"$way"
    fails 1 "iperf3 $way" iperf3 -c 10.0.0.2 -t 1 "${words[@]}"
    says "is not implemented yet"
done
must "no protocol at all" bash -c 'exec 3<>/dev/tcp/10.0.0.2/5201; printf "TAPx%60s" >&3; ! read -r -n 1 -t 5 <&3'
must "another one" iperf3 -c 10.0.0.2 -n 1M
stop perf

start server iperf3 -s
wait_until 10 "iperf3" listens 5201
for way in "" "--reverse" "-P 4" "-P 3 --reverse" "--congestion bbr"; do
    read -ra words <<<"$way"
    must "tapir-perf $way" "$apps/tapir-perf" "${here[@]}" -t 0.2 --json "${words[@]}" 10.0.0.1
    (($(figure must.out .bytes) > 100000)) || fail "tapir-perf $way moved $(figure must.out .bytes) bytes"
done
start first iperf3 --forceflush -c 10.0.0.1 -t 5
ready first "connected to"
fails 1 "a server that is busy" "$apps/tapir-perf" "${here[@]}" -t 1 10.0.0.1
says "busy with another test"
kill -INT "${pids[first]}" "${pids[server]}"
wait "${pids[first]}" "${pids[server]}" 2>/dev/null
unset "pids[first]" "pids[server]"
the_end
