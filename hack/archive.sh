#!/bin/sh
# Packs the command line for a release: dps-OS-ARCH.tar.gz of this machine, with LICENSE, man pages and completion. Prints its path.
#
#   hack/archive.sh BINARY FOLDER     BINARY: dps, such as `make image` or cargo builds it
#
# On Windows, it runs in Git Bash. On macOS, GNU tar is needed (gtar; brew install gnu-tar).
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
Darwin/x86_64) platform=darwin-amd64 ;;
Darwin/arm64) platform=darwin-arm64 ;;
MINGW*/x86_64 | MSYS*/x86_64) platform=windows-amd64 ;;
*)
    echo "hack/archive.sh: archives are made on Linux and macOS, for amd64 and arm64, and on Windows, for amd64" >&2
    exit 1
    ;;
esac
program=dps
[ "$platform" != windows-amd64 ] || program=dps.exe
tar=tar
[ "${platform%-*}" != darwin ] || tar=gtar
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
content=$work/content
mkdir -p "$content/completions"
cp "$binary" "$content/$program"
cp LICENSE "$content"
cargo run --quiet --locked --example man -- "$content/man"
# Called by its name, it is that name which the scripts call.
completion() {
    PATH=$content:$PATH "$program" completion "$1" >"$content/completions/$2"
}
completion bash dps.bash
completion zsh _dps
completion fish dps.fish
completion powershell dps.ps1
completion kubectl kubectl_complete-pull_secret
chmod +x "$content/completions/kubectl_complete-pull_secret"
! grep -r "${work##*/}" "$content/completions" >&2 || {
    echo "hack/archive.sh: a script calls dps by a path of this machine" >&2
    exit 1
}
created=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
archive=$folder/dps-$platform.tar.gz
# krew looks for the binary at the top.
"$tar" --create --directory "$content" --sort=name --owner=0 --group=0 --numeric-owner --mode=go=u,go-w --mtime="@$created" \
    "$program" LICENSE man completions >"$work/archive.tar"
gzip --best --no-name --stdout "$work/archive.tar" >"$archive"
echo "$archive"
