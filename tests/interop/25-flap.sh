#!/bin/bash
# The kernel's side goes down and up under transfers, and loses and regains its address: every flow goes on. (V5, Z7)
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

get=(curl -sS --fail --limit-rate 10M --max-time 20)
www_make
data www/file 12000000
must "a TAP" namespace_tap tap0 10.0.0.1/24 # no trace: tcpdump ends when its device is down
serve httpd httpd --upload www
must "ping, since the link may take a second to come up" ping -q -c 1 -w 5 10.0.0.2

start down "${get[@]}" -o got http://10.0.0.2/file
start up "${get[@]}" -T www/file http://10.0.0.2/put
wait_until 5 "two connections" connected 10.0.0.2 2
# A short spell may fall between two frames. This one lasts until a frame is refused, and that is told.
must "down" ip link set tap0 down
wait_until 5 "a word that the device is down" grep -q "tap0 is down: nothing passes until it is up" httpd.err
must "up" ip link set tap0 up
for ((i = 0; i < 60; i++)); do
    must "down" ip link set tap0 down
    ((i % 3)) || sleep 0.01
    must "up" ip link set tap0 up
    sleep 0.01
done
must "no address" ip address del 10.0.0.1/24 dev tap0
sleep 0.1
must "an address" ip address add 10.0.0.1/24 dev tap0
finish down
finish up
# A word each time that it begins or ends, though not for each frame.
(($(grep -c "tap0 is down" httpd.err) <= 61 && $(grep -c "tap0 is up" httpd.err) == $(grep -c "tap0 is down" httpd.err))) ||
    fail "too much, or too little, is said: $(cat httpd.err)"
same got www/file
same www/put www/file
must "ping" ping -q -c 3 -i 0.1 10.0.0.2
says "3 received"
the_end
