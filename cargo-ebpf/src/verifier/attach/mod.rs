//! Attaches a program that was loaded, for a moment, and detaches it at once. What it is
//! attached to is made for it wherever that can be (a network namespace, a cgroup, a
//! socket), so that nothing of this machine changes; tracing programs see the whole
//! system meanwhile. All of it goes with its descriptors, and so with this process.

mod cgroup;
mod clsact;
mod network;
mod perf;
mod private;
mod socket;
mod tracefs;
mod tracing;
mod user_function;

use std::{ffi::CString, io, os::fd::BorrowedFd};

use aya_obj::generated::{BPF_CALL, BPF_JMP, bpf_func_id, bpf_insn};
use ebpf_base::KernelVersion;
use ebpf_base::untrusted;
use ebpf_build::Finding;
use ebpf_object::{Hook, Name};

use super::observation::{Attach, Attaching};
use crate::{code::Code, host::kernel::Kernel};

/// A program that the kernel has loaded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Program<'a> {
    pub(super) kernel: &'a Kernel,
    pub(super) hook: &'a Hook,
    pub(super) instructions: &'a [bpf_insn],
    pub(super) descriptor: BorrowedFd<'a>,
}

/// Why a program is not attached.
#[derive(Debug)]
enum Failure {
    /// The kernel was asked, and refused.
    Refused {
        error: io::Error,
        /// What is known beyond the error.
        cause: Option<String>,
        fix: Option<String>,
    },
    /// It was not asked.
    NotTried {
        reason: String,
        fix: Option<&'static str>,
    },
}

impl Failure {
    fn not_tried(reason: impl Into<String>) -> Self {
        Self::NotTried {
            reason: reason.into(),
            fix: None,
        }
    }

    /// Its loader attaches it, in a way that is not implemented here.
    fn attached_by_others(how: &str) -> Self {
        Self::not_tried(format!(
            "programs of this type are attached {how}, which cargo ebpf does not do"
        ))
    }

    fn refused(error: io::Error, cause: impl Into<String>, fix: &str) -> Self {
        Self::Refused {
            error,
            cause: Some(cause.into()),
            fix: (!fix.is_empty()).then(|| fix.to_owned()),
        }
    }
}

/// An error of the call that attaches.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Refused {
            error,
            cause: None,
            fix: None,
        }
    }
}

type Attempt = Result<(), Failure>;

/// Attaches `program` and detaches it. None if that is not asked for, or it is of a kind
/// that is never attached.
pub(super) fn attempt(program: &Program<'_>, attaching: Attaching) -> Option<Attach> {
    if attaching == Attaching::Nothing || program.hook.prefix == "syscall" {
        return None;
    }
    let attempt = match program.interferes() {
        Some(what) if attaching == Attaching::Watchers => Err(Failure::NotTried {
            reason: format!("while it is attached, {what}, for all processes on this machine"),
            fix: Some("attach it in a guest, where it affects nobody else: --kernel 6.12"),
        }),
        _ => attach(program),
    };
    Some(match attempt {
        Ok(()) => Attach::Attached,
        Err(failure) => judge(failure),
    })
}

/// How each kind of program is attached, by the beginning of its section's name.
fn attach(program: &Program<'_>) -> Attempt {
    use tracing::Moment::{Both, Entry, Return};
    match program.hook.prefix {
        "tp" | "tracepoint" => perf::tracepoint(program),
        "kprobe" | "ksyscall" => perf::kprobe(program, Entry),
        "kretprobe" | "kretsyscall" => perf::kprobe(program, Return),
        "uprobe" => perf::uprobe(program, Entry),
        "uretprobe" => perf::uprobe(program, Return),
        "perf_event" => perf::clock(program),

        "raw_tp" | "raw_tp.w" | "raw_tracepoint" | "raw_tracepoint.w" => {
            tracing::raw_tracepoint(program)
        }
        "tp_btf" | "fentry" | "fexit" | "fsession" | "fmod_ret" | "lsm" => {
            tracing::as_loaded(program)
        }
        "iter" => tracing::iterator(program),
        "kprobe.multi" => tracing::kernel_functions(program, Entry),
        "kretprobe.multi" => tracing::kernel_functions(program, Return),
        "kprobe.session" => tracing::kernel_functions(program, Both),
        "uprobe.multi" => tracing::user_functions(program, Entry),
        "uretprobe.multi" => tracing::user_functions(program, Return),
        "uprobe.session" => tracing::user_functions(program, Both),

        "xdp" | "xdp.frags" => network::xdp(program),
        "tc" | "tc/ingress" | "tc/egress" | "classifier" => network::classifier(program),
        "tcx/ingress" | "tcx/egress" => network::tcx(program),
        "sk_lookup" => network::namespace(program, KernelVersion::new(5, 9)),
        "flow_dissector" => network::namespace(program, KernelVersion::new(5, 8)),
        "netfilter" => network::netfilter(program),

        "socket" => socket::filter(program),
        "sk_reuseport" | "sk_reuseport/migrate" => socket::reuseport(program),
        "sk_msg"
        | "sk_skb"
        | "sk_skb/stream_parser"
        | "sk_skb/stream_verdict"
        | "sk_skb/verdict" => socket::map(program),

        "sockops" | "lsm_cgroup" => cgroup::attach(program),
        prefix if prefix.starts_with("cgroup") => cgroup::attach(program),

        "action" => Err(Failure::attached_by_others("as actions of tc filters")),
        "xdp/cpumap" | "xdp/devmap" | "xdp.frags/cpumap" | "xdp.frags/devmap" => {
            Err(Failure::attached_by_others("by storing them in a map"))
        }
        "lwt_in" | "lwt_out" | "lwt_xmit" | "lwt_seg6local" => {
            Err(Failure::attached_by_others("to routes"))
        }
        "netkit/peer" | "netkit/primary" => Err(Failure::attached_by_others("to netkit devices")),
        "lirc_mode2" => Err(Failure::attached_by_others("to infrared receivers")),
        "usdt" => Err(Failure::not_tried(
            "cargo ebpf does not attach usdt programs: their loader must read the addresses of the \
             probe from the traced file",
        )),
        other => Err(Failure::not_tried(format!(
            "cargo ebpf cannot attach programs of section `{other}`"
        ))),
    }
}

