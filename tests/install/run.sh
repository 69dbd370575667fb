#!/bin/bash
# Installs the library into a scratch prefix and proves that programs outside the tree can use it, and see only tapir_*.
set -euo pipefail

if [[ ${1:-} == --help ]]; then
    echo "usage: tests/install/run.sh"
    echo "Builds and installs the library in a scratch directory, then builds and runs a program against it:"
    echo "C and C++, shared and static, by pkg-config and by find_package. Silent on success."
    exit 0
fi

root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/moved

fail() {
    echo "tests/install: $*" >&2
    exit 1
}

# quiet WHAT COMMAND...: shows the command's output only if it fails.
quiet() {
    local what=$1
    shift
    "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "$what failed"; }
}

# The prefix is moved after the installation: nothing may depend on where it was.
install_library() {
    quiet configure cmake -S "$root" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_INSTALL_PREFIX="$work/prefix" -DTAPIR_TESTS=OFF -DTAPIR_APPS=OFF
    quiet build ninja -C "$work/build" -j2
    quiet install cmake --install "$work/build"
    mv "$work/prefix" "$prefix"
    libdir=$(dirname "$(find "$prefix" -name libtapir.a)")
    export PKG_CONFIG_PATH=$libdir/pkgconfig LD_LIBRARY_PATH=$libdir
}

# only_tapir WHAT: standard input is a list of symbols; none may lack the prefix, and some must be there.
only_tapir() {
    local names
    names=$(cat)
    grep -q '^tapir_stack_input$' <<<"$names" || fail "$1 does not export tapir_stack_input"
    ! grep -v '^tapir_' <<<"$names" >&2 || fail "$1 exports the names above, which do not start with tapir_"
}

check_names() {
    nm -D --defined-only --format=posix "$libdir/libtapir.so" | awk '$2 != "A" { sub(/@.*/, "", $1); print $1 }' |
        only_tapir libtapir.so
    nm -g --defined-only --format=posix "$libdir/libtapir.a" | awk 'NF > 1 { print $1 }' | only_tapir libtapir.a
    # Every function of a public header is there, and every header has come along. No tool writes into a grep -q: it would
    # be ended by what the grep leaves unread, and fail.
    local names
    names=$(nm -D --defined-only "$libdir/libtapir.so")
    for header in "$root"/include/tapir/*.h; do
        cmp -s "$header" "$prefix/include/tapir/${header##*/}" || fail "${header##*/} is not installed as it is"
        for name in $(grep -h '^TAPIR_API' "$header" | grep -oE 'tapir_[a-z0-9_]+\(' | tr -d '('); do
            [[ $names == *" T $name@"* ]] || fail "$name (${header##*/}) is missing"
        done
    done
    [[ -e $prefix/share/man/man3/tapir.3 && -e $prefix/share/man/man7/tapir.7 ]] || fail "the manual pages are missing"
    [[ $(readelf -d "$libdir/libtapir.so") == *SONAME*'[libtapir.so.0]'* ]] || fail "the SONAME is not libtapir.so.0"
}

run() {
    quiet "running $1" timeout 20 "$1"
    grep -qx installed "$work/log" || fail "$1 did not say what it should"
}

# check_example NAME LINE FLAGS...: builds an embedder's example, which is to say this.
check_example() {
    local name=$1 line=$2
    shift 2
    quiet "the example $name" cc -Wall -Wextra -Werror "$root/tests/install/$name.c" "$@" -o "$work/$name"
    quiet "running $name" timeout 20 "$work/$name"
    grep -q "$line" "$work/log" || fail "$name did not say what it should"
}

# Flags unquoted on purpose: pkg-config gives a list of words.
check_pkg_config() {
    local flags=(-Wall -Wextra -Werror)
    local -A words
    words[shared]=$(pkg-config --cflags --libs tapir)
    words[static]=$(pkg-config --static --cflags --libs tapir | sed 's/-ltapir/-l:libtapir.a/')
    for form in shared static; do
        # shellcheck disable=SC2086
        quiet "C, $form" cc "${flags[@]}" "$root/tests/install/program.c" ${words[$form]} -o "$work/c_$form"
        # shellcheck disable=SC2086
        quiet "C++, $form" c++ "${flags[@]}" -x c++ "$root/tests/install/program.c" -x none ${words[$form]} -o "$work/cxx_$form"
        run "$work/c_$form"
        run "$work/cxx_$form"
        # shellcheck disable=SC2086
        check_example embed '^a line by way of two stacks, at [0-9]* us$' ${words[$form]}
        # shellcheck disable=SC2086
        check_example threads '^an answer by way of two drivers$' ${words[$form]} -lpthread
    done
    [[ $(ldd "$work/c_shared") == *"$libdir/libtapir.so.0"* ]] || fail "the shared program does not use libtapir.so.0"
    [[ $(ldd "$work/c_static") != *libtapir* ]] || fail "the static program still needs libtapir.so"
}

check_find_package() {
    mkdir "$work/consumer"
    cp "$root/tests/install/consumer.cmake" "$work/consumer/CMakeLists.txt"
    cp "$root/tests/install/program.c" "$work/consumer/program.c"
    cp "$root/tests/install/program.c" "$work/consumer/program.cpp"
    quiet "find_package" cmake -S "$work/consumer" -B "$work/consumer/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix"
    quiet "building with find_package" ninja -C "$work/consumer/build" -j2
    for program in c_tapir cxx_tapir c_static cxx_static; do
        run "$work/consumer/build/$program"
    done
}

install_library
check_names
check_pkg_config
check_find_package
