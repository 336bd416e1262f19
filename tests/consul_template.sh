#!/bin/sh
# Renders the templates of deploy/file/ from instances as Consul and Nomad would list them, and has stalls read the result,
# and the example there. consul-template itself is not in Debian; tests/consul_template/main.go plays it on Go's own
# text/template, which is what it uses.
set -eu

say() { printf '%s\n' "consul-template: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# shellcheck source=tests/debian.sh
. "${0%/*}/debian.sh"
# shellcheck source=tests/runner.sh
. "${0%/*}/runner.sh"
cd "${0%/*}/.."
if ! command -v go >/dev/null && ! install_packages golang-go; then
    not_run 2 'templates of deploy/file rendered' 'there is no Go, and it cannot be installed'
    exit 0
fi
"$cargo" build --locked --quiet --workspace --tests --bins # as the tests have built it
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
go build -o "$scratch/render" tests/consul_template/main.go

# Prints where the ports lead that lead somewhere, one a line, as stalls reads it from the file.
routes() {
    SOURCE=file:$1 SERVICE_NAME=web BACKEND_PORT=8080 BASE_PORT=5000 PORT_COUNT=4 STATE_DIR=$scratch/none \
        "${CARGO_TARGET_DIR:-target}/debug/stalls" render >"$scratch/haproxy.cfg" || fail "stalls does not read $1: $(cat "$1")"
    sed -n 's/^listen p//p; s/^    server c \(.*\)/\1/p' "$scratch/haproxy.cfg" | paste -d ' ' - - | grep -v ' disabled$' || true
}

# leads FILE ROUTE...: the ports lead there, and nowhere else.
leads() {
    file=$1
    shift
    routes "$file" >"$scratch/routes"
    printf '%s\n' "$@" | cmp -s - "$scratch/routes" || fail "$file should lead to $*, but: $(cat "$scratch/routes" "$file")"
}

# rendered TEMPLATE INSTANCES ROUTE...
rendered() {
    template=$1 instances=$2
    shift 2
    printf '%s\n' "$instances" | "$scratch/render" "deploy/file/$template" >"$scratch/services.yml" ||
        fail "$template cannot be rendered"
    leads "$scratch/services.yml" "$@"
}

# Two nodes may have instances with one ID; a name may have characters that mean something in YAML; one instance is to
# go, one fails its checks, and one has no index.
rendered consul.ctmpl '[
    {"Node": "one", "ID": "web", "Address": "10.0.0.1", "Port": 20001, "Tags": ["blue", "stalls-index=2"], "Status": "critical"},
    {"Node": "two", "ID": "web", "Address": "10.0.0.2", "Port": 20002, "Tags": ["alloc-index=0"], "Status": "passing"},
    {"Node": "two", "ID": "a: {b", "Address": "10.0.0.3", "Port": 20003, "Tags": [], "Status": "passing"},
    {"Node": "two", "ID": "away", "Address": "10.0.0.4", "Port": 20004, "Tags": ["stalls-index=4"], "Status": "maintenance"}
]' '5000 10.0.0.2:20002' '5001 10.0.0.1:20001' '5002 10.0.0.3:20003'
rendered nomad.ctmpl '[
    {"ID": "_nomad-task-1", "Address": "10.0.0.1", "Port": 20001, "Tags": ["alloc-index=1"]},
    {"ID": "_nomad-task-2", "Address": "10.0.0.2", "Port": 20002, "Tags": ["alloc-index=0", "blue"]},
    {"ID": "_nomad-task-3", "Address": "10.0.0.3", "Port": 20003, "Tags": null}
]' '5000 10.0.0.2:20002' '5001 10.0.0.1:20001' '5002 10.0.0.3:20003'
say 'consul.ctmpl and nomad.ctmpl: stalls maps each instance as its tag says'

for template in consul.ctmpl nomad.ctmpl; do
    echo '[]' | "$scratch/render" "deploy/file/$template" >"$scratch/services.yml"
    routes "$scratch/services.yml" >"$scratch/routes"
    [ ! -s "$scratch/routes" ] || fail "$template: no instance should be no container, but: $(cat "$scratch/routes")"
done
say 'no instance is a service without containers, not a fault'

leads "$PWD/deploy/file/services.yml" '5000 10.0.0.11:8080' '5001 10.0.0.12:8080' '5002 10.0.0.12:8081'
say 'services.yml: read'
