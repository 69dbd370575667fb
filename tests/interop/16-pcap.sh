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

# Standard output has the capture and nothing else, and what the program has to say is on standard error.
must "a capture to standard output" "$apps/tapir-ping" "${here[@]}" --pcap - --filter icmp -c 3 -i 0.01 10.0.0.1
mv must.out ping.pcap
grep -q "3 received, 0% packet loss" must.err || fail "no statistics on standard error: $(cat must.err)"
must "tcpdump" tcpdump -n -r ping.pcap
[[ $(grep -c "ICMP echo" must.out) == 6 && $(wc -l <must.out) == 6 ]] || fail "not what passed: $(cat must.out)"
start httpd "$apps/tapir-httpd" "${here[@]}" --log --pcap - www
ready httpd "serving"
must "a download" curl -sS --fail --max-time 20 -o got http://10.0.0.2/file
stop httpd
grep -q "GET /file" httpd.err || fail "no log on standard error: $(cat httpd.err)"
must "tcpdump" tcpdump -n -r httpd.out
says "Flags \[S\]"
fails 2 "data and a capture on one descriptor" "$apps/tapir-nc" "${here[@]}" --pcap - 10.0.0.1 7
says "standard output is for the data"
fails 2 "the same" "$apps/tapir-get" "${here[@]}" --pcap - http://10.0.0.1/
says "standard output is for the data"
serve httpd httpd www
tap tap1 10.0.1.1/24
echo 1 >/proc/sys/net/ipv4/ip_forward
must "data elsewhere" "$apps/tapir-get" --tap tap1 --address 10.0.1.2/24 --gateway 10.0.1.1 --pcap - -o got http://10.0.0.2/file
mv must.out get.pcap
same got www/file
must "tcpdump" tcpdump -n -r get.pcap
stop httpd

fails 2 "a report that nobody can read" bash -c '"$@" >/dev/full' _ "$apps/tapir-ping" "${here[@]}" -c 1 10.0.0.1
says "not all of it could be written"

# A disk that is full (of which a limit stands for one): the file ends with a whole frame, and the program says so and ends with 1.
start httpd bash -c 'trap "" XFSZ; ulimit -f 200; exec "$@"' _ "$apps/tapir-httpd" "${here[@]}" --pcap full.pcap www
ready httpd "serving"
must "a download" curl -sS --fail --max-time 20 -o got http://10.0.0.2/file
same got www/file
ready httpd "capture to full.pcap: File too large: it ends here, after a whole frame"
kill -TERM "${pids[httpd]}"
wait "${pids[httpd]}"
status=$?
unset "pids[httpd]"
((status == 1)) || fail "a program whose capture broke off ended with $status"
[[ $(grep -c "capture to" httpd.err) == 1 ]] || fail "it was said more than once: $(cat httpd.err)"
must "tcpdump" tcpdump -n -r full.pcap
! grep -a truncated must.err || fail "the last frame is not whole"
size=$(stat -c %s full.pcap)
((size > 100000 && size <= 204800)) || fail "the capture has $size bytes"
the_end
