#!/bin/sh
# Starts deploy/systemd's unit under a real systemd, in a container, and tries what its comment promises: a kill that no
# connection may notice, a restart that drains, a wrong setting. The container needs CAP_SYS_ADMIN and the cgroups of the
# machine, which not every machine allows.
set -eu

say() { printf '%s\n' "systemd: $*" >&2; }

inside() { docker exec "$container" "$@"; }

fail() {
    say "$*"
    inside journalctl --unit stalls --no-pager --output cat >&2 || true
    exit 1
}

here=$(cd "${0%/*}" && pwd)
built=${CARGO_TARGET_DIR:-$here/../target}/debug
"${CARGO:-cargo}" build --locked --workspace --tests --bins # as the tests have built it
base=$(sh "$here/stand_ins.sh" systemd)

container=stalls-systemd-test
# A run that was killed may have left it.
docker rm --force --volumes "$container" >/dev/null 2>&1 || true
docker create --name "$container" --cap-add SYS_ADMIN --security-opt seccomp=unconfined --stop-signal SIGRTMIN+3 \
    --tmpfs /run --tmpfs /tmp --volume /sys/fs/cgroup:/sys/fs/cgroup "$base" /lib/systemd/systemd >/dev/null
trap 'docker rm --force --volumes "$container" >/dev/null' EXIT
trap 'exit 1' HUP INT TERM

soon() {
    waited=0
    until "$@"; do
        waited=$((waited + 1))
        [ "$waited" -lt 50 ] || fail "in vain: $*"
        sleep 0.2
    done
}

put() { docker cp "$1" "$container:$2" >/dev/null; }

put "$built/stalls" /usr/local/bin/stalls
put "$built/stalls-lab" /usr/local/bin/stalls-lab
put "$here/../deploy/systemd/stalls.service" /etc/systemd/system/stalls.service
put "$here/../deploy/systemd/stalls.sysusers" /usr/lib/sysusers.d/stalls.conf
docker start "$container" >/dev/null
booted() { inside systemctl is-system-running 2>/dev/null | grep -q -e running -e degraded; }
soon booted
inside systemd-sysusers 2>/dev/null
# Debian starts an HAProxy of its own.
inside systemctl disable --quiet --now haproxy

# The unit and a world around it; the settings go where the unit's file has them.
# shellcheck disable=SC2016 # that shell expands it
inside sh -eu -c '
    mkdir /etc/stalls
    printf "%s\n" SERVICE_NAME=web STACK_NAME=app BACKEND_PORT=8082 BASE_PORT=5000 DRAIN_MS=2000 \
        SOURCE=file:/etc/stalls/services.yml ALLOW_LOOPBACK=true >/etc/stalls/stalls.env
    echo "services: {app/web: [{name: app-web-1, index: 1, address: 127.0.0.1}]}" >/etc/stalls/services.yml
    printf "%s\n" "[Service]" "ExecStart=/usr/local/bin/stalls-lab container --port 8082 --uuid app-web-1" \
        >/etc/systemd/system/container.service
    systemctl daemon-reload
    systemctl start container stalls'

serves() { inside stalls-lab look --count 1 | grep -q app-web-1; }
haproxy() { inside pidof haproxy; }
restarts() { inside systemctl show stalls --property NRestarts --value; }
soon serves
say "it serves"

# hold COMMAND: runs it while a connection is open, and prints whether that one and new ones meanwhile have worked.
# shellcheck disable=SC2016 # that shell expands it
hold() {
    inside bash -c '
        exec 3<>/dev/tcp/127.0.0.1/5000 && read -r -t 2 -u 3 _
        '"$1"'
        lost=0
        for _ in $(seq 30); do
            { exec 4<>/dev/tcp/127.0.0.1/5000 && read -r -t 2 -u 4 _; } 2>/dev/null || lost=$((lost + 1))
            sleep 0.1
        done
        echo hello >&3
        read -r -t 2 -u 3 answer
        echo "lost $lost, held: ${answer:-cut}"' 2>/dev/null
}

before=$(haproxy)
seen=$(hold 'systemctl kill --kill-whom=main --signal=KILL stalls')
[ "$seen" = 'lost 0, held: hello' ] || fail "stalls is killed: $seen"
[ "$(restarts)" = 1 ] || fail "stalls was started again $(restarts) times"
[ "$(haproxy)" = "$before" ] || fail "HAProxy is another one"
inside journalctl --unit stalls --no-pager --output cat | grep -q '"msg":"haproxy adopted' || fail "HAProxy is not adopted"
say "stalls is killed: HAProxy serves on and is adopted, $seen"

seen=$(hold 'systemctl restart stalls')
# Its start is over before HAProxy serves.
[ "${seen#*, }" = 'held: cut' ] || fail "a restart: $seen"
soon serves
[ "$(haproxy)" != "$before" ] || fail "HAProxy is still the old one"
say "a restart drains, and begins anew"

inside systemctl stop stalls
[ "$(inside systemctl show stalls --property Result --value)" = success ] || fail "a stop is not a success"
! haproxy >/dev/null || fail "HAProxy has outlived a stop"
# HAProxy is away for a while, as when it is being upgraded.
inside mv /usr/sbin/haproxy /usr/sbin/haproxy.away
inside systemctl start stalls || true
is_tried_again() { [ "$(restarts)" -gt 1 ]; }
soon is_tried_again
inside mv /usr/sbin/haproxy.away /usr/sbin/haproxy
soon serves
say "what the machine lacks at the moment is tried again"
inside systemctl stop stalls

inside sed -i 's/^BASE_PORT=.*/BASE_PORT=nonsense/' /etc/stalls/stalls.env
inside systemctl start stalls || true
soon inside systemctl is-failed --quiet stalls
sleep 2
[ "$(restarts)" = 0 ] || fail "a wrong setting is tried again"
say "a stop ends HAProxy, and a wrong setting is not tried again"
