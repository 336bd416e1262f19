# shellcheck shell=sh
# What is fetched or built once and for all has a folder, to be sourced. The other scripts define `say` and `fail`.

# Sets $cache to this folder of the user's cache, and waits until no other run is at work there.
open_cache() {
    [ -n "${XDG_CACHE_HOME:-${HOME:-}}" ] || fail "HOME is not set, so there is no place for a cache"
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/stalls/$1
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock --nonblock 9 || {
        say "waiting for another run that holds $cache/lock"
        flock 9
    }
}
