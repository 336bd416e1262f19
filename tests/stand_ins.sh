#!/bin/sh
# stand_ins.sh rust|haproxy|debian|systemd...: makes base images where no registry is in reach, and prints their names.
# The first three are the base of the Dockerfiles, the last one has a systemd to run the unit. All are Debian, by
# debootstrap from the machine's own mirror; Rust is the machine's. The HAProxy is sid's, a 3.2 as in the Dockerfile. The engine keeps them; to have one anew, remove it
# with `docker image rm`.
set -eu

say() { printf '%s\n' "stand-ins: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# shellcheck source=tests/cache.sh
. "${0%/*}/cache.sh"
# shellcheck source=tests/debian.sh
. "${0%/*}/debian.sh"

sysroot=$(rustc --print sysroot)
# A newer toolchain makes another image.
rust=stalls-stand-in/rust:$(rustc --version | cut -d ' ' -f 2)-bookworm
haproxy=stalls-stand-in/haproxy:sid
debian=stalls-stand-in/debian:bookworm
systemd=stalls-stand-in/systemd:bookworm

exists() { docker image inspect "$1" >/dev/null 2>&1; }

# import NAME [CHANGE...]: what is below $root becomes this image.
import() {
    image=$1
    shift
    as_root tar -C "$root" -cf "$scratch/root.tar" .
    docker import "$@" "$scratch/root.tar" "$image" >/dev/null
    as_root rm "$scratch/root.tar"
    say "made $image"
}

# cargo reaches its registry from in there with the machine's certificates and configuration.
make_rust() {
    unpack_debian "$root" bookworm ca-certificates,gcc,libc6-dev
    as_root cp "$sysroot/bin/cargo" "$sysroot/bin/rustc" "$root/usr/local/bin/"
    as_root cp -R "$sysroot/lib/." "$root/usr/local/lib/"
    as_root cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    config=${CARGO_HOME:-$HOME/.cargo}/config.toml
    [ ! -e "$config" ] || as_root install -D "$config" "$root/root/.cargo/config.toml"
    import "$rust"
}

# HAProxy's own image has settings too, which must not reach through to ours.
make_haproxy() {
    unpack_debian "$root" sid ca-certificates,haproxy
    import "$haproxy" \
        --change 'ENTRYPOINT ["docker-entrypoint.sh"]' \
        --change 'CMD ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]' \
        --change 'USER haproxy' \
        --change 'WORKDIR /var/lib/haproxy'
}

make_debian() {
    unpack_debian "$root" bookworm ca-certificates
    import "$debian"
}

make_systemd() {
    unpack_debian "$root" bookworm haproxy,systemd
    import "$systemd"
}

open_cache stand-ins
scratch=$cache/making
root=$scratch/root
# A run that was killed may have left it.
as_root rm -rf "$scratch"
mkdir "$scratch"
trap 'as_root rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

for which in "$@"; do
    case $which in
    rust) name=$rust ;;
    haproxy) name=$haproxy ;;
    debian) name=$debian ;;
    systemd) name=$systemd ;;
    *) fail "$which: there are rust, haproxy, debian and systemd" ;;
    esac
    if ! exists "$name"; then "make_$which"; fi
    printf '%s\n' "$name"
done
