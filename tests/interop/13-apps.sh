#!/bin/bash
# The sample programs with each other: two stacks, with the kernel as the router between them.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

www_make
data www/file 20000000
data www/small 3000

tap tap0 10.0.0.1/24
tap tap1 10.0.1.1/24
echo 1 >/proc/sys/net/ipv4/ip_forward

serve_on tap1 10.0.1.2 httpd httpd --upload www
must "tapir-get" "$apps/tapir-get" "${here[@]}" -q -o got http://10.0.1.2/file
same got www/file
must "tapir-get, putting" "$apps/tapir-get" "${here[@]}" -q -T www/file http://10.0.1.2/put
same www/put www/file
fails 22 "tapir-get of nothing" "$apps/tapir-get" "${here[@]}" -q -f http://10.0.1.2/nothing
must "tapir-ping" "$apps/tapir-ping" "${here[@]}" -c 3 -i 0.01 10.0.1.2
says "3 received, 0% packet loss"
says "ttl=63"
stop httpd

serve_on tap1 10.0.1.2 echo echo
input=www/file must "tapir-nc to tapir-echo" "$apps/tapir-nc" "${here[@]}" -N -w 20 10.0.1.2 7
same must.out www/file
stop echo

input=www/small start listener "$apps/tapir-nc" --tap tap1 --address 10.0.1.2/24 --gateway 10.0.1.1 -u -w 2 -l 4000
answered() { "$apps/tapir-nc" "${here[@]}" -u -w 1 10.0.1.2 4000 <www/small >back && cmp -s back www/small; }
wait_until 20 "tapir-nc to tapir-nc by UDP" answered
interrupt listener

serve_on tap1 10.0.1.2 perf perf --server
for way in "" --reverse --rr; do
    must "tapir-perf $way" "$apps/tapir-perf" "${here[@]}" -t 1 --json $way 10.0.1.2
    says '"bytes":[1-9]'
done
must "tapir-perf, eight at once" "$apps/tapir-perf" "${here[@]}" -t 1 -P 8 10.0.1.2
says "total"
the_end
