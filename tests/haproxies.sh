#!/bin/sh
# Prints the path of each HAProxy that the tests run against, the oldest first: those of the Debian suites that
# are named, else of all three. What is missing is fetched from the machine's own Debian mirror and kept in the
# cache folder, once and for all; that needs no root and installs nothing. To fetch one anew, delete its folder.
#
# If HAPROXY_BIN names an HAProxy, that is the only one, and nothing is fetched.
set -eu

say() { printf '%s\n' "haproxies: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# shellcheck source=tests/cache.sh
. "${0%/*}/cache.sh"
# shellcheck source=tests/debian.sh
. "${0%/*}/debian.sh"

instead="HAPROXY_BIN=/path/to/haproxy in the environment would do instead"

works() { "$1" -v >/dev/null 2>&1; }

if [ -n "${HAPROXY_BIN:-}" ]; then
    works "$HAPROXY_BIN" || fail "HAPROXY_BIN=$HAPROXY_BIN: there is no HAProxy that answers to -v"
    printf '%s\n' "$HAPROXY_BIN"
    exit
fi

[ $# -gt 0 ] || set -- bookworm trixie sid # 2.6, 3.0 and, when this was written, 3.2

apt() { apt-get -qq --config-file "$scratch/apt.conf" "$@" >&2; }

# With no package installed, all that HAProxy depends on is downloaded too. Always both: a package of sid may be gone a
# moment after the list that names it was fetched.
download() { apt update && apt install --yes --download-only haproxy; }

fetch() {
    suite=$1
    say "fetching that of Debian $suite into $cache/$suite"

    rm -rf "$scratch"
    mkdir -p "$scratch/$suite/lib"
    set_up_apt "$scratch" "$suite" || fail "$instead"
    patiently download || fail "Debian $suite's HAProxy cannot be fetched; $instead"

    for package in "$scratch"/cache/archives/haproxy_*.deb "$scratch"/cache/archives/lib*.deb; do
        dpkg-deb --extract "$package" "$scratch/root"
    done
    find "$scratch/root" \( -path '*-linux-gnu*/*.so.*[0-9]' -o -path '*/sbin/haproxy' \) \
        -exec mv -t "$scratch/$suite/lib" {} +
    # HAProxy runs with the libraries of its release and the loader that these need, in the process that it was
    # started as.
    cat >"$scratch/$suite/haproxy" <<'EOF'
#!/bin/sh
lib=${0%/*}/lib
exec "$lib"/ld*.so.* --argv0 haproxy --library-path "$lib" "$lib/haproxy" "$@"
EOF
    chmod +x "$scratch/$suite/haproxy"
    works "$scratch/$suite/haproxy" || fail "Debian $suite's HAProxy does not run on this machine; $instead"
    rm -rf "${cache:?}/$suite"
    mv "$scratch/$suite" "$cache/$suite"
}

open_cache haproxy
scratch=$cache/fetching
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

for suite in "$@"; do
    works "$cache/$suite/haproxy" || fetch "$suite"
    printf '%s\n' "$cache/$suite/haproxy"
done
