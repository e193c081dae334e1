//! Asking a kernel what it says of the programs, and keeping it.

use std::{
    collections::BTreeMap,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::provocation::{self, Kind, Provocation};

/// What a kernel said of all programs.
pub(crate) struct Asked {
    /// Its version, as in `6.18`.
    pub(crate) version: String,
    /// Whether none of the programs was loaded without a right.
    pub(crate) all_rights: bool,
    /// By name, for each kind of program.
    answers: BTreeMap<(Kind, String), Answer>,
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
    /// Asks `kernels`, each `host` or a version that `verify --kernel` knows: several at the
    /// same time, and each guest boots once for all programs.
    pub(crate) fn ask(
        kernels: &[&str],
        programs: &[&Provocation],
    ) -> Result<Vec<Self>, Box<dyn Error>> {
        // Processes with fewer rights are only made on this machine.
        let drops_rights = kernels.contains(&"host") && can_drop_rights();
        let mut all: Vec<Self> = Vec::new();
        let mut by_loader: BTreeMap<Option<&str>, Vec<&Provocation>> = BTreeMap::new();
        for program in programs {
            let loader = program.marks.loader.as_deref();
            by_loader.entry(loader).or_default().push(program);
        }
        for (loader, programs) in &by_loader {
            let asked = verify(kernels, programs, *loader, None)?;
            if all.is_empty() {
                all = asked;
            } else {
                let both = all.iter_mut().zip(asked);
                both.for_each(|(one, more)| one.extend(more));
            }
        }
        let host = kernels.iter().position(|kernel| *kernel == "host");
        if let Some(asked) = host
            .and_then(|host| all.get_mut(host))
            .filter(|_| drops_rights)
        {
            asked.all_rights = false;
            for program in programs {
                if let Some(without) = program.marks.without.as_deref() {
                    for host in verify(&["host"], &[program], None, Some(without))? {
                        asked.answers.extend(host.answers);
                    }
                }
            }
        }
        Ok(all)
    }

    /// What it said of a program, if it was asked.
    pub(crate) fn answer(&self, program: &Provocation) -> Option<&Answer> {
        self.answers.get(&(program.kind, program.name.clone()))
    }

    /// Adds the answers of the same kernel to other programs.
    pub(crate) fn extend(&mut self, other: Self) {
        self.answers.extend(other.answers);
    }
}

fn verify(
    kernels: &[&str],
    programs: &[&Provocation],
    loader: Option<&str>,
    without: Option<&str>,
) -> Result<Vec<Asked>, Box<dyn Error>> {
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
        .args(["verify", "--format", "json", "--kernel", &kernels.join(",")])
        // An emulated guest beside busy neighbours.
        .args(["--timeout", "600"])
        .args(loader.map(|loader| format!("--loader={loader}")))
        .args(programs.iter().map(|program| program.object()))
        // No project around: logs go to the folder for temporary files.
        .current_dir(&folder)
        .env("TMPDIR", folder.path())
        .output()?;
    let document = test_support::document(&output.stdout)
        .map_err(|cause| format!("{cause}: {}", String::from_utf8_lossy(&output.stderr)))?;
    let kernels = document["kernels"].as_array().ok_or("no kernels")?;
    let of_kernel = kernels.iter().map(|kernel| {
        let release = kernel["release"]
            .as_str()
            .ok_or_else(|| format!("a kernel did not come up: {}", kernel["findings"]))?;
        let version: Vec<_> = release.splitn(3, '.').take(2).collect();
        let objects = kernel["objects"].as_array().ok_or("no objects")?;
        let answers = programs.iter().zip(objects).map(|(program, object)| {
            let name = (program.kind, program.name.clone());
            Ok::<_, Box<dyn Error>>((name, Answer::of(object)?))
        });
        Ok(Asked {
            version: version.join("."),
            all_rights: true,
            answers: answers.collect::<Result<_, _>>()?,
        })
    });
    of_kernel.collect()
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

    fn path(version: &str, name: &str) -> PathBuf {
        let logs = provocation::folder().join("logs");
        logs.join(version).join(format!("{name}.log"))
    }

    /// Keeps it.
    pub(crate) fn write(&self, version: &str, name: &str) -> io::Result<()> {
        let path = Self::path(version, name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        fs::write(path, format!("{}\n{}", self.header, self.log))
    }

    /// The one that was kept, if there is one.
    pub(crate) fn read(version: &str, name: &str) -> Result<Option<Self>, Box<dyn Error>> {
        let text = match fs::read_to_string(Self::path(version, name)) {
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
