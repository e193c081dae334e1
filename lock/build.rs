//! Puts the eBPF object where `probe::object` embeds it from.

use std::{env, fs, path::Path};

fn main() {
    let built = Path::new("../lock-ebpf/target/bpfel-unknown-none/release/lock");
    println!("cargo::rerun-if-changed={}", built.display());
    let object = fs::read(built).unwrap_or_else(|_| {
        b"ebpf-build stub: this lock was built without its eBPF object; run `cargo xtask setup`, then build again".to_vec()
    });
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("lock"), object).expect("OUT_DIR is writable");
}
