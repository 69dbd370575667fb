#!/bin/bash
# Everything at once over one stack and its neighbour: downloads, uploads, pings, echoes, datagrams.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

get=(curl -sS --fail --max-time 60)
www_make
data www/file 20000000
data www/small 5000

tap tap0 10.0.0.1/24
tap tap1 10.0.1.1/24
serve httpd httpd --upload www
serve_on tap1 10.0.1.2 echo echo
for i in 1 2 3; do
    start "download-$i" "${get[@]}" -o "got-$i" http://10.0.0.2/file
    start "upload-$i" "${get[@]}" -T www/file "http://10.0.0.2/put-$i"
done
start flood ping -q -n "${flood[@]}" -c 1000 -w 20 10.0.0.2
start fragments ping -q -n -c 100 -i 0.01 -w 20 -s 9000 10.0.0.2
start pages "${get[@]}" -o 'page-#1' "http://10.0.0.2/small?[1-200]"
start hold "$bench/load" hold 10.0.1.2 7 100
input=www/file start stream nc -N -w 20 10.0.1.2 7
for name in download-{1,2,3} upload-{1,2,3} flood fragments pages hold stream; do
    finish "$name" 60
done
for i in 1 2 3; do
    same "got-$i" www/file
    same "www/put-$i" www/file
done
same stream.out www/file
for ((i = 1; i <= 200; i++)); do
    same "page-$i" www/small
done
grep -q "1000 received" flood.out || fail "the flood lost some: $(cat flood.out)"
grep -q "100 received" fragments.out || fail "the fragmented ping lost some: $(cat fragments.out)"
the_end
