#!/bin/sh
# Runs those tests of tests/docker that Podman can do, on Debian's Podman and podman-compose: an engine of this script's
# own, behind its compatible API. All its processes, mounts and networks are in namespaces that end with this script,
# however it ends, and what it stores is in a folder of its own. "$@" goes to the test runner.
set -eu

say() { printf '%s\n' "podman: $*" >&2; }

cd "${0%/*}/.."
# shellcheck source=tests/debian.sh
. tests/debian.sh
# shellcheck source=tests/runner.sh
. tests/runner.sh
say_what_was_not_run

has_all() { for program; do command -v "$program" >/dev/null 2>&1 || return 1; done; }

# Scaling what runs already is not among them: that is podman-compose's own affair.
tests='a_killed_container a_paused_container a_container_that_loses the_network_that_is_named plain_containers'
programs='podman podman-compose catatonit fuse-overlayfs iptables' # and the packages that have them
has_network() { [ -x /usr/lib/podman/netavark ] && [ -x /usr/lib/podman/aardvark-dns ]; }
why=
# shellcheck disable=SC2086 # a name each
if [ "$(id -u)" -ne 0 ]; then
    why='only root can start an engine in namespaces'
elif ! docker info >/dev/null 2>&1; then
    why='no container engine has an image for it'
elif ! { { has_all $programs && has_network; } || install_packages $programs netavark aardvark-dns; }; then
    why="one of these is missing and cannot be installed: $programs, netavark and aardvark-dns"
fi
if [ -n "$why" ]; then
    # shellcheck disable=SC2086 # a name each
    not_run "$(count_tests --test docker -- $tests)" 'tests of the source docker on Podman' "$why"
    exit
fi

HAPROXY_BIN=${HAPROXY_BIN:-$(sh tests/haproxies.sh bookworm)}
DEBIAN_IMAGE=${DEBIAN_IMAGE:-$(sh tests/stand_ins.sh debian)}
# Sockets have short paths.
PODMAN_FOLDER=$(mktemp -d /tmp/spXXXXXX)
COMPOSES=$PODMAN_FOLDER/compose
ENGINE=podman ENGINE_SOCKET=$PODMAN_FOLDER/podman.sock
CONTAINERS_CONF=$PODMAN_FOLDER/containers.conf CONTAINERS_STORAGE_CONF=$PODMAN_FOLDER/storage.conf
export HAPROXY_BIN DEBIAN_IMAGE PODMAN_FOLDER COMPOSES ENGINE ENGINE_SOCKET CONTAINERS_CONF CONTAINERS_STORAGE_CONF
namespace=
clean_up() {
    [ -z "$namespace" ] || kill -KILL "$namespace" 2>/dev/null || true
    wait
    # No namespace takes away cgroups. One that another Podman uses stays.
    find /sys/fs/cgroup -depth -type d -path '*/libpod_parent*' -exec rmdir {} + 2>/dev/null || true
    rm -rf "$PODMAN_FOLDER"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# Not all kernels have overlays for it, and not all cgroups suit crun.
overlay=$(command -v fuse-overlayfs || true)
runtime=$(command -v runc || command -v crun)
cat >"$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver = "overlay"
graphroot = "$PODMAN_FOLDER/graph"
runroot = "$PODMAN_FOLDER/run"
[storage.options.overlay]
mount_program = "$overlay"
CONF
cat >"$CONTAINERS_CONF" <<CONF
[containers]
init_path = "$(command -v catatonit)"
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "${runtime##*/}"
static_dir = "$PODMAN_FOLDER/static"
tmp_dir = "$PODMAN_FOLDER/tmp"
volume_path = "$PODMAN_FOLDER/volumes"
[network]
network_backend = "netavark"
network_config_dir = "$PODMAN_FOLDER/networks"
CONF
# Version 1.0.3 of podman-compose takes --scale, and heeds what a file says alone.
cat >"$COMPOSES" <<'SCRIPT'
#!/bin/sh
for argument; do
    case $argument in
    web=*) echo "services: {web: {deploy: {replicas: ${argument#*=}}}}" >docker-compose.override.yml ;;
    esac
done
exec podman-compose "$@"
SCRIPT
chmod +x "$COMPOSES"
docker save --output "$PODMAN_FOLDER/image.tar" "$DEBIAN_IMAGE"

"$cargo" build --locked --workspace --tests --bins # as the tests have built it
# One test at a time, since Podman waits for its locks. What it keeps below /run and /dev/shm is its own in here, too.
# shellcheck disable=SC2016 # the inner shell expands that
setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child --mount-proc sh -euc '
    mkdir -p /run/netns /run/containers
    mount -t tmpfs none /run/netns
    mount -t tmpfs none /run/containers
    mount -t tmpfs none /dev/shm
    ip link set lo up
    podman load --quiet --input "$PODMAN_FOLDER/image.tar" >&2
    podman system service --time 0 "unix://$ENGINE_SOCKET" &
    . tests/runner.sh
    RUST_TEST_THREADS=1
    tests=$1
    shift
    run_tests --test docker "$@" -- $tests
' podman "$tests" "$@" &
namespace=$!
wait "$namespace"
