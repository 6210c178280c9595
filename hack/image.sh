#!/bin/sh
# Builds the operator's container image without a container engine, and prints its digest. See `make image`.
#
#   hack/image.sh [--out DIR] [--binary FILE] [--push REGISTRY/REPOSITORY:TAG]
#
# DIR (default target/image) gets an OCI layout, an archive and the SBOM. FILE is a static dps to pack instead of building
# one. The login for the push is that of the docker configuration; only registries on this machine may be without TLS.
#
# The same commit gives the same digest in any folder, with the same C compiler and libc. Time: that of the commit, or
# $SOURCE_DATE_EPOCH.
set -eu
repo=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$repo"

die() {
    echo "hack/image.sh: $*" >&2
    exit 1
}

out=target/image binary='' push=''
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || die "a value is missing after $1"
    case $1 in
    --out) out=$2 ;;
    --binary) binary=$2 ;;
    --push) push=$2 ;;
    *) die "unknown argument $1" ;;
    esac
    shift 2
done
case $out in /*) ;; *) out=$repo/$out ;; esac
rust=$(rustc --version | cut -d' ' -f2)
target=$(rustc -vV | sed -n 's/^host: //p')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Static, since the image has no libc, and without the paths of this machine. cargo-auditable puts the list of crates into
# the binary, where scanners look for it. It is called as cargo would call it, but without its path, which would become
# part of the names of symbols.
build() {
    auditable=0.7.7
    tools=$repo/target/tools/cargo-auditable-$auditable
    if [ ! -x "$tools/bin/cargo-auditable" ]; then
        echo "installing cargo-auditable $auditable ..." >&2
        cargo install --quiet --locked --version "$auditable" --root "$tools" cargo-auditable >&2
    fi
    cargo fetch --quiet --locked >&2
    commit=$(rustc -vV | sed -n 's/^commit-hash: //p')
    # Separated as cargo wants it, so that paths may contain spaces.
    separator=$(printf '\037')
    flags=-Ctarget-feature=+crt-static
    flags=$flags$separator--remap-path-prefix=$repo=/src
    flags=$flags$separator--remap-path-prefix=$(rustc --print sysroot)/lib/rustlib/src/rust=/rustc/$commit
    for crates in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
        flags=$flags$separator--remap-path-prefix=$crates=/crates
    done
    env -u RUSTFLAGS -u CARGO_TARGET_DIR PATH="$tools/bin:$PATH" CARGO_ENCODED_RUSTFLAGS="$flags" CARGO_INCREMENTAL=0 \
        RUSTC_WORKSPACE_WRAPPER=cargo-auditable CARGO_AUDITABLE_ORIG_ARGS='{"offline":false,"locked":true,"frozen":false,"config":[]}' \
        cargo build --quiet --release --locked --bin dps --target "$target" >&2
    binary=$repo/target/$target/release/dps
}
[ -n "$binary" ] || build

if revision=$(git rev-parse HEAD 2>/dev/null); then
    created=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
    [ -z "$(git status --porcelain)" ] || revision=$revision-dirty
else
    echo "hack/image.sh: this is no git checkout: the image does not name its commit" >&2
    revision='' created=${SOURCE_DATE_EPOCH:-0}
fi
libc=$(getconf GNU_LIBC_VERSION | cut -d' ' -f2)
cargo metadata --format-version 1 --locked --filter-platform "$target" >"$work/metadata.json"
go build -C hack/image -mod=readonly -trimpath -buildvcs=false -o "$work/image" . >&2
"$work/image" -binary "$binary" -metadata "$work/metadata.json" -lock Cargo.lock -out "$out" -revision "$revision" \
    -created "$created" -rust "$rust" -libc "$libc" ${push:+-push "$push"}
