#!/bin/bash
# Every line of docs/textbook.md: its programs are compiled and its commands run, and each client prints what it should.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

page=$interop_root/docs/textbook.md
export HOME=$work
# What a textbook's program gives back only by its end is not looked for.
export ASAN_OPTIONS=detect_leaks=0
ip link set lo up
sanitize=$(sed -n 's/^TAPIR_SANITIZE:STRING=//p' "$interop_build/CMakeCache.txt")
cc() { command cc ${sanitize:+"-fsanitize=$sanitize"} "$@"; }

# blocks INFO: the page's blocks with this info string, a line "--" behind each.
blocks() { awk -v info="\`\`\`$1" '$0 == info { on = 1; next } /^```$/ && on { on = 0; print "--" } on' "$page"; }

# block N INFO: the N-th of them, without sudo.
block() { blocks "$2" | awk -v n="$1" '/^--$/ { seen++; next } seen == n - 1' | sed 's/\<sudo //'; }

# The build that is to be tested stands for the first line of the page.
must "building" test -x "$apps/tapir-echo"
eval "$(block 1 "sh once" | sed "s|^scripts/build.*||; s|build/release|$interop_build|")" >install.log || fail "cannot be installed: $(<install.log)"
eval "$(block 1 sh)" || fail "the devices cannot be made as the page says"
for program in server.c client.c; do
    block 1 "c $program" >$program
    [[ -s $program ]] || fail "the page has no $program"
done
eval "$(block 2 sh)" || fail "the programs cannot be compiled as the page says"

# A simple command, so that it is the program itself that runs in the background.
read -ra words <<<"$(block 1 "sh terminal 1")"
start server env "${words[@]}"
wait_until 10 "the server" ping -q -c 1 -W 1 10.0.0.2

count=$(blocks "sh terminal 2" | grep -c '^--$')
((count >= 5)) || fail "the page has only $count blocks for a second terminal"
for ((i = 1; i <= count; i++)); do
    block "$i" "sh terminal 2" >lines.sh
    # Not all at once: a server that serves one after the other is free for the next when it has seen the last one's end.
    must "block $i" timeout 60 bash -e lines.sh
    mapfile -t texts < <(sed -n 's/.* 7777 "\(.*\)"$/\1/p' lines.sh)
    for text in "${texts[@]}"; do
        grep -qx -- "$text" must.out || fail "block $i does not print \"$text\": $(cat must.out must.err)"
    done
    [[ $(<lines.sh) != *TAPIR_TRACE* ]] || says "SYN-SENT -> ESTABLISHED"
    [[ $(<lines.sh) != *lossy* ]] || says "rto fired"
    [[ $(<lines.sh) != *tcpdump* ]] || says "Flags \[S\]"
done

# What the page says is different.
start kernel ./kernel-server
wait_until 10 "the kernel's server" listens 7777
must "localhost by the kernel" ./kernel-client 127.0.0.1 7777 here
says "^here$"
fails 1 "localhost by the stack" env TAPIR_TAP=tap1 TAPIR_ADDRESS=10.0.0.3/24 ./client 127.0.0.1 7777 nowhere
says "Connection refused"
fails 1 "a device that is in use" env TAPIR_TAP=tap0 TAPIR_ADDRESS=10.0.0.3/24 ./client 10.0.0.2 7777 "busy"
says "tap0 is busy"
must "another port of the kernel" env TAPIR_TAP=tap1 TAPIR_ADDRESS=10.0.0.3/24 ./client 10.0.0.1 7777 "to the kernel"
says "^to the kernel$"
crash kernel
# A client is connected when the server is killed: nothing tells it. The next server has the same address at once, although
# the one before had closed connections, and answers what the client says with a reset.
must "a pipe" mkfifo text
exec 9<>text
input=text start peer nc -n 10.0.0.2 7777
wait_until 10 "a connection" connected 10.0.0.2 1
kill -TERM "${pids[server]}"
wait "${pids[server]}" 2>/dev/null
unset "pids[server]"
sleep 0.3
connected 10.0.0.2 1 || fail "killed, the server has taken leave: $(ss -tn)"
start server env "${words[@]}"
must "the server again" ./kernel-client 10.0.0.2 7777 "as if nothing had been"
says "^as if nothing had been$"
connected 10.0.0.2 1 || fail "the client of the first server is gone: $(ss -tn)"
echo "is anybody there?" >&9
wait_until 10 "a reset" connected 10.0.0.2 0
wait_until 10 "its end" is_gone "${pids[peer]}"
wait "${pids[peer]}" 2>/dev/null
unset "pids[peer]"
crash server
the_end
