#!/bin/sh
# Builds objects/ again from programs/ and followed/, with this repository's own pipeline:
# all of them, or those that are named (rebuild.sh packet-bounds stack-limit). Their bytes
# change with every compiler, so they are committed and this runs by hand; afterwards
# the logs have to be taken again, see README.md.
set -eu
cd "$(dirname "$0")"
cargo build --quiet --package cargo-ebpf
target=$(cargo metadata --format-version 1 --no-deps |
    sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
cargo_ebpf=$target/debug/cargo-ebpf

# A copy, because the flags that keep this machine's paths out of the objects have to
# stand in the crates' own config: that is where the pipeline takes them from.
copy=$target/rejections
registry=$(echo "${CARGO_HOME:-$HOME/.cargo}"/registry/src/index.*)
exports=$("$cargo_ebpf" env)
sysroot=$(eval "$exports" && "${RUSTC:-rustc}" --print sysroot)
sources=$sysroot/lib/rustlib/src/rust
real_sources=$(realpath "$sources")
for crate in programs followed; do
    mkdir -p "$copy/$crate"
    rm -rf "$copy/$crate/src" "$copy/$crate/target/ebpf"
    cp -r $crate/Cargo.toml $crate/Cargo.lock $crate/src $crate/.cargo \
        $crate/build.rs $crate/kernel_functions.ll "$copy/$crate"
    {
        sed '/^]$/d' $crate/.cargo/config.toml
        for map in "$copy/programs=programs" "$copy/followed=followed" \
            "$registry=cargo" "$sources=rust" "$real_sources=rust"; do
            printf '    "--remap-path-prefix=%s",\n' "$map"
        done
        echo ']'
    } >"$copy/$crate/.cargo/config.toml"
done
CARGO_TARGET_DIR=$copy/programs/target "$cargo_ebpf" build \
    --manifest-path "$copy/programs/Cargo.toml"
# Nothing is explained of those that are accepted: without DWARF they are small.
CARGO_TARGET_DIR=$copy/followed/target "$cargo_ebpf" build --debug-info strip \
    --manifest-path "$copy/followed/Cargo.toml"

take() {
    mkdir -p "objects$2"
    for object in "$copy/$1"/target/ebpf/*; do
        name=$(basename "$object")
        case " $wanted " in
        "  " | *" $name "*) cp "$object" "objects$2/$name.o" ;;
        esac
    done
}
wanted=$*
[ -n "$wanted" ] || rm -rf objects
take programs ""
take followed /followed
if grep -rlE "$target|$HOME|$registry|$sources|$real_sources" objects; then
    echo "paths of this machine are in these objects" >&2
    exit 1
fi
