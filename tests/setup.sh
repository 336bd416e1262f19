#!/bin/sh
# Installs the C linker that the Rust toolchain needs, with the C library's files for it, if there is none.
# Says nothing and changes nothing when it is there.
set -eu

say() { printf '%s\n' "setup: $*" >&2; }

packages="gcc libc6-dev"
! command -v cc >/dev/null || exit 0

if ! command -v apt-get >/dev/null; then
    say "please install by hand, there is no apt-get here: $packages"
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null; then
    as_root=sudo
else
    say "please install as root, there is no sudo here: $packages"
    exit 1
fi

apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 "$@" >&2; }

say "installing $packages"
apt update || say "the package lists could not be renewed, trying with those that are there"
# shellcheck disable=SC2086 # one word for each package
apt install --yes --no-install-recommends $packages
