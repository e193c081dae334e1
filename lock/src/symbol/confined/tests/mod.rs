//! Files that do what they can to stop who reads them.

mod changed;

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

use super::{ConfinedFile, Readers};
use crate::symbol::{
    code_file::{CodeFile, Detail, UnwindSections},
    debug_files::DebugFiles,
    ownership::Owner,
    unwind::{Cache, ProcessUnwinder, Registers},
};

/// A library from C.
fn library(directory: &Path, name: &str, code: &str) -> PathBuf {
    let (source, path) = (
        directory.join(name).with_extension("c"),
        directory.join(name),
    );
    fs::write(&source, code).unwrap();
    let done = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-g", "-Wl,--build-id", "-o"])
        .args([&path, &source])
        .status();
    assert!(done.expect("cc works: rustc links with it").success());
    path
}

/// A function, and whatever else as assembly.
fn function_and(assembly: &str) -> String {
    format!("int first(int a) {{ return a + 1; }}\n__asm__({assembly:?});\n")
}

fn open(readers: &mut Readers, path: &Path) -> Option<ConfinedFile> {
    let file = File::open(path).unwrap();
    let pid = std::process::id();
    let owner = Owner::of(&file, pid).unwrap();
    let debug_files = DebugFiles {
        pid,
        uid: owner.uid,
        path: path.to_owned(),
    };
    Some(readers.open(owner, file, debug_files)?.0)
}

/// The addresses of all functions of a file.
fn addresses(path: &Path) -> Vec<u64> {
    let bytes = fs::read(path).unwrap();
    let elf = object::File::parse(&*bytes).unwrap();
    let symbols = elf.symbols().chain(elf.dynamic_symbols());
    symbols
        .filter(|symbol| symbol.kind() == object::SymbolKind::Text && symbol.is_definition())
        .map(|symbol| symbol.address())
        .collect()
}

fn address(path: &Path, function: &str) -> u64 {
    let bytes = fs::read(path).unwrap();
    let elf = object::File::parse(&*bytes).unwrap();
    let found = elf.symbols().find(|symbol| symbol.name() == Ok(function));
    found.unwrap().address()
}

/// The names at a function of a file.
fn names(file: &ConfinedFile, address: u64) -> Vec<String> {
    let functions = file.functions(address);
    functions
        .into_iter()
        .map(|function| function.name)
        .collect()
}

#[test]
fn names_are_those_that_reading_here_finds() {
    let directory = tempfile::tempdir().unwrap();
    let path = test_support::waiting_program(directory.path(), "waiting", &["-g"]).unwrap();
    let mut readers = Readers::default();
    let there = open(&mut readers, &path).unwrap();
    let here = CodeFile::new(File::open(&path).unwrap(), path.clone(), &[]);
    let addresses = addresses(&path);
    assert!(addresses.len() > 10, "{addresses:?}");
    for address in addresses {
        let functions = there.functions(address);
        assert_eq!(functions, here.functions(address, Detail::Lines));
        assert!(!functions.is_empty());
    }
    let sections = there.unwind_sections();
    assert_eq!(sections.eh_frame, here.unwind_sections().eh_frame);
    assert_eq!(readers.notes(), [""; 0]);
    assert!(readers.cpu() > Duration::ZERO);
}

#[test]
fn a_file_that_shrinks_costs_its_own_names_only() {
    let directory = tempfile::tempdir().unwrap();
    let code = function_and(".text");
    let (path, other) = (
        library(directory.path(), "a.so", &code),
        library(directory.path(), "b.so", &code),
    );
    let first = address(&path, "first");
    let mut readers = Readers::default();
    let (shrinks, stays) = (
        open(&mut readers, &path).unwrap(),
        open(&mut readers, &other).unwrap(),
    );
    assert_eq!(names(&shrinks, first), ["first"]);
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(64)
        .unwrap();
    let reader = shrinks
        .reader
        .borrow()
        .process
        .as_ref()
        .unwrap()
        .process
        .pid();
    assert_eq!(names(&shrinks, first), [""; 0]);
    assert_ne!(
        stays
            .reader
            .borrow()
            .process
            .as_ref()
            .map(|process| process.process.pid()),
        Some(reader)
    );
    assert_eq!(names(&stays, first), ["first"]);
    let notes = readers.notes();
    assert!(
        notes[0].starts_with("functions in 1 file have no names (1 address"),
        "{notes:?}"
    );
}

/// A `.gnu_debuglink` to a path.
fn debug_link(path: &str) -> String {
    function_and(&format!(
        ".section .gnu_debuglink,\"\",@progbits\n.asciz \"{path}\"\n.balign 4\n.long 0\n.text"
    ))
}

