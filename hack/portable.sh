#!/bin/sh
# Checks that the command line compiles for other systems. Nothing is linked, so C code is not needed: an empty object stands for it.
set -eu
cd "$(dirname -- "$0")/.."
targets="x86_64-pc-windows-gnu aarch64-apple-darwin"
# shellcheck disable=SC2086
rustup target add $targets >/dev/null 2>&1 || {
    echo "rustup cannot fetch the standard library of $targets here: .github/workflows/portable.yml checks it." >&2
    exit 0
}
stand_in=$(mktemp -d)
trap 'rm -rf "$stand_in"' EXIT
cat >"$stand_in/cc" <<'END'
#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
    -o) : >"$2" && shift ;;
    esac
    shift
done
END
cp "$stand_in/cc" "$stand_in/ar"
chmod +x "$stand_in/cc" "$stand_in/ar"
for target in $targets; do
    name=$(echo "$target" | tr - _)
    env "CC_$name=$stand_in/cc" "AR_$name=$stand_in/ar" cargo check --quiet --bin dps --target "$target"
    echo "compiles for $target"
done
