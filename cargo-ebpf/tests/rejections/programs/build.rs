//! Links the programs that call kernel functions with their definitions.

use std::env;

fn main() {
    let directory = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo::rerun-if-changed=kernel_functions.ll");
    println!(
        "cargo::rustc-link-arg-bin=helper-not-allowed--kernel-function={directory}/kernel_functions.ll"
    );
}
