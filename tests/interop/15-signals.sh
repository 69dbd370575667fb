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
    interrupt listener "$signal"
    # Where nobody answers there is nothing to wait for.
    for caller in "nc 10.0.0.77 4000" "get http://10.0.0.77/" "perf 10.0.0.77" "perf --rr 10.0.0.77"; do
        read -ra words <<<"$caller"
        start caller "$apps/tapir-${words[0]}" "${here[@]}" "${words[@]:1}"
        wait_until 10 "a stack" ping -q -c 1 -W 1 10.0.0.2
        sleep 0.1
        interrupt caller "$signal"
    done
    start echo "$bench/load" echo 4000 1
    ready echo serving
    mkfifo quiet
    exec 4<>quiet
    input=quiet start client "$apps/tapir-nc" "${here[@]}" -v 10.0.0.1 4000
    ready client "connected"
    interrupt client "$signal"
    finish echo
    exec 4>&-
    rm quiet
done
# A signal that comes twice at once, as timeout(1) sends it, was meant once: the peer is told. Later the second one ends it.
start echo "$bench/load" echo 4001 1
ready echo serving
mkfifo quiet
exec 4<>quiet
input=quiet start client "$apps/tapir-nc" "${here[@]}" -v 10.0.0.1 4001
ready client "connected"
kill -TERM "${pids[client]}"
kill -TERM "${pids[client]}"
finish client 2 143
finish echo 2
start full "$bench/load" echo 4002 1
ready full serving
kill -STOP "${pids[full]}"
input=/dev/zero start client "$apps/tapir-nc" "${here[@]}" -v 10.0.0.1 4002
ready client "connected"
sleep 0.3
kill -TERM "${pids[client]}"
sleep 0.2
! is_gone "${pids[client]}" || fail "a client whose peer takes nothing does not try to bring over what it has"
kill -TERM "${pids[client]}"
finish client 1 143
kill -CONT "${pids[full]}"
crash full
the_end
