#!/bin/bash
# UDP both ways: every kind of size up to the largest, so with fragments, and empty datagrams.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

tap tap0 10.0.0.1/24
serve echo echo --udp

# One datagram there and back by bash's own sockets.
exchange() {
    local back
    exec 3<>"/dev/udp/10.0.0.2/7" || return
    dd bs=65507 count=1 status=none <datagram >&3
    back=$(dd bs=65536 count=1 status=none <&3 | cksum)
    exec 3>&-
    [[ $back == "$(cksum <datagram)" ]]
}
for size in 1 2 7 8 512 1471 1472 1473 2944 9000 32768 65506 65507; do
    data datagram "$size"
    must "a datagram of $size bytes there and back" timeout 5 bash -c "$(declare -f exchange); exchange"
done

must "many datagrams, empty ones too" "$bench/load" datagrams 10.0.0.2 7 2000
stop echo

# The stack sends to the kernel, and gets its answer.
start server nc -u -l -W 1 10.0.0.1 4000
wait_until 5 "a listener" listens 4000
data datagram 5000
input=datagram must "a datagram to the kernel" "$apps/tapir-nc" "${here[@]}" -u -N 10.0.0.1 4000
finish server
same server.out datagram
the_end
