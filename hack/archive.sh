#!/bin/sh
# Packs the command line for a release: dps-OS-ARCH.tar.gz of this machine, with LICENSE, man pages and completion. Prints its path.
#
#   hack/archive.sh BINARY FOLDER     BINARY: dps, such as `make image` builds it
#
# The same binary and commit give the same bytes. Time: that of the commit, or $SOURCE_DATE_EPOCH.
set -eu
[ $# -eq 2 ] || {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
binary=$(realpath -- "$1")
mkdir -p -- "$2"
folder=$(realpath -- "$2")
cd "$(dirname -- "$0")/.."
case $(uname -s)/$(uname -m) in
Linux/x86_64) platform=linux-amd64 ;;
Linux/aarch64) platform=linux-arm64 ;;
*)
    echo "hack/archive.sh: archives are made on Linux, for amd64 and arm64" >&2
    exit 1
    ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
content=$work/content
mkdir -p "$content/completions"
cp "$binary" "$content/dps"
cp LICENSE "$content"
cargo run --quiet --locked --example man -- "$content/man"
# Called by its name, it is that name which the scripts call.
completion() {
    PATH=$content:$PATH dps completion "$1" >"$content/completions/$2"
}
completion bash dps.bash
completion zsh _dps
completion fish dps.fish
completion powershell dps.ps1
completion kubectl kubectl_complete-pull_secret
chmod +x "$content/completions/kubectl_complete-pull_secret"
created=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
archive=$folder/dps-$platform.tar.gz
# krew looks for the binary at the top.
tar --create --directory "$content" --sort=name --owner=0 --group=0 --numeric-owner --mode=go=u,go-w --mtime="@$created" \
    dps LICENSE man completions >"$work/archive.tar"
gzip --best --no-name --stdout "$work/archive.tar" >"$archive"
echo "$archive"
