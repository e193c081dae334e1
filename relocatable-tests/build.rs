//! Embeds the programs, where tests are required to run: building them takes a minute, which a
//! `cargo check` of the workspace need not take.

use std::{env, fs, path::Path};

/// As in `test-support`: makes each skipped test a failure.
const REQUIRE: &str = "EBPF_TEST_REQUIRE";

fn main() -> ebpf_build::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={REQUIRE}");
    if env::var_os(REQUIRE).is_some() {
        return ebpf_build::embed("programs");
    }
    let directory = env::var_os("OUT_DIR").unwrap_or_default();
    let stub = ebpf_build::stub::of("the programs are built only where EBPF_TEST_REQUIRE is set");
    for name in ["exec", "relocatable"] {
        let path = Path::new(&directory).join(name);
        fs::write(&path, &stub).map_err(|cause| ebpf_build::Error::io("write", &path, &cause))?;
    }
    Ok(())
}
