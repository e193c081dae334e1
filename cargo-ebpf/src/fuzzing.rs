//! What fuzzing runs: each function takes whatever bytes, and fails by a panic. The
//! targets in `fuzz/` and the test `fuzz_corpus` call them; nothing else does.
//!
//! They also hold that no text for people can steer a terminal, and that no name
//! becomes a path that leaves its folder.

use std::{
    borrow::Cow,
    ffi::OsStr,
    fs,
    io::Cursor,
    path::{Component, Path, PathBuf},
    sync::LazyLock,
};

use ebpf_base::btf::{self, Btf, Kind};
use ebpf_base::untrusted;
use ebpf_build::{KernelVersion, Target, strip_debug};
use ebpf_diagnosis::{
    diagnosis::{Rejection, Source},
    render::{self, source::Sources},
    verifier_log::{statistics::Statistics, visits::Visits},
};
use ebpf_object::{
    Name, Object, disassembly,
    elf::Elf,
    link::{Unit, core::KernelTypes, types::Features},
    requirements, variable,
};

use crate::{
    agent::{Answer, Request},
    budget,
    report::{
        Report, human,
        inspect::Inspection,
        requirements::{ObjectNeeds, Requirements},
        verify::Verification,
    },
    testing::log::TestLog,
    verdict::{self, OnKernel, log_file},
};

/// With DWARF of a chain of inlined functions.
static INLINED: Fixture = fixture(|| read("verify/objects/inlined.o"));
/// With functions that its programs call.
static TRACING: Fixture = fixture(|| read("verify/objects/tracing.o"));
/// With programs that attach to functions of the kernel.
static TRAMPOLINE: Fixture = fixture(|| read("verify/objects/trampoline.o"));
/// With maps, kernel functions and lines in its BTF.
static LIBBPF: Fixture = fixture(|| read("objects/libbpf-el.o"));
/// A rejection of `count` in [`INLINED`].
static LOG: Fixture = fixture(|| read("verify/logs/6.18-inlined.log"));

/// A file of the tests, read when it is first needed: it is there wherever these functions
/// are called, and not in the published package.
type Fixture = LazyLock<Vec<u8>>;

const fn fixture(read: fn() -> Vec<u8>) -> Fixture {
    LazyLock::new(read)
}

fn read(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name);
    fs::read(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()))
}

/// Programs of one object that are diagnosed: each takes the same way.
const PROGRAMS: usize = 4;

/// An object: the model, the disassembly, the source lines.
pub fn elf(data: &[u8]) {
    match Object::parse(data) {
        Ok(object) => {
            variables(data, &object);
            inspect(data, object);
        }
        Err(error) => assert_fit(&human::finding(error.finding())),
    }
}

/// An object: what it needs of a kernel.
pub fn needs(data: &[u8]) {
    require(data, None);
}

/// An object: the check of a build, and the copy without DWARF.
pub fn strip(data: &[u8]) {
    for finding in ebpf_build::check(data, Target::Little) {
        assert_fit(&human::finding(&finding));
    }
    if let Ok(stripped) = strip_debug(data) {
        // 64 bytes are a section's header, and 4096 what it may have before it.
        assert!(stripped.len() <= data.len() * 65 + 8192);
        assert!(strip_debug(&stripped).is_ok());
    }
}

/// The global variables, and the types of these and of the maps.
fn variables(data: &[u8], object: &Object) {
    let globals = variable::globals(data).unwrap_or_default();
    let globals = globals.iter().map(|global| global.name.as_str());
    let maps = object.maps.iter().map(|map| map.name.as_str());
    for declared in variable::declared(data, globals.chain(maps)).values() {
        let _ = declared.value.size();
    }
}

fn inspect(data: &[u8], object: Object) {
    for program in &object.programs {
        assert_stays(program.function.name.as_str());
    }
    let code = disassembly::listings(data, &object).unwrap_or_default();
    let path = Path::new("object.o");
    let inspection = Inspection::new(path, PathBuf::new(), object, Some(code), |_, _| None);
    assert_fit(&inspection.human());
}

