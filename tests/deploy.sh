#!/bin/sh
# Checks the files below deploy/ with the tools that read them: each docker-compose.yml with docker-compose, the systemd
# unit with systemd-analyze. tests/deploy_files.rs checks that they agree with stalls' settings.
set -eu

say() { printf '%s\n' "deploy: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# shellcheck source=tests/debian.sh
. "${0%/*}/debian.sh"
# shellcheck source=tests/runner.sh
. "${0%/*}/runner.sh"

composes=$(sh "${0%/*}/composes.sh")
cd "${0%/*}/../deploy"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# check_compose COMPOSE FILE. That of monitoring comes on top of compose's. Compose reads and checks the file without an engine. Its warnings about variables that are
# not set do not concern the file.
check_compose() {
    # The catalog's has the image from an answer, and version 2 wants one.
    case $2 in
    */monitoring/*) set -- "$1" "$2" -f ./compose/docker-compose.yml -f "$2" ;;
    *) set -- "$1" "$2" -f "$2" ;;
    esac
    compose=$1 file=$2
    shift 2
    if ! STALLS_IMAGE=stalls "$compose" "$@" config --quiet >"$scratch/said" 2>&1; then
        cat "$scratch/said" >&2
        fail "$file: docker-compose $("$compose" version --short) does not accept it"
    fi
    say "$file: accepted by docker-compose $("$compose" version --short)"
}

check_unit() {
    unit=$1
    # systemd-analyze also checks that the program exists, which it does not on this machine.
    sed 's|^ExecStart=.*|ExecStart=/bin/true|' "$unit" >"$scratch/${unit##*/}"
    systemd-analyze verify --man=no "$scratch/${unit##*/}" >"$scratch/said" 2>&1 || true
    if [ -s "$scratch/said" ]; then
        cat "$scratch/said" >&2
        fail "$unit: systemd-analyze verify has warnings"
    fi

    stated=$(sed -n 's/^# .*systemd-analyze security. calls the exposure \([0-9.]*\) .*/\1/p' "$unit")
    [ -n "$stated" ] || fail "$unit: does not state its exposure"
    # The threshold is in tenths.
    if ! systemd-analyze security --offline=true --threshold="$(printf '%s' "$stated" | tr -d .)" \
        "$scratch/${unit##*/}" >"$scratch/said"; then
        grep -v '✓' "$scratch/said" >&2
        fail "$unit: it is more exposed than the $stated that it states"
    fi
    say "$unit: $(systemd-analyze --version | head -n 1) accepts it,$(sed -n 's/.*: \([0-9.]*\) .*/ exposure \1/p' "$scratch/said")"
}

IFS='
' # A path for each line.
for compose in $composes; do
    for file in $(find . -name docker-compose.yml | sort); do
        check_compose "$compose" "$file"
    done
done

# Docker's client checks a stack without an engine.
check_stack() {
    docker stack config "$@" >"$scratch/said" 2>&1 || {
        cat "$scratch/said" >&2
        fail "docker stack config $*: does not accept it"
    }
    say "docker stack config $*: accepted"
}
if docker stack config --help >/dev/null 2>&1; then
    check_stack -c swarm/stack.yml
    check_stack -c swarm/stack.yml -c swarm/workers.yml
else
    not_run 2 'stacks of Swarm read by docker' 'docker stack config is missing'
fi

command -v systemd-analyze >/dev/null || install_packages systemd
check_unit systemd/stalls.service
systemd-sysusers --dry-run "$PWD/systemd/stalls.sysusers" >"$scratch/said" 2>&1 || fail "$(cat "$scratch/said")"
say "systemd/stalls.sysusers: accepted by systemd-sysusers"