/// Helpers with which a tracing program does more than watch, and what they do.
const INTERFERING: [(bpf_func_id, &str); 4] = [
    (
        bpf_func_id::BPF_FUNC_override_return,
        "it can override return values of kernel functions (bpf_override_return)",
    ),
    (
        bpf_func_id::BPF_FUNC_probe_write_user,
        "it can write to the memory of processes (bpf_probe_write_user)",
    ),
    (
        bpf_func_id::BPF_FUNC_send_signal,
        "it can send signals (bpf_send_signal)",
    ),
    (
        bpf_func_id::BPF_FUNC_send_signal_thread,
        "it can send signals (bpf_send_signal_thread)",
    ),
];

impl Program<'_> {
    /// What it can do to processes that have nothing to do with it, beyond watching them.
    fn interferes(&self) -> Option<&'static str> {
        match self.hook.prefix {
            "lsm" => return Some("it can deny operations"),
            "fmod_ret" => return Some("it can override the return value of a kernel function"),
            "raw_tp.w" | "raw_tracepoint.w" => return Some("it can change what is traced"),
            _ => {}
        }
        let called = |id: bpf_func_id| {
            self.instructions.iter().any(|instruction| {
                u32::from(instruction.code) == BPF_JMP | BPF_CALL
                    && instruction.src_reg() == 0
                    && instruction.imm == id as i32
            })
        };
        // Everything else is attached to what nobody else uses.
        INTERFERING
            .into_iter()
            .find_map(|(id, what)| called(id).then_some(what))
    }

    /// What stands behind the section's prefix.
    fn target(&self, what: &str) -> Result<&str, Failure> {
        self.hook
            .target_name
            .as_ref()
            .map(Name::as_str)
            .ok_or_else(|| Failure::NotTried {
                reason: format!("its section does not name the {what}: the loader chooses it"),
                fix: Some(
                    "name the target in the program's attribute or section, such as \
                     #[fentry(function = \"..\")], so that it can be attached",
                ),
            })
    }

    /// As [`Self::target`], for the kernel.
    fn target_for_kernel(&self, what: &str) -> Result<CString, Failure> {
        let target = self.target(what)?;
        CString::new(target)
            .map_err(|_| Failure::not_tried(format!("the name of a {what} cannot contain NUL")))
    }

    /// A refusal by a kernel from before there were links of this kind says nothing of
    /// the program: there, loaders attach it in another way.
    fn links_came_with(&self, since: KernelVersion, failure: Failure) -> Failure {
        match failure {
            Failure::Refused { error, .. }
                if error.raw_os_error() == Some(libc::EINVAL) && self.kernel.version < since =>
            {
                Failure::not_tried(format!(
                    "cargo ebpf attaches it with a BPF link, which requires Linux {since}"
                ))
            }
            failure => failure,
        }
    }

    /// A refusal by a kernel that is older than `what`, which came with `since`, or was
    /// built without it, says so.
    fn came_with(&self, since: KernelVersion, what: &str, failure: Failure) -> Failure {
        /// What kernels answer to kinds of links that they do not know.
        const UNKNOWN: [i32; 2] = [libc::EINVAL, libc::EOPNOTSUPP];
        let error = match failure {
            Failure::Refused {
                error, cause: None, ..
            } => error,
            known => return known,
        };
        if !error
            .raw_os_error()
            .is_some_and(|number| UNKNOWN.contains(&number))
        {
            return error.into();
        }
        let cause = if self.kernel.version < since {
            format!("{what} came with Linux {since}")
        } else {
            format!("this kernel may have been built without {what}")
        };
        Failure::refused(
            error,
            cause,
            "use another hook on this kernel, or another kernel",
        )
    }
}

fn judge(failure: Failure) -> Attach {
    match failure {
        Failure::Refused { error, cause, fix } => {
            let mut finding =
                Finding::error(Code::AttachRefused, "loaded, but could not be attached").because(
                    match cause {
                        Some(cause) => format!("{}: {cause}", described(&error)),
                        None => described(&error),
                    },
                );
            finding.fix = fix;
            Attach::Refused(finding)
        }
        Failure::NotTried { reason, fix } => {
            let mut finding =
                Finding::warning(Code::AttachNotTried, "loaded, but not attached").because(reason);
            finding.fix = fix.map(str::to_owned);
            Attach::NotTried(finding)
        }
    }
}

fn described(error: &io::Error) -> String {
    /// include/linux/errno.h; user space has no words for it.
    const ENOTSUPP: i32 = 524;
    match error.raw_os_error() {
        Some(ENOTSUPP) => "this kernel does not support it (os error 524)".to_owned(),
        _ => untrusted::lines(&error.to_string()).into_owned(),
    }
}
