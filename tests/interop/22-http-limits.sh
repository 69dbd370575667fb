#!/bin/bash
# tapir-httpd and clients that trickle, stall, flood or take too many places: each wait has its end, and others are served.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

www_make
echo "a page" >www/page.html
data www/large 30000000
tap tap0 10.0.0.1/24
# Too slow is less than 1,000 bytes in this second.
serve httpd httpd --upload --max-upload 20000 --idle 1 --connections 40 www

# ask TEXT: opens a connection as $fd and sends TEXT, in printf's notation.
ask() {
    # shellcheck disable=SC2059
    exec {fd}<>/dev/tcp/10.0.0.2/80 && printf "$1" >&"$fd"
}

# Beginnings of requests, and what the server says when it has had enough of each.
names=(silent head body chunks unread)
declare -A begins=([silent]='' [head]='GET / HTTP/1.1\r\nHost: x\r\nX: '
    [body]='GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n'
    [chunks]='PUT /up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4000\r\n'
    [unread]='GET /large HTTP/1.1\r\nHost: x\r\n\r\n')
declare -A ends=([silent]='^$' [head]='^HTTP/1.1 408 ' [body]='^HTTP/1.1 408 ' [chunks]='^HTTP/1.1 408 ' [unread]='^HTTP/1.1 200 ')
declare -A fds=()
trap '' PIPE
for name in "${names[@]}"; do
    ask "${begins[$name]}"
    fds[$name]=$fd
done

# These are slow, but not too slow.
data www/small 5000
start slow-up curl -sS --fail --max-time 20 --limit-rate 2500 -T www/small http://10.0.0.2/slow
start slow-down curl -sS --fail --max-time 20 --limit-rate 2500 -o got http://10.0.0.2/small

# A byte to each ten times a second, for twice as long as they have; meanwhile others are served.
begun_us=${EPOCHREALTIME/./}
for ((i = 0; i < 20; i++)); do
    for name in head body chunks; do
        printf 'a' >&"${fds[$name]}"
    done 2>/dev/null
    ((i % 10)) || must "a page meanwhile" curl -sS --fail --max-time 5 http://10.0.0.2/page.html
    sleep 0.1
done
for name in "${names[@]}"; do
    timeout 5 cat <&"${fds[$name]}" >"$name.got" 2>"$name.why"
    (($? != 124)) || fail "$name: still open after $((${EPOCHREALTIME/./} - begun_us)) us"
    line=$(head -n 1 "$name.got" | tr -d '\0\r')
    [[ $line =~ ${ends[$name]} ]] || fail "$name: ended with \"$line\""
    fd=${fds[$name]}
    exec {fd}<&-
done
(($(stat -c %s unread.got) < 30000000)) || fail "a client that does not read got all the same"
grep -q "reset" unread.why || fail "a client that does not read was let go gently"
[[ ! -e www/up ]] || fail "a part of an upload is there"

finish slow-up
same www/slow www/small
finish slow-down
same got www/small

# Limits of size: by what is announced, and by what comes.
data big 20001
fails 22 "an upload that is too large" curl -sS --fail --max-time 5 -T big http://10.0.0.2/big
says 413
fails 22 "a chunked one" curl -sS --fail --max-time 5 -H 'Transfer-Encoding: chunked' -T big http://10.0.0.2/big
says 413
[[ ! -e www/big ]] || fail "it was kept"

# Half of the places for one peer; for another there are still some.
must "another peer" ip address add 10.0.0.3/24 dev tap0
held=()
for ((i = 0; i < 20; i++)); do
    ask ''
    held+=("$fd")
done
fails 22 "one too many" curl -sS --fail --max-time 5 http://10.0.0.2/page.html
says 503
must "of another peer" curl -sS --fail --max-time 5 --interface 10.0.0.3 http://10.0.0.2/page.html
for fd in "${held[@]}"; do
    exec {fd}<&-
done
must "again, once they are closed" curl -sS --fail --max-time 5 --retry 5 --retry-all-errors http://10.0.0.2/page.html
stop httpd

# The shell's limit of a file's size.
start httpd bash -c 'ulimit -f 16 && exec "$@"' bash "$apps/tapir-httpd" "${here[@]}" --upload www
ready httpd serving
fails 22 "an upload beyond the limit of files" curl -sS --fail --max-time 5 -T big http://10.0.0.2/big
says 507
[[ ! -e www/big ]] || fail "it was kept"
must "a page afterwards" curl -sS --fail --max-time 5 http://10.0.0.2/page.html
the_end
