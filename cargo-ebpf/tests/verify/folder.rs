//! Where the command runs, and what its JSON says of an object.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) type Checked = Result<(), Box<dyn Error>>;

/// An empty folder in which the command is run: no project around it.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        Ok(Self(tempfile::tempdir()?))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-ebpf"));
        command
            .current_dir(self.path())
            .env("TMPDIR", self.path())
            .arg("verify");
        command
    }

    pub(crate) fn human(&self, object: &Path) -> Result<Output, Box<dyn Error>> {
        Ok(self.command().arg(object).output()?)
    }

    /// The JSON for one object, and the exit code.
    pub(crate) fn json(&self, object: &Path) -> Result<(Value, i32), Box<dyn Error>> {
        let output = self
            .command()
            .args(["--format", "json"])
            .arg(object)
            .output()?;
        let document = test_support::document(&output.stdout)?;
        ensure(document["schema"] == 1, "schema", &document)?;
        let code = output.status.code().ok_or("ended by a signal")?;
        Ok((document["kernels"][0]["objects"][0].clone(), code))
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Box<dyn Error>> {
        let path = self.path().join(name);
        fs::write(&path, bytes)?;
        Ok(path)
    }
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/verify/objects")
        .join(name)
}

pub(crate) fn ensure(holds: bool, what: &str, seen: &impl std::fmt::Debug) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(format!("{what}: {seen:#?}").into())
    }
}

pub(crate) fn program<'a>(object: &'a Value, name: &str) -> Result<&'a Value, Box<dyn Error>> {
    object["programs"]
        .as_array()
        .and_then(|programs| programs.iter().find(|program| program["name"] == name))
        .ok_or_else(|| format!("no program {name} in {object:#}").into())
}

pub(crate) fn verdict(object: &Value, name: &str) -> Result<String, Box<dyn Error>> {
    Ok(program(object, name)?["verdict"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

/// The verifier's last words about a refused program.
pub(crate) fn said(refused: &Value) -> String {
    let lines = refused["why"]["message"].as_array().into_iter().flatten();
    lines
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The source line of a refusal, of the chain of inlined functions the one to show.
pub(crate) fn place(refused: &Value) -> &Value {
    let instruction = &refused["why"]["instruction"];
    let own = instruction["own"].as_u64().unwrap_or_default();
    &instruction["frames"][usize::try_from(own).unwrap_or_default()]
}
