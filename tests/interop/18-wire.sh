#!/bin/bash
# tapir-wire between two kernels: the hosts at its ends see each impairment, and the same again with the same seed.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

# The second namespace: no way to it but the wire.
start far unshare --net sleep 1000
wait_until 10 "a second namespace" far_is_there
far=(nsenter "--net=/proc/${pids[far]}/ns/net" --)
for where in "" "${far[*]}"; do
    must "no IPv6" $where sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'
    must "ECN" $where sh -c 'echo 1 >/proc/sys/net/ipv4/tcp_ecn'
    must "lo" $where ip link set lo up
done
ends=(--tap wire0 --host 10.5.0.1/24 --tap wire0 --ns "/proc/${pids[far]}/ns/net" --host 10.5.0.2/24)

# mac COMMAND...: of wire0, where the command goes.
mac() { "$@" ip -br link show wire0 | awk '{ print $3 }'; }

# wire OPTION...: the wire, anew, between 10.5.0.1 here and 10.5.0.2 there. Both know the other's address already, so
# that what passes is what the test sends.
wire() {
    start wire "$apps/tapir-wire" --seed 7 "${ends[@]}" "$@"
    ready wire "joining wire0 and wire0 in /proc/.*, seed 7"
    must "knowing it" ip neigh replace 10.5.0.2 lladdr "$(mac "${far[@]}")" dev wire0
    must "being known" "${far[@]}" ip neigh replace 10.5.0.1 lladdr "$(mac env)" dev wire0
}

# unwire [TEXT...]: ends the wire, whose report says each of these.
unwire() {
    local text
    stop wire INT
    for text in "$@"; do
        grep -qE -- "$text" wire.out || fail "\"$text\" is not in: $(cat wire.out)"
    done
}

# pings COUNT [OPTION...]: 2 ms apart. What came back is in must.out; $lost is the percentage that did not.
pings() {
    ping -n -i 0.002 -W 1 -c "$@" 10.5.0.2 >must.out 2>&1
    lost=$(sed -n 's/.* \([0-9]*\)[.0-9]*% packet loss.*/\1/p' must.out)
}

# The mean round trip of these pings in microseconds.
rtt() { sed -n 's,^rtt .* = [0-9.]*/\([0-9]*\)\.\([0-9]*\)/.*,\1\2,p' must.out; }

# answered: the sequence numbers that came back, in order.
answered() { sed -n 's/.*icmp_seq=\([0-9]*\) .*/\1/p' must.out; }

# within WHAT LEAST VALUE MOST
within() { (($2 <= $3 && $3 <= $4)) || fail "$1: $3 is not between $2 and $4"; }

# transfer FILE: by TCP from here to there. $took are its milliseconds. After it no connection has anything left to send
# (a FIN whose acknowledgment was lost), or the next wire would spend its luck on that.
transfer() {
    start sink "${far[@]}" nc -l -N -p 5000
    wait_until 10 "a listener" far_listens
    local began=${EPOCHREALTIME/./}
    input=$1 must "sending $1" timeout 100 nc -N 10.5.0.2 5000
    finish sink
    took=$(((${EPOCHREALTIME/./} - began) / 1000))
    same "$1" sink.out
    wait_until 10 "the end of the connections" all_closed
}

all_closed() {
    local open
    open=$(ss -Htn "sport = 5000 or dport = 5000" && "${far[@]}" ss -Htn "sport = 5000 or dport = 5000") && [[ -z $open ]]
}
far_listens() { [[ -n $("${far[@]}" ss -Hltn "sport = 5000") ]]; }

data big 20000000
data small 1500000

# A perfect wire: nothing is lost, and what was sent as super-segments comes as frames, each with its checksum.
wire
pings 50
[[ $lost == 0 ]] || fail "a perfect wire loses $lost %"
start tcpdump-far "${far[@]}" tcpdump -n -Z root -s 0 -B 65536 --immediate-mode -U -i wire0 -w far.pcap src host 10.5.0.1
ready tcpdump-far "listening on"
transfer small
stop tcpdump-far
lengths=$(tcpdump -n -e -r far.pcap tcp 2>/dev/null | sed -n 's/.*(0x0800), length \([0-9]*\):.*/\1/p' | sort -n)
(($(wc -l <<<"$lengths") > 1000)) || fail "the trace at the far end has $(wc -l <<<"$lengths") frames"
[[ $(tail -n 1 <<<"$lengths") == 1514 ]] || fail "the longest frame on the wire has $(tail -n 1 <<<"$lengths") bytes"
! tcpdump -n -v -r far.pcap 2>/dev/null | grep -E 'bad cksum|incorrect' || fail "the checksums above are wrong"
must "counts on demand" kill -USR1 "${pids[wire]}"
wait_until 10 "counts on demand" said wire "^forth: .*super-segments cut"
unwire "^forth: ([0-9]+) frames in .* \1 out" "^back: ([0-9]+) frames in .* \1 out"
wire --no-offload
transfer big
unwire
! grep "super-segments" wire.out || fail "super-segments without offload"

# Delay, and each direction with its own.
wire --forth --delay 30ms --back --delay 10ms
pings 50
within "the round trip" 40000 "$(rtt)" 50000
unwire
wire --delay 5ms --jitter 4ms,overtake
pings 100
within "the round trip with jitter" 8000 "$(rtt)" 14000
answered | sort -n -c 2>/dev/null && fail "nobody overtook anybody"
transfer small
unwire

