#!/bin/sh
# Installs what `make` needs beside the Rust toolchain, where it is missing: HAProxy and a C linker.
# Says nothing and changes nothing when all is there. HAPROXY_BIN names an HAProxy of one's own.
set -eu

say() { printf '%s\n' "setup: $*" >&2; }

# The places where stalls itself looks, in its order.
have_haproxy() {
    [ -n "${HAPROXY_BIN:-}" ] || [ -x /usr/local/sbin/haproxy ] || [ -x /usr/sbin/haproxy ] ||
        command -v haproxy >/dev/null
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

if [ -n "${HAPROXY_BIN:-}" ] && ! [ -x "$HAPROXY_BIN" ]; then
    say "HAPROXY_BIN=$HAPROXY_BIN is not executable"
    exit 1
fi

packages=
have_haproxy || packages="haproxy"
command -v cc >/dev/null || packages="$packages gcc libc6-dev"
[ -n "$packages" ] || exit 0

if ! command -v apt-get >/dev/null; then
    say "please install by hand, there is no apt-get here: $packages"
    exit 1
fi
if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    say "please install as root, there is no sudo here: $packages"
    exit 1
fi

# Debian starts a package's service as soon as it is installed, unless this file says 101.
policy=/usr/sbin/policy-rc.d
if ! [ -e "$policy" ]; then
    trap 'as_root rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
fi

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 "$@" >&2
}

say "installing $packages"
apt update || say "the package lists could not be renewed, trying with those that are there"
# shellcheck disable=SC2086 # one word for each package
apt install --yes --no-install-recommends $packages

# Nor shall it start with the machine: what stalls runs is a process of its own.
case $packages in
*haproxy*) as_root update-rc.d haproxy disable >&2 ;;
esac
