#!/bin/bash
# Once its device is open a program is nobody in particular, has no capability in any thread, and cannot get one back.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

www_make
data www/file 3000
install -m 600 /dev/null www/secret

tap tap0 10.0.0.1/24

# status PROGRAM FIELD: the values that its threads have, each once.
status() { sed -n "s/^$2:\s*//p" "/proc/${pids[$1]}/task/"*/status | sort -u | tr '\t' ' '; }

# is PROGRAM FIELD VALUE
is() { [[ $(status "$1" "$2") =~ ^$3\ *$ ]] || fail "$1 has $2: $(status "$1" "$2"), not $3"; }

no_rights() {
    local set
    for set in Inh Prm Eff Amb; do
        is "$1" "Cap$set" 0+
    done
    is "$1" NoNewPrivs 1
}

# Whoever we are, in this namespace we have every capability.
for server in "echo" "echo --mode threads" "perf --server" "httpd www"; do
    read -ra words <<<"$server"
    serve server "${words[@]}"
    no_rights server
    stop server
done
start wire "$apps/tapir-wire" --tap wire0 --tap wire1
ready wire joining
no_rights wire
stop wire

if ((EUID != 0)); then
    fails 1 "another user without root" "$apps/tapir-echo" "${here[@]}" --user nobody
    says "only root can become another user"
    the_end
    exit
fi

unset SUDO_UID SUDO_GID
serve httpd httpd www
is httpd Uid "65534 65534 65534 65534"
is httpd Gid "65534 65534 65534 65534"
is httpd Groups 65534
is httpd CapBnd 0+
must "a file that all may read" curl -sS --fail -o got http://10.0.0.2/file
same got www/file
fails 22 "a file that only root may read" curl -sS --fail -o got http://10.0.0.2/secret
stop httpd

# What the command line names is opened before; what it makes is root's.
tap tap1 10.0.1.1/24
echo 1 >/proc/sys/net/ipv4/ip_forward
install -m 600 www/file upload
umask 077 && rm got
serve_on tap1 10.0.1.2 httpd httpd --pcap httpd.pcap --upload www
must "putting a file that only root may read" "$apps/tapir-get" "${here[@]}" -q -T upload http://10.0.1.2/put
must "getting it into one" "$apps/tapir-get" "${here[@]}" -q -o got http://10.0.1.2/put
stop httpd
same got upload
[[ $(stat -c '%U %a' got) == "root 600" && -s httpd.pcap ]] || fail "not root's: $(ls -l got httpd.pcap)"

SUDO_UID=12345 SUDO_GID=23456 serve echo echo
is echo Uid "12345 12345 12345 12345"
is echo Gid "23456 23456 23456 23456"
stop echo
SUDO_UID=0 SUDO_GID=x serve echo echo
is echo Uid "65534 65534 65534 65534"
stop echo

serve echo echo --user daemon
is echo Uid "$(id -u daemon) $(id -u daemon) $(id -u daemon) $(id -u daemon)"
stop echo
serve httpd httpd --user root www
is httpd Uid "0 0 0 0"
no_rights httpd
must "a file that only root may read" curl -sS --fail -o got http://10.0.0.2/secret
stop httpd
fails 2 "a user that is not there" "$apps/tapir-echo" "${here[@]}" --user nosuchuser
says "no user is called nosuchuser"
fails 2 "the same" "$apps/tapir-wire" --tap wire0 --tap wire1 --user nosuchuser
says "no user is called nosuchuser"

mkdir -m 700 private
fails 1 "a directory that is root's alone" "$apps/tapir-httpd" "${here[@]}" private
says "user 65534 may not read there"
mkdir -m 755 readable
fails 1 "uploads into a directory that is root's" "$apps/tapir-httpd" "${here[@]}" --upload readable
says "user 65534 may not read and write there"

# Root of a user namespace that knows no other user stays who it is.
start alone unshare --user --map-root-user --net "$apps/tapir-echo" "${here[@]}"
ready alone "port 7 on"
is alone Uid "0 0 0 0"
no_rights alone
stop alone
the_end
