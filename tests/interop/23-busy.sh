#!/bin/bash
# SIGINT and SIGTERM end a program that is never idle: its input goes on as long as it reads.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

tap tap0 10.0.0.1/24

# moving NAME: do bytes pass? By what the device counts, since a program may count nothing.
bytes() { awk '$1 == "tap0:" { print $2 + $10 }' /proc/net/dev; }
moved() { (($(bytes) > $1)); }
moving() { wait_until 10 "a flow of $1" moved $(($(bytes) + 20000000)); }

# ends NAME STATUS: within three seconds of a signal, while its peer goes on.
ends() {
    local status=0
    moving "$1"
    kill -TERM "${pids[$1]}"
    wait_until 3 "the end of $1, which was busy," is_gone "${pids[$1]}"
    wait "${pids[$1]}" || status=$?
    ((status == $2)) || fail "$1 ended with $status, not with $2: $(tail -n 5 "$work/$1.err")"
    unset "pids[$1]"
}

# quit NAME...: the peers, however they take it.
quit() {
    local name
    for name in "$@"; do
        kill "${pids[$name]}" 2>/dev/null
        wait "${pids[$name]}" 2>/dev/null
        unset "pids[$name]"
    done
}

# Servers, each with a peer that sends as fast as it can and reads what comes.
for server in "echo --mode iterative" "echo --mode threads" "echo --mode poll" "echo --mode epoll" \
    "perf --discard 7" "perf --echo 7" "perf --source 7"; do
    read -ra words <<<"$server"
    serve server "${words[@]}"
    input=/dev/zero start peer nc 10.0.0.2 7
    ends server 0
    quit peer
done

# A listener and a client of tapir-nc, sending and receiving at once.
input=/dev/zero start server "$apps/tapir-nc" "${here[@]}" -l 4000
wait_until 10 "a stack" ping -q -c 1 -W 1 10.0.0.2
input=/dev/zero start peer nc 10.0.0.2 4000
ends server 143
quit peer
input=/dev/zero start peer nc -l 4000
wait_until 10 "nc" listens 4000
input=/dev/zero start client "$apps/tapir-nc" "${here[@]}" 10.0.0.1 4000
ends client 143
quit peer

# A response without an end, and an upload that is endless for practical purposes.
printf 'HTTP/1.1 200 OK\r\n\r\n' >start.http
input=<(cat start.http /dev/zero) start peer nc -l 8000
wait_until 10 "nc" listens 8000
start client "$apps/tapir-get" "${here[@]}" -q -o /dev/null http://10.0.0.1:8000/
ends client 143
quit peer
truncate -s 1T large
printf 'HTTP/1.1 100 Continue\r\n\r\n' >start.http
input=start.http start peer nc -l 8000
wait_until 10 "nc" listens 8000
start client "$apps/tapir-get" "${here[@]}" -q -T large http://10.0.0.1:8000/
ends client 143
quit peer

# A measurement, either way.
start peer iperf3 -s
wait_until 10 "iperf3" listens 5201
for way in "" --reverse; do
    start client "$apps/tapir-perf" "${here[@]}" $way 10.0.0.1
    ends client 143
done
quit peer

# Output that nobody takes: what blocks there is no call of the stack.
mkfifo stuck
exec 4<>stuck
printf 'HTTP/1.1 200 OK\r\n\r\n' >start.http
input=<(cat start.http /dev/zero) start peer nc -l 8000
wait_until 10 "nc" listens 8000
start client "$apps/tapir-get" "${here[@]}" -q -o stuck http://10.0.0.1:8000/
sleep 0.3
kill -TERM "${pids[client]}"
wait_until 3 "the end of a client whose output is stuck" is_gone "${pids[client]}"
unset "pids[client]"
quit peer
the_end
