#!/bin/sh
# Builds the named programs of the test world and prints the folder they are in.
#
#   tests/env/tools.sh NAME...     NAME: etcd kube-apiserver kube-controller-manager kubectl registry helm kubeconform
#                                        world keyring-oracle schemas fakecloud promtool krew; node: all that a node needs beside these;
#                                        not built, but have to be in PATH: chromium (with its driver) zsh fish pass;
#                                        not built, but installed from PyPI: ministack, the folder of a virtual environment
#
# With DPS_TEST_KUBERNETES=oldest, kube-apiserver and kube-controller-manager are those of the oldest Kubernetes that is
# supported, and the folder has links to the rest.
#
# Progress goes to stderr. Binaries are kept in tests/env/.cache, one folder for each go.sum; etcd, kube-apiserver and
# kubectl are taken from $KUBEBUILDER_ASSETS when they are there, but for the oldest kube-apiserver.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
current=v1.37.2
oldest=v1.33.13
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
    krew) echo sigs.k8s.io/krew/cmd/krew ;;
    containerd | containerd-shim-runc-v2 | ctr) echo "github.com/containerd/containerd/v2/cmd/$1" ;;
    runc) echo github.com/opencontainers/runc ;;
    bridge | loopback) echo "github.com/containernetworking/plugins/plugins/main/$1" ;;
    host-local) echo "github.com/containernetworking/plugins/plugins/ipam/$1" ;;
    world | keyring-oracle | schemas | fakecloud) echo "./cmd/$1" ;;
    *) die "unknown program $1" ;;
    esac
}

# Installs packages of Debian where that is possible, and otherwise says who needs them.
debian() {
    who=$1
    shift
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing $* ..." >&2
        { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } >&2 && return 0
    fi
    die "$who (Debian: apt-get install $*)"
}

# runc is the one program in C and Go; without libseccomp it starts no container that Kubernetes asks for.
seccomp() {
    ! { command -v pkg-config && command -v cc && pkg-config --exists libseccomp; } >/dev/null 2>&1 || return 0
    debian "runc needs a C compiler, pkg-config and libseccomp with its headers" gcc libc6-dev libseccomp-dev pkg-config
}

browser() {
    ! { command -v chromium && command -v chromedriver; } >/dev/null || return 0
    debian "the tests of the page need chromium and chromedriver in PATH" chromium chromium-driver
}

# Shells that complete.
shell() {
    ! command -v "$1" >/dev/null || return 0
    debian "the tests of completion need $1 in PATH" "$1"
}

# A credential store with its helper.
store() {
    ! { command -v pass && command -v docker-credential-pass && command -v gpg && command -v gpg-agent; } >/dev/null || return 0
    debian "the test of credential helpers needs pass, docker-credential-pass, gpg and gpg-agent in PATH" \
        pass golang-docker-credential-helpers gpg gpg-agent
}

python() {
    command -v python3 >/dev/null && python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# An emulator of AWS, and AWS's own client. The folder is used where it is made or copied to: nothing in it is run but its python.
ministack() {
    ! { cmp -s ministack/requirements.txt "$bin/ministack/requirements.txt" && "$bin/ministack/bin/python" -c ''; } || return 0
    who="the tests against MiniStack need Python 3.11 or newer with venv"
    python || debian "$who" python3 python3-venv
    python || die "$who"
    echo "installing MiniStack ..." >&2
    rm -rf "$bin/ministack" "$bin/.ministack.new"
    {
        python3 -m venv "$bin/.ministack.new" &&
            "$bin/.ministack.new/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r ministack/requirements.txt
    } >&2 || die "installing MiniStack failed, see above"
    cp ministack/requirements.txt "$bin/.ministack.new"
    mv "$bin/.ministack.new" "$bin/ministack"
}

[ $# -gt 0 ] || die "name at least one program"
case ${DPS_TEST_KUBERNETES:-current} in
current | oldest) kubernetes=${DPS_TEST_KUBERNETES:-current} ;;
*) die "DPS_TEST_KUBERNETES is current or oldest" ;;
esac
for name; do
    shift
    [ "$kubernetes/$name" != oldest/node ] || die "no node with the oldest Kubernetes: a kubelet must not be newer than its API server"
    [ "$name" != node ] || set -- "$@" kube-scheduler kubelet containerd containerd-shim-runc-v2 ctr runc bridge host-local loopback
    [ "$name" = node ] || set -- "$@" "$name"
