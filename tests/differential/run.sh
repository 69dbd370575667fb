#!/bin/bash
# Random programs of socket calls, on the kernel and on Tapir: results, errno, readiness and what the peer sees agree.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

if [[ ${1:-} == --help || ${1:-} == -h ]]; then
    echo "usage: tests/differential/run.sh [COUNT]"
    echo "Runs COUNT programs (300), other ones each time; needs a build of the tests (scripts/build test), root or a user"
    echo "namespace, and /dev/net/tun. All traffic stays in network namespaces of its own."
    exit 0
fi
program=${TAPIR_BUILD:-build/test}/tests/differential/tapir-differential
[[ -x $program ]] || { echo "$program is missing: scripts/build test" >&2; exit 1; }
if [[ ! -c /dev/net/tun ]] || ! unshare -rn true 2>/dev/null; then
    echo "tests/differential: skipped: needs /dev/net/tun and leave to make a network namespace"
    exit 77
fi
namespace=(unshare -n)
[[ $(id -u) == 0 ]] || namespace=(unshare -rn)

count=${1:-300}
first=$((EPOCHSECONDS % 1000000 * 100000))
echo "tapir-differential --seeds $first..$((first + count - 1)); each needs root, or: unshare -rn $program --seed N"
if "${namespace[@]}" "$program" --seeds "$first..$((first + count - 1))"; then
    echo "differential: $count passed, 0 failed"
else
    echo "differential: 0 passed, 1 failed"
    exit 1
fi
