//! A program with a thread that waits, and what the kernel's side would hand in of it.

use std::{
    fs::{self, File},
    io::ErrorKind,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    ptr, thread,
    time::{Duration, Instant},
};

use crate::symbol::{Registers, Symbols, UserStack, class::Operation};

const FUTEX: u64 = 202;

/// As much of the stack as the kernel's side copies.
const STACK: usize = 16 << 10;

/// A thread that waits on a futex.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) pid: u32,
    pub(super) registers: Registers,
    pub(super) stack: Vec<u8>,
    pub(super) operation: Operation,
}

impl Waiter {
    pub(super) fn named_by(&self, symbols: &mut Symbols) -> UserStack {
        symbols.user_stack(self.pid, self.registers, &self.stack, Some(self.operation))
    }
}

/// A process that ends with the test.
pub(super) struct WaitingProcess(pub(super) Child);

impl Drop for WaitingProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let _ = fs::remove_file(format!("/tmp/perf-{}.map", self.0.id()));
    }
}

impl WaitingProcess {
    pub(super) fn start(command: &mut Command) -> Self {
        Self(
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .unwrap_or_else(|error| panic!("failed to spawn {command:?}: {error}")),
        )
    }

    pub(super) fn waiter(&self) -> Waiter {
        waiter(self.0.id(), false)
    }
}

/// Waits until a thread of a process waits on a futex, by preference not the first.
pub(super) fn waiter(pid: u32, first: bool) -> Waiter {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        for tid in threads(pid) {
            if (tid == pid) == first && in_futex(pid, tid) {
                // It is the same wait a little later: not a short one of the program's start.
                thread::sleep(Duration::from_millis(50));
                if in_futex(pid, tid) {
                    return look(pid, tid);
                }
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("no thread of {pid} waits on a futex");
}

pub(super) fn threads(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    tasks
        .filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

pub(super) fn in_futex(pid: u32, tid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/task/{tid}/syscall"))
        .is_ok_and(|call| call.starts_with("202 "))
}

pub(super) fn look(pid: u32, tid: u32) -> Waiter {
    let thread = tid as libc::pid_t;
    let nothing = ptr::null_mut::<libc::c_void>();
    // SAFETY: all zero bits are registers.
    let mut user: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    // SAFETY: ptrace and waitpid take numbers, and `user` is what GETREGS writes.
    unsafe {
        assert_eq!(
            libc::ptrace(libc::PTRACE_SEIZE, thread, nothing, nothing),
            0,
            "ptrace of an own child: {}",
            std::io::Error::last_os_error()
        );
        libc::ptrace(libc::PTRACE_INTERRUPT, thread, nothing, nothing);
        libc::waitpid(thread, ptr::null_mut(), libc::__WALL);
        assert_eq!(
            libc::ptrace(libc::PTRACE_GETREGS, thread, nothing, &raw mut user),
            0
        );
    }
    assert_eq!(user.orig_rax, FUTEX);
    let mut stack = vec![0; STACK];
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut read = 0;
    while read < STACK {
        match memory.read_at(&mut stack[read..], user.rsp + read as u64) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // The stack's end.
            Err(_) => break,
        }
    }
    stack.truncate(read);
    // SAFETY: as above.
    unsafe { libc::ptrace(libc::PTRACE_DETACH, thread, nothing, nothing) };
    Waiter {
        pid,
        registers: Registers {
            ip: user.rip,
            sp: user.rsp,
            bp: user.rbp,
        },
        stack,
        operation: Operation::futex(user.rsi as u32, user.rdx as u32),
    }
}

/// See [`test_support::waiting_program`].
pub(super) fn compile(directory: &Path, name: &str, options: &[&str]) -> PathBuf {
    test_support::waiting_program(directory, name, options).expect("cc works: rustc links with it")
}

/// The functions of a stack; `-` for one without a name.
pub(super) fn functions(stack: &UserStack) -> Vec<&str> {
    stack
        .frames
        .iter()
        .map(|frame| frame.function.as_deref().unwrap_or("-"))
        .collect()
}

/// The caller: the first function that is no locking code.
pub(super) fn caller(stack: &UserStack) -> &str {
    let functions = functions(stack);
    functions
        .get(stack.locking_frames as usize)
        .copied()
        .unwrap_or_else(|| panic!("no caller in {stack:#?}"))
}
