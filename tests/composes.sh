#!/bin/sh
# Prints the path of each Compose that the files below deploy/ are tried with: version 2, which is the machine's own
# `docker compose`, else Debian trixie's, fetched once and for all from the machine's own mirror and kept in the cache
# folder; and version 1, if the machine has it, or has an engine and can install it.
set -eu

say() { printf '%s\n' "composes: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# shellcheck source=tests/cache.sh
. "${0%/*}/cache.sh"
# shellcheck source=tests/debian.sh
. "${0%/*}/debian.sh"
# shellcheck source=tests/runner.sh
. "${0%/*}/runner.sh"
lacks() {
    files=$(find "${0%/*}/../deploy" -name docker-compose.yml | wc -l)
    not_run "$files" "docker-compose.yml read by version $1 of Compose" "$2"
}

apt() { apt-get -qq --config-file "$scratch/apt.conf" "$@" >&2; }

download() (cd "$scratch" && apt update && apt download docker-compose)

fetch() {
    say "fetching that of Debian trixie into $cache"
    rm -rf "$scratch"
    mkdir -p "$scratch"
    set_up_apt "$scratch" trixie
    patiently download || fail "Debian trixie's docker-compose cannot be fetched"
    dpkg-deb --extract "$scratch"/docker-compose_*.deb "$scratch/root"
    mv "$scratch/root/usr/libexec/docker/cli-plugins/docker-compose" "$cache/"
}

open_cache compose
scratch=$cache/fetching
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

if docker compose version >/dev/null 2>&1; then
    printf '%s\n' '#!/bin/sh' 'exec docker compose "$@"' >"$cache/docker-compose-plugin"
    chmod +x "$cache/docker-compose-plugin"
    printf '%s\n' "$cache/docker-compose-plugin"
elif [ -n "$(mirror 2>/dev/null)" ]; then
    "$cache/docker-compose" version >/dev/null 2>&1 || fetch
    printf '%s\n' "$cache/docker-compose"
else
    lacks 2 'it is not here, and no package source of Debian is set up on this machine'
fi

command -v docker-compose >/dev/null || ! docker info >/dev/null 2>&1 || install_packages docker-compose || true
case $(docker-compose version --short 2>/dev/null) in
1.*) command -v docker-compose ;;
*) lacks 1 'it is not here' ;;
esac
