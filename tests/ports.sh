#!/bin/sh
# Has what `stalls ports` prints read by what it is for: both versions of docker-compose, nft(8), sysctl(8) and a shell.
set -eu

say() { printf '%s\n' "ports: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# shellcheck source=tests/runner.sh
. "${0%/*}/runner.sh"
composes=$(sh "${0%/*}/composes.sh")
cd "${0%/*}/.."
"$cargo" build --locked --quiet --package stalls
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

export SERVICE_NAME=web BACKEND_PORT=8080 BASE_PORT=5000 PORT_COUNT=3
ports() { "${CARGO_TARGET_DIR:-target}/debug/stalls" ports --format "$@"; }

# check_compose COMPOSE FORMAT FIRST [ADDRESS]: it reads the list, in which FIRST is what it calls the first port.
check_compose() {
    compose=$1 format=$2 first=$3 address=${4:-}
    {
        printf '%s\n' 'version: "2"' 'services:' '  stalls:' '    image: stalls' '    ports:'
        ports "$format" --bind-address "$address" | sed 's/^/      /'
    } >"$scratch/docker-compose.yml"
    "$compose" -f "$scratch/docker-compose.yml" config >"$scratch/said" 2>&1 || fail "$(cat "$scratch/said")"
    # Each version prints it in another form.
    tr -d ' "\n' <"$scratch/said" | grep -qE -e "$first" ||
        fail "$format $address: docker-compose reads it as $(cat "$scratch/said")"
    [ "$(grep -cE 'target: 500[0-2]|:500[0-2]/tcp' "$scratch/said")" -eq 3 ] || fail "$format $address: not each port is published"
    say "$format${address:+ at $address}: read by docker-compose $("$compose" version --short)"
}

IFS='
' # A path for each line.
for compose in $composes; do
    for format in compose rancher; do
        check_compose "$compose" "$format" 'published:5000'
        check_compose "$compose" "$format" '127\.0\.0\.1(:5000:5000/tcp|target:5000published:5000)' 127.0.0.1
        check_compose "$compose" "$format" '::1(:5000:5000/tcp|target:5000published:5000)' ::1
    done
done

# Again with the variable: a range on both sides.
[ "$(eval "$(ports env)" && printf '%s' "$STALLS_PORTS")" = 5000-5002 ] || fail "env: a shell reads something else"
say "env: read by a shell"

if unshare --net true 2>/dev/null; then
    in_namespace() { unshare --net "$@"; }
elif unshare --net --map-root-user true 2>/dev/null; then
    in_namespace() { unshare --net --map-root-user "$@"; }
else
    not_run 2 'formats of stalls ports' 'there can be no new network namespace here (unshare --net)'
    exit
fi
for address in '' 127.0.0.1 ::1; do
    ports nft --bind-address "$address" >"$scratch/nft"
    # Twice, since a user may.
    # shellcheck disable=SC2016 # the inner shell expands that
    in_namespace sh -c 'nft -c -f "$1" && nft -f "$1" && nft -f "$1" && nft list ruleset' sh "$scratch/nft" >"$scratch/said" ||
        fail "nft $address: it does not accept that"
    grep -q 'tcp dport 5000-5002 accept comment "stalls"' "$scratch/said" || fail "nft $address: it has $(cat "$scratch/said")"
done
say "nft: read by $(nft --version)"
# What is reserved before stays so.
# shellcheck disable=SC2016 # the inner shell expands that
in_namespace sh -c '
    sysctl -q -w net.ipv4.ip_local_reserved_ports=80,5002-5009 && "$1" ports --format sysctl >"$2" && sysctl -q -p "$2" &&
        sysctl -n net.ipv4.ip_local_reserved_ports
' sh "${CARGO_TARGET_DIR:-target}/debug/stalls" "$scratch/sysctl" >"$scratch/said"
[ "$(cat "$scratch/said")" = 80,5000-5009 ] || fail "sysctl: the kernel has $(cat "$scratch/said")"
say "sysctl: read by $(sysctl --version)"
