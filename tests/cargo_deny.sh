#!/bin/sh
# Checks what stalls is made of with cargo-deny, as deny.toml says. Licences, bans and sources are always checked;
# known vulnerabilities when their database can be fetched.
set -eu

say() { printf '%s\n' "cargo-deny: $*" >&2; }

deny=$(sh "${0%/*}/cargo_tool.sh" cargo-deny 0.20.2)

say "$("$deny" --version)"
# Its warnings are about two versions of one crate, which deny.toml lets be.
"$deny" --log-level error --locked check --hide-inclusion-graph licenses bans sources
if "$deny" --log-level error fetch db; then
    "$deny" --locked check --hide-inclusion-graph advisories
else
    say '*** SKIPPED: known vulnerabilities (advisories): their database cannot be fetched, see above'
fi
