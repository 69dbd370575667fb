#!/bin/bash
# What the interop tests share: a namespace with a TAP, programs ended by id, checks, and traces kept on failure.
#
#   this namespace: the kernel as the peer              far: a second namespace, behind this one
#   10.0.0.1/24 tap0 --- the stack, 10.0.0.2            10.9.0.1/24 near0 --- far0 10.9.0.2/24
#   10.0.1.1/24 tap1 --- another stack, 10.0.1.2
#
# A test sources this file, uses the functions below and ends; that it got to its end is what success means.
set -uo pipefail

interop_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
interop_build=${TAPIR_BUILD:-$interop_root/build/test}
interop_name=$(basename "$0" .sh)
apps=$interop_build/apps
# shellcheck disable=SC2034
bench=$interop_build/tests/bench
work=$interop_build/interop/$interop_name

if [[ ${1:-} == --help ]]; then
    echo "usage: $0"
    sed -n '2s/^# //p' "$0"
    echo "Runs in a network namespace of its own with the programs in \$TAPIR_BUILD (build/test); see docs/testing.md."
    exit 0
fi
# shellcheck source=scripts/lib/namespace
. "$interop_root/scripts/lib/namespace"
namespace_enter "$0" "$@"

rm -rf "$work" && mkdir -p "$work" && cd "$work" || exit 1
# Root's tcpdump would become a user who may not write here; only root's ping may be faster than every 2 ms.
as_root=() flood=(-i 0.002)
# shellcheck disable=SC2034
((EUID != 0)) || as_root=(-Z root) flood=(-f)
declare -A pids=()
finished=no

fail() {
    echo "$interop_name: $*" >&2
    exit 1
}

# must WHAT COMMAND...: the command succeeds. It reads $input, if set, and leaves its words in must.out and must.err,
# which are shown only if it fails.
must() { fails 0 "$@"; }

# fails STATUS WHAT COMMAND...: the command ends with just this status.
fails() {
    local with=$1 what=$2 status=0
    shift 2
    "$@" >"$work/must.out" 2>"$work/must.err" <"${input:-/dev/null}" || status=$?
    ((status == with)) && return 0
    tail -q -n 20 "$work/must.out" "$work/must.err" | strings -n 1 >&2
    fail "$what: \"$*\" ended with $status, not with $with"
}

# says TEXT: the last must or fails printed this (a regular expression).
says() {
    grep -qaE -- "$1" "$work/must.out" "$work/must.err" && return 0
    cat "$work/must.out" "$work/must.err" >&2
    fail "\"$1\" is not in the output above"
}

# wait_until SECONDS WHAT COMMAND...: looks again and again until the command succeeds.
wait_until() {
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        ((${EPOCHREALTIME/./} < end)) || fail "$what did not come about"
        sleep 0.02
    done
}

# start NAME COMMAND...: in the background, no function; it reads $input, if set, and writes NAME.out and NAME.err.
start() {
    local name=$1
    shift
    # Emptied before the program is there, or "ready" might read the words of its predecessor.
    : >"$work/$name.out" 2>"$work/$name.err"
    "$@" >>"$work/$name.out" 2>>"$work/$name.err" <"${input:-/dev/null}" &
    pids[$name]=$!
}

# ready NAME TEXT: waits until the program has said so.
ready() {
    wait_until 10 "$1 saying \"$2\"" said_or_gone "$1" "$2"
    said "$1" "$2" || fail "$1 is gone: $(tail -n 5 "$work/$1.err")"
}

said() { grep -qE -- "$2" "$work/$1.out" "$work/$1.err"; }
said_or_gone() { said "$@" || is_gone "${pids[$1]}"; }

