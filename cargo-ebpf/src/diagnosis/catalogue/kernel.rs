//! What is refused without a word of the verifier: told by the error and by what was asked.

use super::{Class, page};

pub(super) const CLASSES: &[Class] = &[
    Class {
        code: "kernel-unsupported",
        title: "this kernel has no place for such a program",
        rule: "the type of program, its hook or what it needs (a BPF trampoline) must be there in the running kernel",
        hint: "use another hook on this kernel, or another kernel; `cargo ebpf requirements` says which has it",
        page: page!("kernel-unsupported"),
        patterns: &[],
    },
    Class {
        code: "attach-target",
        title: "this kernel does not have what the program is for",
        rule: "the tracepoint, function or hook that a program names must be in the running kernel's BTF",
        hint: "name another one, or load the program only where it is there (`/sys/kernel/btf/vmlinux` says)",
        page: page!("attach-target"),
        patterns: &[],
    },
    Class {
        code: "map-refused",
        title: "the kernel did not make a map",
        rule: "the type of a map, its flags and its sizes must be such that the running kernel can make it",
        hint: "see the cause for the sizes and flags; use an older type of map where the kernel is older (ring buffers: Linux 5.8)",
        page: page!("map-refused"),
        patterns: &[],
    },
    Class {
        code: "btf-refused",
        title: "the kernel did not take the object's BTF",
        rule: "types must be of kinds that the running kernel knows, with names that are C identifiers",
        hint: "build with bpf-linker's `--btf`, which makes names fit; see the cause for the type that is meant",
        page: page!("btf-refused"),
        patterns: &[],
    },
    Class {
        code: "memlock-limit",
        title: "the limit on locked memory leaves no room for BPF",
        rule: "before Linux 5.11 programs and maps count against RLIMIT_MEMLOCK",
        hint: "raise the limit: `ulimit -l unlimited`, or run as root",
        page: page!("memlock-limit"),
        patterns: &[],
    },
    Class {
        code: "no-rights",
        title: "this process may not load BPF programs",
        rule: "loading needs CAP_BPF, and by type CAP_PERFMON (tracing) or CAP_NET_ADMIN (networking); before Linux 5.8 CAP_SYS_ADMIN",
        hint: "run the same command with sudo",
        page: page!("no-rights"),
        patterns: &[],
    },
    Class {
        code: "core-relocation",
        title: "an access to a kernel structure could not be fitted to this kernel",
        rule: "CO-RE relocations need the running kernel's BTF, and the types and fields that they name in it",
        hint: "use a kernel that was built with CONFIG_DEBUG_INFO_BTF=y, and check that it has the field",
        page: page!("core-relocation"),
        patterns: &[],
    },
];
