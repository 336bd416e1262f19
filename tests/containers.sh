#!/bin/sh
# Runs deploy/compose with deploy/logging as a user would, on the machine's own engine: each port has to lead to its
# container, before and after a scale-up, and what stalls logs has to reach rsyslog as fields. The images are made of
# what cargo has built and a Debian with HAProxy and rsyslog, since no registry may be in reach; STALLS_IMAGE=... in the
# environment tries another image of stalls.
set -eu

say() { printf '%s\n' "containers: $*" >&2; }

fail() {
    say "$*"
    logged all.json >&2 || true
    exit 1
}

if ! docker info >/dev/null 2>&1; then
    say '*** SKIPPED: deploy/compose and deploy/logging: there is no engine that answers to docker info'
    exit
fi

here=$(cd "${0%/*}" && pwd)
# shellcheck source=tests/debian.sh
. "$here/debian.sh"
has_compose || install_packages docker-compose

built=${CARGO_TARGET_DIR:-$here/../target}/debug
"${CARGO:-cargo}" build --locked --workspace
base=$(sh "$here/stand_ins.sh" logs)

scratch=$(mktemp -d)
# Out of the way of whatever else listens on this machine.
STALLS_ADDRESS=127.$(od -An -N2 -tu1 /dev/urandom | awk '{ print 16 + $1 % 200 "." $2 }').1
export STALLS_ADDRESS
project=stalls-test-$$
compose() {
    compose_program --project-name "$project" --file "$here/../deploy/compose/docker-compose.yml" \
        --file "$here/../deploy/logging/docker-compose.yml" "$@"
}
own_images=
clean_up() {
    # An engine that believes its network to be in use still (seen: "has active endpoints") ends the first one before
    # the volumes.
    { compose down --volumes --timeout 2 || docker volume rm "${project}_logs" "${project}_stalls-state"; } \
        >/dev/null 2>&1 || true
    # shellcheck disable=SC2086 # one word for each image
    [ -z "$own_images" ] || docker image rm $own_images >/dev/null 2>&1 || true
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# The engine takes its time over what the debugger would want.
for program in stalls stalls-lab; do
    objcopy --strip-debug "$built/$program" "$scratch/$program"
done
cp "$here/../deploy/logging/rsyslog.conf" "$scratch/"

# image NAME INSTRUCTION...: on the base.
image() {
    name=$1 own_images="$own_images $1"
    shift
    printf '%s\n' "FROM $base" "$@" >"$scratch/Dockerfile"
    docker build --quiet --tag "$name" "$scratch" >"$scratch/log" 2>&1 || {
        cat "$scratch/log" >&2
        exit 1
    }
}
export STALLS_LAB_IMAGE=stalls-test/lab STALLS_LOGS_IMAGE=stalls-test/logs
image "$STALLS_LAB_IMAGE" 'COPY stalls-lab /usr/local/bin/' 'USER 65534:65534' 'ENTRYPOINT ["stalls-lab"]'
image "$STALLS_LOGS_IMAGE" 'RUN install -d -o 65534 -g 65534 /var/log/stalls' 'COPY rsyslog.conf /etc/' \
    'USER 65534:65534' 'VOLUME /var/log/stalls' 'CMD ["rsyslogd", "-n", "-iNONE"]'
if [ -z "${STALLS_IMAGE:-}" ]; then
    export STALLS_IMAGE=stalls-test/stalls
    image "$STALLS_IMAGE" 'RUN install -d -o 10001 -g 10001 -m 0700 /run/stalls /var/lib/stalls' \
        'COPY stalls /usr/local/bin/' 'USER 10001:10001' 'VOLUME /var/lib/stalls' 'ENTRYPOINT ["stalls"]'
fi

# What rsyslog has written.
logged() { compose exec -T logs cat "/var/log/stalls/$1"; }

look() { compose run --rm look 2>/dev/null | tr -d '\r'; }

# await COUNT: as many ports lead somewhere, the first ones, and the others of the pool refuse.
await() {
    waited=0
    until [ "$(look | grep -c app-web-)" -eq "$1" ]; do
        waited=$((waited + 1))
        [ "$waited" -lt 60 ] || fail "$1 ports should lead to containers, but: $(look)"
        sleep 0.5
    done
    look >"$scratch/seen"
    for port in 5000 5001 5002 5003 5004 5005 5006 5007; do
        slot=$((port - 4999))
        if [ "$slot" -le "$1" ]; then wanted="$port app-web-$slot "; else wanted="$port refused"; fi
        grep -q "^$wanted" "$scratch/seen" || fail "$port should be '$wanted': $(cat "$scratch/seen")"
    done
}

compose up --detach --no-build >"$scratch/log" 2>&1 || {
    cat "$scratch/log" >&2
    fail "docker-compose up failed"
}
await 5
cp "$scratch/seen" "$scratch/before"
say "five containers, each on its port"

compose up --detach --no-build --scale web=7 >"$scratch/log" 2>&1
await 7
head -n 5 "$scratch/before" | while IFS= read -r line; do
    grep -qxF "$line" "$scratch/seen" || fail "the scale-up moved a container: $line"
done
say "seven after the scale-up, and the five are where they were"

# logged_as FILE PATTERN WHAT: rsyslog writes a line like this, sooner or later.
logged_as() {
    waited=0
    until logged "$1" 2>/dev/null | grep -q "$2"; do
        waited=$((waited + 1))
        [ "$waited" -lt 20 ] || fail "$3 should be in $1 as: $2"
        sleep 0.5
    done
}
tab=$(printf '\t')
line="info${tab}PortAllocator${tab}5006${tab}app-web-7${tab}[0-9.]*${tab}slot assigned\$"
logged_as ports.tsv "^2[-0-9]*T[0-9:.]*Z${tab}[^${tab}]*${tab}$line" 'the scale-up'
logged_as all.json '"level": "info", .*"msg": "slot assigned", .*"port": 5006, .*"from_container": "[^"]*stalls' 'the scale-up'

# What is no JSON reaches it all the same, and what a person should look at is by itself.
docker run --rm --log-driver syslog --log-opt "syslog-address=udp://$STALLS_ADDRESS:5514" \
    --log-opt syslog-format=rfc5424micro -e BASE_PORT=nonsense "$STALLS_IMAGE" >/dev/null 2>&1 || true
logged_as trouble.json '"msg": "BASE_PORT=.*"level": "error"' 'a setting that is wrong'
docker kill --signal SIGKILL "$(compose ps -q metadata)" >/dev/null
logged_as trouble.json '"level": "warning"' 'that the metadata is away'
! logged trouble.json | grep -q '"level": "info"' || fail "trouble.json has more than that"
say "rsyslog has the fields of the log as fields"
