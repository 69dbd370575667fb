#!/bin/bash
# A router that says nothing of what is too long for it: transfers both ways stall for seconds, not for ever.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

get=(curl -sS --fail --max-time 60)
www_make
data www/file 6000000

tap tap0 10.0.0.1/24
far_make
# The kernel's TCP looks for black holes only if it is told to; and one segment per frame, so that its length can be seen.
must "the kernel's own search" "${far[@]}" sysctl -qw net.ipv4.tcp_mtu_probing=1
must "frames as on a wire" "${far[@]}" ip link set far0 gso_max_segs 1

# through WHAT COMMAND...: the transfer comes to its end in seconds.
through() {
    local begin_us=${EPOCHREALTIME/./} took_ms
    must "$@"
    took_ms=$(((${EPOCHREALTIME/./} - begin_us) / 1000))
    ((took_ms < 20000)) || fail "$1 took $took_ms ms"
}

# found: what httpd says that it found.
found() {
    must "a black hole" grep -E 'mtu 1076 to 1500 \(black hole\)' httpd.err
    must "its size" grep -E 'mtu 139[3-9] to 1[34][0-9]{2} \(found\)|mtu 1400 to 1[34][0-9]{2} \(found\)' httpd.err
}

# Frames from either side that are longer than 1400 bytes of IP vanish where they come in.
swallow() {
    nft -f - <<END
table netdev hole {
    chain from_stack { type filter hook ingress device tap0 priority 0; ether type ip meta length > 1400 counter drop; }
    chain from_far { type filter hook ingress device near0 priority 0; ether type ip meta length > 1400 counter drop; }
}
END
}

must "a black hole" swallow
serve httpd httpd --upload --no-offload --trace www
through "a download through the hole" "${far[@]}" "${get[@]}" -o got http://10.0.0.2/file
same got www/file
found
through "an upload through the hole" "${far[@]}" "${get[@]}" -T www/file http://10.0.0.2/put
same www/put www/file
for chain in from_stack from_far; do
    must "what vanished" nft list chain netdev hole "$chain"
    says "counter packets [1-9]"
done
must "no hole" nft delete table netdev hole
stop httpd

# A narrow link behind the router, and a firewall that eats the ICMP errors about it; with super-segments.
mute() {
    nft -f - <<END
table ip mute {
    chain output { type filter hook output priority 0; icmp type destination-unreachable counter drop; }
}
END
}

must "a narrow way" ip link set near0 mtu 1400
must "silence about it" mute
serve httpd httpd --trace www
through "a download through the silence" "${far[@]}" "${get[@]}" -o got http://10.0.0.2/file
same got www/file
found
must "what was not said" nft list chain ip mute output
says "counter packets [1-9]"
the_end
