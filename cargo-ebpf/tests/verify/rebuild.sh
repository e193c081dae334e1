#!/bin/sh
# Builds the objects in objects/ again from their sources. Needs what `cargo xtask
# setup` makes (eval "$(cargo xtask env)" puts it into the environment), and
# LLVM's llvm-strip, opt and llc (15 or newer) on PATH.
set -eu
cd "$(dirname "$0")"
sources=$(rustc --print sysroot)/lib/rustlib/src/rust
(
    cd programs
    # No path of the machine that builds them gets into the objects.
    cargo build --target bpfel-unknown-none -Z build-std=core,alloc --release \
        --config "target.bpfel-unknown-none.rustflags = [
            '--remap-path-prefix=$PWD=programs',
            '--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo',
            '--remap-path-prefix=$(echo "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*)=crates-of-the-registry-by-source',
            '--remap-path-prefix=$sources=rust',
        ]"
)
release=${CARGO_TARGET_DIR:-programs/target}/bpfel-unknown-none/release
mkdir -p objects
for source in programs/src/bin/*.rs; do
    name=$(basename "$source" .rs)
    if [ "$name" = inlined ]; then
        cp "$release/$name" "objects/$name.o"
    else
        llvm-strip --strip-debug "$release/$name" -o "objects/$name.o"
    fi
done
# As clang -O2 -g -target bpf would, had it been there to read the C.
for source in *.ll; do
    name=$(basename "$source" .ll)
    opt -O2 "$source" | llc -march=bpfel -filetype=obj -o "objects/$name.o"
    llvm-strip --strip-debug "objects/$name.o"
done