#[test]
fn a_debug_link_leads_nowhere_else() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let links = [
        pipe.to_str().unwrap(),
        "pipe",
        "../pipe",
        "/dev/zero",
        "/proc/kmsg",
        "..",
        "0",
    ];
    for (number, link) in links.iter().enumerate() {
        let path = library(directory.path(), &format!("{number}.so"), &debug_link(link));
        let mut readers = Readers::default();
        let file = open(&mut readers, &path).unwrap();
        let began = Instant::now();
        assert_eq!(names(&file, address(&path, "first")), ["first"], "{link}");
        assert!(began.elapsed() < Duration::from_secs(20), "{link}");
        assert_eq!(readers.notes(), [""; 0], "{link}");
    }
}

#[test]
fn a_separate_debug_file_of_the_same_build_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let whole = library(directory.path(), "a.debug", &function_and(".text"));
    let stripped = directory.path().join("a.so");
    let done = Command::new("objcopy")
        .arg("--strip-all")
        .arg(format!("--add-gnu-debuglink={}", whole.display()))
        .args([&whole, &stripped])
        .status();
    assert!(done.unwrap().success());
    let static_address = address(&whole, "first");
    let mut readers = Readers::default();
    let functions = open(&mut readers, &stripped)
        .unwrap()
        .functions(static_address);
    assert!(functions[0].line.is_some(), "{functions:?}");
    // Another build has the same name.
    library(
        directory.path(),
        "a.debug",
        &(function_and(".text") + "int more;"),
    );
    let functions = open(&mut readers, &stripped)
        .unwrap()
        .functions(static_address);
    assert!(
        functions.iter().all(|function| function.line.is_none()),
        "{functions:?}"
    );
}

/// A function with a line in a source file, and sections with hostile debugging information.
const LINES: &str = ".text\n.globl first\n.type first,@function\n.file 1 \"a.c\"\n\
                     first: .loc 1 7\nret\n.size first,.-first\n\
                     .section .note.GNU-stack,\"\",@progbits\n\
                     .section .debug_line,\"\",@progbits\n.Lline:\n";

/// Has a section's header claim that it is compressed.
fn set_compressed(path: &Path, section: &str) {
    const HEADER: usize = 64;
    const FLAGS: usize = 8;
    let mut bytes = fs::read(path).unwrap();
    let headers = u64::from_le_bytes(bytes[40..48].try_into().unwrap()) as usize;
    let index = {
        let elf = object::File::parse(&*bytes).unwrap();
        elf.section_by_name(section).unwrap().index().0
    };
    let flags = headers + index * HEADER + FLAGS;
    bytes[flags + 1] |= 8;
    fs::write(path, bytes).unwrap();
}

/// Each is read by less than everything, and then the next file is read.
#[test]
fn hostile_debugging_information_ends_the_process_only() {
    let abbreviations = |attributes: &str| {
        format!(
            ".section .debug_abbrev,\"\",@progbits\n\
             .byte 1,0x11,1,0x10,0x17,0x11,1,0x12,7,0,0\n\
             .byte 2,0x2e,1,0x03,8,0x11,1,0x12,7,0,0\n\
             .byte 3,0x1d,1,{attributes}0,0\n.byte 0\n"
        )
    };
    let information = |body: &str| {
        format!(
            ".section .debug_info,\"\",@progbits\n.long 9f-8f\n8: .short 4\n.long 0\n\
             .byte 8\n.byte 1\n.long .Lline\n.quad 0\n.quad 0x100000\n\
             .byte 2\n.asciz \"first\"\n.quad first\n.quad 64\n{body}\n9:\n"
        )
    };
    let deep = abbreviations("") + &information(".fill 3000000,1,3");
    let wide = ".section .debug_ranges,\"\",@progbits\n\
                .rept 100000\n.quad 0\n.quad 0x1000000\n.endr\n.quad 0\n.quad 0\n"
        .to_owned()
        + &abbreviations("0x55,0x17,")
        + &information(".rept 100000\n.byte 3\n.long 0\n.byte 0\n.endr");
    let bomb = abbreviations("")
        + &information("")
        + ".section .debug_str,\"\",@progbits\n\
           .long 1\n.long 0\n.quad 0x7fffffffffffff00\n.quad 1\n.byte 0x78,0x9c,3,0\n";
    let directory = tempfile::tempdir().unwrap();
    let mut readers = Readers::default();
    for (name, sections) in [("deep", deep), ("wide", wide), ("bomb", bomb)] {
        let path = directory.path().join(name);
        let source = path.with_extension("s");
        fs::write(&source, LINES.to_owned() + &sections).unwrap();
        let done = Command::new("cc")
            .args(["-shared", "-o"])
            .args([&path, &source])
            .status();
        assert!(done.unwrap().success(), "{name}");
        if name == "bomb" {
            // Linkers do not take it.
            set_compressed(&path, ".debug_str");
        }
        let file = open(&mut readers, &path).unwrap();
        assert_eq!(names(&file, address(&path, "first")), ["first"], "{name}");
        assert_eq!(file.detail.get(), Some(Detail::Symbols), "{name}");
    }
    let path = library(directory.path(), "next.so", &function_and(".text"));
    let file = open(&mut readers, &path).unwrap();
    assert!(file.functions(address(&path, "first"))[0].line.is_some());
}

