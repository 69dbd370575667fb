#!/bin/bash
# <tapir/posix.h> before all kinds of files: each name goes to the stack, none to the C library, and nothing else is renamed.
set -euo pipefail

if [[ ${1:-} == --help ]]; then
    echo "usage: tests/headers/run.sh"
    echo "Compiles small files in C and C++ by gcc, and by clang where there is one. Silent on success."
    exit 0
fi

root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/headers
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mapfile -t names < <(sed -n 's/^#pragma redefine_extname \([A-Za-z0-9_]*\) tapir_\1$/\1/p' "$root/include/tapir/posix.h" | LC_ALL=C sort)

fail() {
    echo "tests/headers: $*" >&2
    exit 1
}

# compile WHAT COMPILER... : every warning is an error
compile() {
    local what=$1
    shift
    "$@" -Wall -Wextra -Werror -I"$root/include" -I"$work" -c -o "$work/object.o" >"$work/log" 2>&1 ||
        { cat "$work/log" >&2; fail "$what: $* does not compile"; }
}

before() { # before COMPILER...: with the header before the file
    compile "before a file" "$@" -include tapir/posix.h
}

# The symbols that the object's code and data refer to; its table may name others.
referred() { readelf -rW "$work/object.o" | awk '$3 ~ /^R_/ { print $5 }' | sort -u; }

# Whatever the C library's headers make of a name, the object asks for the stack's, and for no other.
all_redirected() {
    local undefined name
    undefined=$(referred)
    for name in "${names[@]}"; do
        grep -qx "tapir_$name" <<<"$undefined" || fail "$*: tapir_$name is not used"
        ! grep -xE "$name(64)?|__${name}(_chk|64|_alias)" <<<"$undefined" || fail "$*: the name above is the C library's"
    done
}

((${#names[@]} > 40)) || fail "found ${#names[@]} names in posix.h"
grep -c '^#pragma redefine_extname' "$root/include/tapir/posix.h" | grep -qx "${#names[@]}" || fail "a line of posix.h does not give name its tapir_name"
printf 'USE(%s)\n' "${names[@]}" >"$work/names.inc"

# What has a plain name at all is in the header.
sed -n '/^TAPIR_API/s/.*\<tapir_\([A-Za-z0-9_]*\)(.*/\1/p' "$root/include/tapir/socket.h" | LC_ALL=C sort |
    grep -vxE 'up|up_device|down|lock|unlock|pollfd' | diff - <(printf '%s\n' "${names[@]}") >&2 ||
    fail "socket.h and posix.h do not have the same calls"

compilers=(gcc g++)
! command -v clang >/dev/null || compilers+=(clang clang++)
for compiler in "${compilers[@]}"; do
    kinds=("-O2" "-O2 -D_FORTIFY_SOURCE=2" "-O1 -D_FILE_OFFSET_BITS=64")
    language=c++
    if [[ $compiler != *++ ]]; then
        kinds+=("-std=c89 -O0" "-std=c11 -O1 -D_FILE_OFFSET_BITS=64 -D_FORTIFY_SOURCE=2")
        language=c
    fi
    for kind in "${kinds[@]}"; do
        read -ra flags <<<"$kind"
        before "$compiler" "${flags[@]}" -Wno-cast-function-type -x "$language" "$here/every.c"
        all_redirected "$compiler $kind"
    done
    before "$compiler" -O1 -x "$language" "$here/members.c"
    ! referred | grep tapir_ >&2 || fail "$compiler: members.c refers to the names above"

    # Headers that do not go together, and one that insists on coming second.
    printf '#include <linux/tcp.h>\n#include <sys/socket.h>\nint f(int s);\nint f(int s) { return listen(s, TCP_NODELAY); }\n' >"$work/linux.c"
    before "$compiler" -x "$language" "$work/linux.c"
    printf '#define CONFIG 1\n' >"$work/config.h"
    printf '#ifndef CONFIG\n#error include config.h first\n#endif\n#include_next <unistd.h>\n' >"$work/unistd.h"
    printf '#include <config.h>\n#include <unistd.h>\nint f(int s);\nint f(int s) { return close(s); }\n' >"$work/gnulib.c"
    before "$compiler" -x "$language" "$work/gnulib.c"
    rm "$work/unistd.h"

    # As a line of the file: first, or in C behind the system's headers.
    printf '#include <tapir/posix.h>\n#include "every.c"\n' >"$work/first.c"
    compile "as the first line" "$compiler" -O1 -Wno-cast-function-type -I"$here" -x "$language" "$work/first.c"
    all_redirected "$compiler, first line"
    printf '#define _GNU_SOURCE\n#include <unistd.h>\n#include <poll.h>\n#include <tapir/posix.h>\n#include "every.c"\n' >"$work/later.c"
    if [[ $language == c ]]; then
        compile "as a later line" "$compiler" -O1 -D_FILE_OFFSET_BITS=64 -Wno-cast-function-type -I"$here" "$work/later.c"
        all_redirected "$compiler, later line"
    fi
    for flags in "-x c++" "-O2 -D_FORTIFY_SOURCE=2"; do
        [[ $language == c || $flags == "-x c++" ]] || continue
        # shellcheck disable=SC2086
        ! "$compiler" $flags -I"$root/include" -I"$here" -I"$work" -c -o "$work/object.o" "$work/later.c" >"$work/log" 2>&1 &&
            grep -q 'comes before the system' "$work/log" || fail "$compiler $flags: a line that comes too late is not refused"
    done
done
gcc -x assembler-with-cpp -I"$root/include" -include tapir/posix.h -c /dev/null -o "$work/object.o" || fail "assembler does not take it"
