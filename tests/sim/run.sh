#!/bin/bash
# Looks for faults in worlds that nobody has seen before; then whole flows over bad wires in virtual time: none may be corrupt,
# fail or get stuck, and a bottleneck is filled and shared.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
export SIM=${TAPIR_BUILD:-build/test}/tests/sim/tapir-sim
[[ -x $SIM ]] || { echo "$SIM is missing: scripts/build test" >&2; exit 1; }

# A line of a case: least goodput in Mbit/s, least index of Jain, arguments of tapir-sim flow.
sound() { echo 0 0 --seconds 60 "$@"; }
full() { echo "$@"; }

cases() {
    local congestion flows loss delay wire
    local bottleneck="--rate 3M --queue 150ms"
    for congestion in cubic reno bbr; do
        for flows in 1 8; do
            local run="--congestion $congestion --flows $flows --"
            for loss in 0 0.1 1 3 10; do
                for delay in 0 10 50; do
                    sound "$run" "$bottleneck" --delay ${delay}ms --loss $loss%
                done
            done
            sound "$run" "$bottleneck" --delay 10ms --reorder 5%,5ms
            sound "$run" "$bottleneck" --delay 10ms --jitter 8ms,overtake
            sound "$run" "$bottleneck" --delay 10ms --burst 1%,50%
            sound "$run" "$bottleneck" --delay 10ms --duplicate 5%
            sound "$run" "$bottleneck" --delay 10ms --corrupt 3%
            sound "$run" "$bottleneck" --delay 10ms --flap 7s:3s
            sound "$run" --rate 3M --queue 100ms --delay 10ms --back --loss 20%
            # ACKs that wait for each other. Eight flows need 83 kbit/s for theirs: with less one of them may lose its only
            # ACK at each timeout, five times in a row, and then be silent for half a minute by right.
            sound "$run" --rate 3M --queue 200ms --delay 10ms --back --rate $((flows == 1 ? 64 : 128))k
        done
        sound "--no-offload --congestion $congestion --flows 8 --" "$bottleneck" --delay 10ms --loss 1%
        sound "--congestion $congestion --" --rate 100k --queue 500ms --delay 200ms --loss 1%
    done
    # One product of rate and round trip, and ten of them, before the bottleneck.
    for congestion in cubic bbr; do
        for wire in "--delay 10ms --queue 20ms" "--delay 10ms --queue 200ms" "--delay 25ms --queue 50ms"; do
            full 18 0 --seconds 30 --skip 5 --congestion $congestion -- --rate 20M "$wire"
            full 18 0.9 --seconds 60 --skip 10 --congestion $congestion --flows 8 -- --rate 20M "$wire"
        done
    done
    # Losses that are none of congestion: BBR keeps its rate (docs/decisions/0008).
    for loss in 1 3 10; do
        full "$(awk -v l=$loss 'BEGIN { print 20 * 0.8 * (1 - l / 100) }')" 0 \
            --seconds 30 --skip 5 --congestion bbr -- --rate 20M --queue 20ms --delay 10ms --loss $loss%
    done
}

# one LEAST JAIN ARGUMENT...: silent if the run is as it must be.
one() {
    local least=$1 jain=$2 output
    shift 2
    if ! output=$("$SIM" flow "$@" 2>&1); then
        printf '%s\nfailed; again: %s\n' "$output" "$SIM flow $*"
        return 1
    fi
    awk -v least="$least" -v jain="$jain" '$1 == "all" { exit !($2 >= least && $5 >= jain) }' <<<"$output" && return 0
    printf '%s\nless than %s Mbit/s or than an index of %s; again: %s\n' "$(tail -n 1 <<<"$output")" "$least" "$jain" \
        "$SIM flow $*"
    return 1
}
export -f one

# Other seeds each time; they are printed, as the commands are that repeat a failure.
first=$((EPOCHSECONDS % 1000000 * 1000000))
hunt() {
    echo "tapir-sim $*"
    "$SIM" "$@" 2>&1
}

status=0
hunted=0
hunt --seeds "$first..$((first + 19999))" && hunted=$((hunted + 1))
hunt --allocations "$first..$((first + 9))" && hunted=$((hunted + 1))
hunt --choices 12 --deviations 2 && hunted=$((hunted + 1))
results=$(cases | xargs -P 2 -L 1 bash -c 'if one "$@"; then echo passed; else echo FAILED; fi' one) || status=1
passed=$(($(grep -cx passed <<<"$results") + hunted)) failed=$(($(grep -cx FAILED <<<"$results") + 3 - hunted))
grep -vx -e passed -e FAILED <<<"$results"
((passed + failed == $(cases | wc -l) + 3)) || { echo "some runs gave no result"; failed=$((failed + 1)); }
echo "sim: $passed passed, $failed failed"
((status == 0 && failed == 0))
