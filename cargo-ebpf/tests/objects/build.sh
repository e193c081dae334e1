#!/bin/sh
# Makes the objects in this folder from the sources beside it. Their bytes change with
# every compiler, so they are committed and this runs by hand: after `cargo ebpf setup`,
#   eval "$(cargo ebpf env)" && tests/objects/build.sh
# It needs LLVM's opt, llc and llvm-strip; LLVM=-22 picks one of several.
set -eu
cd "$(dirname "$0")"

# C conventions, in both byte orders, with DWARF.
for order in el eb; do
    "opt${LLVM-}" -O2 -mtriple="bpf$order" libbpf.ll |
        "llc${LLVM-}" -mtriple="bpf$order" -mcpu=v4 -filetype=obj -o "libbpf-$order.o"
done

# Aya, without DWARF to keep the objects small. No path of this machine gets in.
target=$(mktemp -d)
trap 'rm -rf "$target"' EXIT
registry="${CARGO_HOME:-$HOME/.cargo}/registry/src"
flags=$(printf '%s\037' -Clinker=bpf-linker -Cpanic=abort -Clto=yes -Ccodegen-units=1 \
    -Cdebuginfo=2 -Clink-arg=--btf "--remap-path-prefix=$PWD/aya=aya" \
    "--remap-path-prefix=$(echo "$registry"/*/)=" \
    "--remap-path-prefix=$(${RUSTC:-rustc} --print sysroot)/lib/rustlib/src/rust=/rustc")
(cd aya && CARGO_ENCODED_RUSTFLAGS="${flags%?}" CARGO_TARGET_DIR="$target" "${CARGO:-cargo}" build \
    --quiet --release --target bpfel-unknown-none -Z build-std=core,alloc)
for name in aya-btf aya-legacy; do
    "llvm-strip${LLVM-}" --strip-debug -o "$name.o" "$target/bpfel-unknown-none/release/$name"
done
ls -l ./*.o
