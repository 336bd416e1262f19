#!/bin/sh
# Prints the path of a cargo tool, given its name and a version that compiles with the toolchain that stalls needs. An
# installed one is used in any version; a missing one is compiled once, in about a minute, and kept in the cache folder;
# nothing is installed. To compile it again, delete its folder.
set -eu

tool=$1
version=$2
cargo=${CARGO:-cargo}

say() { printf '%s\n' "$tool: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# shellcheck source=tests/cache.sh
. "${0%/*}/cache.sh"

# The optimizer would take many times longer than all that the program does for us.
compile() (
    export CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=false
    unset CARGO_TARGET_DIR RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
    "$cargo" install --locked --root "$home" --version "$version" "$tool" >&2
)

# Started by cargo: by itself, not every tool knows --version.
works() { PATH="$home/bin:$PATH" "$cargo" "${tool#cargo-}" --version >/dev/null 2>&1; }

if command -v "$tool"; then
    exit
fi
open_cache "$tool/$version"
home=$cache
if ! works; then
    say "compiling $version into $home"
    compile || fail "it cannot be compiled"
fi
printf '%s\n' "$home/bin/$tool"
