#!/bin/sh
# Checks the dependencies of stalls with cargo-deny, as deny.toml says. Licences, bans and sources are always checked;
# known vulnerabilities when their database can be fetched.
set -eu

say() { printf '%s\n' "cargo-deny: $*" >&2; }

# shellcheck source=tests/runner.sh
. "${0%/*}/runner.sh"
deny=$(sh "${0%/*}/cargo_tool.sh" cargo-deny 0.20.2)

say "$("$deny" --version)"
# Its warnings are about two versions of one crate, which deny.toml lets be.
"$deny" --log-level error --locked check --hide-inclusion-graph licenses bans sources
if "$deny" --log-level error fetch db; then
    "$deny" --locked check --hide-inclusion-graph advisories
else
    not_run 1 'check of what stalls is made of (advisories)' 'the database of known vulnerabilities cannot be fetched'
fi
