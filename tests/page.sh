#!/bin/sh
# Tests the page at `/` in Debian's Chromium: page.sh [PYTEST ARGUMENTS...]. The last line says how many tests passed and
# failed. What it needs is installed first, if it is missing.
set -eu

say() { printf '%s\n' "page: $*" >&2; }

# shellcheck source=tests/debian.sh
. "${0%/*}/debian.sh"

missing=
command -v chromium >/dev/null || missing="$missing chromium"
command -v chromedriver >/dev/null || missing="$missing chromium-driver"
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
[ -n "$(fc-list 2>/dev/null)" ] || missing="$missing fonts-dejavu-core fontconfig"
# shellcheck disable=SC2086 # a word for each package
[ -z "$missing" ] || install_packages $missing

# One of the tests looks at the page of a real stalls.
cd "${0%/*}/.."
${CARGO:-cargo} build --locked --quiet --package stalls --package stalls-lab --bin stalls --bin stalls-lab
STALLS_BUILT=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)
HAPROXY_BIN=${HAPROXY_BIN:-$(sh tests/haproxies.sh bookworm)}
export STALLS_BUILT HAPROXY_BIN

cd tests/page
[ -n "${XDG_CACHE_HOME:-${HOME:-}}" ] || {
    say "HOME is not set, so there is no place for a cache"
    exit 1
}
venv=${XDG_CACHE_HOME:-$HOME/.cache}/stalls/page-tests
cmp -s requirements.txt "$venv/requirements.txt" || {
    say "installing $(grep -v '^#' requirements.txt | tr '\n' ' ')"
    rm -rf "$venv"
    python3 -m venv "$venv"
    patiently "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt >&2
    cp requirements.txt "$venv/"
}
set -- "$venv/bin/python" -B -m pytest -q -p no:cacheprovider "$@"
# Chromium breaks all requests off when an interface of the machine comes or goes, as those of containers do: the tests have
# a network of their own, if the machine allows that.
if unshare --user --map-root-user --net ip link set lo up 2>/dev/null; then
    set -- unshare --user --map-root-user --net sh -c 'ip link set lo up && exec "$@"' sh "$@"
fi
exec "$@"
