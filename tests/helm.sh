#!/bin/sh
# Runs the tests of deploy/helm (tests/helm) with Helm 4 and kubectl, which it fetches: what the chart renders, which values
# it refuses, and what a real API server thinks of it. "$@" goes to the test runner.
set -eu

here=$(cd "${0%/*}" && pwd)
# shellcheck source=tests/runner.sh
. "$here/runner.sh"
say_what_was_not_run

HELM_DIR=$(sh "$here/helm_tools.sh")
export HELM_DIR

find_why_not openssl
[ "$(uname -m)" = x86_64 ] || why='etcd is for other processors'
if [ -n "$why" ]; then
    not_run "$(count_tests --test helm -- admitted::)" 'tests of the chart at a real API server' "$why"
    run_tests --test helm "$@" -- --skip admitted::
    exit
fi

KUBERNETES_SERVERS=${KUBERNETES_SERVERS:-$(sh "$here/kubernetes_servers.sh")}
export KUBERNETES_SERVERS
# Inside there is no way to fetch anything.
"$cargo" test --locked --workspace --quiet --test helm --no-run
setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child --mount-proc \
    sh "$here/helm/beside_api_server.sh" "$@"