# finish NAME [SECONDS [STATUS]]: waits for its own end, which must be a success, or with just this status.
finish() {
    local status=0
    wait_until "${2:-30}" "the end of $1" is_gone "${pids[$1]}"
    wait "${pids[$1]}" || status=$?
    unset "pids[$1]"
    ((status == ${3:-0})) || fail "$1 ended with $status: $(tail -n 5 "$work/$1.err")"
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

# stop NAME [SIGNAL]: asks it to end, which must be a success.
stop() {
    kill "-${2:-TERM}" "${pids[$1]}" || fail "$1 was gone already: $(tail -n 5 "$work/$1.err")"
    finish "$1" 10
}

# interrupt NAME [SIGNAL]: the same of a program that has not done its work: the status says so, and no word, and it has
# waited for nobody (2 s).
interrupt() {
    kill "-${2:-TERM}" "${pids[$1]}" || fail "$1 was gone already: $(tail -n 5 "$work/$1.err")"
    finish "$1" 2 $((128 + $(kill -l "${2:-TERM}")))
    ! said "$1" "[Ii]nterrupted" || fail "$1 complains of the interrupt: $(tail -n 5 "$work/$1.err")"
}

# crash NAME: kill -9.
crash() {
    kill -KILL "${pids[$1]}" || fail "$1 was gone already: $(tail -n 5 "$work/$1.err")"
    wait "${pids[$1]}" 2>/dev/null
    unset "pids[$1]"
}

# tap NAME ADDRESS/PREFIX [MTU]: makes a TAP and records what passes, headers only.
tap() {
    must "a TAP" namespace_tap "$@"
    start "tcpdump-$1" tcpdump -n "${as_root[@]}" -s 192 --immediate-mode -U -i "$1" -w "$work/$1.pcap"
    ready "tcpdump-$1" "listening on"
}

# end_trace TAP: ends its recording once all is in it, for which a last frame stands; the stack is still up.
end_trace() {
    arping -q -c 1 -W 0.01 -i "$1" 192.0.2.1 2>/dev/null
    wait_until 10 "the end of the trace" last_frame "$1"
    stop "tcpdump-$1"
}

last_frame() { [[ -n $(tcpdump -n -r "$1.pcap" arp and dst host 192.0.2.1 2>/dev/null) ]]; }

# traced TAP FILTER: the frames of an ended trace, a line each.
traced() { tcpdump -n -e -r "$1.pcap" "$2" 2>/dev/null; }

# serve NAME APP [OPTION...]: starts a server over tap0 and waits until it serves.
serve() { serve_on tap0 10.0.0.2 "$@"; }

serve_on() {
    local device=$1 address=$2 name=$3 app=$4
    shift 4
    start "$name" "$apps/tapir-$app" --tap "$device" --address "$address/24" --gateway "${address%.*}.1" "$@"
    ready "$name" "serving|port [0-9]+ on"
}

# For clients over tap0: must "..." "$apps/tapir-get" "${here[@]}" ...
# shellcheck disable=SC2034
here=(--tap tap0 --address 10.0.0.2/24 --gateway 10.0.0.1)

# far_make [MTU]: the second namespace, with this one as the router to it. "${far[@]}" COMMAND... runs there.
far_make() {
    start far unshare --net sleep 1000
    wait_until 10 "a second namespace" far_is_there
    far=(nsenter "--net=/proc/${pids[far]}/ns/net" --)
    echo 1 >/proc/sys/net/ipv4/ip_forward
    # Each probe of a test wants its ICMP error.
    echo 0 >/proc/sys/net/ipv4/icmp_ratelimit
    must "a way to it" ip link add near0 mtu "${1:-1500}" type veth peer name far0 mtu "${1:-1500}" netns "${pids[far]}"
    must "its address" ip address add 10.9.0.1/24 dev near0
    must "its link" ip link set near0 up
    must "the far link" "${far[@]}" ip link set far0 up
    must "the far address" "${far[@]}" ip address add 10.9.0.2/24 dev far0
    must "the far route" "${far[@]}" ip route add default via 10.9.0.1
    wait_until 10 "carrier on near0" carrier near0
}

carrier() { [[ $(ip -o link show "$1" up) == *LOWER_UP* ]]; }

far_is_there() {
    [[ $(readlink "/proc/${pids[far]}/ns/net") != "$(readlink /proc/self/ns/net)" ]]
}

# listens PORT: does the kernel, by TCP or UDP?
listens() { [[ -n $(ss -Hltun "sport = $1") ]]; }

# www_make: a directory that a server may put files into, whoever it is by then.
www_make() { must "a directory" mkdir -m 777 www; }

# connected ADDRESS COUNT: has the kernel so many connections to it?
connected() { (($(ss -Hnt state established dst "$1" | wc -l) == $2)); }

# data FILE BYTES: makes a file of noise.
data() { must "test data" dd if=/dev/urandom of="$1" bs="$2" count=1 iflag=fullblock status=none; }

# same FILE FILE: byte for byte, which says more than a checksum.
same() { cmp -s "$1" "$2" || fail "$1 and $2 differ ($(stat -c %s "$1" "$2" 2>&1 | tr '\n' ' ')bytes)"; }

# The end of every test: nobody is left, nobody complained, and the traces stay if something went wrong.
interop_end() {
    local status=$? name
    trap - EXIT
    for name in "${!pids[@]}"; do
        [[ $name == tcpdump-* || $status == 0 ]] || kill -KILL "${pids[$name]}"
        kill -TERM "${pids[$name]}"
    done 2>/dev/null
    wait 2>/dev/null
    if grep -lE 'Sanitizer|runtime error:|CHECK failed' "$work"/*.err 2>/dev/null; then
        echo "$interop_name: the programs above found a mistake of their own" >&2
        status=1
    fi
    [[ $finished == yes ]] || status=1
    if ((status == 0)); then
        cd "$interop_root" && rm -rf "$work"
    else
        for name in "$work"/*.pcap; do
            [[ ! -e $name ]] || echo "trace:  $name" >&2
        done
        echo "repeat: ${TAPIR_BUILD:+TAPIR_BUILD=$TAPIR_BUILD }scripts/interop $interop_name" >&2
    fi
    exit "$status"
}
[[ -x $apps/tapir-echo && -x $bench/load ]] || fail "no programs in $interop_build: scripts/build test"
trap interop_end EXIT
trap 'exit 1' TERM INT

# the_end: the last line of every test. Servers still up are asked to end, and must do so well.
the_end() {
    local name
    for name in "${!pids[@]}"; do
        [[ $name == tcpdump-* || $name == far* ]] || stop "$name"
    done
    finished=yes
}
