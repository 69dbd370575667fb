#!/bin/bash
# 1 % (of 1 GB with INTEROP_BIG=1) and 10 % of all frames lost on a router, in both directions: slower, but every byte arrives.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

get=(curl -sS --fail --max-time 100)
www_make
# A super-segment is lost whole, so with offload it takes more bytes to lose some.
declare -A bytes=(["1"]=40000000 ["10"]=4000000 ["1 --no-offload"]=10000000 ["10 --no-offload"]=400000)
[[ ${INTEROP_BIG:-} != 1 ]] || bytes["1"]=$((1 << 30))

# lose PERCENT: of what the router gets from either side.
lose() {
    nft -f - <<END
table netdev loss
delete table netdev loss
table netdev loss {
    chain from_stack { type filter hook ingress device tap0 priority 0; ether type ip numgen random mod 100 < $1 counter drop; }
    chain from_far { type filter hook ingress device near0 priority 0; ether type ip numgen random mod 100 < $1 counter drop; }
}
END
}

tap tap0 10.0.0.1/24
far_make
for offload in "" --no-offload; do
    serve httpd httpd --upload $offload www
    for percent in 1 10; do
        data www/file "${bytes["$percent${offload:+ $offload}"]}"
        must "$percent % loss" lose "$percent"
        must "a download at $percent % loss $offload" "${far[@]}" "${get[@]}" -o got http://10.0.0.2/file
        same got www/file
        must "an upload at $percent % loss $offload" "${far[@]}" "${get[@]}" -T www/file http://10.0.0.2/put
        same www/put www/file
        must "how much was lost" nft list table netdev loss
        says "counter packets [1-9]"
    done
    must "no loss" nft delete table netdev loss
    stop httpd
done
the_end
