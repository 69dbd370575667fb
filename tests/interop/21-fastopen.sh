#!/bin/bash
# TCP Fast Open with the kernel, each in both roles: the first connection asks for a cookie, later ones send at once.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

programs=$interop_build/tests/interop
export TAPIR_TAP=tap0 TAPIR_ADDRESS=10.0.0.2/24 TAPIR_GATEWAY=10.0.0.1
tap tap0 10.0.0.1/24
if ! sysctl -q -w net.ipv4.tcp_fastopen=3 2>/dev/null; then
    echo "$interop_name: this kernel lets nobody switch Fast Open on: not tested"
    the_end
    exit 0
fi

# lines WHO FILE: no data on the first SYN, then on every one.
opened() {
    local said
    said=$(grep -a "^$1:" "$2" | sed 's/.*: //' | tr '\n' ' ')
    [[ $said == "no yes yes yes yes " ]] || fail "data on the SYN, as the $1 sees it: $said"
}

start server "$programs/fastopen_tapir" serve 4000 5
ready server serving
must "the kernel's client" "$programs/fastopen_kernel" call 10.0.0.2 4000 5
opened client must.out
finish server
opened server server.out

start server "$programs/fastopen_kernel" serve 4001 5
ready server serving
must "the stack's client" "$programs/fastopen_tapir" call 10.0.0.1 4001 5
opened client must.out
finish server
opened server server.out
the_end
