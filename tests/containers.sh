#!/bin/sh
# Uses deploy/compose, deploy/logging and deploy/monitoring as their comments describe, on the machine's own engine: each
# port has to lead to its container, before and after a scale-up, what stalls logs has to reach rsyslog as fields, and an
# alert has to fire while the engine is out of reach. Version 2 of Compose builds the images, by BuildKit, on stand-ins where
# RUST_IMAGE, HAPROXY_IMAGE and DEBIAN_IMAGE name none; then version 1, where there is one, runs them, too. tests/image.sh
# has compiled stalls in stalls:test-compiled: as RUST_IMAGE it saves compiling all that stalls depends on once more.
set -eu

say() { printf '%s\n' "containers: $*" >&2; }

fail() {
    say "$*"
    logged all.json >&2 || true
    exit 1
}

here=$(cd "${0%/*}" && pwd)
# shellcheck source=tests/debian.sh
. "$here/debian.sh"
composes=$(sh "$here/composes.sh")
if [ -z "$composes" ]; then
    say "there is no Compose, and none can be fetched"
    exit 1
fi
RUST_IMAGE=${RUST_IMAGE:-$(sh "$here/stand_ins.sh" rust)}
HAPROXY_IMAGE=${HAPROXY_IMAGE:-$(sh "$here/stand_ins.sh" haproxy)}
DEBIAN_IMAGE=${DEBIAN_IMAGE:-$(sh "$here/stand_ins.sh" debian)}

# One at a time, so that what is left of a run that was killed can be told by its name.
exec 9>"${TMPDIR:-/tmp}/stalls-compose-test.lock"
flock 9
scratch=$(mktemp -d)
# An address on which nothing else listens on this machine.
STALLS_ADDRESS=127.$(od -An -N2 -tu1 /dev/urandom | awk '{ print 16 + $1 % 200 "." $2 }').1
STALLS_IMAGE=stalls-test/stalls STALLS_LAB_IMAGE=stalls-test/lab STALLS_LOGS_IMAGE=stalls-test/logs
STALLS_PROMETHEUS_IMAGE=stalls-test/prometheus
export STALLS_ADDRESS STALLS_IMAGE STALLS_LAB_IMAGE STALLS_LOGS_IMAGE STALLS_PROMETHEUS_IMAGE

compose=$(printf '%s\n' "$composes" | head -n 1)
compose() {
    "$compose" --project-name stalls-test --file "$here/../deploy/compose/docker-compose.yml" \
        --file "$here/../deploy/logging/docker-compose.yml" --file "$here/../deploy/monitoring/docker-compose.yml" "$@" 9>&-
}

# An engine that takes its network for still in use (seen: "has active endpoints") fails before it removes the volumes.
# The next run uses that network.
down() {
    { compose down --volumes --timeout 2 || docker volume rm stalls-test_engine stalls-test_logs stalls-test_prometheus stalls-test_stalls-state; } \
        >/dev/null 2>&1 || true
}

