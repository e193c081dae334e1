//! Classes without a verifier log: recognised by the error and by what was loaded.

use super::{Class, page};

pub(super) const CLASSES: &[Class] = &[
    Class {
        code: "kernel-unsupported",
        title: "this kernel does not support the program type",
        rule: "the running kernel must support the program type, its hook, and, for fentry, fexit and LSM programs, BPF trampolines on this architecture",
        hint: "use another hook, or another kernel: `cargo ebpf requirements` shows the first version that supports this hook",
        cases: &[],
        page: page!("kernel-unsupported"),
        patterns: &[],
    },
    Class {
        code: "attach-target",
        title: "this kernel does not have the program's attach target",
        rule: "the tracepoint, function or LSM hook that a BTF-based program (`tp_btf`, `fentry`, `lsm`) names must be in the running kernel's BTF",
        hint: "name another target, or load the program only on kernels whose BTF (`/sys/kernel/btf/vmlinux`) contains this target",
        cases: &[],
        page: page!("attach-target"),
        patterns: &[],
    },
    Class {
        code: "map-refused",
        title: "the kernel rejected a map",
        rule: "the running kernel must support the type, flags and sizes of a map",
        hint: "check the sizes and flags in the `cause:` line of the error; some map types require a newer kernel (ring buffers: Linux 5.8)",
        cases: &[],
        page: page!("map-refused"),
        patterns: &[],
    },
    Class {
        code: "btf-refused",
        title: "the kernel rejected the object's BTF",
        rule: "the running kernel must support every BTF kind in the object (such as ENUM64), and names must be C identifiers",
        hint: "if the kernel rejects a name, rename the type or symbol in the `cause:` line (bpf-linker's `--btf` makes the names of Rust types valid); if it rejects a BTF kind, use a toolchain that does not emit this kind, or a newer kernel",
        cases: &[],
        page: page!("btf-refused"),
        patterns: &[],
    },
    Class {
        code: "memlock-limit",
        title: "the limit on locked memory is too low for BPF",
        rule: "before Linux 5.11, programs and maps count towards RLIMIT_MEMLOCK",
        hint: "run as root, or set `memlock` to `unlimited` in /etc/security/limits.conf",
        cases: &[],
        page: page!("memlock-limit"),
        patterns: &[],
    },
    Class {
        code: "no-rights",
        title: "this process is not permitted to load BPF programs",
        rule: "loading requires CAP_BPF and, depending on the program type, CAP_PERFMON (tracing) or CAP_NET_ADMIN (networking); before Linux 5.8, it requires CAP_SYS_ADMIN",
        hint: "run the same command as root",
        cases: &[],
        page: page!("no-rights"),
        patterns: &[],
    },
    Class {
        code: "core-relocation",
        title: "a CO-RE relocation does not match this kernel",
        rule: "CO-RE relocations require the running kernel's BTF, with the types and members that they name",
        hint: "use a kernel that was built with CONFIG_DEBUG_INFO_BTF=y, and check that its BTF has the type and member: `bpftool btf dump file /sys/kernel/btf/vmlinux`",
        cases: &[],
        page: page!("core-relocation"),
        patterns: &[],
    },
];
