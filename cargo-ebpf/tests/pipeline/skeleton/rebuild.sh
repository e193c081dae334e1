#!/bin/sh
# Makes watch.o, with DWARF, from the sources in watch-ebpf. Its bytes change with every
# compiler, so it is committed and this runs by hand: after `cargo ebpf setup`,
#   eval "$(cargo ebpf env)" && tests/pipeline/skeleton/rebuild.sh
set -eu
cd "$(dirname "$0")"

target=$(mktemp -d)
trap 'rm -rf "$target"' EXIT
# No path of this machine gets in.
flags=$(printf '%s\037' -Clinker=bpf-linker -Cpanic=abort -Clto=yes -Ccodegen-units=1 \
    -Cdebuginfo=2 -Clink-arg=--btf "--remap-path-prefix=$PWD=skeleton" \
    "--remap-path-prefix=$(${RUSTC:-rustc} --print sysroot)/lib/rustlib/src/rust=/rustc")
for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do
    flags=$flags$(printf '%s\037' "--remap-path-prefix=$registry=registry/")
done
(cd watch-ebpf && CARGO_ENCODED_RUSTFLAGS="${flags%?}" CARGO_TARGET_DIR="$target" "${CARGO:-cargo}" \
    build --quiet --release --target bpfel-unknown-none -Z build-std=core,alloc --bin watch)
cp "$target/bpfel-unknown-none/release/watch" watch.o
ls -l watch.o
