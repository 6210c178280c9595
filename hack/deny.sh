#!/bin/sh
# Checks licences, sources and duplicate crates, and known vulnerabilities where the advisory database can be reached.
set -eu
cd "$(dirname -- "$0")/.."
if ! cargo deny --version >/dev/null 2>&1; then
    echo "installing cargo-deny ..." >&2
    cargo install --quiet --locked cargo-deny
fi
cargo deny check bans licenses sources
if cargo deny fetch db >/dev/null 2>&1; then
    cargo deny check advisories
else
    echo "cargo deny: the advisory database cannot be reached from here; advisories are not checked" >&2
fi
