#!/bin/bash
# 200 connections at once (1,000 with INTEROP_BIG=1), each with its own bytes, in every design of server.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

count=200
[[ ${INTEROP_BIG:-} != 1 ]] || count=1000
ulimit -n 4096

tap tap0 10.0.0.1/24
for mode in threads poll epoll; do
    serve "echo-$mode" echo --mode "$mode"
    must "$count connections to $mode" timeout 60 "$bench/load" hold 10.0.0.2 7 "$count"
    says "^$count connections"
    stop "echo-$mode"
done

mkdir www
data www/file 50000
serve httpd httpd www
must "$count downloads" curl -sS --fail --max-time 60 -Z --parallel-immediate --parallel-max 200 \
    -o 'got-#1' "http://10.0.0.2/file?[1-$count]"
for ((i = 1; i <= count; i++)); do
    same "got-$i" www/file
done
the_end
