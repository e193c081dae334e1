//! `lock top` on a terminal of its own, showing a recording: no kernel is asked.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
        unix::process::CommandExt as _,
    },
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use flate2::{Compression, write::GzEncoder};

/// What takes a terminal over, and what gives it back.
const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";
/// Long enough for a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// A running `lock top` and its terminal.
struct Top {
    child: Child,
    terminal: Option<File>,
    seen: String,
    _folder: tempfile::TempDir,
}

impl Top {
    fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, libc::SIG_DFL)
    }

    /// The same, with what it does when its terminal hangs up.
    fn start_with(arguments: &[&str], hang_up: libc::sighandler_t) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let recording = recording(&folder);
        let (ours, theirs) = terminal();
        let stdio = || Stdio::from(theirs.try_clone().expect("a descriptor"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_lock"));
        command
            .args(["top", "--replay"])
            .arg(&recording)
            .args(arguments)
            .env("TERM", "xterm")
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio());
        // SAFETY: these calls are allowed between fork and exec, and take integers.
        unsafe {
            command.pre_exec(move || {
                libc::signal(libc::SIGHUP, hang_up);
                libc::setsid();
                libc::ioctl(0, libc::TIOCSCTTY, 0);
                Ok(())
            });
        }
        let child = command.spawn().expect("it starts");
        drop(command);
        drop(theirs);
        Self {
            child,
            terminal: Some(ours),
            seen: String::new(),
            _folder: folder,
        }
    }

    /// Waits until this was written.
    fn until(&mut self, text: &str) {
        let deadline = Instant::now() + LIMIT;
        let mut terminal = self.terminal.as_ref().expect("there");
        let mut bytes = [0; 4096];
        while !self.seen.contains(text) {
            assert!(
                readable(terminal) && Instant::now() < deadline,
                "no {text:?} in {:?}",
                self.seen
            );
            // Nothing more once the program has ended.
            let count = terminal.read(&mut bytes).unwrap_or(0);
            assert!(count > 0, "no {text:?} in {:?}", self.seen);
            let more = String::from_utf8_lossy(&bytes[..count]);
            self.seen.push_str(&more);
        }
    }

    fn press(&mut self, keys: &str) {
        let mut terminal = self.terminal.as_ref().expect("there");
        terminal.write_all(keys.as_bytes()).expect("written");
    }

    /// Waits for the end.
    fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < deadline, "does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether keys are passed on one by one.
    fn is_raw(&self) -> bool {
        // SAFETY: termios is plain data, for which zero is a value.
        let mut state: libc::termios = unsafe { std::mem::zeroed() };
        let terminal = self.terminal.as_ref().expect("there").as_raw_fd();
        // SAFETY: the state is written to the pointer.
        let result = unsafe { libc::tcgetattr(terminal, &raw mut state) };
        assert_eq!(result, 0, "tcgetattr");
        state.c_lflag & libc::ICANON == 0
    }
}

impl Drop for Top {
    fn drop(&mut self) {
        // It has ended, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until there is something to read; false if that takes too long.
fn readable(terminal: &File) -> bool {
    let mut poll = libc::pollfd {
        fd: terminal.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one pollfd is passed, as is said.
    let result = unsafe { libc::poll(&raw mut poll, 1, LIMIT.as_millis() as i32) };
    result == 1
}

/// A new terminal of 80 columns and 24 lines: our end, and that of the program.
fn terminal() -> (File, OwnedFd) {
    let (mut ours, mut theirs) = (-1, -1);
    let size = libc::winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: two descriptors are written, the size is read; the others may be null.
    let result = unsafe {
        libc::openpty(
            &raw mut ours,
            &raw mut theirs,
            std::ptr::null_mut(),
            std::ptr::null(),
            &raw const size,
        )
    };
    assert_eq!(result, 0, "openpty");
    for fd in [ours, theirs] {
        // SAFETY: takes integers. Else the program had our end, too, and never saw it close.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    // SAFETY: both were just opened, and are nobody else's.
    unsafe { (File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) }
}

/// A recording of one mutex, as docs/recording-format.md describes it.
fn recording(folder: &tempfile::TempDir) -> PathBuf {
    let interval = r#"{"interval":{"duration_ns":1000000000,"locks":[{
        "identity":{"kind":"kernel","address":4096},"lock_type":{"kernel":32},"operation":"",
        "name":"the_hot_lock",
        "waits":{"count":3,"total_ns":3000,"min_ns":1000,"max_ns":1000,"histogram":{"39":3},
        "spin_ns":0,"runqueue_ns":0,"timed_out":0,"interrupted":0,"not_acquired":0,
        "not_acquired_ns":0}}]}}"#
        .replace('\n', "");
    let mut file = Vec::new();
    for line in [r#"{"lock-recording":1,"lock":"test"}"#, &interval] {
        let mut member = GzEncoder::new(&mut file, Compression::fast());
        writeln!(member, "{line}").expect("written");
        member.finish().expect("finished");
    }
    let path = folder.path().join("recording");
    fs::write(&path, file).expect("written");
    path
}

#[test]
fn q_gives_the_terminal_back() {
    let mut top = Top::start(&[]);
    top.until("the_hot_lock");
    assert!(top.seen.contains(ENTER));
    assert!(top.is_raw());
    top.press("q");
    assert_eq!(top.ended().code(), Some(0));
    top.until(LEAVE);
    assert!(!top.is_raw());
}

#[test]
fn signals_give_the_terminal_back() {
    for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT] {
        let mut top = Top::start(&[]);
        top.until("the_hot_lock");
        // SAFETY: takes integers; the child has not been waited for.
        unsafe { libc::kill(top.child.id().cast_signed(), signal) };
        assert_eq!(top.ended().code(), Some(0), "signal {signal}");
        top.until(LEAVE);
        assert!(!top.is_raw());
    }
}

#[test]
fn a_terminal_that_vanishes_ends_it() {
    // With and without the signal that says so.
    for hang_up in [libc::SIG_DFL, libc::SIG_IGN] {
        let mut top = Top::start_with(&["--interval", "60"], hang_up);
        top.until("the_hot_lock");
        top.terminal = None;
        assert_eq!(top.ended().code(), Some(0));
    }
}

#[test]
fn looking_in_and_help_and_ctrl_c() {
    let mut top = Top::start(&[]);
    top.until("the_hot_lock");
    top.press("\r");
    top.until("None of these waits has been sampled");
    top.press("\u{1b}");
    top.press("?");
    top.until("─┐");
    top.press("\u{3}");
    assert_eq!(top.ended().code(), Some(0));
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_lock"));
    command.args(["top", "--replay"]).arg(recording(&folder));
    let piped = command.env("TERM", "xterm").output().expect("it starts");
    let told = String::from_utf8_lossy(&piped.stderr);
    assert_eq!(piped.status.code(), Some(1));
    assert!(told.contains("error[no-terminal]"), "{told}");
    assert!(told.contains("`lock record`"), "{told}");
}
