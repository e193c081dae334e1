//! Where a test runs: folders of its own, and a cache that has this machine's kernel
//! images, so that nothing is fetched.

use std::{
    env, fs, io,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope, write,
};
use serde_json::Value;
use tempfile::TempDir;
use test_support::{
    Failed,
    machine::{Image, cache, images},
};

/// Debian's nobody and nogroup; on others, too, a user without rights.
const NOBODY: u32 = 65534;

/// Longer than anything here takes on a busy machine, where a guest that makes progress
/// may take its time: what hangs is a failure.
const LIMIT: Duration = Duration::from_secs(1200);

pub(crate) struct Sandbox {
    folder: TempDir,
    user: Option<u32>,
}

impl Sandbox {
    /// Of the user who runs the tests.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("matrix-test-")
            .tempdir()
            .unwrap();
        let sandbox = Self { folder, user: None };
        for name in ["tmp", "cache/cargo-ebpf/kernels/images", "here"] {
            fs::create_dir_all(sandbox.path(name)).unwrap();
        }
        fs::set_permissions(sandbox.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // Not every user may enter the folder where cargo put it.
        link(
            Path::new(env!("CARGO_BIN_EXE_cargo-ebpf")),
            &sandbox.path("cargo-ebpf"),
        );
        if let Some(cache) = cache() {
            // That nested guests do not run here takes seconds to find out.
            if cache.join("kvm.json").exists() {
                fs::copy(
                    cache.join("kvm.json"),
                    sandbox.path("cache/cargo-ebpf/kvm.json"),
                )
                .unwrap();
            }
        }
        for Image { directory, .. } in images() {
            let place = sandbox
                .path("cache/cargo-ebpf/kernels/images")
                .join(directory.file_name().unwrap());
            fs::create_dir(&place).unwrap();
            for file in ["vmlinuz", "image.json"] {
                link(&directory.join(file), &place.join(file));
            }
        }
        sandbox
    }

    /// Of a user without any rights, and without a home.
    pub(crate) fn of_nobody() -> Self {
        let mut sandbox = Self::new();
        sandbox.user = Some(NOBODY);
        hand_over(sandbox.folder.path());
        sandbox
    }

    /// A file where every user can read it: the repository may be in a folder that only
    /// its owner may enter.
    pub(crate) fn own(&self, file: &str) -> String {
        let file = Path::new(file);
        let copy = self.path("here").join(file.file_name().unwrap());
        link(file, &copy);
        copy.to_str().unwrap().to_owned()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Our program, with these arguments.
    pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new(self.path("cargo-ebpf"));
        command.args(arguments);
        self.settle(&mut command);
        command
    }

    /// Makes this the world of another program.
    pub(crate) fn settle(&self, command: &mut Command) {
        command
            .current_dir(self.path("here"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("TMPDIR", self.path("tmp"))
            .env_remove("CARGO_EBPF_DEBIAN_MIRROR");
        if let Some(user) = self.user {
            command.uid(user).gid(user).env_remove("HOME");
        }
    }

    /// Runs our program to its end, which comes in time.
    pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Output {
        finish(self.command(arguments))
    }

    /// Holds that neither a process nor a temporary folder is left.
    pub(crate) fn is_clean(&self) -> Result<(), Failed> {
        let since = Instant::now();
        loop {
            let processes = self.processes();
            if processes.is_empty() {
                break;
            }
            if since.elapsed() > Duration::from_secs(5) {
                return Err(format!("left running: {processes:?}").into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        let left: Vec<_> = fs::read_dir(self.path("tmp"))?
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            // Logs are for the user to read.
            .filter(|name| !name.ends_with(".verifier.log"))
            .collect();
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("left in the folder for temporary files: {left:?}").into())
        }
    }

    /// The command lines of processes that were started here.
    pub(crate) fn processes(&self) -> Vec<String> {
        let name = self.folder.path().to_string_lossy().into_owned();
        fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| {
                let name = entry.file_name();
                name.to_string_lossy()
                    .bytes()
                    .all(|byte| byte.is_ascii_digit())
            })
            .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|line| line.contains(&name))
            .collect()
    }
}

/// Runs a program to its end, which comes in time.
///
/// # Panics
/// With the limit, when it does not.
pub(crate) fn finish(command: Command) -> Output {
    let name = format!("{command:?}");
    let began = Instant::now();
    let output = assert_cmd::Command::from_std(command)
        .timeout(LIMIT)
        .output()
        .unwrap();
    // Ended from outside, as assert_cmd does when the time is over.
    assert!(
        output.status.code().is_some() || began.elapsed() < LIMIT,
        "ended after its limit of {LIMIT:?}: {name}\nstdout: {}\nstderr: {}",
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

fn link(from: &Path, to: &Path) {
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to).unwrap();
    }
}

/// Gives all in a folder to nobody. Files that are linked stay whose they are.
fn hand_over(path: &Path) {
    let metadata = fs::symlink_metadata(path).unwrap();
    if metadata.is_dir() || metadata.nlink() == 1 {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            hand_over(&entry.unwrap().path());
        }
    }
}

