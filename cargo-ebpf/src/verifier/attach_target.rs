//! What bpf(2) wants to know, when a program is loaded, of the place it is for.

use ebpf_base::btf::Kind;
use ebpf_object::Target;

/// What stands for a program's target when it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttachTarget {
    /// Nothing: it is chosen when the program is attached.
    AtAttach,
    /// A type of the kernel's BTF: this prefix, then the target's name.
    KernelType {
        prefix: &'static str,
        kind: Kind,
        /// How people call such a thing.
        what: &'static str,
    },
    /// Something that the object alone does not tell, and why.
    Elsewhere {
        reason: &'static str,
        fix: &'static str,
    },
}

impl From<Target> for AttachTarget {
    fn from(target: Target) -> Self {
        let kernel_type = |prefix, kind, what| Self::KernelType { prefix, kind, what };
        match target {
            Target::Label | Target::Named | Target::Tracepoint => Self::AtAttach,
            Target::BtfTracepoint => kernel_type("btf_trace_", Kind::Typedef, "tracepoint"),
            Target::Function => kernel_type("", Kind::Func, "function"),
            Target::LsmHook => kernel_type("bpf_lsm_", Kind::Func, "LSM hook"),
            Target::Iterator => kernel_type("bpf_iter_", Kind::Func, "iterator"),
            Target::OtherProgram => Self::Elsewhere {
                reason: "this program replaces a function of another program, which must be \
                         loaded first",
                fix: "pass the object that contains the other program: \
                      --freplace OBJECT[:PROGRAM]",
            },
            Target::StructOps => Self::Elsewhere {
                reason: "this program belongs to a struct_ops map, and is loaded together with it",
                fix: "",
            },
        }
    }
}

/// Whether the kernel calls programs for such a target through a BPF trampoline.
pub(super) fn needs_trampoline(target: Target) -> bool {
    matches!(target, Target::Function | Target::LsmHook)
}
