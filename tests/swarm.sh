#!/bin/sh
# Runs the tests of tests/swarm: stalls on a swarm of real engines, each in a network namespace of its own as if on a
# machine of its own. The machine's own engine is left alone. All processes are in a PID namespace, and all mounts and
# networks in namespaces, that end with this script, however it ends: no swarm is ever left. "$@" goes to the test runner.
set -eu

say() { printf '%s\n' "swarm: $*" >&2; }

cd "${0%/*}/.."
# shellcheck source=tests/runner.sh
. tests/runner.sh
say_what_was_not_run

find_why_not dockerd docker iptables nsenter
if [ -n "$why" ]; then
    not_run "$(count_tests --test swarm)" 'tests of Swarm' "$why"
    exit
fi

HAPROXY_BIN=${HAPROXY_BIN:-$(sh tests/haproxies.sh bookworm)}
SWARM_FOLDER=$(mktemp -d)
# Where the engines put their containers' cgroups, which no namespace takes away.
SWARM_CGROUP=stalls-swarm-$$
export HAPROXY_BIN SWARM_FOLDER SWARM_CGROUP
namespace=
clean_up() {
    [ -z "$namespace" ] || kill -KILL "$namespace" 2>/dev/null || true
    wait
    find /sys/fs/cgroup -depth -type d -path "*/$SWARM_CGROUP*" -exec rmdir {} + 2>/dev/null || true
    rm -rf "$SWARM_FOLDER"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# The image of the tasks: one program, with the libraries that it is linked to here.
"$cargo" build --locked --workspace --tests --bins # as the tests have built it
lab=${CARGO_TARGET_DIR:-target}/debug/stalls-lab
mkdir "$SWARM_FOLDER/lab"
cp "$lab" "$SWARM_FOLDER/lab/"
ldd "$lab" | grep -o '/[^ ]*' | while IFS= read -r library; do
    install -D "$library" "$SWARM_FOLDER/lab$library"
done
tar -C "$SWARM_FOLDER/lab" -cf "$SWARM_FOLDER/lab.tar" .

# One swarm at a time. Each needs both processors for a moment, and their nodes have the same names.
RUST_TEST_THREADS=1
export RUST_TEST_THREADS
# What the machine's own engine has there is not seen in here, and what is made here is not seen there. Without a name
# server the engines do not wait for a registry. The nodes' networks meet at a bridge, of which the tests have an end.
# shellcheck disable=SC2016 # the inner shell expands that
setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child --mount-proc sh -euc '
    mount -t tmpfs none /run/netns 2>/dev/null || { mkdir -p /run/netns && mount -t tmpfs none /run/netns; }
    mkdir -p /run/docker
    mount -t tmpfs none /run/docker
    : >"$SWARM_FOLDER/resolv.conf"
    mount --bind "$SWARM_FOLDER/resolv.conf" /etc/resolv.conf
    ip link set lo up
    ip link add nodes type bridge
    ip addr add 10.213.0.254/24 dev nodes
    ip link set nodes up
    . tests/runner.sh
    RUST_TEST_THREADS=1
    run_tests --test swarm "$@"
' swarm "$@" &
namespace=$!
wait "$namespace"
