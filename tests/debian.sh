# shellcheck shell=sh
# What the other scripts need of a Debian machine, to be sourced. They define `say`.

# The mirror that the machine has its own packages from; nothing where it has none of Debian's.
mirror() {
    # shellcheck source=/dev/null
    own=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    # shellcheck disable=SC2016 # apt-get expands that
    apt-get indextargets --no-release-info --format '$(SITE) $(RELEASE)' 'Created-By: Packages' 'Component: main' |
        sed -En "s/ ($own|oldstable|stable|testing|unstable|sid)\$//p" | head -n 1
}

# Sets $mirror.
find_mirror() {
    mirror=$(mirror)
    [ -n "$mirror" ] || {
        say "no package source of Debian is set up on this machine"
        return 1
    }
}

# A mirror may fail for a moment.
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
    if ! { command -v apt-get && as_root true; } >/dev/null 2>&1; then
        say "please install by hand, there is no apt-get here, or it needs root: $*"
        return 1
    fi
    say "installing $*"
    patiently apt_as_root update || say "the package lists could not be renewed, trying with those that are there"
    patiently apt_as_root install --yes --no-install-recommends "$@"
}

# set_up_apt FOLDER SUITE: writes FOLDER/apt.conf, with which apt-get knows the packages of that suite, and of none that it
# is installed. What else the machine's configuration says stands, since it is made for the mirror; its hooks and pins
# are for the machine's own packages.
set_up_apt() {
    find_mirror || return
    mkdir -p "$1/state/lists/partial" "$1/cache/archives/partial"
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    options="arch=$(dpkg --print-architecture) target=Packages signed-by=$keyring"
    : >"$1/status"
    printf '%s\n' "deb [$options] $mirror $2 main" >"$1/sources.list"
    cat >"$1/apt.conf" <<CONF
#clear APT::Update;
#clear APT::Default-Release;
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Dir::Cache "$1/cache";
Dir::State "$1/state";
Dir::State::status "$1/status";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "$1/sources.list";
Dir::Etc::sourceparts "/dev/null";
CONF
}

# Unpacks a Debian: unpack_debian FOLDER SUITE PACKAGE[,PACKAGE...], from the machine's own mirror.
unpack_debian() {
    find_mirror || return
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
