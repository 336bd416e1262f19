#!/bin/sh
# Checks what stalls is made of with cargo-deny, as deny.toml says. One on the machine is used; a missing one is
# compiled once and for all, in about a minute, and kept in the cache folder, with nothing installed. To have it
# anew, delete its folder.
#
# Licences, bans and sources are always checked; known vulnerabilities when their database can be fetched.
set -eu

version=0.20.2 # compiles with the toolchain that stalls needs
cargo=${CARGO:-cargo}

say() { printf '%s\n' "cargo-deny: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# The optimizer would take many times longer than all that the program does for us.
compile() (
    export CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=false
    unset CARGO_TARGET_DIR RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
    "$cargo" install --locked --root "$home" --version "$version" cargo-deny >&2
)

if "$cargo" deny --version >/dev/null 2>&1; then
    deny() { "$cargo" deny "$@"; }
else
    [ -n "${XDG_CACHE_HOME:-${HOME:-}}" ] || fail "HOME is not set, so there is no place for a cache"
    home=${XDG_CACHE_HOME:-$HOME/.cache}/stalls/cargo-deny/$version
    mkdir -p "$home"
    exec 9>"$home/lock"
    flock 9
    if ! "$home/bin/cargo-deny" --version >/dev/null 2>&1; then
        say "compiling $version into $home"
        compile || fail "it cannot be had"
    fi
    flock --unlock 9
    deny() { "$home/bin/cargo-deny" "$@"; }
fi

say "$(deny --version)"
# Its warnings are about two versions of one crate, which deny.toml lets be.
deny --log-level error --locked check --hide-inclusion-graph licenses bans sources
if deny --log-level error fetch db; then
    deny --locked check --hide-inclusion-graph advisories
else
    say '*** SKIPPED: known vulnerabilities (advisories): their database cannot be fetched, see above'
fi
