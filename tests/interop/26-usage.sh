#!/bin/bash
# Command lines that make no sense: each program says which option is at fault and what it takes, and ends with 2.
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/lib.sh"

# The program and its words, and what it has to say.
while IFS='|' read -r line text; do
    read -ra words <<<"$line"
    fails 2 "$line" "$apps/tapir-${words[0]}" "${words[@]:1}"
    says "$text"
    says "^Try 'tapir-.* --help'\.$"
done <<'END'
echo --mtu 9|--mtu 9: it takes a whole number from 68 to 65521
echo --tap-fd x|--tap-fd x: it takes a whole number
echo --tap|--tap lacks its value
echo --trace=1|this option takes no value
echo --filter icmp|--filter chooses what --pcap writes: give both
echo -p http|-p http: it takes a port, a number from 1 to 65535
echo -m fork|-m fork: it takes iterative, threads, poll or epoll
echo -u -m poll|--mode is about connections: --udp has none
echo operand|operands are not expected
echo --such|--such is no option
get|give one URL
get a b|give one URL
get https://a/|not an http:// URL
get -L 51 a|-L 51: it takes a whole number from 0 to 50
get -m x a|-m x: it takes seconds
httpd|give one directory
httpd --port 0 .|--port 0: it takes a port
nc a|give a host and a port
nc -l|give the port to listen on
nc a http|http is no port: give a number from 1 to 65535
nc -k a 7|-k goes with -l
nc -k -u -l 7|-k is about connections: -u has none
nc -l -p 4000 4001|the port to listen on is said twice
perf|give one host, or --server
perf --server a|a server has no operands
perf --server --reverse|--reverse is for a client to say
perf --discard 9 -t 1|--time is for a client to say
perf --request 5 a|--request is about --rr
perf --rr --reverse a|--rr goes both ways
perf --pattern a|--pattern is about --discard and --source
perf --congestion vegas a|it takes cubic, reno or bbr
perf -P 129 a|-P 129: it takes a whole number from 1 to 128
ping -c 0 a|-c 0: it takes a whole number, at least 1
ping -s 65508 a|-s 65508: it takes a whole number from 0 to 65507
wire --tap a|a wire has two ends: give --tap twice
wire --tap a --tap b --delay 20|--delay 20: it takes a time with its unit
wire --tap a --tap b --queue 64k|--queue and --ecn need a --rate
wire --tap w0 --tap w0|both ends are w0
wire --tap w0 --ns a --tap w0 --ns a|both ends are w0
echo --address 10.0.0.2|10.0.0.2 is no address with prefix
echo --address 10.0.0.0/24|10.0.0.0/24 cannot be a host's address
echo --mac zz|zz is no MAC address
echo --gateway foo|foo is no address for a gateway
echo --gateway 10.1.0.1|gateway 10.1.0.1 is not in the network
echo --host 10.0.0.2/24|10.0.0.2/24 is our own address
echo --host 10.0.0.1|host address 10.0.0.1: give an IPv4 address and a prefix
echo --tap averyveryverylongname|averyveryverylongname is too long
echo --tap a/b|a/b is no name for an interface
echo --tap lo|lo is an interface already, and not a TAP
echo --pcap /dev/null --filter nonsense|filter 'nonsense'
ping --mac zz 10.0.0.1|zz is no MAC address
wire --tap averyveryverylongname --tap b|averyveryverylongname is too long
wire --tap a --host 10.0.0.1 --tap b|host address 10.0.0.1: give
END
the_end