fn require(data: &[u8], kernel_btf: Option<&[u8]>) {
    match requirements::Requirements::of(data, &[], kernel_btf) {
        Ok(needs) => {
            let kernels: Vec<KernelVersion> = ["5.4", "6.1", "7.3"]
                .into_iter()
                .filter_map(|release| release.parse().ok())
                .collect();
            let object = ObjectNeeds::new(Name::from("object.o"), needs, &kernels);
            let report = Requirements {
                objects: vec![object],
                here: PathBuf::new(),
            };
            assert_fit(&report.human());
        }
        Err(error) => assert_fit(&human::finding(error.finding())),
    }
}

/// Type information: two bytes with the length of `.BTF`, that, and `.BTF.ext`. They are
/// those of an object; without the second, those of a kernel. By turns, so that an input
/// costs little: the length decides.
pub fn btf(data: &[u8]) {
    let Some((length, parts)) = data.split_first_chunk() else {
        return;
    };
    let length = usize::from(u16::from_le_bytes(*length)).min(parts.len());
    let (types, ext) = parts.split_at(length);
    if ext.is_empty() {
        for kind in [Kind::Func, Kind::Typedef] {
            btf::find_id(types, kind, "bpf_prog_load");
        }
        require(&TRAMPOLINE, Some(types));
    } else if let Some(object) = with_type_information(types, ext) {
        if data.len().is_multiple_of(2) {
            elf(&object);
        } else {
            needs(&object);
        }
    }
}

/// [`LIBBPF`] without its DWARF, and with other type information.
fn with_type_information(btf: &[u8], ext: &[u8]) -> Option<Vec<u8>> {
    /// Of a section header (`Elf64_Shdr`), and where its `sh_offset` is.
    const LENGTH: usize = 64;
    const OFFSET: usize = 24;
    static STRIPPED: LazyLock<Vec<u8>> = LazyLock::new(|| strip_debug(&LIBBPF).unwrap_or_default());
    let elf = Elf::parse(&STRIPPED).ok()?;
    let mut object = STRIPPED.clone();
    for (name, content) in [(".BTF", btf), (".BTF.ext", ext)] {
        let (index, _) = elf.section(name)?;
        let header = usize::try_from(elf.section_headers).ok()? + index * LENGTH;
        let place = [object.len() as u64, content.len() as u64].map(u64::to_le_bytes);
        object
            .get_mut(header + OFFSET..)?
            .get_mut(..16)?
            .copy_from_slice(place.as_flattened());
        object.extend_from_slice(content);
    }
    Some(object)
}

thread_local! {
    /// Reading them takes a hundred times as long as a log.
    static SOURCES: [(Source<'static>, &'static str); 2] =
        [(Source::of(&INLINED), "count"), (Source::of(&TRACING), "sched_switch")];
}

/// A verifier's log, of programs that are known: by turns, as the length decides.
pub fn log(data: &[u8]) {
    let log = String::from_utf8_lossy(data);
    SOURCES.with(|sources| {
        let [inlined, tracing] = sources;
        let (source, program) = if data.len() % 4 < 2 { inlined } else { tracing };
        diagnose(source, program, &log);
        let visits = Visits::of(&log, 64, false);
        let hot = source.hot(program, "raw_tp/sys_enter", &visits);
        assert!(hot.lines.iter().all(|cost| cost.processed > 0));
    });
    Statistics::of(&log);
    let mut tests = TestLog::default();
    log.lines().for_each(|line| tests.read(line));
}

fn diagnose(source: &Source<'_>, program: &str, log: &str) {
    let rejection = Rejection::of_log(log)
        .program(program, "raw_tp/sys_enter")
        .kernel("6.18.44")
        .error(13)
        .truncated(log.len() % 2 == 1);
    let diagnosis = source.diagnose(&rejection);
    assert_fit(&render::plain(&diagnosis, &Sources::default()));
}

/// An object as it is loaded: linked, with its types for a kernel, and a log held against it.
pub fn link(data: &[u8]) {
    fit(data);
    let source = Source::of(data);
    for linked in ebpf_object::link::origin::link(data).iter().take(PROGRAMS) {
        assert!(linked.origin(u64::MAX).is_none());
        diagnose(&source, &linked.name, &String::from_utf8_lossy(&LOG));
    }
}

