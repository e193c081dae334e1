//! Programs in C.

use std::{fs, io::Write as _, path::Path, process::Command, time::Instant};

use super::waiting_process::{WaitingProcess, caller, compile, functions};
use crate::{
    profile::lock_type::Class,
    symbol::{MOST_PROCESSES, Symbols, UserStack},
};

fn assert_whole(stack: &UserStack) {
    let functions = functions(stack);
    let from = stack.locking_frames as usize;
    assert_eq!(
        functions[from..from + 7],
        [
            "wants_lock",
            "inlined",
            "middle",
            "middle",
            "middle",
            "middle",
            "thread_main"
        ],
        "{stack:#?}"
    );
    assert!(!stack.cut, "{stack:#?}");
    assert!(functions.len() >= from + 8, "{functions:?}");
}

#[test]
fn the_locks_of_glibc_without_frame_pointers() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), "waiting", &["-g"]);
    for (how, class) in [
        ("mutex", Class::Mutex),
        ("timed", Class::Mutex),
        ("read", Class::RwLock),
        ("write", Class::RwLock),
        ("pi", Class::PiMutex),
        ("semaphore", Class::Semaphore),
        ("barrier", Class::Barrier),
        ("join", Class::Join),
        ("condition", Class::Condvar),
    ] {
        let process = WaitingProcess::start(Command::new(&program).arg(how));
        let stack = process.waiter().named_by(&mut Symbols::new());
        assert_eq!(stack.class, class, "{how}: {stack:#?}");
        assert_whole(&stack);
        let inlined = &stack.frames[stack.locking_frames as usize + 1];
        assert!(inlined.inlined, "{inlined:?}");
        assert_eq!(inlined.module, "waiting");
        assert!(inlined.file.as_deref().unwrap().ends_with("waiting.c"));
        assert!(inlined.line.is_some());
    }
}

#[test]
fn a_stripped_program_has_its_build_id() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), "waiting", &["-s"]);
    let process = WaitingProcess::start(Command::new(&program).arg("mutex"));
    let stack = process.waiter().named_by(&mut Symbols::new());
    assert_eq!(caller(&stack), "-", "{stack:#?}");
    assert_eq!(stack.class, Class::Mutex);
    assert!(!stack.cut, "{stack:#?}");
    let frame = &stack.frames[stack.locking_frames as usize];
    assert!(frame.module.starts_with("waiting (build id "), "{frame:?}");
    assert!(frame.address < 1 << 20, "within the file: {frame:?}");
}

#[test]
fn a_c_library_without_debugging_information() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), "waiting", &["-g"]);
    let library = String::from_utf8(
        Command::new("cc")
            .arg("-print-file-name=libc.so.6")
            .output()
            .unwrap()
            .stdout,
    )
    .unwrap();
    let copied = Command::new("objcopy")
        .args([
            "--strip-debug",
            "--remove-section=.gnu_debuglink",
            library.trim(),
        ])
        .arg(folder.path().join("libc.so.6"))
        .status()
        .unwrap();
    assert!(copied.success());
    for (how, class) in [
        ("mutex", Class::Mutex),
        ("timed", Class::Mutex),
        ("read", Class::RwLock),
        ("pi", Class::PiMutex),
        // Its outer function has jumped to an inner one, and leaves no frame.
        ("semaphore", Class::Semaphore),
        ("barrier", Class::Barrier),
        ("join", Class::Join),
        ("condition", Class::Condvar),
    ] {
        let process = WaitingProcess::start(
            Command::new(&program)
                .arg(how)
                .env("LD_LIBRARY_PATH", folder.path()),
        );
        let stack = process.waiter().named_by(&mut Symbols::new());
        assert!(stack.frames[0].line.is_none(), "{stack:#?}");
        assert_eq!(stack.class, class, "{how}: {stack:#?}");
        assert_whole(&stack);
    }
}

#[test]
fn a_deleted_and_a_replaced_program_keep_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), "waiting", &["-g"]);
    let process = WaitingProcess::start(Command::new(&program).arg("mutex"));
    let waiter = process.waiter();
    fs::remove_file(&program).unwrap();
    assert_whole(&waiter.named_by(&mut Symbols::new()));
    fs::copy("/bin/true", &program).unwrap();
    assert_whole(&waiter.named_by(&mut Symbols::new()));
}

