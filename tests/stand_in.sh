#!/bin/sh
# stand_in.sh NAME SUITE PACKAGE[,PACKAGE...]: makes a base image from nothing where no registry is in reach, a Debian
# with these packages, by debootstrap from the machine's own mirror. The engine keeps it; to have it anew, remove it
# with `docker image rm`.
set -eu

say() { printf '%s\n' "stand-in: $*" >&2; }

# shellcheck source=tests/debian.sh
. "${0%/*}/debian.sh"

name=$1 suite=$2 packages=$3

[ -n "${XDG_CACHE_HOME:-${HOME:-}}" ] || {
    say "HOME is not set, so there is no place for a cache"
    exit 1
}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stalls/stand-ins
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
! docker image inspect "$name" >/dev/null 2>&1 || exit 0

scratch=$(mktemp -d -p "$cache")
trap 'as_root rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
mirror=$(mirror)
[ -n "$mirror" ] || {
    say "no package source of Debian is set up on this machine"
    exit 1
}

unpack() {
    as_root rm -rf "$scratch/root"
    as_root debootstrap --variant=minbase --include="$packages" "$suite" "$scratch/root" "$mirror" \
        >"$scratch/log" 2>&1 || {
        tail -n 20 "$scratch/log" >&2
        return 1
    }
}

command -v debootstrap >/dev/null || install_packages debootstrap
say "making $name: Debian $suite with $packages"
patiently unpack
as_root tar -C "$scratch/root" --exclude=./var/cache/apt --exclude=./var/lib/apt/lists -c . | docker import - "$name" >/dev/null
