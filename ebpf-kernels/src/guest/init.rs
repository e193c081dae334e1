//! The first process of a guest, and its only one: mounts the kernel's file systems, replies
//! to the request on the serial port, and turns the machine off.

use std::{
    convert::Infallible,
    ffi::CStr,
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write as _},
    os::fd::AsRawFd as _,
    process,
};

use super::initramfs::REQUEST;

/// The serial port that carries the reply. The console is the other one.
const PORT: &str = "/dev/ttyS0";

/// What is mounted where. What a kernel does not have is left out.
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

/// Runs as the first process of a guest: calls `serve` with the request of the
/// [`Initramfs`](super::Initramfs) and the serial port for the reply, and turns the guest off.
/// Error messages are printed on the console.
///
/// Anywhere but in a guest, it ends the process with exit code 2.
pub fn init(
    serve: impl FnOnce(&mut BufReader<File>, &mut BufWriter<File>) -> io::Result<()>,
) -> Infallible {
    if process::id() != 1 {
        complain(&"this is not a guest");
        process::exit(2);
    }
    for (kind, path) in MOUNTS {
        mount(kind, path);
    }
    if let Err(cause) = reply(serve) {
        complain(&cause);
    }
    turn_off()
}

fn reply(
    serve: impl FnOnce(&mut BufReader<File>, &mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let port = File::options().read(true).write(true).open(PORT)?;
    make_raw(&port)?;
    let mut port = BufWriter::new(port);
    serve(&mut BufReader::new(File::open(REQUEST)?), &mut port)?;
    let port = port.into_inner().map_err(|failed| failed.into_error())?;
    // SAFETY: tcdrain takes a descriptor that is open as long as `port` lives.
    unsafe { libc::tcdrain(port.as_raw_fd()) };
    Ok(())
}

/// Bytes as they are: without this, a line feed becomes two bytes.
fn make_raw(port: &File) -> io::Result<()> {
    // SAFETY: the struct has integers only, for which zero is a valid value; the calls
    // fill and read it, and the descriptor is open as long as `port` lives.
    let result = unsafe {
        let mut settings: libc::termios = std::mem::zeroed();
        libc::tcgetattr(port.as_raw_fd(), &mut settings);
        libc::cfmakeraw(&mut settings);
        libc::tcsetattr(port.as_raw_fd(), libc::TCSANOW, &settings)
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn mount(kind: &CStr, path: &CStr) {
    let _ = fs::create_dir_all(path.to_string_lossy().as_ref());
    // SAFETY: all addresses are those of strings that outlive the call; no data is
    // passed.
    unsafe {
        libc::mount(
            kind.as_ptr(),
            path.as_ptr(),
            kind.as_ptr(),
            0,
            std::ptr::null(),
        )
    };
}

fn turn_off() -> Infallible {
    // SAFETY: it takes a number; nothing is on a disk.
    unsafe { libc::reboot(libc::RB_AUTOBOOT) };
    // It returns only where this is not a guest.
    process::exit(2)
}

fn complain(what: &dyn std::fmt::Display) {
    let _ = writeln!(io::stderr(), "init: {what}");
}
