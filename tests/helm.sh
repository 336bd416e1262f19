#!/bin/sh
# Runs the tests of deploy/helm (tests/helm) with Helm 4 and kubectl, which it fetches: what the chart renders, and which
# values it refuses. "$@" goes to the test runner.
set -eu

# shellcheck source=tests/runner.sh
. "${0%/*}/runner.sh"
say_what_was_not_run

HELM_DIR=$(sh "${0%/*}/helm_tools.sh")
export HELM_DIR

reading=stalls_reads_what_its_pod_is_told_as_it_is_meant
if "$cargo" run --locked --quiet --package stalls -- ports --source kubernetes 2>&1 | grep -q '^SOURCE='; then
    not_run 1 "test of the chart ($reading)" 'this stalls has no source kubernetes'
    set -- "$@" -- --skip "$reading"
fi
run_tests --test helm "$@"
