# shellcheck shell=sh
# What the other scripts need of a Debian machine, to be sourced. They bring `say` along.

# The mirror that the machine has its own packages from; nothing where it has none of Debian's.
mirror() {
    # shellcheck source=/dev/null
    own=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    # shellcheck disable=SC2016 # apt-get expands that
    apt-get indextargets --no-release-info --format '$(SITE) $(RELEASE)' 'Created-By: Packages' 'Component: main' |
        sed -En "s/ ($own|oldstable|stable|testing|unstable|sid)\$//p" | head -n 1
}

# A mirror may be out of order for a moment.
patiently() {
    for pause in 5 20; do
        "$@" && return
        say "trying again in $pause s"
        sleep "$pause"
    done
    "$@"
}

# Runs a command as root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "there is no sudo here, please do as root: $*"
        return 1
    fi
}

apt_as_root() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 "$@" >&2
}

# Installs these packages on the machine.
install_packages() {
    if ! command -v apt-get >/dev/null; then
        say "please install by hand, there is no apt-get here: $*"
        return 1
    fi
    say "installing $*"
    apt_as_root update || say "the package lists could not be renewed, trying with those that are there"
    apt_as_root install --yes --no-install-recommends "$@"
}

# Unpacks a Debian: unpack_debian FOLDER SUITE PACKAGE[,PACKAGE...], from the machine's own mirror.
unpack_debian() {
    mirror=$(mirror)
    if [ -z "$mirror" ]; then
        say "no package source of Debian is set up on this machine"
        return 1
    fi
    command -v debootstrap >/dev/null || install_packages debootstrap
    say "unpacking Debian $2 with $3"
    patiently debootstrap_anew "$@"
    as_root rm -rf "$1/var/cache/apt" "$1/var/lib/apt/lists"
}

debootstrap_anew() {
    as_root rm -rf "$1"
    as_root debootstrap --variant=minbase --include="$3" "$2" "$1" "$mirror" >"$1.log" 2>&1 || {
        tail -n 20 "$1.log" >&2
        return 1
    }
}

# Compose, whichever there is: version 1, or version 2 as a program or as a part of docker.
compose_program() {
    if command -v docker-compose >/dev/null; then docker-compose "$@"; else docker compose "$@"; fi
}

has_compose() { compose_program version >/dev/null 2>&1; }
