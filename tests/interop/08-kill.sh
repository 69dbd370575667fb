#!/bin/bash
# kill -9 of either side, and a reader that stops reading: the other side learns of it and goes on.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

www_make
echo "a page" >www/page.html
data www/large 50000000
page() { must "a page" curl -sS --fail --max-time 10 http://10.0.0.2/page.html; }
has_bytes() { [[ -s $1 ]]; }

tap tap0 10.0.0.1/24
serve httpd httpd --upload www

# The kernel's side dies in the middle of a download: its kernel resets, and the server goes on.
start reader curl -sS --limit-rate 10M -o partial http://10.0.0.2/large
wait_until 10 "some of the download" has_bytes partial
crash reader
page

# A reader that stands still shuts the window; when it goes on, nothing is missing.
start sleeper curl -sS --max-time 60 -o whole http://10.0.0.2/large
wait_until 10 "some of the download" has_bytes whole
kill -STOP "${pids[sleeper]}"
sleep 1.5
page
kill -CONT "${pids[sleeper]}"
finish sleeper 60
same whole www/large

# The stack dies in the middle of an upload: its successor resets what it knows nothing of.
start writer curl -sS --limit-rate 10M -T www/large http://10.0.0.2/put
named() { compgen -G 'www/.tapir-upload-*'; }
nameless() { find "/proc/${pids[httpd]}/fd" -lname '*/www/* (deleted)' | grep .; }
on_its_way() { nameless || named; }
wait_until 10 "some of the upload" on_its_way
could_be_nameless=$(nameless)
crash httpd
serve httpd httpd --upload www
wait_until 20 "the end of the upload" is_gone "${pids[writer]}"
wait "${pids[writer]}" && fail "the upload to a dead server succeeded"
unset "pids[writer]"
grep -qE "reset|Recv failure|Send failure" writer.err || fail "the upload ended without a reset: $(cat writer.err)"
[[ ! -e www/put ]] || fail "half an upload took its place"
[[ -z $could_be_nameless || -z $(named) ]] || fail "half an upload was left behind"
page
stop httpd

# A client of the stack dies; the kernel's server learns of it from the next program.
input=www/large start server nc -l 10.0.0.1 4000
wait_until 5 "a listener" listens 4000
start client "$apps/tapir-nc" "${here[@]}" 10.0.0.1 4000
wait_until 10 "some bytes" has_bytes client.out
kill -STOP "${pids[client]}"
crash client
serve echo echo
wait_until 20 "the end of the server" is_gone "${pids[server]}"
wait "${pids[server]}"
unset "pids[server]"
the_end
