#!/bin/sh
# Runs the tests of tests/kubernetes: stalls on a real Kubernetes, without nodes. All processes are in a PID namespace,
# and all mounts and networks in namespaces, that end with this script, however it ends. "$@" goes to the test runner.
set -eu

cd "${0%/*}/.."
# shellcheck source=tests/runner.sh
. tests/runner.sh
say_what_was_not_run

find_why_not openssl
[ "$(uname -m)" = x86_64 ] || why='etcd is for other processors'
if [ -n "$why" ]; then
    not_run "$(count_tests --test kubernetes)" 'tests of Kubernetes' "$why"
    exit
fi

HAPROXY_BIN=${HAPROXY_BIN:-$(sh tests/haproxies.sh bookworm)}
KUBERNETES_SERVERS=${KUBERNETES_SERVERS:-$(sh tests/kubernetes_servers.sh)}
KUBERNETES_FOLDER=$(mktemp -d)
export HAPROXY_BIN KUBERNETES_SERVERS KUBERNETES_FOLDER
namespace=
clean_up() {
    [ -z "$namespace" ] || kill -KILL "$namespace" 2>/dev/null || true
    wait
    rm -rf "$KUBERNETES_FOLDER"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

"$cargo" build --locked --workspace --tests --bins # as the tests have built it

# Each cluster has addresses of its own. etcd waits for the disk with each change, so its data is in memory. Service
# accounts are below /run in pods, so this is not the machine's.
# shellcheck disable=SC2016 # the inner shell expands that
setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child --mount-proc sh -euc '
    mount -t tmpfs none "$KUBERNETES_FOLDER"
    mount -t tmpfs none /run
    ip link set lo up
    . tests/runner.sh
    # Each has a cluster of its own, which takes half a gigabyte.
    RUST_TEST_THREADS=$(($(nproc) * 2))
    run_tests --test kubernetes "$@"
' kubernetes "$@" &
namespace=$!
wait "$namespace"
