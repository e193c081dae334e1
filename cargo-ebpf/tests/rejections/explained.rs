//! `explain --log` on the logs that `verify` keeps gives what `verify` gives.

use std::{error::Error, process::Command};

use serde_json::Value;

use crate::provocation::{self, Kind, Provocation};

/// How many programs are compared: the first that this kernel rejects with a log.
const COMPARED: usize = 10;

/// Verifies the programs on this kernel, and explains the log of each.
pub(crate) fn as_verify_does() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let provocations = provocation::all(Kind::Rejected)?;
    let run = |arguments: &[&str]| -> Result<Value, Box<dyn Error>> {
        let output = Command::new(env!("CARGO_BIN_EXE_cargo-ebpf"))
            .args(["--format", "json"])
            .args(arguments)
            .current_dir(&folder)
            .env("TMPDIR", folder.path())
            .output()?;
        test_support::document(&output.stdout)
            .map_err(|cause| format!("{cause}: {}", String::from_utf8_lossy(&output.stderr)).into())
    };
    let mut compared = 0;
    for object in provocations.iter().map(Provocation::object) {
        let object = object.to_str().ok_or("a path that is not UTF-8")?;
        let verified = run(&["verify", object])?;
        let program = &verified["kernels"][0]["objects"][0]["programs"][0];
        let rejection = &program["why"];
        let Some(log) = rejection["log_file"].as_str() else {
            continue;
        };
        if program["verdict"] != "refused" || rejection["log_truncated"] == true {
            continue;
        }
        let explained = run(&["explain", "--log", log, object])?;
        let [explained] = explained["rejections"]
            .as_array()
            .ok_or("no logs")?
            .as_slice()
        else {
            return Err(format!("{log}: {explained}").into());
        };
        if comparable(explained) != comparable(rejection) {
            return Err(format!("{object}: {explained:#}\nverify: {rejection:#}").into());
        }
        compared += 1;
        if compared == COMPARED {
            return Ok(());
        }
    }
    Err(format!("only {compared} programs were rejected with a log").into())
}

/// A diagnosis without what a log does not contain.
fn comparable(diagnosis: &Value) -> Value {
    let mut diagnosis = diagnosis.clone();
    if let Some(fields) = diagnosis.as_object_mut() {
        fields.retain(|name, _| !matches!(&**name, "kernel" | "error" | "log_file"));
    }
    diagnosis
}