done
key=$(cksum <go.sum | cut -d' ' -f1)
bin=$here/.cache/$key/bin
all=$bin
[ "$kubernetes" = current ] || all=$here/.cache/$key/$kubernetes
mkdir -p "$bin" "$all"

# One build at a time: parallel test binaries ask for the same programs.
exec 9>"$here/.cache/lock"
command -v flock >/dev/null || die "flock is missing: install util-linux"
flock 9

build() {
    name=$1
    path=$(package "$name")
    module=. version=$current dir=$bin
    case $kubernetes/$name in
    oldest/kube-apiserver | oldest/kube-controller-manager) module=oldest version=$oldest dir=$all ;;
    */etcd | */kube-apiserver | */kubectl)
        asset=${KUBEBUILDER_ASSETS:-}/$name
        if [ -n "${KUBEBUILDER_ASSETS:-}" ] && [ -x "$asset" ]; then
            ln -sf "$asset" "$bin/$name"
            return
        fi
        # A link left by an earlier run with other assets is no build of this module.
        [ ! -L "$bin/$name" ] || rm "$bin/$name"
        ;;
    esac
    [ "$name" != promtool ] || module=promtool
    [ "$name" != krew ] || module=krew
    # What may be newer than the binary; for the go.sum of the main module there is a new folder.
    sources=
    case $path in
    ./*) sources="$path internal" ;;
    esac
    [ "$module" = . ] || sources=$module/go.sum
    if [ -x "$dir/$name" ]; then
        # shellcheck disable=SC2086
        [ -n "$sources" ] && [ -n "$(find $sources -newer "$dir/$name" -print -quit)" ] || return 0
    fi
    command -v go >/dev/null || die "Go is missing: install Go 1.26 or newer (https://go.dev/dl) and put it into PATH"
    go=$(go env GOVERSION)
    case $go in
    go1.2[6-9]* | go1.[3-9][0-9]*) ;;
    *) die "Go 1.26 or newer is needed to build Kubernetes 1.37, found $go" ;;
    esac
    echo "building $name (kept in tests/env/.cache; the first build of kube-apiserver takes minutes) ..." >&2
    begin=$(date +%s)
    stamp=k8s.io/component-base/version
    minor=${version#v1.}
    cgo=0 tags=
    if [ "$name" = runc ]; then
        seccomp
        cgo=1 tags=seccomp
    fi
    # Clouds to discover targets in: most of promtool, and nothing of rules.
    [ "$name" != promtool ] || tags=remove_all_sd
    CGO_ENABLED=$cgo go build -C "$module" -tags="$tags" -mod=readonly -trimpath -buildvcs=false \
        -ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%.*}" \
        -o "$dir/.$name.new" "$path" >&2 || die "building $name failed, see above"
    mv "$dir/.$name.new" "$dir/$name"
    echo "built $name in $(($(date +%s) - begin)) s" >&2
}

for name; do
    case $name in
    chromium) browser && continue ;;
    zsh | fish) shell "$name" && continue ;;
    pass) store && continue ;;
    ministack)
        ministack
        [ "$bin" = "$all" ] || ln -sfn "$bin/ministack" "$all/ministack"
        continue
        ;;
    esac
    build "$name"
    [ "$dir" = "$all" ] || ln -f "$dir/$name" "$all/$name"
done
echo "$all"
