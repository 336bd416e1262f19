#!/bin/sh
# Makes the base images that the Dockerfile is built on where no registry is in reach, and prints their names: first the
# one that has Rust, then the one that has HAProxy. Both are Debian, by debootstrap from the machine's own mirror; Rust
# is the machine's. The engine keeps them; to have one anew, remove it with `docker image rm`.
set -eu

say() { printf '%s\n' "stand-ins: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# shellcheck source=tests/debian.sh
. "${0%/*}/debian.sh"

sysroot=$(rustc --print sysroot)
# A newer toolchain makes another image.
rust=stalls-stand-in/rust:$(rustc --version | cut -d ' ' -f 2)-bookworm
haproxy=stalls-stand-in/haproxy:trixie

exists() { docker image inspect "$1" >/dev/null 2>&1; }

# debian SUITE PACKAGES: unpacks it below $root.
debian() {
    mirror=$(mirror)
    [ -n "$mirror" ] || fail "no package source of Debian is set up on this machine"
    command -v debootstrap >/dev/null || install_packages debootstrap
    say "unpacking Debian $1 with $2"
    patiently unpack "$@"
}

unpack() {
    as_root rm -rf "$root"
    as_root debootstrap --variant=minbase --include="$2" "$1" "$root" "$mirror" >"$scratch/debootstrap.log" 2>&1 || {
        tail -n 20 "$scratch/debootstrap.log" >&2
        return 1
    }
    as_root rm -rf "$root/var/cache/apt" "$root/var/lib/apt/lists"
}

# import NAME [CHANGE...]: what is below $root becomes this image.
import() {
    name=$1
    shift
    as_root tar -C "$root" -c . | docker import "$@" - "$name" >/dev/null
    say "made $name"
}

# What cargo needs to reach its registry from in there is the machine's, too.
make_rust() {
    debian bookworm ca-certificates,gcc,libc6-dev
    as_root cp "$sysroot/bin/cargo" "$sysroot/bin/rustc" "$root/usr/local/bin/"
    as_root cp -R "$sysroot/lib/." "$root/usr/local/lib/"
    as_root cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    config=${CARGO_HOME:-$HOME/.cargo}/config.toml
    [ ! -e "$config" ] || as_root install -D "$config" "$root/root/.cargo/config.toml"
    import "$rust"
}

# HAProxy's own image has settings too, which must not reach through to ours.
make_haproxy() {
    debian trixie ca-certificates,haproxy
    import "$haproxy" \
        --change 'ENTRYPOINT ["docker-entrypoint.sh"]' \
        --change 'CMD ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]' \
        --change 'USER haproxy' \
        --change 'WORKDIR /var/lib/haproxy'
}

[ -n "${XDG_CACHE_HOME:-${HOME:-}}" ] || fail "HOME is not set, so there is no place for a cache"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stalls/stand-ins
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
scratch=$(mktemp -d -p "$cache")
root=$scratch/root
trap 'as_root rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

exists "$rust" || make_rust
exists "$haproxy" || make_haproxy
printf '%s\n' "$rust" "$haproxy"
