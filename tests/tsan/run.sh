#!/bin/bash
# Builds the library and the socket tests with ThreadSanitizer and runs them: no race, no failure.
set -euo pipefail

if [[ ${1:-} == --help ]]; then
    echo "usage: tests/tsan/run.sh [SUITE]"
    echo "Runs the tests of tests/unit/driver and tests/unit/posix (all, or one suite) under ThreadSanitizer. Quiet if they pass."
    exit 0
fi

root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD_DIR:-$root/build/tsan}
mkdir -p "$build"
log=$build/log

build_library() {
    cmake -S "$root" -B "$build" -G Ninja -DTAPIR_SANITIZE=thread -DTAPIR_TESTS=OFF -DTAPIR_APPS=OFF &&
        ninja -C "$build" tapir_all
}
build_library >"$log" 2>&1 || { cat "$log"; exit 1; }

tests=("$root/tests/tsan/main.c" "$root/tests/unit/support/env.c")
for source in "$root"/tests/unit/{driver,posix}/*.c; do
    [[ $source == *trace_format* ]] || tests+=("$source") # that one has no threads, and uses more of Criterion
done
read -ra libraries <<<"$(pkg-config --libs libpcap) -lpthread"
cc -g -O1 -fsanitize=thread -I"$root/tests/tsan" -I"$root/tests/unit" -I"$root/include" -I"$root" -I"$root/stack" "${tests[@]}" "$build/libtapir_all.a" \
    "${libraries[@]}" -o "$build/tests"

# A fixed layout: the sanitizer does not bear every random one. The first report ends a test. Tests whose signal handlers close
# and send do not interrupt malloc, which these calls use.
TSAN_OPTIONS="halt_on_error=1 report_signal_unsafe=0 suppressions=$root/tests/tsan/suppressions second_deadlock_stack=1 ${TSAN_OPTIONS:-}" setarch -R "$build/tests" "$@"
