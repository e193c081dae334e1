#!/bin/sh
# Builds the objects in objects/ again from their sources. Needs clang 14 or newer and
# llvm-strip on PATH.
set -eu
cd "$(dirname "$0")"
strip=$(command -v llvm-strip || ls /usr/bin/llvm-strip-* | head -n 1)
mkdir -p objects
for source in *.c; do
    name=$(basename "$source" .c)
    # What the programs are made for is in the verifier's power: no warning is of use.
    clang -O2 -g -w -target bpf -mcpu=v3 "-ffile-prefix-map=$PWD=." -c "$source" \
        -o "objects/$name.o"
    "$strip" --strip-debug "objects/$name.o"
done
