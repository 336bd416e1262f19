#!/bin/sh
# Runs `make release`, and checks each of its files: whether its content is complete, has nothing else, and has the same
# version everywhere. RUST_IMAGE and HAPROXY_IMAGE name the base images, as for deploy/release.sh.
set -eu

say() { printf '%s\n' "release: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# shellcheck source=tests/debian.sh
. "${0%/*}/debian.sh"
cd "${0%/*}/.."
command -v jq >/dev/null || install_packages jq

# shellcheck source=tests/runner.sh
. tests/runner.sh
# The tarball has what a release has; the image has what tests/image.sh has compiled before.
IMAGE_PROFILE=quick make --no-print-directory release
version=$("$cargo" metadata --locked --no-deps --format-version 1 |
    jq -r '.packages[] | select(.name == "stalls").version')
name=stalls-$version
tarball=$name-$(uname -m)-linux.tar.gz
image=$name-image.tar.gz
sbom=$name.cdx.json
docker info >/dev/null 2>&1 || image=

scratch=$(mktemp -d)
container=
clean_up() {
    [ -z "$container" ] || docker rm --force --volumes "$container" >/dev/null
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

cd "${CARGO_TARGET_DIR:-target}/dist"

# same WHAT: the files `wanted` and `found` have the same lines.
same() {
    sort -u "$scratch/wanted" >"$scratch/wanted.sorted"
    sort -u "$scratch/found" | diff -u "$scratch/wanted.sorted" - >&2 || fail "$1: it differs, see above"
}

# shellcheck disable=SC2086 # without an engine there is no image
printf '%s\n' SHA256SUMS "$tarball" "$sbom" $image >"$scratch/wanted"
ls >"$scratch/found"
same "the files"
grep -vx SHA256SUMS "$scratch/wanted" >"$scratch/summed"
mv "$scratch/summed" "$scratch/wanted"
sed 's/^[0-9a-f]*  //' SHA256SUMS >"$scratch/found"
same "SHA256SUMS"
sha256sum --check --strict --quiet SHA256SUMS || fail "SHA256SUMS: they are wrong"
say "the files are there, and what SHA256SUMS says"

# A page for each command that is documented, beside that of stalls.
# shellcheck disable=SC2016 # a quotation mark of Markdown
commands=$(sed -n 's/^| \[`stalls \([a-z]*\).*/-\1/p' "$OLDPWD/docs/commands.md")
# shellcheck disable=SC2046,SC2086 # they are several words
for file in stalls LICENSE README.md CHANGELOG.md SECURITY.md stalls.service stalls.sysusers stalls.env \
    $(git -C "$OLDPWD" ls-files docs) completions/_stalls completions/stalls.bash completions/stalls.fish \
    man/stalls.1 $(printf 'man/stalls%s.1\n' $commands); do
    printf '%s\n' "$name/$file"
done >"$scratch/wanted"
tar -C "$scratch" -xzf "$tarball"
(cd "$scratch" && find "$name" ! -type d) >"$scratch/found"
same "$tarball"
[ -z "$(tar --numeric-owner -tvzf "$tarball" | awk '$2 != "0/0"')" ] || fail "$tarball: not all is root's"
program=$scratch/$name/stalls
[ "$("$program" --version)" = "stalls $version" ] || fail "$tarball: its stalls is $("$program" --version)"
size=$(wc -c <"$program")
[ "$size" -le 14680064 ] || fail "$tarball: stalls has $size bytes, more than 14 MiB"
! readelf --section-headers "$program" | grep -q -e '\.symtab' -e '\.debug' || fail "$tarball: stalls is not stripped"
sh "$OLDPWD/tests/shells.sh" "$scratch/$name"
say "$tarball: stalls $version, stripped, with $(wc -l <"$scratch/wanted") files"

# Every crate that stalls is made of, by cargo's own account.
(cd "$OLDPWD" && "$cargo" tree --locked --package stalls --edges normal --prefix none --format '{p}') |
    sed 's/^\([^ ]*\) v\([^ ]*\).*/\1 \2/' >"$scratch/wanted"
jq -e '.bomFormat == "CycloneDX" and .specVersion == "1.5"' "$sbom" >/dev/null || fail "$sbom: that is no SBOM"
jq -r '.metadata.component, .components[] | "\(.name) \(.version)"' "$sbom" >"$scratch/found"
same "$sbom"
! grep -qF "$OLDPWD" "$sbom" || fail "$sbom: has a path of this machine"
jq -e 'all(.components[]; .licenses)' "$sbom" >/dev/null || fail "$sbom: lacks a licence"
say "$sbom: the $(wc -l <"$scratch/wanted.sorted") crates that stalls is made of"

if [ -z "$image" ]; then
    not_run 1 'image of a release' 'no container engine answers to docker info'
    exit
fi
[ "$(docker load --quiet --input "$image")" = "Loaded image: stalls:$version" ] || fail "$image: has another name"
label=$(docker image inspect --format '{{index .Config.Labels "org.opencontainers.image.version"}}' "stalls:$version")
[ "$label" = "$version" ] || fail "$image: its label says $label"
[ "$(docker run --rm --network none "stalls:$version" --version)" = "stalls $version" ] || fail "$image: another stalls"
container=$(docker run --detach --network none --env SERVICE_NAME=web --env BACKEND_PORT=8080 --env BASE_PORT=5000 \
    "stalls:$version")
until docker logs "$container" | grep -q '"msg":"stalls starts"'; do
    [ "$(docker inspect --format '{{.State.Running}}' "$container")" = true ] || fail "$image: stalls has ended"
done
logged=$(docker logs "$container" | jq -r 'select(.msg == "stalls starts").version')
[ "$logged" = "$version" ] || fail "$image: stalls logs that it is $logged"
say "$image: $version by its label, by --version and in the log"
