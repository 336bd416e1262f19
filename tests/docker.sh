#!/bin/sh
# Runs the tests of tests/docker, which follow a real container engine: the machine's own, with each Compose that
# tests/composes.sh knows. "$@" goes to the test runner.
set -eu

cd "${0%/*}/.."
# shellcheck source=tests/runner.sh
. tests/runner.sh
say_what_was_not_run

if ! docker info >/dev/null 2>&1; then
    not_run "$(count_tests --test docker)" "tests of the source docker" "no container engine answers to docker info"
    exit 0
fi
HAPROXY_BIN=${HAPROXY_BIN:-$(sh tests/haproxies.sh bookworm)}
COMPOSES=$(sh tests/composes.sh)
DEBIAN_IMAGE=${DEBIAN_IMAGE:-$(sh tests/stand_ins.sh debian)}
export HAPROXY_BIN COMPOSES DEBIAN_IMAGE
# Most of them wait for the engine, which does one thing after another.
RUST_TEST_THREADS=2
export RUST_TEST_THREADS
run_tests --test docker "$@"