/// The object's types and accesses for two kernels: one that knows nothing of BTF, and one
/// whose types are the object's own.
fn fit(data: &[u8]) {
    let Ok(mut unit) = Unit::parse(data) else {
        return;
    };
    if let Some(types) = &unit.types {
        let mut oldest = types.clone();
        oldest.fit(Features::default());
        for types in [types, &oldest] {
            // 4 GiB and more are not numbers in it any more.
            assert!(Btf::parse(types.to_bytes()).is_ok());
        }
    }
    let own = unit.btf.clone();
    unit.fit(own.as_ref().map(KernelTypes::of).as_ref());
    for program in unit.programs.iter().take(PROGRAMS) {
        let _ = unit.assemble(program);
    }
}

/// What comes from a guest: frames with pieces of an answer, judged and shown. The bytes
/// are a line to read from, and then the contents of one frame, which has a checksum
/// that fuzzing would not find.
pub fn answer(data: &[u8]) {
    let mut framed = Vec::new();
    if crate::agent::write_frame(&mut framed, data).is_err() {
        return;
    }
    for line in [data, &framed] {
        let _ = Request::read(&mut &*line);
        let mut events = Vec::new();
        let mut rest = line;
        while let Ok(Some(answer)) = Answer::read(&mut rest) {
            if let Answer::Event(event) = answer {
                events.push(event);
            }
        }
        let source = Source::of(&INLINED);
        let object = verdict::judge::object("object.o", &source, &[], "6.18.44", events);
        let kernel = OnKernel {
            kernel: "6.18".to_owned(),
            architecture: None,
            release: Some("6.18.44".to_owned()),
            version: None,
            guest: None,
            seconds: 1.0,
            objects: vec![object],
            findings: Vec::new(),
        };
        let report = Verification {
            kernels: vec![kernel],
            budget: None,
        };
        assert_fit(&report.human());
    }
}

/// A kernel: as an image, and as a package that holds one.
pub fn kernel(data: &[u8]) {
    match ebpf_kernels::fuzzing::release_of_image(
        data,
        data.len() as u64,
        OsStr::new("image\u{1b}[2J"),
    ) {
        Ok(release) => assert_fit_line(&release),
        Err(why) => assert_fit_line(why),
    }
    let package = Path::new("package.deb");
    let places = ["boot/vmlinuz-6.1".to_owned()];
    if let Err(error) = ebpf_kernels::fuzzing::file_of_package(package, Cursor::new(data), &places)
    {
        assert_fit(&human::finding(error.finding()));
    }
}

/// An `ebpf.lock`.
pub fn lock(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let path = Path::new("ebpf.lock");
    match budget::parse(path, text) {
        Ok(read) => {
            // A program on no kernel is not written; all else comes out as it went in.
            let written = budget::text(&read).unwrap_or_default();
            let again = budget::parse(path, &written).and_then(|read| budget::text(&read));
            assert_eq!(again.ok(), Some(written));
        }
        Err(error) => assert_fit(&human::finding(error.finding())),
    }
}

/// Text for people has no control characters but line ends, and those that colour it.
fn assert_fit(text: &str) {
    let plain = without_colour(text);
    for line in plain.split('\n') {
        assert_fit_line(line);
    }
}

fn assert_fit_line(line: &str) {
    let fit = untrusted::lines(line);
    assert_eq!(fit, line, "steers a terminal");
}

/// Without SGR sequences: `ESC [ digits ; digits m`.
fn without_colour(text: &str) -> Cow<'_, str> {
    let mut parts = text.split("\u{1b}[");
    let Some(first) = parts.next() else {
        return Cow::Borrowed(text);
    };
    let mut plain = first.to_owned();
    for part in parts {
        match part.split_once('m') {
            Some((codes, rest)) if codes.bytes().all(|c| matches!(c, b'0'..=b'9' | b';')) => {
                plain += rest;
            }
            // Any other sequence stays what it is.
            _ => plain = format!("{plain}\u{1b}[{part}"),
        }
    }
    Cow::Owned(plain)
}

/// A file that is named after a program is one in the folder.
fn assert_stays(program: &str) {
    let name = log_file::file_name("object.o", program);
    let mut parts = Path::new(&name).components();
    assert!(matches!(parts.next(), Some(Component::Normal(only)) if only == &*name));
    assert!(parts.next().is_none() && name.len() < 256);
}
