#!/bin/bash
# Proves that scripts/demo works, and that what it prints behind a $ can be pasted and does the same again.
set -euo pipefail

if [[ ${1:-} == --help ]]; then
    echo "usage: tests/demo/run.sh"
    echo "Runs scripts/demo, and then the lines that it printed, with the programs in \$TAPIR_BUILD (build/test). Silent on success."
    exit 0
fi

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
# shellcheck source=scripts/lib/namespace
. scripts/lib/namespace
namespace_check || exit 77
export TAPIR_BUILD=${TAPIR_BUILD:-$root/build/test}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

scripts/demo >"$work/said" 2>&1 || { cat "$work/said" >&2; echo "tests/demo: scripts/demo failed" >&2; exit 1; }
grep -q "^All of it worked" "$work/said" || { echo "tests/demo: it does not say that all worked" >&2; exit 1; }
[[ ! -e build/demo ]] || { echo "tests/demo: it leaves build/demo behind" >&2; exit 1; }

# Who pastes sees that a server is up before going on.
sed -n 's/^\$ //p' "$work/said" | grep -v '^unshare' | sed 's/ &$/ \& sleep 1/' >"$work/pasted"
(($(wc -l <"$work/pasted") >= 20)) || { echo "tests/demo: where are its commands?" >&2; exit 1; }
unshare "${namespace_kind[@]}" -- bash -euo pipefail "$work/pasted" >"$work/again" 2>&1 ||
    { cat "$work/again" >&2; echo "tests/demo: what it prints cannot be pasted" >&2; exit 1; }
rm -rf build/demo
for answer in "3 packets transmitted, 3 received" "<h1>Hello" "104857600 bytes" "^hello, TCP$" "SYN-RECEIVED -> ESTABLISHED" \
    "^hello, UDP$" "ICMP echo reply"; do
    grep -qE "$answer" "$work/again" || { echo "tests/demo: pasted it does not say \"$answer\"" >&2; exit 1; }
done
