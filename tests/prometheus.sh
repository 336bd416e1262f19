#!/bin/sh
# Prints the folder with Debian's prometheus and promtool: those of the machine, else bookworm's, which are fetched once and
# for all from the machine's own mirror and kept in the cache folder. That needs no root, installs nothing, and starts no
# service. To fetch them anew, delete the folder.
set -eu

say() { printf '%s\n' "prometheus: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# shellcheck source=tests/cache.sh
. "${0%/*}/cache.sh"
# shellcheck source=tests/debian.sh
. "${0%/*}/debian.sh"

if command -v promtool >/dev/null && prometheus=$(command -v prometheus); then
    printf '%s\n' "${prometheus%/*}"
    exit
fi

apt() { apt-get -qq --config-file "$scratch/apt.conf" "$@" >&2; }

download() (cd "$scratch" && apt update && apt download prometheus)

works() { "$cache/bin/promtool" --version >/dev/null 2>&1; }

fetch() {
    say "fetching that of Debian bookworm into $cache"
    rm -rf "$scratch" "$cache/bin"
    mkdir -p "$scratch"
    set_up_apt "$scratch" bookworm
    patiently download || fail "Debian bookworm's prometheus cannot be fetched"
    dpkg-deb --extract "$scratch"/prometheus_*.deb "$scratch/root"
    mv "$scratch/root/usr/bin" "$cache/bin"
    works || fail "Debian bookworm's promtool does not run on this machine"
}

open_cache prometheus
scratch=$cache/fetching
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

works || fetch
printf '%s\n' "$cache/bin"