clean_up() {
    down
    docker image rm "$STALLS_IMAGE" "$STALLS_LAB_IMAGE" "$STALLS_LOGS_IMAGE" "$STALLS_PROMETHEUS_IMAGE" >/dev/null 2>&1 || true
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# Proxies that the machine needs, the builds need, too.
build() {
    compose build --build-arg RUST_IMAGE="$RUST_IMAGE" --build-arg HAPROXY_IMAGE="$HAPROXY_IMAGE" \
        --build-arg DEBIAN_IMAGE="$DEBIAN_IMAGE" --build-arg PROFILE=quick \
        --build-arg http_proxy --build-arg https_proxy --build-arg no_proxy >"$scratch/log" 2>&1
}

up() {
    compose up --detach --no-build "$@" >"$scratch/log" 2>&1 || {
        cat "$scratch/log" >&2
        fail "docker-compose up $* failed"
    }
}

# What rsyslog has written.
logged() { compose exec -T logs cat "/var/log/stalls/$1"; }

look() { compose run --rm -T look 2>/dev/null </dev/null | tr -d '\r'; }

# What each container of the service calls itself, in the order of Compose's numbers.
containers() {
    compose ps -q web | xargs docker inspect \
        --format '{{index .Config.Labels "com.docker.compose.container-number"}} {{printf "%.12s" .Id}}' | sort -n | cut -d ' ' -f 2
}

# await COUNT: as many ports lead to the containers, the first ones, and the others of the pool refuse.
await() {
    waited=0
    until [ "$(look | grep -cE '^[0-9]+ [0-9a-f]{12} ')" -eq "$1" ]; do
        waited=$((waited + 1))
        [ "$waited" -lt 60 ] || fail "$1 ports should lead to containers, but: $(look)"
        sleep 0.5
    done
    look >"$scratch/seen"
    head -n "$1" "$scratch/seen" | cut -d ' ' -f 2 >"$scratch/reached"
    containers | sort >"$scratch/there"
    sort "$scratch/reached" | cmp -s - "$scratch/there" || fail "each should have a port: $(cat "$scratch/there" "$scratch/seen")"
    [ "$(tail -n +$(($1 + 1)) "$scratch/seen" | grep -c refused)" -eq $((8 - $1)) ] ||
        fail "the other ports should refuse: $(cat "$scratch/seen")"
}

# are_where_they_were COUNT: the first ports lead where they led before.
are_where_they_were() {
    head -n "$1" "$scratch/seen" | cmp -s - "$scratch/before" || fail "a container has moved: $(cat "$scratch/before" "$scratch/seen")"
}

# What the read-only way to the engine answers: asked_engine METHOD PATH.
# shellcheck disable=SC2016 # perl expands it
asked_engine() {
    compose exec -T stalls perl -MIO::Socket::UNIX -e '
        my $engine = IO::Socket::UNIX->new(Peer => "/engine/docker.sock") or die $!;
        print $engine "$ARGV[0] $ARGV[1] HTTP/1.0\r\n\r\n";
        print((split / /, <$engine>)[1])' "$@" </dev/null
}

# logged_as FILE PATTERN WHAT: rsyslog writes a line like this, sooner or later.
logged_as() {
    waited=0
    until logged "$1" 2>/dev/null | grep -q "$2"; do
        waited=$((waited + 1))
        [ "$waited" -lt 20 ] || fail "$3 should be in $1 as: $2"
        sleep 0.5
    done
}

# What Prometheus answers to a query.
asked() { compose exec -T prometheus promtool query instant "http://$STALLS_ADDRESS:9090" "$1" 2>&1; }

# answers QUERY PATTERN: Prometheus answers with a line like this within two minutes. An alert fires after one.
answers() {
    waited=0
    until { asked "$1" || echo 'no answer'; } | grep -q "$2"; do
        waited=$((waited + 1))
        [ "$waited" -lt 120 ] || fail "Prometheus should answer to $1 with $2, but: $(asked "$1")"
        sleep 1
    done
}

# All of it, with $compose.
try_out() {
    up
    await 5
    answers 'up{job="stalls"}' '=> 1 '
    containers | cmp -s - "$scratch/reached" || fail "the ports should be in the order of the numbers: $(cat "$scratch/seen")"
    head -n 5 "$scratch/seen" >"$scratch/before"
    say "five containers, each on its port"

    up --scale web=7
    await 7
    are_where_they_were 5
    [ "$(compose exec -T stalls stalls status </dev/null | grep -c ' serving ')" -eq 7 ] || fail "stalls status should show seven"
    compose exec -T stalls stalls ports --format nft </dev/null | grep -q 5000-5007 || fail "stalls ports should have the pool"
    say "seven after the scale-up, and the five are where they were"
    up
    await 5
    are_where_they_were 5
    say "five after the scale-down, and they are where they were"

    for allowed in /version /containers/json '/v1.40/containers/json?all=true'; do
        [ "$(asked_engine GET "$allowed")" = 200 ] || fail "$allowed should be allowed"
    done
    one=$(head -n 1 "$scratch/reached")
    for refused in 'POST /containers/create' "POST /containers/$one/kill" "GET /containers/$one/json" \
        "GET /containers/$one/archive?path=/" 'GET /images/json' "GET /containers/json/../$one/json"; do
        [ "$(asked_engine "${refused%% *}" "${refused#* }")" = 403 ] || fail "$refused should be refused"
    done
    say "stalls sees a list of the engine's containers, and can do nothing"

    tab=$(printf '\t')
    line="info${tab}PortAllocator${tab}5006${tab}stalls-test[-_]web[-_][67]${tab}[0-9.:]*${tab}slot assigned\$"
    logged_as ports.tsv "^2[-0-9]*T[0-9:.]*Z${tab}[^${tab}]*${tab}$line" 'the scale-up'
    logged_as all.json '"level": "info", .*"msg": "slot assigned", .*"port": 5006, .*"from_container": "[^"]*stalls' 'the scale-up'

    # A line that is not JSON arrives all the same, and warnings and errors have a file of their own.
    docker run --rm --log-driver syslog --log-opt "syslog-address=udp://$STALLS_ADDRESS:5514" \
        --log-opt syslog-format=rfc5424micro -e BASE_PORT=nonsense "$STALLS_IMAGE" >/dev/null 2>&1 || true
    logged_as trouble.json '"msg": "BASE_PORT=.*"level": "error"' 'a setting that is wrong'
    docker kill --signal SIGKILL "$(compose ps -q engine)" >/dev/null
    logged_as trouble.json '"level": "warning"' 'that the engine is out of reach'
    ! logged trouble.json | grep -q '"level": "info"' || fail "trouble.json has more than that"
    say "rsyslog has the fields of the log as fields"

    answers 'ALERTS{alertstate="firing"}' 'StallsSourceStale'
    compose start engine >"$scratch/log" 2>&1 || fail "the way to the engine cannot be opened again: $(cat "$scratch/log")"
    answers 'count(ALERTS{alertstate="firing"}) or vector(0)' '=> 0 '
    say "an alert fires while the engine is out of reach, and resolves"
}

down
say "building the images with Compose $("$compose" version --short)"
patiently build || {
    cat "$scratch/log" >&2
    exit 1
}
IFS='
' # A path for each line.
for compose in $composes; do
    say "Compose $("$compose" version --short):"
    try_out
    down
done
