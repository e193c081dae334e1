//! Has the kernel time all programs, from a process of its own.
//!
//! The kernel asks for CAP_SYS_ADMIN each time. The recorder reads what belongs to others, and gives
//! that capability up; this process has no other, and nothing else to do.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::{FromRawFd as _, OwnedFd},
    time::Duration,
};

use ebpf_base::capability::{Capabilities, Capability};

use crate::{
    probe::syscall,
    server_process::{Parent, ServerProcess},
};

const OFF: u8 = 0;
const ON: u8 = 1;

/// How long an answer may take, on a busy machine.
const ANSWER: Duration = Duration::from_secs(2);

/// Turns the timing of programs on and off.
#[derive(Debug)]
pub(super) struct TimingSwitch(ServerProcess);

impl TimingSwitch {
    /// To be called before [`crate::privileges::give_up`].
    pub(super) fn start() -> io::Result<Self> {
        let process = ServerProcess::start(serve)?;
        process.socket().set_read_timeout(Some(ANSWER))?;
        Ok(Self(process))
    }

    /// Has programs timed, until [`Self::off`] or the end of this process.
    pub(super) fn on(&self) -> io::Result<()> {
        self.order(ON)
    }

    pub(super) fn off(&self) -> io::Result<()> {
        self.order(OFF)
    }

    fn order(&self, order: u8) -> io::Result<()> {
        let mut socket = self.0.socket();
        socket.write_all(&[order])?;
        let mut errno = [0; size_of::<i32>()];
        socket.read_exact(&mut errno)?;
        match i32::from_le_bytes(errno) {
            0 => Ok(()),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

/// Obeys orders that come through descriptor 0, until it is closed.
fn serve(_: &Parent) -> io::Result<()> {
    Capabilities::of(&[Capability::SysAdmin]).keep()?;
    // SAFETY: that is the socket, and nothing else here has it.
    let mut socket = File::from(unsafe { OwnedFd::from_raw_fd(0) });
    let mut timed = None;
    loop {
        let mut order = [OFF];
        socket.read_exact(&mut order)?;
        drop(timed.take());
        let mut errno = 0;
        if order == [ON] {
            match syscall::enable_run_time_statistics() {
                Ok(descriptor) => timed = Some(descriptor),
                Err(error) => errno = error.raw_os_error().unwrap_or(libc::EIO),
            }
        }
        socket.write_all(&i32::to_le_bytes(errno))?;
    }
}
