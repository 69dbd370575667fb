#!/bin/bash
# Netcat both ways over TCP: whole streams and half-closed connections, either side first to end.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

data sent 3000000
tap tap0 10.0.0.1/24

# The stack echoes to the last byte, also after the kernel's end of a half-closed connection.
for mode in iterative threads poll epoll; do
    serve "echo-$mode" echo --mode "$mode"
    input=sent must "an echo by $mode" nc -N -w 20 10.0.0.2 7
    same must.out sent
    stop "echo-$mode"
done

# The stack calls, ends its side first and still gets all of it back.
start echo "$bench/load" echo 4000 1
ready echo serving
input=sent must "an echo by the kernel" "$apps/tapir-nc" "${here[@]}" -N -w 20 10.0.0.1 4000
same must.out sent
finish echo

# The kernel ends first; then the stack does, of its own accord.
input=sent start server nc -N -l 10.0.0.1 4001
wait_until 5 "a listener" listens 4001
must "reading all" "$apps/tapir-nc" "${here[@]}" -w 20 10.0.0.1 4001
same must.out sent
finish server

# The kernel calls, the stack listens.
input=sent start listener "$apps/tapir-nc" "${here[@]}" -N -w 20 -l 4002
exchange() { nc -N -w 10 10.0.0.2 4002 <sent >back; }
wait_until 10 "an exchange with the listener" exchange
finish listener
same listener.out sent
same back sent
the_end
