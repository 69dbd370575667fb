#!/bin/bash
# Proves that scripts/check can fail: breaks each rule in a small copy of the tree and expects the step to say so.
set -uo pipefail

if [[ ${1:-} == --help ]]; then
    echo "usage: tests/checks/run.sh"
    echo "Makes a scratch copy of the build, the scripts and the room base, in which scripts/check passes; then breaks"
    echo "one rule at a time and expects the step that guards it to fail with the right complaint. Silent on success."
    exit 0
fi

root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
clean=$work/clean
tree=$work/tree
failures=0

# A tree of one room and empty neighbours, small enough to build and analyse in seconds.
make_clean_tree() {
    mkdir -p "$clean"/{scripts,stack/wire,stack/ip,stack/udp,stack/tcp/in,stack/sock,impair,tap,sockets/{driver,posix},apps/{echo,get,wire},tests,docs}
    cp -r "$root"/{CMakeLists.txt,.clang-format,.clang-tidy,cmake,include} "$clean"
    cp "$root"/scripts/check* "$clean/scripts"
    mkdir "$clean/scripts/lib" # with no circles to be listed
    sed '/^rooms_circles=(/,/^)/c rooms_circles=()' "$root/scripts/lib/rooms" >"$clean/scripts/lib/rooms"
    cp -r "$root/docs/man" "$clean/docs" # what is installed
    cp "$root/stack/CMakeLists.txt" "$clean/stack"
    cp -r "$root/stack/base" "$clean/stack"
    { # with a call that the compiler fortifies
        echo "/* Stands for the last word. */"
        printf '#include <stdio.h>\n#include <stdlib.h>\n\n#include <tapir/core.h>\n\n'
        echo "void tapir_abort_hook(const char *what, const char *file, int line) {"
        printf '    fprintf(stderr, "%%s:%%d: %%s", file, line, what);\n    abort();\n}\n'
    } >"$clean/sockets/posix/abort.c"
    for room in wire udp tcp; do
        echo "/* Stands for the room $room. */" | tee "$clean/stack/$room/$room.h" >"$clean/stack/$room/$room.c"
        echo "void ${room}_nothing(void);" >>"$clean/stack/$room/$room.h"
        printf '#include "%s/%s.h"\n\nvoid %s_nothing(void) {}\n' "$room" "$room" "$room" >>"$clean/stack/$room/$room.c"
    done
    for place in impair tap sockets/driver sockets/posix; do
        room=${place##*/}
        echo "/* Stands for the contract of $room. */" >"$clean/$place/$room.h"
        {
            echo "# Stands for $room."
            echo "file(GLOB sources CONFIGURE_DEPENDS \${PROJECT_SOURCE_DIR}/$place/*.c)"
            echo "add_library(room_$room OBJECT \${sources})"
            echo "target_include_directories(room_$room PUBLIC \${PROJECT_SOURCE_DIR}/include \${PROJECT_SOURCE_DIR}/stack)"
        } >>"$clean/${place%%/*}/CMakeLists.txt"
    done
    printf '/* Stands for the driver. */\n#include "base/check.h"\n' >"$clean/sockets/driver/driver.c"
    printf '/* Stands for the device. */\n#include "base/check.h"\n' >"$clean/tap/tap.c"
    printf '/* Stands for the wire. */\n#include "wire/wire.h"\n' >"$clean/impair/impair.c"
    printf '/* Stands for the app that may see impair. */\n#include "impair/impair.h"\n' >"$clean/apps/wire/app.h"
    printf '/* Stands for an app. */\n#include <tapir/core.h>\n\nint main(void) { return 0; }\n' >"$clean/apps/echo/main.c"
    printf '# Stands for the apps.\nadd_executable(echo echo/main.c)\ntarget_link_libraries(echo tapir)\n' >"$clean/apps/CMakeLists.txt"
    echo "# Stands for the tests." >"$clean/tests/CMakeLists.txt"
    # A neighbour's file half way through its formatting is not what is tested here.
    find "$clean" -name '*.[ch]' -print0 | xargs -0 clang-format -i
}

# expect STEP TEXT NAME SCRIPT: breaks a copy with SCRIPT, run in it; the step must fail and say TEXT.
expect() {
    local step=$1 text=$2 name=$3 script=$4 output status
    rm -rf "$tree"
    cp -a "$clean" "$tree"
    (cd "$tree" && eval "$script")
    output=$(cd "$tree" && scripts/check "$step" 2>&1)
    status=$?
    if ((status == 0)); then
        echo "tests/checks: $name: scripts/check $step passes" >&2
        failures=$((failures + 1))
    elif ! grep -qF -- "$text" <<<"$output"; then
        echo "tests/checks: $name: scripts/check $step fails, but does not say \"$text\":" >&2
        echo "$output" >&2
        failures=$((failures + 1))
    fi
}

# The same for a step that reads what was built from the broken copy.
expect_built() { expect "$1" "$2" "$3" "$4"$'\n''scripts/check gcc >/dev/null 2>&1'; }

# lines N: a C function of N lines, from its head to its brace.
lines() {
    echo "int filler(int x) {"
    for ((i = 3; i < $1; i++)); do
        echo "    x++;"
    done
    printf '    return x;\n}\n'
}

break_text() {
    expect format stack/base/mem.c "bad format" 'echo "int  x ;" >>stack/base/mem.c'
    expect text "stack/base/new.c: does not begin" "no role in a C file" 'echo "#include <stdint.h>" >stack/base/new.c'
    expect text "scripts/new: does not begin" "no role in a script" 'printf "#!/bin/bash\nset -e\n" >scripts/new; chmod +x scripts/new'
    expect text "finish what is noted" "a left-over note" 'echo "/* TODO: more */" >>stack/base/mem.c'
    expect text SC2154 "a script with a mistake" 'printf "#!/bin/bash\n# A role long enough.\necho \$missing\n" >scripts/new; chmod +x scripts/new'
    expect text "unknown macro" "a bad man page" 'mkdir -p docs/man; printf ".Dd today\n.Qz\n" >docs/man/x.1'
    expect size "71 lines, a function has at most 70" "a long function" 'lines 71 >>stack/base/mem.c'
    expect size "601 lines, a file has at most 600" "a long file" 'yes "" | head -n 601 >stack/base/long.h'
    expect size "71 lines, a function has at most 70" "a long test" \
        'mkdir -p tests/unit/base; lines 71 | sed "s/int filler(int x)/Test(a, b)/" >tests/unit/base/test_x.c'
}

break_layers() {
    local above="which is not below it"
    expect layers "$above" "base includes wire" 'echo "#include \"wire/wire.h\"" >>stack/base/mem.c'
    expect layers "$above" "udp includes its neighbour tcp" 'echo "#include \"tcp/tcp.h\"" >>stack/udp/udp.c'
    expect layers "$above" "tap includes posix" 'echo "#include \"../sockets/posix/posix.h\"" >>tap/tap.c'
    expect layers "impair stands on tapir base wire alone" "impair includes udp" 'echo "#include \"udp/udp.h\"" >>impair/impair.c'
    expect layers "$above" "an inner room includes a later one" \
        'mkdir stack/tcp/timeout; echo "/* Later. */" >stack/tcp/timeout/timeout.h
         printf "/* Earlier. */\n#include \"tcp/timeout/timeout.h\"\n" >stack/tcp/in/ack.c'
    expect layers "$above" "an app includes another" 'echo "#include \"wire/app.h\"" >>apps/echo/main.c'
    expect layers "names wire_ipv4: what differs between the versions of IP" "a transport names a version's header" \
        'echo "extern struct wire_ipv4 udp_x;" >>stack/udp/udp.c'
    expect layers "names ip_v4_input: what differs" "what versions share names one" \
        'echo "/* ip_v4_input(). */" >stack/ip/ip.c'
    expect layers "names WIRE_IPV4_LEN: what differs" "stack.c names a version's header" \
        'echo "/* WIRE_IPV4_LEN. */" >stack/stack.h'
    expect layers "calls nothing outside" "impair includes stdio" 'echo "#include <stdio.h>" >>impair/impair.c'
    expect layers "an app sees only" "another app than wire looks at impair" \
        'echo "#include \"impair/impair.h\"" >>apps/echo/main.c'
    expect layers "an app sees only" "an app looks inside" 'echo "#include \"../stack/base/list.h\"" >>apps/echo/main.c'
    expect layers "an app sees only" "an app looks at the device" 'echo "# include \"../../tap/tap.h\"" >>apps/echo/main.c'
    expect layers "calls nothing outside" "the core includes stdio" 'echo "#include <stdio.h>" >>stack/base/mem.c'
    expect layers "contract of a room above" "the core includes the BSD API" 'echo "#include <tapir/socket.h>" >>stack/base/mem.c'
    expect layers "which does not exist" "a public header that is not there" 'echo "#include <tapir/none.h>" >>stack/base/mem.c'
    expect layers "not in the tree" "a header that is not there" 'echo "#include \"base/none.h\"" >>stack/base/mem.c'
    expect layers "is no room" "a folder without a place" 'mkdir stack/new; echo "/* Nowhere. */" >stack/new/new.c'
    expect layers "not a plain name" "an include by macro" 'echo "#include WHERE" >>stack/base/mem.c'
}

# The clean tree has a call downwards in wire, none upwards and no circle.
expect_calls() { expect calls "$1" "$2" "$3"$'\n''scripts/check clang >/dev/null 2>&1'; }
break_calls() {
    local declare='void wire_nothing(void); void udp_nothing(void); void tcp_nothing(void); void wire_wire_up(void);'
    expect_calls "which is not below room wire" "a call upwards without an include" \
        "echo '$declare void wire_wire_up(void) { udp_nothing(); }' >>stack/wire/wire.c"
    expect_calls "on which room impair does not stand" "impair calls what is not for it" \
        "echo '$declare void impair_x(void); void impair_x(void) { udp_nothing(); }' >>impair/impair.c"
    expect_calls "which is not below room tcp/in" "a call of a later inner room" \
        "mkdir stack/tcp/timeout; echo '/* Later. */ void tcp_timeout_x(void); void tcp_timeout_x(void) {}' >stack/tcp/timeout/timeout.c
         echo '/* Earlier. */ void tcp_ack_x(void); void tcp_timeout_x(void); void tcp_ack_x(void) { tcp_timeout_x(); }' >stack/tcp/in/ack.c"
    expect_calls "which is not below room apps/echo" "an app calls another" \
        "echo '/* Another. */ void get_x(void); void get_x(void) {}' >apps/get/get.c
         sed -i 's/return 0/get_x(); &/; s/int main/void get_x(void);\n&/' apps/echo/main.c
         sed -i 's,echo/main.c,& get/get.c,' apps/CMakeLists.txt"
    expect_calls "call each other in a circle: other wire" "a circle of two files" \
        "echo '/* Another file. */ $declare void wire_other(void); void wire_other(void) { wire_wire_up(); }' >stack/wire/other.c
         echo '$declare void wire_other(void); void wire_wire_up(void) { wire_other(); }' >>stack/wire/wire.c"
    expect_calls "no circle of files any more" "a listed circle that is gone" \
        'sed -i "s/^rooms_circles=(/&\n\"wire: wire other # they were\"/" scripts/lib/rooms'
    expect_calls "is global" "a global of the driver" 'echo "int driver_count; int driver_count = 1;" >>sockets/driver/driver.c'
    expect calls "there is no complete build" "no build at all" 'rm -rf build/check-clang'
}

# The good names beside the bad ones show that a complaint is about the name.
break_names() {
    expect_built names "base/mem.c: wrong_place does not say" "a name that lies in base" \
        'echo "void mem_right(void); void mem_right(void) {} void wrong_place(void); void wrong_place(void) {}" >>stack/base/mem.c'
    expect_built names "tcp/in/ack.c: tcp_send does not say" "a room's name without its file" \
        'echo "void tcp_ack_right(void); void tcp_ack_right(void) {} void tcp_send(void); void tcp_send(void) {}" >stack/tcp/in/ack.c'
    local two='mkdir stack/tcp/out; echo "/* Another. */" | tee stack/tcp/out/ack.c >stack/tcp/in/ack.c'
    expect_built names "tcp/in/ack.c: tcp_ack_x does not say where it lives: tcp_in_ack_" "a file's name that another room inside has too" \
        "$two; echo 'void tcp_in_ack_right(void); void tcp_in_ack_right(void) {} void tcp_ack_x(void); void tcp_ack_x(void) {}' >>stack/tcp/in/ack.c"
    expect_built names "tcp/in/ack.c: ack_send does not say" "a file's name without its room" \
        'echo "void ack_send(void); void ack_send(void) {}" >stack/tcp/in/ack.c'
    expect_built names "tap/tap.c: open_it does not say" "a name that lies in tap" \
        'echo "void open_it(void); void open_it(void) {}" >>tap/tap.c'
    expect_built names "tapir_secret is not promised" "a public name that no header has" \
        'echo "void tapir_secret(void); void tapir_secret(void) {}" >>stack/base/mem.c'
    expect_built names "do not start with tapir_" "a promise without the prefix" \
        'echo "TAPIR_API int other_name(void);" >>include/tapir/core.h'
    expect_built names "no complete build" "a build that failed" 'echo "int" >>stack/base/mem.c'
    expect names "no objects" "no build at all" 'rm -rf build/check-gcc/{stack,sockets,tap}'
}

break_core() {
    expect_built core "calls malloc" "the core allocates by itself" \
        'echo "void *malloc(unsigned long); void *mem_x(void); void *mem_x(void) { return malloc(8); }" >>stack/base/mem.c'
    expect_built core "calls strlen" "the compiler makes a call" \
        'echo "unsigned long mem_x(const char *s); unsigned long mem_x(const char *s) { unsigned long n = 0; while (s[n]) n++; return n; }" \
            >>stack/base/mem.c; sed -i "s/-fno-builtin-strlen/-ftree-loop-distribute-patterns/" stack/CMakeLists.txt'
    expect_built core "of .data" "initialised data" 'echo "extern int mem_x; int mem_x = 1;" >>stack/base/mem.c'
    expect_built core "of .bss" "zeroed data" 'echo "int mem_x(void); int mem_x(void) { static int n; return n++; }" >>stack/base/mem.c'
    expect_built core "of .tbss" "thread storage" 'echo "extern _Thread_local int mem_x; _Thread_local int mem_x;" >>stack/base/mem.c'
    expect core "no objects" "no build at all" 'rm -rf build/check-gcc/{stack,impair}'
}

break_hardening() {
    local cmake=cmake/hardening.cmake
    expect_built harden "compiled without -fstack-protector-strong: " "a room without the stack protector" \
        'echo "target_compile_options(room_base PRIVATE -fno-stack-protector)" >>stack/CMakeLists.txt'
    expect_built harden "without -D_FORTIFY_SOURCE=3: " "a room without fortified calls" \
        'echo "target_compile_options(room_posix PRIVATE SHELL:-U_FORTIFY_SOURCE)" >>sockets/CMakeLists.txt'
    expect_built harden "libtapir.so.0.1.0 binds lazily" "relocations that stay writable" "sed -i 's/-z,now,//' $cmake"
    expect_built harden "libtapir.so.0.1.0 has an executable stack" "an executable stack" "sed -i 's/noexecstack/execstack/' $cmake"
    expect_built harden "libtapir.so.0.1.0 has an RPATH" "an RPATH" 'echo "set_target_properties(tapir PROPERTIES INSTALL_RPATH /tmp)" \
        >>cmake/library.cmake'
    ! grep -q 'fcf_protection_full:INTERNAL=1' "$clean/build/check-gcc/CMakeCache.txt" ||
        expect_built harden "not built with -fcf-protection" "no control-flow guards" \
            'echo "target_compile_options(room_base PRIVATE -fcf-protection=none)" >>stack/CMakeLists.txt'
}

break_builds() {
    expect gcc Wconversion "gcc warns" 'echo "char mem_x(int y); char mem_x(int y) { return y; }" >>stack/base/mem.c'
    expect clang Wshorten-64-to-32 "clang warns" 'echo "int mem_x(long y); int mem_x(long y) { return y; }" >>stack/base/mem.c'
    expect tidy "no reason is given for -bugprone-branch-clone" "an exclusion without a reason" \
        'sed -i "s/^  -readability-magic-numbers,/&\n  -bugprone-branch-clone,/" .clang-tidy'
    expect tidy bugprone-branch-clone "clang-tidy finds something" \
        'echo "int mem_x(int y); int mem_x(int y) { if (y > 1) { return 2; } else { return 2; } }" >>stack/base/mem.c'
}

# Four requirements, of which one is a deviation, one has a unit test and two a script.
make_conformance_tree() {
    rm -rf "$tree"
    mkdir -p "$tree"/{scripts/lib,docs,stack,sockets,include,tap,apps,tests/{conformance,unit/tcp,drill/scripts/a}}
    cp "$root/scripts/conformance" "$tree/scripts"
    cp "$root/scripts/lib/cited" "$tree/scripts/lib"
    printf 'MUST-1 W one\nMUST-2 A two\nSHLD-3 P three\nMUST-4 W four\n' >"$tree/tests/conformance/rfc9293.txt"
    echo "- **MUST-4**: not followed." >"$tree/docs/deviations.md"
    echo "Test(tcp_a, MUST_2_is_shown) {" >"$tree/tests/unit/tcp/test_a.c"
    echo "/* RFC 9293 3 (MUST-1). */" >"$tree/stack/a.c"
    echo "// RFC 9293 3 (MUST-1, SHLD-3): shown." >"$tree/tests/drill/scripts/a/a.pkt"
    (cd "$tree" && scripts/conformance)
}

# expect_conformance TEXT NAME SCRIPT: breaks that tree; scripts/conformance, which scripts/check docs runs, must say TEXT.
expect_conformance() {
    local output
    make_conformance_tree
    (cd "$tree" && eval "$3")
    if output=$(cd "$tree" && scripts/conformance --check 2>&1) || ! grep -qxF -- "$1" <<<"$output"; then
        echo "tests/checks: $2: scripts/conformance --check does not fail with \"$1\": $output" >&2
        failures=$((failures + 1))
    fi
}

break_conformance() {
    make_conformance_tree
    (cd "$tree" && scripts/conformance --check) || { echo "tests/checks: its clean copy does not pass" >&2; exit 1; }
    expect_conformance "neither tested nor in docs/deviations.md: MUST-2 " "a MUST without a test" \
        'echo "Test(tcp_a, nothing) {" >tests/unit/tcp/test_a.c; scripts/conformance >/dev/null'
    expect_conformance "neither tested nor in docs/deviations.md: MUST-4 " "a MUST without a deviation" \
        'echo "All is followed." >docs/deviations.md; scripts/conformance >/dev/null'
    expect_conformance "neither in a script of tests/drill nor in docs/deviations.md: MUST-1 SHLD-3 " "no script" \
        'mv tests/drill/scripts/a/a.pkt tests/unit/tcp/test_b.c; echo "Test(tcp_b, MUST_1_and_SHLD_3) {" >>tests/unit/tcp/test_b.c
        scripts/conformance >/dev/null'
    expect_conformance "docs/tcp-conformance.md is stale; to do: scripts/conformance" "a stale page" \
        'echo "MUST-5 A five" >>tests/conformance/rfc9293.txt'
    grep -q '^scripts/conformance --check || result=1$' "$root/scripts/check-docs" ||
        { echo "tests/checks: scripts/check-docs does not ask scripts/conformance" >&2; failures=$((failures + 1)); }
}

# The manual pages of the real tree, with some words taken away: scripts/check-docs must miss each.
break_pages() {
    local gone=(tapir-echo.1:mode tapir-nc.1:w tapir.7:tap-fd tapir.7:TAPIR_MAC tapir.3:tapir_pollfd) word text output
    rm -rf "$tree"
    mkdir "$tree"
    cp -r "$root"/{apps,docs,include,scripts,sockets} "$tree"
    for word in "${gone[@]}"; do
        sed -i "s/\<${word#*:}\>/gone/" "$tree/docs/man/${word%:*}"
    done
    output=$(cd "$tree" && scripts/check-docs 2>&1)
    for text in tapir-echo.1:option/-mode tapir-nc.1:option/w tapir.7:option/-tap-fd "tapir.7:environment variable/TAPIR_MAC" \
        tapir.3:call/tapir_pollfd; do
        word=${text#*:}
        grep -qxF -- "docs/man/${text%%:*}: says nothing of the ${word/\// }" <<<"$output" && continue
        echo "tests/checks: scripts/check-docs does not miss the ${word/\// } in ${text%%:*}" >&2
        failures=$((failures + 1))
    done
}

# Another apt that holds a lock is waited for; one that cannot do it is not.
try_packages() (
    # shellcheck source=scripts/lib/packages
    . "$root/scripts/lib/packages"
    sleep() { echo waited >>"$work/apt"; }
    apt_of_three() {
        echo tried >>"$work/apt"
        (($(grep -c tried "$work/apt") == 3)) || { echo "E: Could not get lock /var/lib/apt/lists/lock. It is held"; return 100; }
    }
    apt_that_fails() { echo tried >>"$work/apt"; echo "E: Unable to locate package"; return 100; }
    packages_apt apt_of_three >/dev/null && [[ $(tr '\n' ' ' <"$work/apt") == "tried waited tried waited tried " ]] || return 1
    rm "$work/apt"
    ! packages_apt apt_that_fails >/dev/null && [[ $(<"$work/apt") == tried ]]
)

# scripts/test on a fresh clone: a step that needs the build has it in front, and another does not.
try_test() (
    mkdir -p "$work/fresh"/{scripts,tests/{with,without}} && cd "$work/fresh" || return 1
    cp -r "$root"/scripts/{test,lib} scripts
    printf '#!/bin/bash\ntouch build/test/made\n' >scripts/build
    printf '#!/bin/bash\n[[ -e $TAPIR_BUILD/made ]]\n' >tests/with/run.sh
    printf '#!/bin/bash\n[[ ! -e build/test/made ]]\n' >tests/without/run.sh
    chmod +x scripts/build tests/*/run.sh
    bash scripts/test without >said 2>&1
    bash scripts/test with without >>said 2>&1
    [[ $(sed -nE 's/^([a-z]+) +(ok|FAILED).*/\1 \2/p; s/^([0-9]+ passed, .*)/\1/p' said | tr '\n' ' ') == \
        "without ok 1 passed, 0 failed build ok with ok without FAILED 2 passed, 1 failed " ]]
)

# No device and no right to it are two things to say.
try_namespace() (
    # shellcheck source=scripts/lib/namespace
    . "$root/scripts/lib/namespace"
    [[ $(namespace_device "$work/none" 2>&1) == "no $work/none: load the driver"* ]] && namespace_device /dev/null &&
        { ((EUID == 0)) || [[ $(namespace_device /dev/mem 2>&1) == "no permission on /dev/mem"* ]]; }
)

try_test || { echo "tests/checks: scripts/test does not build what a step needs: $(cat "$work/fresh/said")" >&2; failures=$((failures + 1)); }
try_namespace || { echo "tests/checks: what is missing of /dev/net/tun is not said" >&2; failures=$((failures + 1)); }
try_packages || { echo "tests/checks: apt is not waited for as it should" >&2; failures=$((failures + 1)); }
break_conformance
break_pages

# The clean tree is built where its broken copies will stand, so that only what is broken is compiled again.
make_clean_tree
rm -rf "$tree"
mv "$clean" "$tree"
# There are no pages in the copy: scripts/check-docs has nothing to read there.
if ! output=$(cd "$tree" && scripts/check format text layers size gcc clang names core harden tidy 2>&1); then
    echo "tests/checks: the clean copy does not pass:" >&2
    echo "$output" >&2
    exit 1
fi
mv "$tree" "$clean"
break_text
break_layers
break_calls
break_names
break_core
break_hardening
break_builds
((failures == 0)) || { echo "tests/checks: $failures failed" >&2; exit 1; }
