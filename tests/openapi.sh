#!/bin/sh
# Runs schemathesis (from PyPI, in an environment of its own below the cache folder) against the API of the stalls that
# the demo runs: every answer has to be as /v1/openapi.json describes it, whatever the request. /v1/events never ends, so
# the end-to-end tests look at that.
set -eu

say() { printf '%s\n' "openapi: $*" >&2; }

here=$(cd "${0%/*}" && pwd)
built=${CARGO_TARGET_DIR:-$here/../target}/debug
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stalls/schemathesis
version=4.32.5

# shellcheck source=tests/debian.sh
. "$here/debian.sh"

[ -x "$cache/$version/bin/st" ] || {
    say "fetching schemathesis $version into $cache/$version"
    rm -rf "$cache"
    python3 -c 'import ensurepip' 2>/dev/null || { as_root apt-get update -qq && as_root apt-get install -qq -y python3-venv; } >&2
    python3 -m venv "$cache/$version"
    patiently "$cache/$version/bin/pip" install --quiet "schemathesis==$version"
}

"${CARGO:-cargo}" build --locked --workspace --tests --bins # as the tests have built it
HAPROXY_BIN=$(sh "$here/haproxies.sh" bookworm)
export HAPROXY_BIN
scratch=$(mktemp -d)
"$built/stalls-demo" --stalls "$built/stalls" >"$scratch/demo" 2>&1 &
demo=$!
trap 'kill -INT "$demo" 2>/dev/null && wait "$demo" || true; rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

page() { sed -n 's/^The page: //p' "$scratch/demo"; }
waited=0
while [ -z "$(page)" ]; do
    waited=$((waited + 1))
    { [ "$waited" -lt 120 ] && kill -0 "$demo"; } || {
        cat "$scratch/demo" >&2
        exit 1
    }
    sleep 0.5
done
url=$(page)

cd "$scratch"
"$cache/$version/bin/st" run "${url}v1/openapi.json" --url "${url%/}" --exclude-path /v1/events \
    --phases examples,coverage,fuzzing --checks all --max-examples 40 --request-timeout 40 --workers 1 --seed 7 --no-color
