#!/bin/bash
# Builds the library and the socket tests with ThreadSanitizer and runs them: no race, no failure.
set -euo pipefail

if [[ ${1:-} == --help ]]; then
    echo "usage: tests/tsan/run.sh [SUITE]"
    echo "Runs the tests of tests/unit/sockets (all, or one suite) under ThreadSanitizer. Quiet if they pass."
    exit 0
fi

root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD_DIR:-$root/build/tsan}
mkdir -p "$build"
log=$build/log

cmake -S "$root" -B "$build" -G Ninja -DTAPIR_SANITIZE=thread -DTAPIR_TESTS=OFF -DTAPIR_APPS=OFF >"$log" 2>&1 &&
    ninja -C "$build" tapir_all >>"$log" 2>&1 || { cat "$log"; exit 1; }

tests=("$root"/tests/unit/sockets/*.c "$root/tests/tsan/main.c")
tests=("${tests[@]/*test_trace_format.c/}") # one thread, and more of Criterion
cc -g -O1 -fsanitize=thread -I"$root/tests/tsan" -I"$root/include" ${tests[@]} "$build/libtapir_all.a" \
    $(pkg-config --libs libpcap) -lpthread -o "$build/tests"

# A fixed layout: the sanitizer does not bear every random one. The first report ends a test.
TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1 ${TSAN_OPTIONS:-}" setarch -R "$build/tests" "$@"
