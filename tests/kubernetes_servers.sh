#!/bin/sh
# Prints the folder with what the tests of tests/kubernetes run: kube-apiserver, kube-controller-manager, etcd and
# etcdctl. Debian has etcd as a package, but the servers of Kubernetes only as source, which is built here, once and for
# all, in some eight minutes on two processors. All of it comes from the machine's own Debian mirror and is kept in the
# cache folder; that needs no root and installs nothing. To build it anew, delete the folder.
set -eu

say() { printf '%s\n' "kubernetes_servers: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# shellcheck source=tests/cache.sh
. "${0%/*}/cache.sh"
# shellcheck source=tests/debian.sh
. "${0%/*}/debian.sh"

suite=bookworm # the last one with these servers in its source package
programs='kube-apiserver kube-controller-manager etcd etcdctl'

# A folder appears only when it is complete.
works() { [ -d "$cache/$suite" ]; }

apt() { apt-get -qq --config-file "$scratch/apt.conf" "$@" >&2; }

# With no package installed, all that these depend on is downloaded too.
download() {
    apt update && apt install --yes --download-only golang-go golang-github-modern-go-reflect2-dev \
        golang-github-json-iterator-go-dev etcd-server etcd-client && (cd "$scratch" && apt source --download-only kubernetes)
}

# Go, without what the environment says to it, and without any network.
go() {
    root=$scratch/root/usr/lib/go
    env -i "PATH=$root/bin:$PATH" "GOROOT=$root" "GOPATH=$scratch/gopath" "GOCACHE=$scratch/gocache" \
        "TMPDIR=$scratch" GO111MODULE=off CGO_ENABLED=0 "$@" >&2
}

# Debian's tools for code generation are not what is needed here: of all that the source leaves out, only this is.
generate_openapi() {
    go go build -o "$scratch/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
    # Each of these is a link, which grep follows when it ends with a slash.
    tagged=$(grep -rl --include='*.go' '^// *+k8s:openapi-gen=' vendor/k8s.io/api/ vendor/k8s.io/apimachinery/ \
        vendor/k8s.io/apiextensions-apiserver/ vendor/k8s.io/kube-aggregator/ | sed 's,/[^/]*$,,' | sort -u)
    packages=$(printf '%s\n' "$tagged" | sed 's,^,k8s.io/kubernetes/,' | paste -sd,)
    go "$scratch/openapi-gen" --input-dirs "$packages" --output-package k8s.io/kubernetes/pkg/generated/openapi \
        --output-file-base zz_generated.openapi --go-header-file /dev/null --report-filename /dev/null
    sed -i 's,k8s.io/kubernetes/vendor/,,' pkg/generated/openapi/zz_generated.openapi.go
}

build() {
    say "building Kubernetes' servers of Debian $suite into $cache/$suite, once; this takes some minutes"
    rm -rf "$scratch"
    mkdir -p "$scratch/$suite" "$scratch/gopath/src/k8s.io"
    set_up_apt "$scratch" "$suite" || fail "Kubernetes' source cannot be fetched"
    printf '%s\n' "deb-src [signed-by=$keyring] $mirror $suite main" >>"$scratch/sources.list"
    patiently download || fail "Debian $suite's Kubernetes, Go and etcd cannot be fetched"

    for package in "$scratch"/cache/archives/golang*.deb "$scratch"/cache/archives/etcd*.deb; do
        dpkg-deb --extract "$package" "$scratch/root"
    done
    mv "$scratch/root/usr/bin/etcd" "$scratch/root/usr/bin/etcdctl" "$scratch/$suite/"
    tar -C "$scratch/gopath/src/k8s.io" -xzf "$scratch"/kubernetes_*.orig.tar.gz
    mv "$scratch"/gopath/src/k8s.io/kubernetes-* "$scratch/gopath/src/k8s.io/kubernetes"

    cd "$scratch/gopath/src/k8s.io/kubernetes"
    # Those in the source crash when they are built with a Go of today.
    for library in modern-go/reflect2 modern-go/concurrent json-iterator/go; do
        rm -r "vendor/github.com/$library"
        cp -r "$scratch/root/usr/share/gocode/src/github.com/$library" "vendor/github.com/$library"
    done
    generate_openapi
    go go build -trimpath -ldflags '-s -w' -o "$scratch/$suite/" ./cmd/kube-apiserver ./cmd/kube-controller-manager
    for program in $programs; do
        case $program in etcdctl) version=version ;; *) version=--version ;; esac
        "$scratch/$suite/$program" $version >/dev/null || fail "$program does not run on this machine"
    done
    mv "$scratch/$suite" "$cache/$suite"
}

open_cache kubernetes
scratch=$cache/building
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

works || build
printf '%s\n' "$cache/$suite"
