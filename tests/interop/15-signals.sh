#!/bin/bash
# SIGINT and SIGTERM end every program cleanly, whatever it waits for, and free the device for the next.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

mkdir www
data www/large 50000000
has_bytes() { [[ -s $1 ]]; }

tap tap0 10.0.0.1/24
for signal in INT TERM; do
    for server in "echo" "echo --udp" "echo --mode iterative" "echo --mode threads" "echo --mode poll" "httpd www" \
        "perf --server" "perf --discard 9 --source 19 --echo 7"; do
        read -ra words <<<"$server"
        serve server "${words[@]}"
        stop server "$signal"
    done

    # Blocked in a connection: the peer is told.
    serve httpd httpd www
    start reader curl -sS --limit-rate 10M -o partial http://10.0.0.2/large
    wait_until 10 "some of the download" has_bytes partial
    stop httpd "$signal"
    wait_until 10 "the end of the download" is_gone "${pids[reader]}"
    unset "pids[reader]"
    rm partial

    start ping "$apps/tapir-ping" "${here[@]}" -i 0.1 10.0.0.1
    ready ping "bytes from"
    stop ping "$signal"
    ready ping "0% packet loss"

    # Blocked in accept, in connect and in reading.
    start listener "$apps/tapir-nc" "${here[@]}" -l 4000
    wait_until 10 "a stack" ping -q -c 1 -W 1 10.0.0.2
    stop listener "$signal"
    start caller "$apps/tapir-nc" "${here[@]}" 10.0.0.77 4000
    wait_until 10 "a stack" ping -q -c 1 -W 1 10.0.0.2
    stop caller "$signal"
    start echo "$bench/load" echo 4000 1
    ready echo serving
    mkfifo quiet
    exec 4<>quiet
    input=quiet start client "$apps/tapir-nc" "${here[@]}" -v 10.0.0.1 4000
    ready client "connected"
    stop client "$signal"
    finish echo
    exec 4>&-
    rm quiet
done
the_end
