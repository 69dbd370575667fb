#!/bin/bash
# Offload on and off: the same bytes, in super-segments or in frames with checksums of our own.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

get=(curl -sS --fail --max-time 30)
www_make
data www/file 20000000

# longest TAP FILTER: bytes of the longest frame in its trace.
longest() {
    traced "$1" "$2" | sed -n 's/.*(0x0800), length \([0-9]*\):.*/\1/p' | sort -n | tail -n 1
}

transfer() {
    serve_on "$1" "$2" "httpd-$1" httpd --upload "${@:3}" www
    must "a download on $1" "${get[@]}" -o got "http://$2/file"
    same got www/file
    must "an upload on $1" "${get[@]}" -T www/file "http://$2/put"
    same www/put www/file
    end_trace "$1"
    stop "httpd-$1"
}

tap tap0 10.0.0.1/24
tap tap1 10.0.1.1/24
transfer tap0 10.0.0.2
transfer tap1 10.0.1.2 --no-offload
for direction in src dst; do
    with=$(longest tap0 "tcp and $direction host 10.0.0.2")
    without=$(longest tap1 "tcp and $direction host 10.0.1.2")
    ((with > 30000)) || fail "with offload the longest frame ($direction) has $with bytes"
    ((without == 1514)) || fail "without offload the longest frame ($direction) has $without bytes"
done
the_end
