//! What the verifier says of a program as a whole: its context, license, types and result.

use super::{Class, page};

pub(super) const CLASSES: &[Class] = &[
    Class {
        code: "context-access",
        title: "the context is accessed where it has nothing",
        rule: "a program may access the fields of its context, with the size that each has, and through the unmoved pointer",
        hint: "use the methods of Aya's context type, or the fields of its binding: `(*ctx.ctx).ingress_ifindex`",
        page: page!("context-access"),
        patterns: &[
            "invalid bpf_context access off={number} size={number}",
            "dereference of modified ctx ptr {text}",
            "variable ctx access var_off={text}",
            "invalid access to context, ctx_size={number} off={number} size={number}",
        ],
    },
    Class {
        code: "return-code",
        title: "the program returns a value that means nothing here",
        rule: "what a program returns must be one of the values that its type and hook define",
        hint: "return one of the constants of the hook, such as 0 or 1 for cgroup hooks",
        page: page!("return-code"),
        patterns: &[
            "At program exit the register R0 {text}",
            "At async callback the register R0 {text}",
            "In async callback the register R0 {text}",
            "At subprogram exit the register {text}",
        ],
    },
    Class {
        code: "missing-gpl-license",
        title: "a function for programs under the GPL is called from one that is not",
        rule: "many helpers can be called only by programs that declare a license that is compatible with the GPL",
        hint: "declare it: `#[unsafe(link_section = \"license\")] #[unsafe(no_mangle)] static LICENSE: [u8; 13] = *b\"Dual MIT/GPL\\0\";`",
        page: page!("missing-gpl-license"),
        patterns: &[
            "cannot call GPL-restricted function from non-GPL compatible program",
            "cannot call GPL only function from proprietary program",
            "cannot call kernel function from non-GPL compatible program",
        ],
    },
    Class {
        code: "missing-btf",
        title: "something is used that needs BTF, and there is none",
        rule: "locks, timers and kernel pointers in maps, and some calls, need the types of the program and its maps",
        hint: "declare the map with `#[btf_map]` and `aya_ebpf::btf_maps`, and link with BTF (`-C link-arg=--btf`, `-C debuginfo=2`)",
        page: page!("missing-btf"),
        patterns: &[
            "map '{name}' has to have BTF in order to use {word}",
            "missing btf func_info",
            "tail_call is not allowed in subprogs without BTF",
            "LD_ABS is not allowed in subprogs without BTF",
            "number of funcs in func_info doesn't match number of subprogs",
            "func_info BTF section doesn't match subprog layout in BPF program",
        ],
    },
    Class {
        code: "not-sleepable",
        title: "a program that may sleep, where this kernel has none",
        rule: "only some types of programs can be sleepable, and which depends on the kernel",
        hint: "leave out `sleepable` and the helpers that need it, or ask for the kernel that has it (uprobes: Linux 6.0)",
        page: page!("not-sleepable"),
        patterns: &["Only fentry/fexit{text}"],
    },
];
