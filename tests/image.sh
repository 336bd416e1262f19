#!/bin/sh
# Builds the image of what is committed, on the stand-ins where no registry is in reach, and runs the tests of
# tests/container against it. RUST_IMAGE and HAPROXY_IMAGE name other base images; "$@" goes to the test runner. It is
# the builder before BuildKit that builds; tests/containers.sh has BuildKit go on from the stage in which it compiles.
set -eu

say() { printf '%s\n' "image: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

cd "${0%/*}/.."
# shellcheck source=tests/runner.sh
. tests/runner.sh
STALLS_IMAGE=stalls:test
LAB_IMAGE=stalls-lab:test
export STALLS_IMAGE LAB_IMAGE

if [ -z "${RUST_IMAGE:-}" ] || [ -z "${HAPROXY_IMAGE:-}" ]; then
    stand_ins=$(sh tests/stand_ins.sh rust haproxy)
    RUST_IMAGE=${RUST_IMAGE:-$(printf '%s\n' "$stand_ins" | head -n 1)}
    HAPROXY_IMAGE=${HAPROXY_IMAGE:-$(printf '%s\n' "$stand_ins" | tail -n 1)}
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# A clean checkout, without files that are not committed. It has the modes of a clone, so that the engine builds
# nothing twice. Proxies that the machine needs, the build needs, too.
say "building $STALLS_IMAGE from $(git log -1 --format='%h, %s') on $RUST_IMAGE and $HAPROXY_IMAGE"
[ -z "$(git status --porcelain)" ] || say "what is not committed is not in it"
mkdir "$scratch/checkout"
git -c tar.umask=0022 archive HEAD | tar -x -C "$scratch/checkout"

# build WHAT ARGUMENT...: as docker build has it, with the checkout; its output is in $scratch/WHAT.
build() {
    into=$scratch/$1
    shift
    DOCKER_BUILDKIT=0 docker build "$@" \
        --build-arg RUST_IMAGE="$RUST_IMAGE" --build-arg HAPROXY_IMAGE="$HAPROXY_IMAGE" --build-arg PROFILE=quick \
        --build-arg http_proxy --build-arg https_proxy --build-arg no_proxy \
        "$scratch/checkout" >"$into" 2>&1 || {
        cat "$into" >&2
        exit 1
    }
}
build dependencies --tag "$STALLS_IMAGE-dependencies" --target dependencies
build compiled --tag "$STALLS_IMAGE-compiled" --target build
build image --tag "$STALLS_IMAGE"

# A change of our own sources alone compiles nothing else: the later stage compiles only stalls, and the earlier stage
# stays.
! grep -E 'Compiling [^ ]+' "$scratch/compiled" | grep -v 'Compiling stalls' >&2 ||
    fail "this should have been compiled with the dependencies"
before=$(docker image inspect --format '{{.Id}}' "$STALLS_IMAGE-dependencies")
for source in src/main.rs actors/src/lib.rs tests/lab/src/lib.rs; do
    echo '// Changed.' >>"$scratch/checkout/$source"
done
build dependencies --tag "$STALLS_IMAGE-dependencies" --target dependencies
[ "$(docker image inspect --format '{{.Id}}' "$STALLS_IMAGE-dependencies")" = "$before" ] ||
    fail "the dependencies should have stayed when only our own sources changed"

# The containers around stalls run one program, with the libraries that it is linked to here.
"$cargo" build --locked --workspace --tests --bins # as the tests have built it
lab=${CARGO_TARGET_DIR:-target}/debug/stalls-lab
mkdir "$scratch/lab"
cp "$lab" "$scratch/lab/"
ldd "$lab" | grep -o '/[^ ]*' | while IFS= read -r library; do
    install -D "$library" "$scratch/lab$library"
done
tar -C "$scratch/lab" -c . | docker import --change 'ENTRYPOINT ["/stalls-lab"]' - "$LAB_IMAGE" >/dev/null

run_tests --test container "$@"
