//! Asking a kernel what it says of the programs, and keeping it.

use std::{
    collections::BTreeMap,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::provocation::{self, Provocation};

/// What a kernel said of all programs.
pub(crate) struct Asked {
    /// Its version, as in `6.18`.
    pub(crate) version: String,
    /// Whether none of the programs was loaded without a right.
    pub(crate) all_rights: bool,
    /// By class.
    pub(crate) answers: BTreeMap<String, Answer>,
}

/// What a kernel said of one program.
pub(crate) struct Answer {
    /// Lines of `name: value`, which stand before the log in the file.
    pub(crate) header: String,
    /// What the verifier wrote; empty where it wrote nothing.
    pub(crate) log: String,
    /// The class that it was told as, and the line that is shown.
    pub(crate) told: Option<(String, Option<u64>)>,
}

/// Whether processes with fewer rights can be made here.
pub(crate) fn can_drop_rights() -> bool {
    // Package util-linux.
    Command::new("setpriv").arg("--version").output().is_ok()
}

impl Asked {
    /// Asks `kernel`: `host`, or a version that `verify --kernel` knows.
    pub(crate) fn ask(kernel: &str, provocations: &[Provocation]) -> Result<Self, Box<dyn Error>> {
        // Processes with fewer rights are only made on this machine.
        let all_rights = kernel != "host" || !can_drop_rights();
        let unlike =
            |provocation: &&Provocation| !all_rights && provocation.marks.without.is_some();
        let (special, plain): (Vec<_>, Vec<_>) = provocations.iter().partition(unlike);
        let mut asked = verify(kernel, &plain, None)?;
        for provocation in special {
            let without = provocation.marks.without.as_deref();
            let answers = verify(kernel, &[provocation], without)?.answers;
            asked.answers.extend(answers);
        }
        asked.all_rights = all_rights;
        Ok(asked)
    }
}

fn verify(
    kernel: &str,
    provocations: &[&Provocation],
    without: Option<&str>,
) -> Result<Asked, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let program = env!("CARGO_BIN_EXE_cargo-ebpf");
    let mut command = match without {
        None => Command::new(program),
        Some(capability) => {
            // CAP_SYS_ADMIN stands for all the others.
            let capability = capability.trim_start_matches("CAP_").to_lowercase();
            let dropped = format!("-sys_admin,-{capability}");
            let mut command = Command::new("setpriv");
            command
                .args(["--bounding-set", &dropped, "--inh-caps", &dropped])
                .arg(program);
            command
        }
    };
    let output = command
        .args(["verify", "--format", "json", "--kernel", kernel])
        // The verifier looks at a million instructions of one of them, which takes an emulated
        // guest minutes beside a busy neighbour.
        .args(["--timeout", "600"])
        .args(provocations.iter().map(|provocation| provocation.object()))
        // No project around: logs go to the folder for temporary files.
        .current_dir(&folder)
        .env("TMPDIR", folder.path())
        .output()?;
    let document = test_support::document(&output.stdout)
        .map_err(|cause| format!("{cause}: {}", String::from_utf8_lossy(&output.stderr)))?;
    let told = &document["kernels"][0];
    let release = told["release"]
        .as_str()
        .ok_or("the kernel did not come up")?;
    let version: Vec<_> = release.splitn(3, '.').take(2).collect();
    let objects = told["objects"].as_array().ok_or("no objects")?;
    let answers = provocations
        .iter()
        .zip(objects)
        .map(|(provocation, object)| {
            Ok::<_, Box<dyn Error>>((provocation.code.clone(), Answer::of(object)?))
        });
    Ok(Asked {
        version: version.join("."),
        all_rights: true,
        answers: answers.collect::<Result<_, _>>()?,
    })
}

impl Answer {
    /// Lines of the header that stay the same in all releases of a version: not the
    /// error's number, and how much of a log there is.
    pub(crate) fn verdict(&self) -> impl Iterator<Item = &str> {
        let of_release = |line: &&str| line.starts_with("error: ") || line.starts_with("log: ");
        self.header.lines().filter(move |line| !of_release(line))
    }

    /// Every object has one program.
    fn of(object: &Value) -> Result<Self, Box<dyn Error>> {
        let program = &object["programs"][0];
        let why = &program["why"];
        let verdict = program["verdict"].as_str().ok_or("no verdict")?;
        let mut header = format!("verdict: {verdict}\n");
        let mut note = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                header += &format!("{name}: {value}\n");
            }
        };
        let error = why["error"].as_i64().map(|number| number.to_string());
        note("error", error.as_deref());
        let truncated = why["log_truncated"].as_bool().unwrap_or(false);
        note("log", truncated.then_some("truncated"));
        if verdict != "refused" {
            note(
                "why",
                why["message"].as_str().map(without_release).as_deref(),
            );
        }
        for finding in object["findings"].as_array().into_iter().flatten() {
            note("finding", finding["code"].as_str());
        }
        let log = why["log_file"].as_str().map(fs::read_to_string);
        let instruction = &why["instruction"];
        let own = instruction["own"]
            .as_u64()
            .and_then(|own| own.try_into().ok());
        let line = own.and_then(|own: usize| instruction["frames"][own]["line"].as_u64());
        let told = why["code"].as_str().filter(|_| verdict == "refused");
        Ok(Self {
            header,
            log: shortened(&log.transpose()?.unwrap_or_default()),
            told: told.map(|code| (code.to_owned(), line)),
        })
    }

    fn path(version: &str, code: &str) -> PathBuf {
        let logs = provocation::folder().join("logs");
        logs.join(version).join(format!("{code}.log"))
    }

    /// Keeps it.
    pub(crate) fn write(&self, version: &str, code: &str) -> io::Result<()> {
        let path = Self::path(version, code);
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        fs::write(path, format!("{}\n{}", self.header, self.log))
    }

    /// The one that was kept, if there is one.
    pub(crate) fn read(version: &str, code: &str) -> Result<Option<Self>, Box<dyn Error>> {
        let text = match fs::read_to_string(Self::path(version, code)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let (header, log) = text.split_once("\n\n").ok_or("no empty line")?;
        Ok(Some(Self {
            header: format!("{header}\n"),
            log: log.to_owned(),
            told: None,
        }))
    }
}

/// `Linux 6.18.44-cloud has no ..` is `Linux has no ..`: the folder has the version.
fn without_release(message: &str) -> String {
    let words: Vec<_> = message.split(' ').collect();
    let after_linux = |index: usize| index > 0 && words.get(index - 1) == Some(&"Linux");
    let kept = words
        .iter()
        .enumerate()
        .filter(|(index, _)| !after_linux(*index));
    kept.map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
}

/// The beginning and the end of a long log, with a line between them that says so.
fn shortened(log: &str) -> String {
    const BEGINNING: usize = 60;
    const END: usize = 440;
    let lines: Vec<_> = log.lines().collect();
    let Some(left_out) = lines.len().checked_sub(BEGINNING + END).filter(|n| *n > 0) else {
        return log.to_owned();
    };
    let (beginning, end) = (&lines[..BEGINNING], &lines[lines.len() - END..]);
    let note = format!("[{left_out} lines are left out here]");
    let mut text = [beginning, &[&note], end].concat().join("\n");
    text.push('\n');
    text
}
