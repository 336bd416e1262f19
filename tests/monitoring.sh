#!/bin/sh
# Runs the tests of deploy/monitoring (tests/monitoring) with Debian's Prometheus and its promtool: the rules and their unit
# tests, the dashboard, what a real stalls process exports, and alerts that fire and resolve. "$@" goes to the test runner.
set -eu

# shellcheck source=tests/runner.sh
. "${0%/*}/runner.sh"
say_what_was_not_run

HAPROXY_BIN=$(sh "${0%/*}/haproxies.sh" bookworm)
PROMETHEUS_DIR=$(sh "${0%/*}/prometheus.sh")
export HAPROXY_BIN PROMETHEUS_DIR
run_tests --test monitoring "$@"
