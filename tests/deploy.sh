#!/bin/sh
# Checks the files below deploy/ with the tools of those who will read them: each docker-compose.yml with
# docker-compose, the systemd unit with systemd-analyze. Whether they agree with stalls' settings is for the unit
# tests to say (src/deployed.rs).
set -eu

say() { printf '%s\n' "deploy: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# shellcheck source=tests/debian.sh
. "${0%/*}/debian.sh"

cd "${0%/*}/../deploy"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# It reads and checks, and asks no engine. What it says about variables that are not set is not about a file.
check_compose() {
    file=$1
    # The catalog's has the image from an answer, and version 2 wants one.
    if ! STALLS_IMAGE=stalls compose_program -f "$file" config --quiet >"$scratch/said" 2>&1; then
        cat "$scratch/said" >&2
        fail "$file: docker-compose does not accept it"
    fi
    say "$file: accepted by $(compose_program version --short)"
}

check_unit() {
    unit=$1
    # It also looks whether the program is there, which it is not on this machine.
    sed 's|^ExecStart=.*|ExecStart=/bin/true|' "$unit" >"$scratch/${unit##*/}"
    systemd-analyze verify --man=no "$scratch/${unit##*/}" >"$scratch/said" 2>&1 || true
    if [ -s "$scratch/said" ]; then
        cat "$scratch/said" >&2
        fail "$unit: systemd-analyze verify has something to say"
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

has_compose || ! docker info >/dev/null 2>&1 || install_packages docker-compose || true
if has_compose; then
    for file in $(find . -name docker-compose.yml | sort); do
        check_compose "$file"
    done
else
    say '*** SKIPPED: the compose files: there is neither docker-compose nor an engine that would need it'
fi

# deploy/compose/Dockerfile is built from the repository's root, and the lab with it.
ignore=../.dockerignore
if [ -e "$ignore" ] && grep -qx '\*' "$ignore" && ! grep -qx '!tests/lab/\{0,1\}' "$ignore"; then
    fail "$ignore: keeps tests/lab from deploy/compose/Dockerfile; it needs the line !tests/lab"
fi

command -v systemd-analyze >/dev/null || install_packages systemd
check_unit systemd/stalls.service
systemd-sysusers --dry-run "$PWD/systemd/stalls.sysusers" >"$scratch/said" 2>&1 || fail "$(cat "$scratch/said")"
say "systemd/stalls.sysusers: accepted by systemd-sysusers"
