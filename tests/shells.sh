#!/bin/sh
# shells.sh FOLDER: has the manual pages and the completions of an unpacked release read by what they are for: mandoc, bash,
# zsh and fish.
set -eu

say() { printf '%s\n' "shells: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# shellcheck source=tests/debian.sh
. "${0%/*}/debian.sh"
for program in mandoc bash zsh fish; do
    command -v "$program" >/dev/null || install_packages "$program"
done
cd "$1"

for page in man/*.1; do
    # The style of clap_mangen's lists is not ours to change.
    mandoc -T lint -W error "$page" >&2 || fail "$page: mandoc finds errors"
done
mandoc -T ascii man/stalls-ports.1 | grep -q 'ip_local_reserved_ports\|sysctl' || fail "stalls-ports(1) lacks the formats"
say "man: accepted by mandoc, $(find man -type f | wc -l) pages"

# offers SHELL WORDS: fails unless `ports` is among the words.
offers() { printf '%s\n' "$2" | grep -qw ports || fail "$1 does not complete 'stalls po' with ports: $2"; }

# shellcheck disable=SC2016 # the inner shell expands that
offers bash "$(bash --norc -c '
    . completions/stalls.bash
    COMP_WORDS=(stalls po) COMP_CWORD=1
    _stalls stalls po stalls
    printf "%s\n" "${COMPREPLY[@]}"
')"
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
trap 'exit 1' HUP INT TERM
offers fish "$(HOME=$home fish --no-config -c 'source completions/stalls.fish; complete -C "stalls po"')"
# zsh completes nothing without a terminal, so it only has to read the file and to know what it completes.
zsh -f -n completions/_stalls || fail "zsh cannot read its completions"
# shellcheck disable=SC2016 # the inner shell expands that
zsh -f -c 'fpath=($PWD/completions $fpath) && autoload -U compinit && compinit -u -D && [[ $_comps[stalls] = _stalls ]]' ||
    fail "zsh does not take _stalls for the completions of stalls"
grep -q '(ports)' completions/_stalls || fail "zsh has no completions of stalls ports"
say "completions: read by bash, fish and zsh"
