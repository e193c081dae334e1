//! What is known of errors of rustc and of LLVM's backend for BPF: why eBPF does not have it, and
//! what to write in its place.

use crate::Code;

/// A kind of error.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) code: Code,
    /// What is wrong, before "in `function`".
    pub(super) title: &'static str,
    /// Why it is so.
    pub(super) because: &'static str,
    /// What to write instead.
    pub(super) fix: &'static str,
    /// Whether the whole function is meant: LLVM names any instruction of it.
    pub(super) of_function: bool,
    /// How the line begins that is meant by an error of rustc without one.
    pub(super) declared_by: Option<&'static str>,
    /// Parts of LLVM's text.
    llvm: &'static [&'static str],
    /// The beginning of rustc's text.
    rustc: &'static [&'static str],
}

/// The first that matches is taken.
const CLASSES: &[Class] = &[
    Class {
        code: Code::StackLimit,
        title: "local variables need more than 512 bytes of stack",
        because: "a program has 512 bytes of stack for all functions in a call chain together",
        fix: "keep large values in a `PerCpuArray` with one element, or reserve them in the ring buffer \
              (`EVENTS.reserve(0)`), and fill them there, field by field",
        of_function: true,
        declared_by: None,
        llvm: &["BPF stack limit is exceeded"],
        rustc: &[],
    },
    Class {
        code: Code::FloatUnsupported,
        title: "the code calculates with floating-point numbers",
        because: "eBPF has no floating-point instructions",
        fix: "calculate with integers: scale first, then divide (`value * 1000 / total`), and convert \
              in user space",
        of_function: false,
        declared_by: None,
        // The names of the compiler's library for 32-bit and 64-bit floating-point numbers.
        llvm: &[
            "sf3' is not",
            "df3' is not",
            "sf2' is not",
            "df2' is not",
            "sf' is not",
            "df' is not",
            "function '__fix",
            "function '__float",
        ],
        rustc: &[],
    },
    Class {
        code: Code::WideDivision,
        title: "the code divides 128-bit numbers",
        because: "eBPF divides only 64-bit numbers, and has no library for wider ones",
        fix: "divide 64-bit numbers: reduce the operands first, or pass both to user space",
        of_function: false,
        declared_by: None,
        llvm: &[
            "function '__udivti3'",
            "function '__umodti3'",
            "function '__divti3'",
            "function '__modti3'",
            "function '__udivmodti4'",
        ],
        rustc: &[],
    },
    Class {
        code: Code::RuntimeFunction,
        title: "the code calls a function of the compiler's library",
        because: "this operation has no instruction in eBPF, and no library implements it",
        fix: "use smaller types or simpler operations, or define the function in the eBPF crate",
        of_function: false,
        declared_by: None,
        llvm: &["A call to built-in function '"],
        rustc: &[],
    },
    Class {
        code: Code::SignedDivision,
        title: "the code divides signed numbers",
        because: "signed division requires version 4 of the instruction set (Linux 6.6)",
        fix: "divide unsigned numbers (`value as u64 / 3`, `unsigned_abs()`), or build for Linux 6.6 \
              and newer: `cargo ebpf build --cpu v4`",
        of_function: false,
        declared_by: None,
        llvm: &["unsupported signed division", "unsupported signed modulo"],
        rustc: &[],
    },
    Class {
        code: Code::TooManyArguments,
        title: "a function has more than five arguments",
        because: "arguments are passed in the registers r1 to r5, not on the stack",
        fix: "pass a reference to a struct, or have the function inlined: `#[inline(always)]`",
        of_function: false,
        declared_by: None,
        llvm: &[
            "too many arguments",
            "stack arguments are not supported",
            "too many args",
        ],
        rustc: &[],
    },
    Class {
        code: Code::AtomicUnsupported,
        title: "an atomic operation that this version of the instruction set lacks",
        because: "all atomic operations have 32 or 64 bits; in versions 1 and 2, the only one is an \
                  addition whose result is not used, and all others require version 3 (Linux 5.12)",
        fix: "use a `u32` or `u64` and ignore the result, keep one value per CPU (`PerCpuArray`), \
              or build for Linux 5.12 and newer: `cargo ebpf build --cpu v3`",
        of_function: false,
        declared_by: None,
        llvm: &[
            "Invalid usage of the XADD return value",
            "unsupported atomic operation",
        ],
        rustc: &[],
    },
    Class {
        code: Code::AtomicUnsupported,
        title: "",
        because: "for BPF targets, core has few atomic types, and only loads and stores of them",
        fix: "use `core::intrinsics::atomic_xadd` (`#![feature(core_intrinsics)]`) on a \
              `u32` or `u64` and do not use its result, or a `PerCpuArray`; other operations \
              require `cargo ebpf build --cpu v3` (Linux 5.12)",
        of_function: false,
        declared_by: None,
        llvm: &[],
        rustc: &[
            "no method named `fetch_",
            "no method named `compare_exchange",
            "no method named `swap` found for struct `Atomic",
            "no method named `compare_and_swap",
            "unresolved import `core::sync::atomic::Atomic",
        ],
    },
    Class {
        code: Code::AllocatorMissing,
        title: "",
        because: "eBPF programs cannot allocate memory",
        fix: "use arrays of a fixed size, and maps: a `PerCpuArray` for large values, a `HashMap` for \
              collections",
        of_function: false,
        declared_by: Some("extern crate alloc"),
        llvm: &[],
        rustc: &[
            "no global memory allocator found",
            "cannot find type `Vec`",
            "cannot find type `String`",
            "cannot find type `Box`",
            "failed to resolve: use of undeclared type `Vec`",
            "failed to resolve: use of undeclared type `String`",
            "failed to resolve: use of undeclared type `Box`",
        ],
    },
    Class {
        code: Code::PanicHandlerMissing,
        title: "",
        because: "code in core that can panic calls the panic handler, which no library for eBPF \
                  defines",
        fix: "add to the eBPF crate:\n\
              #[panic_handler]\n\
              fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }",
        of_function: false,
        declared_by: Some("#![no_std]"),
        llvm: &[],
        rustc: &["`#[panic_handler]` function required"],
    },
    Class {
        code: Code::StdUnavailable,
        title: "",
        because: "eBPF programs do not run on an operating system, so only `core` is available",
        fix: "declare `#![no_std]`, and use `core`, maps and helpers; print with `aya-log` or \
              `bpf_printk!`",
        of_function: false,
        declared_by: None,
        llvm: &[],
        rustc: &[
            "can't find crate for `std`",
            "unresolved import `std",
            "cannot find module or crate `std`",
            "failed to resolve: use of unresolved module or unlinked crate `std`",
            "cannot find macro `println`",
            "cannot find macro `eprintln`",
            "cannot find macro `print`",
            "cannot find macro `format`",
            "cannot find macro `vec`",
        ],
    },
];

/// Why there are errors with this code, and what to do about each kind of them.
pub(crate) fn explanation(code: Code) -> Option<(&'static str, Vec<&'static str>)> {
    let classes: Vec<_> = CLASSES.iter().filter(|class| class.code == code).collect();
    let because = classes.first()?.because;
    Some((because, classes.iter().map(|class| class.fix).collect()))
}

impl Class {
    /// The class of an error of LLVM.
    pub(super) fn of_llvm(text: &str) -> Option<&'static Self> {
        let matches = |class: &&Self| class.llvm.iter().any(|part| text.contains(part));
        CLASSES.iter().find(matches)
    }

    /// The class of an error of rustc.
    pub(super) fn of_rustc(text: &str) -> Option<&'static Self> {
        let matches = |class: &&Self| class.rustc.iter().any(|start| text.starts_with(start));
        CLASSES.iter().find(matches)
    }
}
