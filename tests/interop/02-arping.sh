#!/bin/bash
# ARP: the stack answers for its address alone, and notices who else claims it.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

tap tap0 10.0.0.1/24
serve echo echo --mac 02:00:00:00:00:42
must "arping" arping -q -c 3 -W 0.01 -i tap0 10.0.0.2
must "arping's answer" arping -r -c 1 -i tap0 10.0.0.2
says "^02:00:00:00:00:42$"
fails 1 "arping an address of nobody" arping -q -c 1 -w 1 -i tap0 10.0.0.3
must "a question without a sender, as probes have it" arping -0 -r -c 1 -i tap0 10.0.0.2
says "^02:00:00:00:00:42$"

# The kernel looks the stack up, forgets it and looks it up again.
must "ping" ping -q -c 1 -W 5 10.0.0.2
must "forgetting" ip neigh flush dev tap0
must "ping again" ping -q -c 1 -W 5 10.0.0.2
must "the kernel's neighbours" ip neigh show 10.0.0.2 dev tap0
says "lladdr 02:00:00:00:00:42"

# Its MAC address may change under way: a new program comes with another one.
stop echo
serve echo echo --mac 02:00:00:00:00:43
must "ping of the new one" ping -q -c 3 -l 3 10.0.0.2
says "3 received"
stop echo

# The host's own side has our address: it answers the one probe at the start, and that is said once.
must "our address on the host's side" ip address add 10.0.0.2/32 dev tap0
serve echo echo
wait_until 5 "a word about it" said echo "10.0.0.2 is the address of another station on tap0 too"
arping -q -U -c 2 -W 0.1 -S 10.0.0.2 -i tap0 10.0.0.2 2>/dev/null # claims it, and has no answer
(($(grep -c "another station" echo.err) == 1)) || fail "it was said more than once"
must "taking it away" ip address del 10.0.0.2/32 dev tap0
must "ping of the right one" ping -q -c 3 -l 3 10.0.0.2
says "3 received"
stop echo

# Two stacks behind one bridge have one address: each says so, once, however often they defend it.
must "a second TAP" namespace_tap tap1 10.0.1.1/24
must "a bridge" ip link add bridge0 type bridge forward_delay 0
for link in tap0 tap1 bridge0; do
    [[ $link == bridge0 ]] || must "$link on the bridge" ip link set "$link" master bridge0
    must "$link" ip link set "$link" up
done
serve echo echo
serve_on tap1 10.0.0.2 twin echo --mac 02:00:00:00:00:44
wait_until 5 "a word of the first" said echo "10.0.0.2 is the address of another station on tap0 too .02:00:00:00:00:44"
wait_until 5 "a word of the second" said twin "10.0.0.2 is the address of another station on tap1 too"
arping -q -c 5 -W 0.05 -i bridge0 10.0.0.2 2>/dev/null
for name in echo twin; do
    (($(grep -c "another station" "$name.err") == 1)) || fail "$name said it more than once"
done
the_end
