#!/bin/sh
# Builds objects/ again from programs/, with this repository's own pipeline. Their bytes
# change with every compiler, so they are committed and this runs by hand; afterwards
# the logs have to be taken again, see README.md.
set -eu
cd "$(dirname "$0")"
cargo build --quiet --package cargo-ebpf
target=$(cargo metadata --format-version 1 --no-deps |
    sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
cargo_ebpf=$target/debug/cargo-ebpf

# A copy, because the flags that keep this machine's paths out of the objects have to
# stand in the crate's own config: that is where the pipeline takes them from.
copy=$target/rejections
mkdir -p "$copy"
rm -rf "$copy/src" "$copy/target/ebpf"
cp -r programs/Cargo.toml programs/Cargo.lock programs/src programs/.cargo "$copy"
registry=$(echo "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*)
exports=$("$cargo_ebpf" env)
sysroot=$(eval "$exports" && "${RUSTC:-rustc}" --print sysroot)
sources=$sysroot/lib/rustlib/src/rust
real_sources=$(realpath "$sources")
{
    sed '/^]$/d' programs/.cargo/config.toml
    for map in "$copy=programs" "$registry=cargo" "$sources=rust" "$real_sources=rust"; do
        printf '    "--remap-path-prefix=%s",\n' "$map"
    done
    echo ']'
} >"$copy/.cargo/config.toml"
CARGO_TARGET_DIR=$copy/target "$cargo_ebpf" build --manifest-path "$copy/Cargo.toml"

rm -rf objects
mkdir objects
for object in "$copy"/target/ebpf/*; do
    cp "$object" "objects/$(basename "$object").o"
done
if grep -lE "$target|$HOME|$registry|$sources|$real_sources" objects/*.o; then
    echo "paths of this machine are in these objects" >&2
    exit 1
fi