#[test]
fn names_come_right_after_the_process_ended() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), "waiting", &["-g"]);
    let mut symbols = Symbols::new();
    let process = WaitingProcess::start(Command::new(&program).arg("mutex"));
    let waiter = process.waiter();
    symbols.prepare(waiter.pid);
    drop(process);
    drop(folder);
    assert_whole(&waiter.named_by(&mut symbols));
    // Nothing is known of one that ended before.
    let stack = waiter.named_by(&mut Symbols::new());
    assert_eq!(functions(&stack), ["-"]);
    assert!(stack.cut);
    assert_eq!((stack.class, stack.locking_frames), (Class::Mutex, 0));
}

#[test]
fn code_that_was_compiled_at_run_time() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), "waiting", &["-g"]);
    let process = WaitingProcess::start(Command::new(&program).arg("jit"));
    assert_compiled(&process.waiter().named_by(&mut Symbols::new()));
}

fn assert_compiled(stack: &UserStack) {
    let names = functions(stack);
    let from = stack.locking_frames as usize;
    assert_eq!(
        names[from..from + 4],
        [
            "wants_lock",
            "LazyCompile:*hot app.js:7",
            "jit",
            "thread_main"
        ],
        "{stack:#?}"
    );
    assert_eq!(stack.frames[from + 1].module, "[jit]");
    assert!(!stack.cut);
}

#[test]
fn a_process_that_becomes_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), "waiting", &["-g", "-no-pie"]);
    let other = compile(folder.path(), "other", &["-g", "-no-pie", "-O1"]);
    let mut process = WaitingProcess::start(Command::new(&program).arg("exec").arg(&other));
    let mut symbols = Symbols::new();
    while !Path::new(&format!("/proc/{}/exe", process.0.id()))
        .read_link()
        .is_ok_and(|exe| exe.ends_with("waiting"))
    {}
    symbols.prepare(process.0.id());
    process.0.stdin.take().unwrap().write_all(b"\n").unwrap();
    let stack = process.waiter().named_by(&mut symbols);
    assert_whole(&stack);
    let frame = &stack.frames[stack.locking_frames as usize];
    assert_eq!(frame.module, "other");
}

#[test]
fn a_library_that_is_loaded_later() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), "waiting", &["-g"]);
    let (source, library) = (folder.path().join("l.c"), folder.path().join("later.so"));
    let code = "void from_library(void (*wait)(void)) { wait(); __asm__ volatile(\"\"); }\n";
    fs::write(&source, code).unwrap();
    let built = Command::new("cc")
        .args(["-O2", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status()
        .unwrap();
    assert!(built.success());
    let mut process = WaitingProcess::start(Command::new(&program).arg("load").arg(&library));
    let maps = format!("/proc/{}/maps", process.0.id());
    while !fs::read_to_string(&maps).unwrap().contains("libc.so") {}
    let mut symbols = Symbols::new();
    symbols.prepare(process.0.id());
    process.0.stdin.take().unwrap().write_all(b"\n").unwrap();
    let stack = process.waiter().named_by(&mut symbols);
    let from = stack.locking_frames as usize;
    assert_eq!(
        functions(&stack)[from..from + 4],
        ["wants_lock", "from_library", "loaded", "thread_main"],
        "{stack:#?}"
    );
    assert_eq!(stack.frames[from + 1].module, "later.so");
    assert!(!stack.cut);
}

#[test]
fn a_fork_bomb_is_forgotten() {
    let mut symbols = Symbols::new();
    symbols.prepare(std::process::id());
    for pid in 5_000_000..5_002_000 {
        symbols.prepare(pid);
    }
    assert_eq!(symbols.processes.len(), MOST_PROCESSES);
    let notes = symbols.notes(true);
    assert!(notes.is_empty(), "{notes:?}");
}

/// `cargo test -p lockprof --release --lib a_stack_is_quick -- --ignored --nocapture`
#[test]
#[ignore = "measures time: run it alone, in release"]
#[expect(clippy::print_stderr, reason = "the figure is what it is run for")]
fn a_stack_is_quick() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), "waiting", &["-g"]);
    let process = WaitingProcess::start(Command::new(&program).arg("mutex"));
    let waiter = process.waiter();
    let mut symbols = Symbols::new();
    let begun = Instant::now();
    assert_whole(&waiter.named_by(&mut symbols));
    let first = begun.elapsed();
    let begun = Instant::now();
    for _ in 0..20_000 {
        std::hint::black_box(waiter.named_by(&mut symbols));
    }
    let mean = begun.elapsed() / 20_000;
    eprintln!("the first took {first:?}, others {mean:?}");
    assert!(mean.as_micros() < 20, "{mean:?}");
}
