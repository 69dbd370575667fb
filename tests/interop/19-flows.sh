#!/bin/bash
# Flows whose every byte is verified, both ways; what is damaged or stands still is found; and scripts/bench loss with them.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

# flows VERB STUCK COUNT PORT: from the kernel to the stack, for half a second.
flows() { "$bench/flows" "$1" cubic 0.1 0.4 "$2" "$3" 10.0.0.2 "$4"; }

tap tap0 10.0.0.1/24
serve perf perf --source 5002 --discard 5001 --pattern --congestion reno
must "what the stack sends" flows recv 10 3 5002
says '^goodput( [1-9][0-9.]*){3}$'
must "what the stack receives" flows send 10 3 5001
says '^goodput( [1-9][0-9.]*){3}$'
must "all that the stack receives, to the last byte" flows deliver 10 2 5001
! grep corrupt perf.err || fail "nothing was corrupt"

# A flow that stands still: a discard sends nothing.
fails 4 "a flow that does not move" flows recv 0.3 1 5001
says "stuck after 0 bytes"
says "^gap 0\.[3-5]"

# Zeros are no pattern, whoever sends them.
fails 1 "zeros to the stack" "$bench/load" send 10.0.0.2 5001 1
wait_until 10 "the stack's complaint" said perf "corrupt: byte [0-9]+ of a connection"
stop perf
serve perf perf --source 5002 --discard 5001
fails 5 "zeros from the stack" flows recv 10 1 5002
says "corrupt: byte [0-9]+ of a flow"
stop perf
fails 3 "a flow to nobody" flows recv 10 1 5002
fails 2 "a pattern without a port for it" "$apps/tapir-perf" --pattern 10.0.0.1

# The whole of it, with one short cell.
cd "$interop_root" || exit 1
short=(--congestion cubic --seconds 1 --warm 0.2)
TAPIR_BUILD=$interop_build must "a table" scripts/bench loss "${short[@]}" --losses 1 --delays 5 --cells grid --flows 2 --csv "$work/csv"
says '^cubic +2 out loss 1% delay 5ms +[0-9.]+ +[0-9.]+ +[0-9.]+ '
says '^cubic +2 cells: least ratio'
says '^cubic +2 in '
says "no flow was stuck"
grep -qE '^cubic,2,in,loss 1% delay 5ms(,[0-9.]+){7},$' "$work/csv" || fail "this is no table: $(cat "$work/csv")"
TAPIR_BUILD=$interop_build must "rows side by side" scripts/bench loss "${short[@]}" --losses 1,3 --delays 5 --cells grid --flows 1 \
    --directions in --jobs 2
says '^cubic +2 cells: least ratio'
TAPIR_BUILD=$interop_build must "a soak" scripts/bench loss --soak "${short[@]}" --wire "--delay 5ms --corrupt 1%"
says "^4 of 4 directions of cells"
# A link that falls silent for good, once the flows are under way.
TAPIR_BUILD=$interop_build fails 1 "a table with a dead link" scripts/bench loss "${short[@]}" --seconds 3 --stuck 1 --flows 1 \
    --directions out --wire "--flap 1500ms:3600s"
says "WRONG: linux:STUCK tapir:STUCK: cubic, 1 flows, out"
TAPIR_BUILD=$interop_build fails 1 "a congestion control that is none" scripts/bench loss --congestion nonsense
TAPIR_BUILD=$interop_build fails 2 "a cell that is none" scripts/bench loss --cells nonsense
cd "$work" || exit 1
the_end
