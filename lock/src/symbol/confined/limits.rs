//! What the process that reads files of others can do: hardly anything.

use std::{fs, io, ptr};

use crate::{
    server_process::{Parent, check},
    symbol::root,
};

/// How much memory it has beyond that of the recorder, which it begins with.
const MEMORY: u64 = 160 << 20;

/// The system calls of reading, mapping, and memory. None of them makes, sends or changes
/// anything outside of the process, but for answers to the recorder.
const CALLS: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_recvmsg,
    libc::SYS_openat,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_lseek,
    libc::SYS_pread64,
    libc::SYS_readlink,
    libc::SYS_readlinkat,
    libc::SYS_fcntl,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_getrandom,
    libc::SYS_futex,
    libc::SYS_clock_gettime,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// `AUDIT_ARCH_X86_64` of `linux/audit.h`.
const X86_64: u32 = 0xc000_003e;

/// What is left after [`confine`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Confined {
    /// Whether no other file can be reached by a path than those that are open, by their
    /// numbers: `/7` is the open file 7.
    pub(super) by_number: bool,
}

/// Leaves a new process, which has the socket as its only descriptor, what reading needs: files that
/// come through the socket, and the rights of a user on these.
pub(super) fn confine(parent: &Parent, uid: u32) -> io::Result<Confined> {
    let memory = private_memory("self")?.saturating_add(MEMORY);
    // SAFETY: strings that end in zero.
    let by_number =
        unsafe { libc::chroot(c"/proc/self/fd".as_ptr()) == 0 && libc::chdir(c"/".as_ptr()) == 0 };
    limit(libc::RLIMIT_CORE, 0)?;
    limit(libc::RLIMIT_FSIZE, 0)?;
    limit(libc::RLIMIT_DATA, memory)?;
    root::become_user(uid);
    drop_capabilities()?;
    parent.end_with()?;
    // SAFETY: numbers only.
    unsafe {
        check(libc::prctl(libc::PR_SET_DUMPABLE, 0))?;
        check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
    }
    allow_calls();
    Ok(Confined { by_number })
}

/// How much memory of its own a process has, as RLIMIT_DATA counts it.
pub(super) fn private_memory(process: &str) -> io::Result<u64> {
    const PAGE: u64 = 4096;
    let pages = fs::read_to_string(format!("/proc/{process}/statm"))?
        .split_whitespace()
        .nth(5)
        .and_then(|pages| pages.parse::<u64>().ok());
    Ok(pages.unwrap_or(0).saturating_mul(PAGE))
}

fn limit(resource: libc::__rlimit_resource_t, most: u64) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: most,
        rlim_max: most,
    };
    // SAFETY: `limit` is what the call reads.
    check(unsafe { libc::setrlimit(resource, &raw const limit) })
}

fn drop_capabilities() -> io::Result<()> {
    // _LINUX_CAPABILITY_VERSION_3, and this thread; then three sets, of 64 bits in two halves.
    let header: [u32; 2] = [0x2008_0522, 0];
    let nothing = [0_u32; 6];
    // SAFETY: both are what capset(2) reads in this version.
    let result = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), nothing.as_ptr()) };
    check(if result == 0 { 0 } else { -1 })
}

/// Has the kernel refuse all other system calls, where it can. It has no other limit to rely
/// on then, but those above.
fn allow_calls() {
    let instruction = |code: u32, on_equal: usize, k: u32| libc::sock_filter {
        code: code as u16,
        jt: u8::try_from(on_equal).unwrap_or(0),
        jf: 0,
        k,
    };
    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const COMPARE: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
    const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    // `struct seccomp_data`: the number of the call, then the architecture.
    let mut filter = vec![
        instruction(LOAD, 0, 4),
        instruction(COMPARE, 1, X86_64),
        instruction(RETURN, 0, REFUSE),
        instruction(LOAD, 0, 0),
    ];
    for (at, &call) in CALLS.iter().enumerate() {
        let over_the_rest = CALLS.len().saturating_sub(at);
        filter.push(instruction(COMPARE, over_the_rest, call as u32));
    }
    filter.push(instruction(RETURN, 0, REFUSE));
    filter.push(instruction(RETURN, 0, libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the program is as long as is said, and is copied by the kernel.
    unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
            ptr::null::<u8>(),
            ptr::null::<u8>(),
        );
    }
}
