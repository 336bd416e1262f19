#!/bin/sh
# Runs all tests against one HAProxy: the oldest that is supported, or the one that HAPROXY_BIN names. TEST_EFFORT=full
# leaves none out and repeats more, SIM_SEEDS says which runs are simulated; "$@" goes to the test runner.
set -eu

# shellcheck source=tests/runner.sh
. "${0%/*}/runner.sh"
say_what_was_not_run

HAPROXY_BIN=$(sh "${0%/*}/haproxies.sh" bookworm)
export HAPROXY_BIN

# leave_out WHY PART...: the machine lacks something for the end-to-end tests that have one of these in their names.
arguments=
leave_out() {
    why=$1
    shift
    for part in "$@"; do arguments="$arguments --skip $part"; done
    not_run "$(count_tests --test e2e -- "$@")" 'end-to-end tests' "$why"
}
if [ "$(id -u)" -eq 0 ]; then map=; else map=--map-root-user; fi
# shellcheck disable=SC2086 # root needs no map
{
    unshare --mount $map mount -t tmpfs tmpfs /tmp 2>/dev/null ||
        leave_out 'a disk cannot be mounted here, not even in a new namespace (unshare --mount)' disk_full::
    unshare --mount $map mount --bind /etc/hosts /etc/hosts 2>/dev/null ||
        leave_out 'a file cannot be mounted here, not even in a new namespace (unshare --mount)' no_dns::
    unshare --pid --fork --mount-proc $map true 2>/dev/null ||
        leave_out 'there can be no new process 1 here, not even in a new namespace (unshare --pid)' init::
}
if [ -d /sys/fs/cgroup/cpu ]; then cgroups=/sys/fs/cgroup/cpu; else cgroups=/sys/fs/cgroup; fi
{ mkdir "$cgroups/stalls-test" && ls "$cgroups/stalls-test"/cpu.cfs_quota_us "$cgroups/stalls-test"/cpu.max; } \
    2>/dev/null | grep -q . ||
    leave_out 'there can be no cgroup with a quota here' quota::a_quota
rmdir "$cgroups/stalls-test" 2>/dev/null || true
(echo 'add table inet stalls_probe { flags owner; }' | nft -i) >/dev/null 2>&1 ||
    leave_out 'packets can be neither dropped nor led elsewhere here (nft)' off_the_network doctor::a_dnat_rule
grep -qs '^0*1 ' /proc/net/if_inet6 ||
    leave_out 'there is no IPv6 address ::1 here' routing::the_address_of_both_families hostile::a_container_may_have_an_ipv6 \
        kubernetes::families::the_first_address
[ "${TEST_EFFORT:-}" != full ] || arguments="$arguments --include-ignored"

# The tests of the documentation run first, so that the summary of the others is the last output.
(set -x && "$cargo" test --locked --workspace --doc --quiet)
printf '\n=== %s\n    %s\n' "$("$HAPROXY_BIN" -v | head -n 1)" "$HAPROXY_BIN"
# shellcheck disable=SC2086 # they are several words
run_tests --tests "$@" -- $arguments
