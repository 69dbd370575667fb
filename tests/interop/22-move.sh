#!/bin/bash
# The kernel's side moves to another MAC address, as after a failover: it is found again within 4 s. (Z11)
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

# Each transfer takes 1 s by its own speed, and may pause for 4 s. The file is larger than what curl may take before it first looks
# at its limit, or the transfer could be over before the move.
get=(curl -sS --fail --limit-rate 10M --max-time 6)
www_make
data www/file 12000000
tap tap0 10.0.0.1/24
serve httpd httpd --upload www
must "ping, since the link may take a second to come up" ping -q -c 1 -w 5 10.0.0.2

# move MAC ARP_NOTIFY: with one gratuitous ARP, or with none.
move() {
    echo "$2" >/proc/sys/net/ipv4/conf/tap0/arp_notify
    must "the move" ip link set tap0 address "$1"
}

# move_under MAC ARP_NOTIFY: while the stack sends and receives.
move_under() {
    start down "${get[@]}" -o got http://10.0.0.2/file
    start up "${get[@]}" -T www/file http://10.0.0.2/put
    wait_until 5 "two connections" connected 10.0.0.2 2
    sleep 0.2
    move "$@"
    finish down
    finish up
    same got www/file
    same www/put www/file
}

move_under 02:00:00:00:01:01 1
move_under 02:00:00:00:01:02 0

# Idle for as long as a claim is not taken at once.
sleep 1
move 02:00:00:00:01:03 1
must "ping" ping -q -c 3 -i 0.1 10.0.0.2
says "3 received"
end_trace tap0
must "the trace" traced tap0 "arp and ether dst 02:00:00:00:01:01"
says "who-has 10.0.0.1"
the_end
