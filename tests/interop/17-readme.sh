#!/bin/bash
# The program in README.md compiles as it stands there, and echoes.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

sed -n '/^```c$/,/^```$/p' "$interop_root/README.md" | grep -v '^```' >echo.c
sanitize=$(sed -n 's/^TAPIR_SANITIZE:STRING=//p' "$interop_build/CMakeCache.txt")
must "compiling it" gcc -std=gnu17 -Wall -Wextra -Werror ${sanitize:+"-fsanitize=$sanitize"} -I "$interop_root/include" echo.c \
    -o echo -L "$interop_build" -Wl,-rpath,"$interop_build" -ltapir

data sent 100000
start echo ./echo
wait_until 10 "the echo server" ping -q -c 1 -W 1 10.0.0.2
exchange() { nc -N -w 10 10.0.0.2 7 <sent >back; }
wait_until 10 "an echo" exchange
finish echo
same back sent
the_end
