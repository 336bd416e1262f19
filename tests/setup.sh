#!/bin/sh
# Installs the C linker that the Rust toolchain needs, with the C library's files for it, if there is none.
# Says nothing and changes nothing when it is there.
set -eu

say() { printf '%s\n' "setup: $*" >&2; }

# shellcheck source=tests/debian.sh
. "${0%/*}/debian.sh"

command -v cc >/dev/null || install_packages gcc libc6-dev
