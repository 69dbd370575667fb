#!/bin/bash
# curl and tapir-httpd: a page, errors, ranges, and a large file (1 GB with INTEROP_BIG=1) down and up.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

bytes=$((100 * 1024 * 1024))
[[ ${INTEROP_BIG:-} != 1 ]] || bytes=$((1024 * 1024 * 1024))
get=(curl -sS --fail --max-time 120)
site=http://10.0.0.2

www_make
echo "a page" >www/page.html
data www/small 100000
data www/large $bytes
tap tap0 10.0.0.1/24
serve httpd httpd --upload www

must "a page" "${get[@]}" $site/page.html
same must.out www/page.html
fails 22 "no such page" "${get[@]}" $site/none
says "404"
must "a part" "${get[@]}" --range 5000-69999 $site/small
same must.out <(tail -c +5001 www/small | head -c 65000)
must "many requests over one connection" "${get[@]}" -o /dev/null -w '%{num_connects}\n' "$site/page.html?[1-50]"
[[ $(awk '{ n += $1 } END { print n }' must.out) == 1 ]] ||
    fail "50 requests took more than one connection"

must "the large file" "${get[@]}" -o got $site/large
same got www/large
rm got
must "putting the large file" "${get[@]}" -T www/large $site/put
same www/put www/large
rm www/put
must "a slow reader" "${get[@]}" --limit-rate 20M -o got --range 0-19999999 $site/large
same got <(head -c 20000000 www/large)
the_end