# Loss: the share, by kernel TCP survived, and the same one again.
for round in first second; do
    wire --loss 5%
    pings 500
    within "loss of 5 % each way" 5 "$lost" 16
    answered >"$round"
    transfer big
    unwire "[0-9]+ lost at random"
done
same first second
wire --forth --burst 2%,20%
pings 500
within "loss in bursts" 3 "$lost" 20
transfer small
unwire "[0-9]+ lost in bursts"
wire --forth --every 10
pings 200
[[ $lost == 10 ]] || fail "of every tenth $lost % is lost"
unwire "20 lost as every n-th"

# By expression: the first SYN is lost, so that the connection waits a second; and what is not meant is left alone.
wire --drop 'tcp[tcpflags] & tcp-syn != 0' --drop-count 1 --match udp --loss 100%
pings 50
[[ $lost == 0 ]] || fail "pings are no UDP, but $lost % are lost"
transfer small
within "a connection whose SYN is lost" 1000 "$took" 10000
unwire "1 dropped by the filter"

# Duplicates, damage and disorder.
wire --duplicate 10% --reorder 5%,5ms
pings 200
says '\+[0-9]+ duplicates'
answered | sort -n -c 2>/dev/null && fail "nobody overtook one that was held back"
transfer big
unwire "duplicated" "held back"
# Only there: ping hears what comes back before its checksum is verified.
wire --forth --corrupt 100% --match icmp
pings 50
[[ $lost == 100 ]] || fail "of damaged requests $((100 - lost)) % are answered"
unwire "forth:.* 50 corrupted"
wire --corrupt 2%
transfer big
unwire "corrupted"

# 1.5 MB at 10 Mbit/s are 1.25 s with their headers; a full queue is loss, or with ECN a mark.
wire --forth --rate 10M --queue 20ms
transfer small
within "1.5 MB at 10 Mbit/s" 1200 "$took" 2500
unwire "lost at the full queue"
wire --rate 10M --queue 1s --ecn 5ms
transfer small
within "1.5 MB at 10 Mbit/s with ECN" 1200 "$took" 2500
unwire "marked CE"
! grep "lost" wire.out || fail "with a long queue and ECN there is no loss"

# The MTU steps down a second after the start.
wire --mtu 1500,1s:1000
pings 5 -s 1400
[[ $lost == 0 ]] || fail "frames within the MTU are lost"
sleep 1
pings 5 -s 1400
[[ $lost == 100 ]] || fail "frames over the MTU pass"
pings 5 -s 900
[[ $lost == 0 ]] || fail "frames within the smaller MTU are lost"
unwire "lost as too long"

# Flaps: again and again nothing passes for 300 ms.
wire --flap 300ms:300ms
pings 400 -D
gaps=$(sed -n 's/^\[\([0-9]*\)\.\([0-9]*\)\] .*/\1\2/p' must.out | awk 'last && $1 - last > 100000 { print $1 - last } { last = $1 }')
(($(wc -w <<<"$gaps") >= 2)) || fail "the link was not down twice: $gaps"
for gap in $gaps; do
    within "the microseconds that the link is down" 280000 "$gap" 400000
done
unwire "lost while down"
# TCP gets over it once the link stays up. Flaps without end could be in step with its retransmissions for ever.
wire --flap 100ms:200ms:8 --rate 100M
transfer big
unwire "lost while down"

# A program of ours behind it, over a bridge.
start wire "$apps/tapir-wire" --delay 20ms --tap wire0 --tap wire0 "${ends[@]:6}"
ready wire "joining"
must "a TAP" ip tuntap add tap0 mode tap
must "a bridge" ip link add bridge0 type bridge
for link in tap0 wire0; do
    must "$link on the bridge" ip link set "$link" master bridge0 up
done
must "the bridge" ip link set bridge0 up
# For a second the bridge waits for the carrier, which comes with the program.
must "ping by the stack" "$apps/tapir-ping" --tap tap0 --address 10.5.0.9/24 -c 30 -i 0.1 10.5.0.2
says "30 received"
says "seq=30 .* time=4[0-9]\.[0-9]+ ms"
stop wire

# It says what is wrong, and ends when there is nothing left to do.
fails 2 "a wire with one end" "$apps/tapir-wire" --tap wire0
says "two ends"
fails 2 "a time without a unit" "$apps/tapir-wire" "${ends[@]}" --delay 5
fails 1 "a namespace that is not there" "$apps/tapir-wire" --tap wire0 --tap wire0 --ns nowhere
says "namespace nowhere: No such file"
fails 2 "a bad expression" "$apps/tapir-wire" "${ends[@]}" --drop nonsense
says 'filter "nonsense"'
must "help" "$apps/tapir-wire" --help
start gone "$apps/tapir-wire" "${ends[@]}"
ready gone "joining"
must "taking the device away" "${far[@]}" ip link delete wire0
wait_until 10 "the end of the wire" is_gone "${pids[gone]}"
code=0
wait "${pids[gone]}" || code=$?
unset "pids[gone]"
[[ $code == 1 ]] || fail "without its device the wire ended with $code"
said gone "tapir-wire: wire0: " || fail "it did not say why: $(cat gone.err)"
the_end
