#!/bin/sh
# Runs the tests beside a real API server (of KUBERNETES_SERVERS), whose kubeconfig is KUBECONFIG then. It is to be started in
# namespaces of its own for processes, mounts and the network, with which everything here ends. "$@" goes to the test runner.
set -eu

repository=$(cd "${0%/*}/../.." && pwd)
ip link set lo up
# etcd waits for the disk with each change.
mount -t tmpfs none /srv
cd /srv

# In here nobody else could answer.
cat >kubeconfig <<'EOT'
{"apiVersion": "v1", "kind": "Config", "current-context": "lab",
 "clusters": [{"name": "lab", "cluster": {"server": "https://127.0.0.1:6443", "insecure-skip-tls-verify": true}}],
 "users": [{"name": "admin", "user": {"token": "token"}}],
 "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "admin"}}]}
EOT
KUBECONFIG=$PWD/kubeconfig
export KUBECONFIG
echo 'token,admin,1,system:masters' >tokens.csv
openssl genrsa -out accounts.key 2048 2>/dev/null

"$KUBERNETES_SERVERS/etcd" --data-dir=etcd --listen-peer-urls=http://127.0.0.1:2380 \
    --listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 >etcd.log 2>&1 &
"$KUBERNETES_SERVERS/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --cert-dir=certificates \
    --bind-address=127.0.0.1 --advertise-address=127.0.0.1 --secure-port=6443 --service-cluster-ip-range=10.0.0.0/24 \
    --token-auth-file=tokens.csv --authorization-mode=RBAC --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file=accounts.key --service-account-signing-key-file=accounts.key \
    --endpoint-reconciler-type=none --disable-admission-plugins=ServiceAccount >api-server.log 2>&1 &
server=$!

until "$HELM_DIR/kubectl" get --raw /readyz >/dev/null 2>&1; do
    kill -0 "$server" 2>/dev/null || {
        tail api-server.log >&2
        exit 1
    }
    sleep 0.2
done

cd "$repository"
# shellcheck source=tests/runner.sh
. tests/runner.sh
run_tests --test helm "$@"
