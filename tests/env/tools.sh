#!/bin/sh
# Builds the named programs of the test world and prints the folder they are in.
#
#   tests/env/tools.sh NAME...     NAME: etcd kube-apiserver kube-controller-manager kubectl registry helm kubeconform
#                                        world keyring-oracle schemas promtool; node: all that a node needs beside these
#
# Progress goes to stderr. Binaries are kept in tests/env/.cache, one folder for each go.sum; etcd, kube-apiserver and
# kubectl are taken from $KUBEBUILDER_ASSETS when they are there.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
version=v1.37.2
cd "$here"

die() {
    echo "tests/env/tools.sh: $*" >&2
    exit 1
}

package() {
    case $1 in
    etcd) echo go.etcd.io/etcd/server/v3 ;;
    kube-apiserver | kube-controller-manager | kube-scheduler | kubelet | kubectl) echo "k8s.io/kubernetes/cmd/$1" ;;
    registry) echo github.com/distribution/distribution/v3/cmd/registry ;;
    helm) echo helm.sh/helm/v4/cmd/helm ;;
    kubeconform) echo github.com/yannh/kubeconform/cmd/kubeconform ;;
    promtool) echo github.com/prometheus/prometheus/cmd/promtool ;;
    containerd | containerd-shim-runc-v2 | ctr) echo "github.com/containerd/containerd/v2/cmd/$1" ;;
    runc) echo github.com/opencontainers/runc ;;
    bridge | loopback) echo "github.com/containernetworking/plugins/plugins/main/$1" ;;
    host-local) echo "github.com/containernetworking/plugins/plugins/ipam/$1" ;;
    world | keyring-oracle | schemas) echo "./cmd/$1" ;;
    *) die "unknown program $1" ;;
    esac
}

# runc is the one program in C and Go; without libseccomp it starts no container that Kubernetes asks for.
seccomp() {
    ! { command -v pkg-config && command -v cc && pkg-config --exists libseccomp; } >/dev/null 2>&1 || return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing libseccomp-dev, which runc needs ..." >&2
        { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends gcc libc6-dev libseccomp-dev pkg-config; } >&2 && return 0
    fi
    die "runc needs a C compiler, pkg-config and libseccomp with its headers (Debian: apt-get install gcc libc6-dev libseccomp-dev pkg-config)"
}

[ $# -gt 0 ] || die "name at least one program"
for name; do
    shift
    [ "$name" != node ] || set -- "$@" kube-scheduler kubelet containerd containerd-shim-runc-v2 ctr runc bridge host-local loopback
    [ "$name" = node ] || set -- "$@" "$name"
done
key=$(cksum <go.sum | cut -d' ' -f1)
bin=$here/.cache/$key/bin
mkdir -p "$bin"

# One build at a time: parallel test binaries ask for the same programs.
exec 9>"$here/.cache/lock"
command -v flock >/dev/null || die "flock is missing: install util-linux"
flock 9

for name; do
    path=$(package "$name")
    case $name in
    etcd | kube-apiserver | kubectl)
        asset=${KUBEBUILDER_ASSETS:-}/$name
        if [ -n "${KUBEBUILDER_ASSETS:-}" ] && [ -x "$asset" ]; then
            ln -sf "$asset" "$bin/$name"
            continue
        fi
        # A link left by an earlier run with other assets is no build of this module.
        [ ! -L "$bin/$name" ] || rm "$bin/$name"
        ;;
    esac
    module=.
    case $path in
    */promtool) module=promtool && { [ ! -x "$bin/$name" ] || [ -n "$(find promtool/go.sum -newer "$bin/$name")" ] || continue; } ;;
    ./*) [ ! -x "$bin/$name" ] || [ -n "$(find "$path" -newer "$bin/$name" -print -quit)" ] || continue ;;
    *) [ ! -x "$bin/$name" ] || continue ;;
    esac
    command -v go >/dev/null || die "Go is missing: install Go 1.26 or newer (https://go.dev/dl) and put it into PATH"
    go=$(go env GOVERSION)
    case $go in
    go1.2[6-9]* | go1.[3-9][0-9]*) ;;
    *) die "Go 1.26 or newer is needed to build Kubernetes 1.37, found $go" ;;
    esac
    echo "building $name (kept in tests/env/.cache; the first build of kube-apiserver takes minutes) ..." >&2
    begin=$(date +%s)
    stamp=k8s.io/component-base/version
    cgo=0 tags=
    if [ "$name" = runc ]; then
        seccomp
        cgo=1 tags=seccomp
    fi
    # Clouds to discover targets in: most of promtool, and nothing of rules.
    [ "$name" != promtool ] || tags=remove_all_sd
    CGO_ENABLED=$cgo go build -C "$module" -tags="$tags" -mod=readonly -trimpath -buildvcs=false \
        -ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=37" \
        -o "$bin/.$name.new" "$path" >&2 || die "building $name failed, see above"
    mv "$bin/.$name.new" "$bin/$name"
    echo "built $name in $(($(date +%s) - begin)) s" >&2
done
echo "$bin"
