//! Classes for the program as a whole: context, license, types and return value.

use super::{
    Class,
    case::{Case, Evidence, Fact},
    page,
};

/// What kernels print of the return value of a callback that runs later, newest first. Sources:
/// `check_return_code` of kernel/bpf/verifier.c in Linux 6.8, 5.16 (twice).
const ASYNC_CALLBACK: &[&str] = &[
    "At async callback return the register R0 {text}",
    "At async callback the register R0 {text}",
    "In async callback the register R0 {text}",
];

pub(super) const CLASSES: &[Class] = &[
    Class {
        code: "context-access",
        title: "an access to the context is invalid",
        rule: "a field of the context must be accessed with its declared size (some may be read with a smaller one), through the unmodified pointer",
        hint: "use the methods of Aya's context type, or the fields of its binding: `(*ctx.ctx).ingress_ifindex`",
        cases: &[
            Case {
                name: "argument",
                title: "the program reads an argument that the function or tracepoint does not have",
                rule: Some("only the arguments that the function or tracepoint has can be read"),
                hint: "read only existing arguments, which are counted from 0: `ctx.arg(0)` is the first one",
                shown_by: Evidence::Message(&["func '{name}' doesn't have {word} argument"]),
            },
            Case {
                name: "write",
                title: "a field of the context is read-only, or cannot be written with this size",
                rule: Some(
                    "each program type may write only to certain fields of the context, with the sizes that these fields permit",
                ),
                hint: "write only to the fields that the program type allows, such as `mark` and `priority` in tc programs, and `cb` in socket filters; to change the packet, write through `data` or call a helper",
                shown_by: Evidence::Fact(Fact::Writes),
            },
        ],
        page: page!("context-access"),
        patterns: &[
            "invalid bpf_context access off={number} size={number}",
            "func '{name}' doesn't have {word} argument",
            "dereference of modified ctx ptr {text}",
            "variable ctx access var_off={text}",
            "invalid access to context, ctx_size={number} off={number} size={number}",
        ],
    },
    Class {
        code: "return-code",
        title: "the return value is not valid for this hook",
        rule: "the return value must be one of those that the program type and hook define",
        hint: "return one of the constants of the hook, such as 0 or 1 for cgroup hooks",
        cases: &[
            Case {
                name: "callback",
                title: "a callback of an iterating helper (such as `bpf_loop`) returns a value other than 0 or 1",
                rule: Some("a callback of an iterating helper must return 0 or 1"),
                hint: "return 0 to continue with the next iteration, or 1 to stop",
                shown_by: Evidence::Message(&["At callback return the register R0 {text}"]),
            },
            Case {
                name: "async-callback",
                title: "a callback of a timer, or of deferred work, returns a value other than 0",
                rule: Some("a callback of a timer, or of deferred work, must return 0"),
                hint: "return 0 on every path; to run the callback again, call `bpf_timer_start` in it",
                shown_by: Evidence::Message(ASYNC_CALLBACK),
            },
        ],
        page: page!("return-code"),
        patterns: &[
            "At program exit the register R0 {text}",
            "At async callback return the register R0 {text}",
            "At async callback the register R0 {text}",
            "In async callback the register R0 {text}",
            "At subprogram exit the register {text}",
            "At callback return the register R0 {text}",
        ],
    },
    Class {
        code: "missing-gpl-license",
        title: "a GPL-only function is called by a program without a GPL-compatible license",
        rule: "many helpers, and all kernel functions (kfuncs), can be called only by programs that declare a GPL-compatible license",
        hint: "declare a GPL-compatible license: `#[unsafe(link_section = \"license\")] #[unsafe(no_mangle)] static LICENSE: [u8; 13] = *b\"Dual MIT/GPL\\0\";`",
        cases: &[],
        page: page!("missing-gpl-license"),
        patterns: &[
            "cannot call GPL-restricted function from non-GPL compatible program",
            "cannot call GPL only function from proprietary program",
            "cannot call kernel function from non-GPL compatible program",
        ],
    },
    Class {
        code: "missing-btf",
        title: "a feature that requires BTF is used without it",
        rule: "locks, timers and kernel pointers in maps require the map's BTF; callbacks, and tail calls in functions other than the program's main function, require the program's BTF",
        hint: "declare the map with `#[btf_map]` and `aya_ebpf::btf_maps`, and link with BTF (`-C link-arg=--btf`, `-C debuginfo=2`)",
        cases: &[],
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
        title: "this program type cannot be sleepable on this kernel",
        rule: "only some program types can be sleepable, depending on the kernel",
        hint: "remove `sleepable` and the helpers that require it, or, if the type can be sleepable, require a kernel that supports it (uprobes: Linux 6.0)",
        cases: &[],
        page: page!("not-sleepable"),
        patterns: &["Only fentry/fexit{text}"],
    },
];
