//! The first process of a guest, and its only one: makes the places that a kernel shows
//! itself in, answers the request on the second serial line, and turns the machine off.

use std::{
    convert::Infallible,
    ffi::CStr,
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write as _},
    os::fd::AsRawFd as _,
    process,
};

use super::initramfs::REQUEST;
use crate::{agent, host::process::Spawner};

/// The line that carries the answer. The console is the other one.
const LINE: &str = "/dev/ttyS0";

/// What this program is started with in a guest.
pub(super) const ARGUMENTS: [&str; 2] = ["agent", "--guest"];

/// What is mounted where; what a kernel does not have is left out.
const MOUNTS: &[(&CStr, &CStr)] = &[
    (c"devtmpfs", c"/dev"),
    (c"proc", c"/proc"),
    (c"sysfs", c"/sys"),
    (c"tmpfs", c"/tmp"),
    (c"tracefs", c"/sys/kernel/tracing"),
    (c"debugfs", c"/sys/kernel/debug"),
    (c"bpf", c"/sys/fs/bpf"),
    (c"cgroup2", c"/sys/fs/cgroup"),
];

/// Does all that a guest is for. It does not return: there is nothing to return to.
pub(crate) fn run() -> Infallible {
    // The messages go to the console, the end of which is shown where a guest fails.
    if process::id() != 1 {
        complain(&"this is not a guest");
        process::exit(2);
    }
    for (kind, place) in MOUNTS {
        mount(kind, place);
    }
    if let Err(cause) = answer() {
        complain(&cause);
    }
    turn_off()
}

fn answer() -> io::Result<()> {
    let line = File::options().read(true).write(true).open(LINE)?;
    make_raw(&line)?;
    let mut request = BufReader::new(File::open(REQUEST)?);
    let mut line = BufWriter::new(line);
    agent::serve(&mut request, &mut line, &Spawner::default())?;
    let line = line.into_inner().map_err(|failed| failed.into_error())?;
    // SAFETY: tcdrain takes a descriptor that is open as long as `line` lives.
    unsafe { libc::tcdrain(line.as_raw_fd()) };
    Ok(())
}

/// Bytes as they are: without this, a line ending becomes two bytes.
fn make_raw(line: &File) -> io::Result<()> {
    // SAFETY: the struct has integers only, for which zero is a valid value; the calls
    // fill and read it, and the descriptor is open as long as `line` lives.
    let result = unsafe {
        let mut settings: libc::termios = std::mem::zeroed();
        libc::tcgetattr(line.as_raw_fd(), &mut settings);
        libc::cfmakeraw(&mut settings);
        libc::tcsetattr(line.as_raw_fd(), libc::TCSANOW, &settings)
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn mount(kind: &CStr, place: &CStr) {
    let _ = fs::create_dir_all(place.to_string_lossy().as_ref());
    // SAFETY: all addresses are those of strings that outlive the call; no data is
    // passed.
    unsafe {
        libc::mount(
            kind.as_ptr(),
            place.as_ptr(),
            kind.as_ptr(),
            0,
            std::ptr::null(),
        )
    };
}

fn turn_off() -> Infallible {
    // SAFETY: it takes a number; nothing is on a disk.
    unsafe { libc::reboot(libc::RB_AUTOBOOT) };
    // It does not come back, except where this is no guest.
    process::exit(2)
}

fn complain(what: &dyn std::fmt::Display) {
    let _ = writeln!(io::stderr(), "cargo ebpf: {what}");
}