/// The image of a kernel.
pub(crate) fn image(kernel: &str) -> PathBuf {
    let mut images = images().into_iter();
    let image = images.find(|image| image.label == kernel).unwrap();
    image.directory.join("vmlinuz")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Fails with all that a program said unless something holds.
pub(crate) fn check(holds: bool, what: &str, output: &Output) -> Result<(), Failed> {
    if holds {
        return Ok(());
    }
    Err(format!(
        "not so: {what}\n{}\nstdout: {}\nstderr: {}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    )
    .into())
}

pub(crate) fn document(output: &Output) -> Result<Value, Failed> {
    test_support::document(&output.stdout).map_err(|cause| {
        let said = text(&output.stderr);
        format!("{cause}: {} {said}", text(&output.stdout)).into()
    })
}

/// Holds that a command ended with this one error, which says what to do, and with
/// nothing else.
pub(crate) fn ended_with(code: &str, output: &Output) -> Result<(), Failed> {
    let said = text(&output.stderr);
    check(output.status.code() == Some(1), "it ends with 1", output)?;
    check(said.contains(&format!("error[{code}]")), code, output)?;
    check(said.matches("error[").count() == 1, "one error", output)?;
    check(!said.contains("panicked"), "no panic", output)
}

/// The objects that this repository's tests keep.
pub(crate) fn objects() -> io::Result<Vec<PathBuf>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut objects = Vec::new();
    for folder in ["objects", "verify/objects", "rejections/objects"] {
        let entries = match fs::read_dir(tests.join(folder)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "o") {
                objects.push(path);
            }
        }
    }
    objects.sort();
    Ok(objects)
}

/// One of them.
pub(crate) fn object(path: &str) -> String {
    format!("{}/tests/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// A program that is written here, instruction by instruction.
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) code: Vec<[u8; 8]>,
}

/// What the programs of an object call of the kernel's.
pub(crate) struct Declared<'a> {
    /// Declares it.
    pub(crate) btf: &'a [u8],
    /// What each program calls with its first instruction.
    pub(crate) calls: Vec<&'a str>,
}

/// An object with these programs in one section.
pub(crate) fn object_of(
    section: &str,
    programs: &[Program],
    declared: Option<&Declared<'_>>,
) -> Result<Vec<u8>, Failed> {
    let mut file = write::Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
    let license = file.add_section(Vec::new(), b"license".to_vec(), SectionKind::Data);
    file.append_section_data(license, b"GPL\0", 1);
    if let Some(declared) = declared {
        let btf = file.add_section(Vec::new(), b".BTF".to_vec(), SectionKind::Other);
        file.append_section_data(btf, declared.btf, 8);
    }
    let section = file.add_section(Vec::new(), section.into(), SectionKind::Text);
    let symbol = |name: &str, value, size, section| write::Symbol {
        name: name.as_bytes().to_vec(),
        value,
        size,
        kind: SymbolKind::Text,
        scope: SymbolScope::Dynamic,
        weak: false,
        section,
        flags: SymbolFlags::None,
    };
    for (number, program) in programs.iter().enumerate() {
        let code = program.code.concat();
        let value = file.append_section_data(section, &code, 8);
        let place = write::SymbolSection::Section(section);
        file.add_symbol(symbol(&program.name, value, code.len() as u64, place));
        if let Some(called) = declared.and_then(|declared| declared.calls.get(number)) {
            let undefined = write::SymbolSection::Undefined;
            let called = file.add_symbol(symbol(called, 0, 0, undefined));
            let relocation = write::Relocation {
                offset: value,
                symbol: called,
                addend: 0,
                flags: RelocationFlags::Elf {
                    r_type: object::elf::R_BPF_64_32,
                },
            };
            file.add_relocation(section, relocation)?;
        }
    }
    Ok(file.write()?)
}
