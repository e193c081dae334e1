//! The codes of this crate's errors and findings: one per fact.

use crate::Error;

ebpf_base::codes! {
    /// What an [`Error`] or [`Finding`](crate::Finding) of this crate is about: a stable
    /// kebab-case name per fact.
    ///
    /// ```
    /// use ebpf_build::{Build, Code};
    ///
    /// let error = Build::new("no/such/crate").run().unwrap_err();
    /// match Code::of(&error) {
    ///     Some(Code::ToolchainMissing | Code::LinkerMissing) => println!("set it up first"),
    ///     _ => println!("{error}"),
    /// }
    /// ```
    #[non_exhaustive]
    pub enum Code {
        /// A file is not accessible to this user.
        AccessDenied = "access-denied",
        /// The object has no `.BTF.ext` section.
        BtfExtMissing = "btf-ext-missing",
        /// The object has no `.BTF` section.
        BtfMissing = "btf-missing",
        /// The eBPF crate was not built; cargo has printed why.
        BuildFailed = "build-failed",
        /// The code uses an atomic operation that this instruction set version does not have.
        AtomicUnsupported = "atomic-unsupported",
        /// The code allocates memory, and eBPF has no allocator.
        AllocatorMissing = "allocator-missing",
        /// The compiler rejects the code.
        CompileError = "compile-error",
        /// The code calculates with floating-point numbers, which eBPF does not have.
        FloatUnsupported = "float-unsupported",
        /// The map sizes or the values of global variables in the manifest are not valid.
        GivenInvalid = "given-invalid",
        /// The object contains a call through a pointer, which no kernel accepts.
        IndirectCall = "indirect-call",
        /// The linker rejects the code for a reason without a separate error code.
        LinkError = "link-error",
        /// The code divides 128-bit numbers, for which eBPF has no function.
        WideDivision = "wide-division",
        /// The code calls a function of the compiler's library that eBPF does not have.
        RuntimeFunction = "runtime-function",
        /// The code divides signed numbers, which requires version 4 of the instruction set.
        SignedDivision = "signed-division",
        /// Local variables need more than the 512 bytes of stack that a program has.
        StackLimit = "stack-limit",
        /// The code uses the standard library.
        StdUnavailable = "std-unavailable",
        /// A function has more than five arguments.
        TooManyArguments = "too-many-arguments",
        /// No C compiler was found, which is required to link bpf-linker.
        CcMissing = "cc-missing",
        /// A manifest or a cargo config is not TOML.
        ConfigNotToml = "config-not-toml",
        /// The text is not a version of the BPF instruction set.
        CpuUnknown = "cpu-unknown",
        /// A declaration with `#[btf_relocatable]` does not describe a type of C.
        DeclarationInvalid = "declaration-invalid",
        /// `[package.metadata.ebpf] deny` names something that is not a warning.
        DenyUnknown = "deny-unknown",
        /// The disk or the quota is full.
        DiskFull = "disk-full",
        /// A file system error other than access-denied, disk-full and not-found.
        Io = "io",
        /// The object has a `maps` section, which libbpf does not load.
        LegacyMaps = "legacy-maps",
        /// The compiler is linked statically with LLVM.
        LibllvmMissing = "libllvm-missing",
        /// The object has no license.
        LicenseMissing = "license-missing",
        /// bpf-linker could not be built.
        LinkerBuildFailed = "linker-build-failed",
        /// The linker crashes on the bitcode of this compiler.
        LinkerCrashed = "linker-crashed",
        /// The linker omits BTF.
        LinkerDropsBtf = "linker-drops-btf",
        /// The linker cannot link the bitcode of this compiler.
        LinkerMismatch = "linker-mismatch",
        /// No bpf-linker that fits the compiler was found.
        LinkerMissing = "linker-missing",
        /// The linker is too old for what the crate uses.
        LinkerTooOld = "linker-too-old",
        /// bpf-linker cannot be built against the LLVM of this compiler.
        LlvmUnsupported = "llvm-unsupported",
        /// `[package.metadata.ebpf] min-kernel` is not a kernel version.
        MinKernelInvalid = "min-kernel-invalid",
        /// The crate has no binary target.
        NoBinary = "no-binary",
        /// The directory contains no crate.
        NoCrate = "no-crate",
        /// Neither a cache nor a home directory is known.
        NoHome = "no-home",
        /// A server cannot be reached, such as the crate registry.
        NoNetwork = "no-network",
        /// `embed` was called outside of a build script.
        NotABuildScript = "not-a-build-script",
        /// A file does not exist.
        NotFound = "not-found",
        /// The object has another byte order than the target.
        ObjectEndianness = "object-endianness",
        /// The object is for an architecture other than BPF.
        ObjectNotBpf = "object-not-bpf",
        /// The object is not an ELF file.
        ObjectNotElf = "object-not-elf",
        /// The object is a 32-bit ELF file.
        ObjectNotElf64 = "object-not-elf64",
        /// The object is an executable or a library.
        ObjectNotRelocatable = "object-not-relocatable",
        /// The object contains code that can panic.
        PanicCode = "panic-code",
        /// The crate defines no panic handler.
        PanicHandlerMissing = "panic-handler-missing",
        /// A directory's name has a colon, which PATH cannot contain.
        PathColon = "path-colon",
        /// The toolchain that a project pins is not installed.
        PinNotInstalled = "pin-not-installed",
        /// There is neither an eBPF crate nor a prebuilt object.
        PrebuiltMissing = "prebuilt-missing",
        /// The compiler cannot compile the test program for BPF.
        ProbeFailed = "probe-failed",
        /// The compiler does not run.
        RustcFailed = "rustc-failed",
        /// The compiler that RUSTC names cannot build for BPF.
        RustcGivenUnfit = "rustc-given-unfit",
        /// The compiler is older than aya-ebpf requires.
        RustcTooOld = "rustc-too-old",
        /// The program does not identify itself as rustc does.
        RustcUnknown = "rustc-unknown",
        /// The standard library sources (rust-src) belong to another compiler.
        SourcesMismatch = "sources-mismatch",
        /// The compiler has no standard library sources (rust-src).
        SourcesMissing = "sources-missing",
        /// A program could not be started.
        Spawn = "spawn",
        /// Debug information could not be removed from the object.
        StripFailed = "strip-failed",
        /// The object refers to a symbol that nothing defines.
        SymbolUnresolved = "symbol-unresolved",
        /// The text is not a BPF target.
        TargetUnknown = "target-unknown",
        /// No compiler that can build for BPF was found.
        ToolchainMissing = "toolchain-missing",
    }
}

impl Code {
    /// The code of an error; `None` for one that another crate has made.
    pub fn of(error: &Error) -> Option<Self> {
        Self::named(error.code())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, io, path::Path};

    use super::*;

    #[test]
    fn codes_unique() {
        let texts: HashSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        for text in texts {
            let kebab = text
                .bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit());
            assert!(kebab, "{text}");
        }
    }

    #[test]
    fn errors_of_files_have_a_code_too() {
        for (kind, code) in [
            (io::ErrorKind::StorageFull, Code::DiskFull),
            (io::ErrorKind::PermissionDenied, Code::AccessDenied),
            (io::ErrorKind::NotFound, Code::NotFound),
            (io::ErrorKind::Other, Code::Io),
        ] {
            let error = Error::io("read", Path::new("/x"), &kind.into());
            assert_eq!(Code::of(&error), Some(code));
        }
        assert_eq!(Code::of(&Error::new("another", "crate's")), None);
    }
}
