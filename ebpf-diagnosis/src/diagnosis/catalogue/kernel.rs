//! Classes without a verifier log: recognised by the error and by what was loaded.

use super::{Class, page};

pub(super) const CLASSES: &[Class] = &[
    Class {
        code: "kernel-unsupported",
        title: "this kernel does not support the program type",
        rule: "the program type, its hook and what it needs (a BPF trampoline) must exist in the running kernel",
        hint: "use another hook on this kernel, or another kernel; `cargo ebpf requirements` shows which one has it",
        cases: &[],
        page: page!("kernel-unsupported"),
        patterns: &[],
    },
    Class {
        code: "attach-target",
        title: "this kernel does not have the target of the program",
        rule: "the tracepoint, function or hook that a program names must be in the running kernel's BTF",
        hint: "name another target, or load the program only on kernels whose BTF (`/sys/kernel/btf/vmlinux`) has it",
        cases: &[],
        page: page!("attach-target"),
        patterns: &[],
    },
    Class {
        code: "map-refused",
        title: "the kernel did not create a map",
        rule: "the running kernel must support the type, flags and sizes of a map",
        hint: "the line `cause:` of the error contains the sizes and flags; use an older map type on older kernels (ring buffers: Linux 5.8)",
        cases: &[],
        page: page!("map-refused"),
        patterns: &[],
    },
    Class {
        code: "btf-refused",
        title: "the kernel did not accept the object's BTF",
        rule: "the running kernel must know the kinds of the types, and names must be C identifiers",
        hint: "build with bpf-linker's `--btf`, which makes names valid; the line `cause:` of the error names the affected type",
        cases: &[],
        page: page!("btf-refused"),
        patterns: &[],
    },
    Class {
        code: "memlock-limit",
        title: "the limit on locked memory is too low for BPF",
        rule: "before Linux 5.11 programs and maps count against RLIMIT_MEMLOCK",
        hint: "raise the limit: `ulimit -l unlimited`, or run as root",
        cases: &[],
        page: page!("memlock-limit"),
        patterns: &[],
    },
    Class {
        code: "no-rights",
        title: "this process may not load BPF programs",
        rule: "loading requires CAP_BPF, and depending on the type CAP_PERFMON (tracing) or CAP_NET_ADMIN (networking); before Linux 5.8 CAP_SYS_ADMIN",
        hint: "run the same command as root",
        cases: &[],
        page: page!("no-rights"),
        patterns: &[],
    },
    Class {
        code: "core-relocation",
        title: "a CO-RE relocation does not match this kernel",
        rule: "CO-RE relocations require the running kernel's BTF, with the types and members that they name",
        hint: "use a kernel that was built with CONFIG_DEBUG_INFO_BTF=y, and check that it has the member",
        cases: &[],
        page: page!("core-relocation"),
        patterns: &[],
    },
];
