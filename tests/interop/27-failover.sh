#!/bin/bash
# The gateway's address moves between two routers by one gratuitous ARP, as VRRP moves it: what passes goes on within a second,
# and at once if nothing did. Who only claims the address, while its owner answers, gets nothing. (Z11, L5)
#
#   this namespace: 10.9.0.1 bridge1 --- wan, router one: lan --- bridge0 --- tap0, the stack 10.0.0.2
#                                    --- wan, router two: lan ---             whose gateway is 10.0.0.1
#
# To the stack the way is always through two.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

rogue=02:00:00:00:0b:ad

# router NAME NUMBER: one of the routers, in a namespace of its own; it has the gateway's address not yet.
router() {
    local name=$1 number=$2 place link bridge net
    start "far-$name" unshare --net sleep 1000
    wait_until 10 "a namespace for $name" is_apart "$name"
    for place in "lan bridge0 10.0.0" "wan bridge1 10.9.0"; do
        read -r link bridge net <<<"$place"
        must "a link" ip link add "$link-$name" type veth peer name "$link" netns "${pids[far-$name]}"
        must "its bridge" ip link set "$link-$name" master "$bridge" up
        must "its address" on "$name" ip address add "$net.$number/24" dev "$link"
        must "its end" on "$name" ip link set "$link" up
    done
    # What goes and what comes takes different ways.
    on "$name" bash -c "cd /proc/sys/net/ipv4 && echo 1 >ip_forward && echo 0 | tee conf/{all,lan,wan}/rp_filter >/dev/null"
    forward "$name" 0
}

is_apart() { [[ $(readlink "/proc/${pids[far-$1]}/ns/net") != "$(readlink /proc/self/ns/net)" ]]; }
on() { nsenter "--net=/proc/${pids[far-$1]}/ns/net" -- "${@:2}"; }

# forward NAME 0|1: does it take what comes from the stack on its way?
forward() { on "$1" sh -c "echo $2 >/proc/sys/net/ipv4/conf/lan/forwarding"; }

# claim NAME: it has the gateway's address, and says so once.
claim() {
    must "the address" on "$1" ip address add 10.0.0.1/32 dev lan
    forward "$1" 1
    on "$1" arping -q -U -c 1 -W 0.01 -S 10.0.0.1 -i lan 10.0.0.1 2>/dev/null
}

# fail_over FROM TO
fail_over() {
    must "no address" on "$1" ip address del 10.0.0.1/32 dev lan
    forward "$1" 0
    claim "$2"
}

for ((i = 0; i < 2; i++)); do
    must "bridge $i" ip link add "bridge$i" type bridge forward_delay 0
    must "bridge $i up" ip link set "bridge$i" up
done
tap tap0 10.0.0.77/32
must "the TAP on its bridge" ip link set tap0 master bridge0
must "our address" ip address add 10.9.0.1/24 dev bridge1
router one 11
router two 12
must "the way to the stack" ip route add 10.0.0.0/24 via 10.9.0.12
claim one
serve echo echo
wait_until 10 "the way through one" ping -q -c 1 -W 0.2 10.0.0.2

# A line each 20 ms, there and back; two takes the address over, and then another station only says so.
start lines sh -c "for i in $(seq -s ' ' 100); do echo \$i; sleep 0.02; done | nc -N 10.0.0.2 7"
start pings ping -q -i 0.02 -c 60 -W 2 10.0.0.2
wait_until 5 "a connection" connected 10.0.0.2 1
sleep 0.2
fail_over one two
sleep 1
arping -q -U -c 10 -w 0.05 -W 0.05 -s "$rogue" -S 10.0.0.1 -i bridge0 10.0.0.1 2>/dev/null
finish lines
finish pings
seq 100 | cmp -s - lines.out || fail "the echo is not what was sent"
(($(grep -oE "[0-9]+ received" pings.out | cut -d" " -f1) >= 30)) || fail "pings: $(tail -n 2 pings.out)"

# Idle for longer than the address is locked: a second from the last question, itself within one of the last claim.
sleep 2
fail_over two one
must "ping" ping -q -c 3 -i 0.1 -W 1 10.0.0.2
says "3 received"

end_trace tap0
[[ -n $(traced tap0 "arp and ether src $rogue") ]] || fail "nobody claimed the address"
[[ -z $(traced tap0 "ether dst $rogue and not arp") ]] || fail "frames went to who only claimed the address"
tcpdump -n -tt -r tap0.pcap "tcp src port 7 and greater 67" >lines.times 2>/dev/null
must "the longest pause" awk "NR > 1 && \$1 - last > most { most = \$1 - last } { last = \$1 }
    END { print most; exit !(NR > 50 && most > 0.3 && most < 1) }" lines.times
the_end
