#!/bin/sh
# Makes the files of a release in the folder dist below the target folder:
#
#   stalls-VERSION-MACHINE-linux.tar.gz   the binary, its licence, manual pages, completions and what else a host without
#                                         containers needs
#   stalls-VERSION.cdx.json               what the binary is made of (an SBOM as CycloneDX)
#   stalls-VERSION-image.tar.gz           the image, for `docker load`; where an engine answers
#   SHA256SUMS                            of all these
#
# The version is Cargo.toml's. Owners and times in the tarball do not depend on the user who makes it. RUST_IMAGE and
# HAPROXY_IMAGE, if set, are the images that the image is made from, and IMAGE_PROFILE is how it is compiled.
set -eu
cd "${0%/*}/.."

cargo=${CARGO:-cargo}
target=${CARGO_TARGET_DIR:-target}

say() { printf '%s\n' "release: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

[ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed; commit or remove them first"

"$cargo" build --locked --release --package stalls
"$cargo" build --locked --package stalls --example generate
# Only now: set earlier, it would make cargo compile a part of the dependencies anew.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
version=$("$target/release/stalls" --version)
version=${version#stalls }
name=stalls-$version
machine=$(uname -m)

dist=$target/dist
rm -rf "$dist"
mkdir -p "$dist/$name"
dist=$(cd "$dist" && pwd)

say "the tarball"
install -m 755 "$target/release/stalls" "$dist/$name"
install -m 644 LICENSE README.md CHANGELOG.md SECURITY.md deploy/systemd/stalls.* "$dist/$name"
install -d "$dist/$name/docs"
install -m 644 docs/* "$dist/$name/docs"
"$target/debug/examples/generate" "$dist/$name" "$(date -u -d "@$SOURCE_DATE_EPOCH" +%F)"
tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
    --directory "$dist" --file "$dist/$name-$machine-linux.tar" "$name"
gzip -n9 "$dist/$name-$machine-linux.tar"
rm -r "${dist:?}/$name"

# What is committed, and nothing else that may lie around here; with the modes of a clone, from which the engine may have
# built it before.
sources=$(mktemp -d)
trap 'rm -rf "$sources"' EXIT
trap 'exit 1' HUP INT TERM
git -c tar.umask=0022 archive HEAD | tar -x -C "$sources"

if docker info >/dev/null 2>&1; then
    say "the image"
    docker build --tag "stalls:$version" --build-arg "VERSION=$version" \
        ${RUST_IMAGE:+--build-arg "RUST_IMAGE=$RUST_IMAGE"} \
        ${HAPROXY_IMAGE:+--build-arg "HAPROXY_IMAGE=$HAPROXY_IMAGE"} \
        ${IMAGE_PROFILE:+--build-arg "PROFILE=$IMAGE_PROFILE"} "$sources" >&2
    docker save --output "$dist/$name-image.tar" "stalls:$version"
    chmod 644 "$dist/$name-image.tar" # docker makes it readable for its owner alone
    gzip -n9 "$dist/$name-image.tar"
else
    say "*** SKIPPED: the image: no container engine answers (docker info)"
fi

say "what it is made of"
# It writes beside each manifest.
cyclonedx=$(sh tests/cargo_tool.sh cargo-cyclonedx 0.5.9)
"$cyclonedx" cyclonedx --quiet --manifest-path "$sources/Cargo.toml" --format json --spec-version 1.5 --no-build-deps
# The folder of the copy is of no interest.
sed "s|path+file://$sources|path+file:///stalls|g" "$sources/stalls.cdx.json" >"$dist/$name.cdx.json"

(cd "$dist" && sha256sum -- stalls-* >SHA256SUMS)
say "made in $dist:"
ls -l "$dist" >&2