/// `DW_CFA_def_cfa_expression`: `DW_OP_skip` to itself.
const LOOP: &str = ".cfi_escape 0x0f, 3, 0x2f, 0xfd, 0xff";

fn unwind(sections: UnwindSections, address: u64) -> usize {
    let mut unwinder = ProcessUnwinder::new();
    let mut cache = Cache::default();
    let module = framehop::Module::new("a".to_owned(), 0..1 << 30, sections.base_svma, sections);
    cache.add(&mut unwinder, module);
    let registers = Registers {
        ip: address,
        sp: 1 << 40,
        bp: 1 << 40,
    };
    let stack = [0x11; 256];
    cache
        .unwind(&unwinder, registers, &stack, |_| true)
        .addresses
        .len()
}

#[test]
fn unwinding_by_information_of_others_ends() {
    let code = format!(
        "int first(int a) {{ __asm__ volatile({LOOP:?}); return a + 1; }}\n\
         int other(int a) {{ return a; }}\n"
    );
    let directory = tempfile::tempdir().unwrap();
    let path = library(directory.path(), "a.so", &code);
    let mut readers = Readers::default();
    let sections = open(&mut readers, &path).unwrap().unwind_sections();
    for function in ["first", "other"] {
        assert!(unwind(sections.clone(), address(&path, function)) > 0);
    }
    let debug_frame = UnwindSections {
        debug_frame: sections.eh_frame.clone(),
        ..UnwindSections::default()
    };
    let mut checked = debug_frame;
    crate::symbol::call_frames::check(&mut checked);
    assert_eq!(checked.debug_frame, None);
}

#[test]
fn files_are_read_with_the_rights_of_their_owner() {
    let directory = tempfile::tempdir().unwrap();
    let path = library(directory.path(), "a.so", &function_and(".text"));
    let first = address(&path, "first");
    let file = File::open(&path).unwrap();
    // SAFETY: without arguments.
    if unsafe { libc::geteuid() } == 0 {
        std::os::unix::fs::chown(&path, Some(65534), Some(65534)).unwrap();
    }
    let owner = Owner::of(&file, std::process::id()).unwrap();
    assert_eq!(owner.uid, file.metadata().unwrap().uid());
    let mut readers = Readers::default();
    let file = open(&mut readers, &path).unwrap();
    assert_eq!(names(&file, first), ["first"]);
    let status = |field: &str| {
        let pid = file.reader.borrow().process.as_ref().unwrap().process.pid();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        line.unwrap().trim().to_owned()
    };
    assert_eq!(status("CapEff:"), "0000000000000000");
    assert_eq!(status("CapPrm:"), "0000000000000000");
    assert_eq!(status("NoNewPrivs:"), "1");
    assert_eq!(status("Seccomp:"), "2");
    // SAFETY: without arguments.
    if unsafe { libc::geteuid() } == 0 {
        assert_eq!(status("Uid:").split_whitespace().nth(3), Some("65534"));
        assert_eq!(status("Gid:").split_whitespace().nth(3), Some("65534"));
        assert_eq!(status("Groups:"), "");
    }
}

#[test]
fn an_owner_whose_files_end_processes_is_read_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let path = library(directory.path(), "a.so", &function_and(".text"));
    let first = address(&path, "first");
    let mut readers = Readers::default();
    let file = open(&mut readers, &path).unwrap();
    file.reader.borrow_mut().ends = super::MOST_ENDS;
    file.reader.borrow_mut().end();
    assert_eq!(names(&file, first), [""; 0]);
    assert!(file.reader.borrow().process.is_none());
    let mut readers = Readers::default();
    let file = open(&mut readers, &path).unwrap();
    file.reader.borrow_mut().cpu = Duration::from_secs(3600);
    assert_eq!(names(&file, first), [""; 0]);
    assert!(
        readers.notes()[0].contains("took too much time"),
        "{:?}",
        readers.notes()
    );
}

#[test]
fn an_answer_that_is_too_long_ends_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.so");
    let source = path.with_extension("s");
    let note =
        ".section .note.a,\"a\",@note\n.long 4,3000000,3\n.asciz \"GNU\"\n.fill 3000000,1,7\n";
    fs::write(&source, note).unwrap();
    let status = Command::new("cc")
        .args(["-shared", "-nostdlib", "-Wl,--build-id=none", "-o"])
        .args([&path, &source])
        .status();
    assert!(status.unwrap().success());
    let mut readers = Readers::default();
    assert!(open(&mut readers, &path).is_none());
    let notes = readers.notes();
    assert!(
        notes[0].starts_with("functions in 1 file have no names"),
        "{notes:?}"
    );
    let next = library(directory.path(), "next.so", &function_and(".text"));
    let file = open(&mut readers, &next).unwrap();
    assert_eq!(names(&file, address(&next, "first")), ["first"]);
}
