#!/bin/sh
# Checks the files below deploy/, then runs all tests against the oldest HAProxy, then the end-to-end tests against each
# newer one, and where a container engine answers deploy/compose and the image. The first run that fails is the last.
set -eu

cargo=${CARGO:-cargo}
sh "${0%/*}/deploy.sh"
haproxies=$(sh "${0%/*}/haproxies.sh")
if "$cargo" nextest --version >/dev/null 2>&1; then has_nextest=yes; else has_nextest=; fi

# "$@" says which tests. Most of them wait for most of their time, so more may run than there are processors.
run() {
    if [ -n "$has_nextest" ]; then
        (set -x && "$cargo" nextest run --locked --workspace --no-fail-fast --test-threads $(($(nproc) * 2)) "$@")
    else
        (set -x && "$cargo" test --locked --workspace --no-fail-fast "$@")
    fi
}

# nextest leaves the documentation's tests out. They go first, so that a summary of tests is the last thing to read.
[ -z "$has_nextest" ] || (set -x && "$cargo" test --locked --workspace --doc --quiet)

IFS='
' # A path for each line.
for HAPROXY_BIN in $haproxies; do
    export HAPROXY_BIN
    printf '\n=== %s\n    %s\n' "$("$HAPROXY_BIN" -v | head -n 1)" "$HAPROXY_BIN"
    run "$@"
    # The whole workspace all the same, lest cargo chooses other features and compiles everything again.
    set -- --test e2e
done

if docker info >/dev/null 2>&1; then
    printf '\n=== deploy/compose and deploy/logging\n'
    CARGO=$cargo sh "${0%/*}/containers.sh"
    printf '\n=== the image\n'
    CARGO=$cargo sh "${0%/*}/image.sh"
else
    printf '\n*** SKIPPED: deploy/compose, deploy/logging and the image: no container engine answers to docker info\n' >&2
fi
