#!/bin/bash
# MTU 576, 1500 and 9000, and a path narrower than both ends, which only ICMP tells of.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

get=(curl -sS --fail --max-time 30)
www_make
data www/file 5000000

tap tap0 10.0.0.1/24
for mtu in 576 1500 9000; do
    must "MTU $mtu" ip link set tap0 mtu "$mtu"
    for offload in "" --no-offload; do
        serve httpd httpd --upload $offload www
        must "a download at MTU $mtu $offload" "${get[@]}" -o got http://10.0.0.2/file
        same got www/file
        must "an upload at MTU $mtu $offload" "${get[@]}" -T www/file http://10.0.0.2/put
        same www/put www/file
        must "ping at MTU $mtu $offload" ping -q -n -c 3 -l 3 -s 20000 10.0.0.2
        says "3 received"
        stop httpd
    done
done

# With one of our own below the device's, what is longer is lost, and that is said once.
must "MTU 1500" ip link set tap0 mtu 1500
serve httpd httpd --mtu 1000 www
said httpd "our MTU is 1000 and that of tap0 1500" || fail "nothing was said of it"
must "a download all the same" "${get[@]}" -o got http://10.0.0.2/file
same got www/file
fails 1 "a long ping" ping -q -c 2 -i 0.1 -W 0.2 -s 1400 10.0.0.2
wait_until 5 "a word about it" said httpd "1428 bytes came over tap0 in one datagram"
(($(grep -c "came over" httpd.err) == 1)) || fail "it was said more than once"
stop httpd

# The router's way on is narrower than what either end knows.
far_make
must "a narrow way" ip link set near0 mtu 1000
serve httpd httpd www
must "a download through the narrow way" "${far[@]}" "${get[@]}" -o got http://10.0.0.2/file
same got www/file
end_trace tap0
must "the trace" traced tap0 'icmp[icmptype] == icmp-unreach and icmp[icmpcode] == 4'
says "need to frag \(mtu 1000\)"
the_end
