#!/bin/bash
# Unmodified textbook programs, compiled for the stack by one option and for the kernel without, talk to each other; those in
# same/ print what their calls answer, and it is the same on both.
set -euo pipefail

if [[ ${1:-} == --help ]]; then
    echo "usage: tests/posix/run.sh"
    echo "Needs root (or a user namespace) and /dev/net/tun: all traffic stays in a network namespace of its own."
    echo "Quiet but for a line a step; fails with the first difference."
    exit 0
fi

root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/posix
build=${BUILD_DIR:-$root/build/posix}

build_library() {
    cmake -S "$root" -B "$build" -G Ninja -DTAPIR_TESTS=OFF -DTAPIR_APPS=OFF && ninja -C "$build" tapir_all
}

if [[ ${1:-} != --inside ]]; then
    if [[ ! -c /dev/net/tun ]] || ! unshare -rn true 2>/dev/null; then
        echo "tests/posix: skipped: needs /dev/net/tun and leave to make a network namespace"
        exit 77
    fi
    mkdir -p "$build/bin"
    build_library >"$build/log" 2>&1 || { cat "$build/log"; exit 1; }
    read -ra libraries <<<"$(pkg-config --libs libpcap) -lpthread"
    # As packagers do: what the C library's headers make of names then goes the stack's way too.
    flags=(-Wall -Wextra -Werror -Wno-unused-result -O2 -D_FORTIFY_SOURCE=2 -D_FILE_OFFSET_BITS=64)
    for source in "$here"/*.c "$here"/same/*.c*; do
        name=$(basename "${source%.c*}")
        compiler=(cc -std=gnu17)
        [[ $source == *.c ]] || compiler=(c++)
        "${compiler[@]}" "${flags[@]}" "$source" -lpthread -o "$build/bin/$name.kernel"
        "${compiler[@]}" "${flags[@]}" -I"$root/include" -include tapir/posix.h "$source" \
            "$build/libtapir_all.a" "${libraries[@]}" -o "$build/bin/$name.tapir"
    done
    if [[ $(id -u) == 0 ]]; then
        exec unshare -n "$0" --inside
    fi
    exec unshare -rn "$0" --inside
fi

bin=$build/bin
work=$(mktemp -d)
servers=()
finish() {
    for pid in "${servers[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap finish EXIT

# Two TAPs joined by a bridge; the kernel is a host on it too.
ip link set lo up
ip link add bridge0 type bridge
ip address add 10.77.0.1/24 dev bridge0
ip link set bridge0 up
for tap in tapA tapB; do
    ip tuntap add "$tap" mode tap vnet_hdr
    ip link set "$tap" master bridge0 up
done

seq 1 20000 >"$work/input"

command_of() { # command_of HOST PROGRAM: the kernel's program, or that of the stack over one of the TAPs, in `command`
    case $1 in
    kernel) command=("$bin/$2.kernel") ;;
    A) command=(env TAPIR_TAP=tapA TAPIR_ADDRESS=10.77.0.2/24 "$bin/$2.tapir") ;;
    B) command=(env TAPIR_TAP=tapB TAPIR_ADDRESS=10.77.0.3/24 "$bin/$2.tapir") ;;
    esac
}

on() { # on HOST PROGRAM ARGUMENTS...
    command_of "$1" "$2"
    shift 2
    "${command[@]}" "$@"
}

address_of() {
    case $1 in
    kernel) echo 10.77.0.1 ;;
    A) echo 10.77.0.2 ;;
    B) echo 10.77.0.3 ;;
    esac
}

# A client's output equals its input; it tries again while the server is still coming up.
client() {
    local from=$1 to=$2 port=$3 output=$4
    for _ in $(seq 50); do
        if on "$from" echo_client "$(address_of "$to")" "$port" <"$work/input" >"$output" 2>"$output.error"; then
            cmp "$work/input" "$output"
            return
        fi
        grep -q refused "$output.error" || { cat "$output.error"; return 1; }
        sleep 0.1
    done
    cat "$output.error"
    return 1
}

port=7000
pair() { # pair SERVER-PROGRAM SERVER CLIENT: three clients, one after the other (a TAP serves one program at a time)
    local program=$1 server=$2 from=$3
    port=$((port + 1))
    command_of "$server" "$program"
    "${command[@]}" "$port" 3 >"$work/server" 2>&1 & # not by `on`, whose process would outlive its shell
    local pid=$!
    servers+=("$pid")
    for i in 1 2 3; do
        client "$from" "$server" "$port" "$work/output$i" || { echo "client $i: the server said:"; cat "$work/server"; return 1; }
    done
    wait "$pid" || { cat "$work/server"; return 1; }
    echo "ok: $program on $server, client on $from"
}

pair echo_iterative A kernel
pair echo_threads A kernel
pair echo_iterative kernel A
pair echo_threads kernel A
pair echo_iterative A B
pair echo_threads A B

# Three kernel clients at once against a thread each.
port=$((port + 1))
command_of A echo_threads
"${command[@]}" "$port" 3 >"$work/server" 2>&1 &
server=$!
servers+=("$server")
clients=()
for i in 1 2 3; do
    client kernel A "$port" "$work/output$i" &
    clients+=("$!")
done
for pid in "${clients[@]}"; do
    wait "$pid" || { echo "a client of three at once ended with $?; the server said:"; cat "$work/server"; exit 1; }
done
wait "$server" || { echo "the server of three at once ended with $?:"; cat "$work/server"; exit 1; }
echo "ok: three clients at once"

[[ $(on A udp_time) == noon ]]
echo "ok: client and server threads over 127.0.0.1"

# Each has the kernel's echo server to talk to, and a gateway towards 192.0.2.0/24, where nobody is.
ip route add 192.0.2.0/24 via 10.77.0.9
port=$((port + 1))
"$bin/echo_threads.kernel" "$port" 1000 >/dev/null 2>&1 & # not by `on`, whose process would outlive its shell
servers+=("$!")
for source in "$here"/same/*.c*; do
    name=$(basename "${source%.c*}")
    for host in kernel A; do
        TAPIR_PCAP=$work/pcap TAPIR_GATEWAY=10.77.0.1 on "$host" "$name" 10.77.0.1 "$port" >"$work/$name.$host" 2>&1 </dev/null || {
            echo "$name on $host:"
            cat "$work/$name.$host"
            exit 1
        }
    done
    diff "$work/$name.kernel" "$work/$name.A" >"$work/difference" || { echo "$name, kernel and stack:"; cat "$work/difference"; exit 1; }
    echo "ok: $name says the same on both"
done

# However a server ends, its client hears of it, and the status is what it asked for.
ends() { # ends HOST HOW: prints what the client read, the server's status and its last words
    local host=$1 how=$2 status=0 pid
    port=$((port + 1))
    command_of "$host" ends
    "${command[@]}" "$port" "$how" >"$work/ends.$port" 2>&1 &
    pid=$!
    servers+=("$pid")
    for _ in $(seq 200); do
        ! grep -qs listening "$work/ends.$port" || break
        sleep 0.02
    done
    exec 3<>"/dev/tcp/$(address_of "$host")/$port"
    read -r -t 5 line <&3
    echo "$line"
    case $how in
    return | thread | stream) ;;
    *) sleep 0.1 && kill -TERM "$pid" ;;
    esac
    timeout 4 cat <&3 || echo "the client hears nothing"
    exec 3<&-
    wait "$pid" || status=$?
    echo "status $status"
    cat "$work/ends.$port"
}

for how in handler close quick bare child return thread goodbye stream; do
    ends kernel "$how" >"$work/kernel"
    ends A "$how" >"$work/tapir"
    diff "$work/kernel" "$work/tapir"
    echo "ok: ends by $how"
done

# Without its variables a program says in one line what it needs.
if output=$("$bin/echo_client.tapir" 10.77.0.1 7 2>&1 </dev/null); then
    echo "a program without TAPIR_TAP succeeded"
    exit 1
fi
[[ $output == *"set TAPIR_TAP and TAPIR_ADDRESS"* ]]
echo "ok: nothing set"
