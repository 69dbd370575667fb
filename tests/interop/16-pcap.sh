#!/bin/bash
# --pcap and --filter: tcpdump reads the file, sees whole conversations and finds every checksum right.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

mkdir www
data www/file 1000000

tap tap0 10.0.0.1/24
for offload in "" --no-offload; do
    serve httpd httpd $offload --pcap all.pcap www
    must "a download" curl -sS --fail --max-time 20 -o got http://10.0.0.2/file
    must "a ping in fragments" ping -q -c 1 -W 5 -s 4000 10.0.0.2
    stop httpd
    must "tcpdump" tcpdump -n -vv -r all.pcap
    for text in "ARP" "Flags \[S\]" "Flags \[S\.\]" "Flags \[[F.]*F" "ICMP echo reply" "GET /file HTTP/1.1"; do
        says "$text"
    done
    ! grep -aE "bad cksum|incorrect|bad-len|truncated" must.out || fail "tcpdump finds the mistakes above $offload"
done

serve httpd httpd --pcap some.pcap --filter icmp www
must "a download" curl -sS --fail --max-time 20 -o got http://10.0.0.2/file
must "a ping" ping -q -c 3 -l 3 10.0.0.2
stop httpd
must "tcpdump" tcpdump -n -r some.pcap
[[ $(grep -c ICMP must.out) == 6 && $(wc -l <must.out) == 6 ]] || fail "the filter let through: $(cat must.out)"

fails 1 "a file that cannot be" "$apps/tapir-echo" "${here[@]}" --pcap none/such.pcap
says "none/such.pcap"
the_end
