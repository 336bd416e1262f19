#!/bin/sh
# All checks except `make lint`: `make test` with nothing left out, what users deploy, the image and the
# release, whether the benchmarks work, and the newer HAProxys.
set -eu

here=${0%/*}
# shellcheck source=tests/runner.sh
. "$here/runner.sh"
say_what_was_not_run
part() { printf '\n=== %s\n' "$*"; }

TEST_EFFORT=full
SIM_SEEDS=${SIM_SEEDS:-0..500}
export TEST_EFFORT SIM_SEEDS
haproxies=$(sh "$here/haproxies.sh")

part 'all tests'
sh "$here/run.sh"

part 'the files below deploy/'
sh "$here/deploy.sh"

part 'the ports, as other programs read them'
sh "$here/ports.sh"

part 'deploy/file'
sh "$here/consul_template.sh"

part 'deploy/helm'
sh "$here/helm.sh"

part 'deploy/monitoring'
sh "$here/monitoring.sh"

if docker info >/dev/null 2>&1; then
    { read -r RUST_IMAGE && read -r HAPROXY_IMAGE && read -r DEBIAN_IMAGE; } <<NAMES
$(sh "$here/stand_ins.sh" rust haproxy debian)
NAMES
    export RUST_IMAGE HAPROXY_IMAGE DEBIAN_IMAGE
    part 'the image'
    sh "$here/image.sh"
    part 'deploy/compose, deploy/logging and deploy/monitoring'
    RUST_IMAGE=stalls:test-compiled sh "$here/containers.sh"
    part 'deploy/systemd'
    sh "$here/systemd.sh"
    part 'the source docker'
    sh "$here/docker.sh"
else
    why='no container engine answers to docker info'
    for target in container docker; do not_run "$(count_tests --test $target)" "tests of tests/$target" "$why"; done
    for script in containers systemd; do not_run 1 "test of what is deployed (tests/$script.sh)" "$why"; done
fi

part 'the source docker, on Podman'
sh "$here/podman.sh"

part 'Swarm'
sh "$here/swarm.sh"

part 'Kubernetes'
sh "$here/kubernetes.sh"

part 'the API, against its description'
sh "$here/openapi.sh"

part 'the page'
sh "$here/page.sh"

part 'a release'
sh "$here/release.sh"

part 'the benchmarks'
make --no-print-directory bench BENCH_FLAGS=--quick BENCH_PROFILE=dev

# The oldest HAProxy has run them all, with all repetitions. The skipped modules never start HAProxy, or use nothing in
# which versions differ.
unset TEST_EFFORT
IFS='
' # A path for each line.
for HAPROXY_BIN in $(printf '%s\n' "$haproxies" | tail -n +2); do
    export HAPROXY_BIN
    part "$("$HAPROXY_BIN" -v | head -n 1)"
    run_tests --test e2e -- --include-ignored --skip admin:: --skip disk_full:: --skip documents:: --skip flapping:: \
        --skip hostile:: --skip kubernetes::away:: --skip kubernetes::expired:: --skip kubernetes::families:: \
        --skip kubernetes::forbidden:: --skip kubernetes::named_ports:: --skip kubernetes::selectors:: \
        --skip kubernetes::watches:: --skip metadata:: --skip metadata_faults:: --skip permissions:: \
        --skip settings:: --skip state_file:: --skip no_dns:: --skip quota:: --skip removed_service:: --skip udp::
done
