//! The codes of errors and findings: one per fact.
//!
//! Facts about toolchains, builds and files have theirs in [`ebpf_build::Code`], facts about
//! kernel images and guests in [`ebpf_kernels::Code`], facts about the content of an object in
//! `ebpf-object`, and rejections in the catalogue of `ebpf-diagnosis`.

ebpf_base::codes! {
    /// What an error or a finding is about: a stable kebab-case name per fact. Once published,
    /// a name is never used for another fact.
    pub(crate) enum Code {
        /// An object needs a newer kernel than its `min-kernel`.
        AboveMinKernel = "above-min-kernel",
        /// cargo-ebpf could not be built for guests of another architecture.
        AgentBuildFailed = "agent-build-failed",
        /// The agent (the process that loads programs on a kernel) could not reply to a request.
        AgentFailed = "agent-failed",
        /// A linker for the architecture of a guest was not found.
        AgentLinkerMissing = "agent-linker-missing",
        /// cargo-ebpf is not built for guests of another architecture, and its sources are gone.
        AgentMissing = "agent-missing",
        /// The cargo-ebpf that is given for guests is built for another architecture.
        AgentUnfit = "agent-unfit",
        /// The process that loads programs on a kernel ended before its reply was complete.
        AnswerCutOff = "answer-cut-off",
        /// The reply of the process that loads programs on a kernel was damaged in transmission.
        AnswerDamaged = "answer-damaged",
        /// The process that loads programs on a kernel did not continue its reply in time.
        AnswerTimedOut = "answer-timed-out",
        /// A program was loaded, but not attached.
        AttachNotTried = "attach-not-tried",
        /// A program was loaded, but could not be attached.
        AttachRefused = "attach-refused",
        /// The kernel does not have what a program attaches to.
        AttachTarget = "attach-target",
        /// No selected eBPF crate has the binary.
        BinUnknown = "bin-unknown",
        /// Which capabilities for BPF this process has.
        BpfCapabilities = "bpf-capabilities",
        /// Whether the BPF JIT is enabled.
        BpfJit = "bpf-jit",
        /// A cargo config that native builds read has settings for BPF.
        BpfSettingAtRoot = "bpf-setting-at-root",
        /// Whether this process can call bpf(2).
        BpfSyscall = "bpf-syscall",
        /// A cargo config that native builds read sets a BPF target.
        BpfTargetAtRoot = "bpf-target-at-root",
        /// The kernel rejected the object's BTF.
        BtfRefused = "btf-refused",
        /// `ebpf.lock` is not valid.
        BudgetBroken = "budget-broken",
        /// A verdict differs from `ebpf.lock`, or a number exceeds its tolerance.
        BudgetExceeded = "budget-exceeded",
        /// `ebpf.lock` was not written, as some kernel gave no verdict.
        BudgetIncomplete = "budget-incomplete",
        /// `ebpf.lock` has no entries for this kernel.
        BudgetKernel = "budget-kernel",
        /// A kernel that is given as a path cannot be recorded in `ebpf.lock`.
        BudgetKernelUnnamed = "budget-kernel-unnamed",
        /// `ebpf.lock` does not exist.
        BudgetMissing = "budget-missing",
        /// A value cannot be written to `ebpf.lock`.
        BudgetUnwritable = "budget-unwritable",
        /// cargo ebpf cannot run this package manager: install the packages yourself.
        ByHand = "by-hand",
        /// The config of an eBPF crate sets its BPF target.
        Config = "config",
        /// A cargo config is not valid TOML.
        ConfigBroken = "config-broken",
        /// Which linker the config of an eBPF crate sets.
        ConfigLinker = "config-linker",
        /// An eBPF crate has no cargo config.
        ConfigMissing = "config-missing",
        /// CO-RE relocations could not be applied for this kernel.
        CoreRelocation = "core-relocation",
        /// An eBPF crate in the project's directory is not built with the project.
        CratePassedOver = "crate-passed-over",
        /// An eBPF crate is outside of the workspace.
        EbpfCrateApart = "ebpf-crate-apart",
        /// An eBPF crate is a member of the native workspace.
        EbpfCrateInWorkspace = "ebpf-crate-in-workspace",
        /// The project has no eBPF crate.
        EbpfCrateMissing = "ebpf-crate-missing",
        /// The settings that `cargo check` and editors need for an eBPF crate are present.
        EditorSettings = "editor-settings",
        /// `cargo check` and editors cannot compile an eBPF crate.
        EditorSettingsMissing = "editor-settings-missing",
        /// An environment variable is not valid Unicode.
        EnvNotUnicode = "env-not-unicode",
        /// The path of the executable of cargo-ebpf is unknown.
        ExecutableUnknown = "executable-unknown",
        /// The config of an eBPF crate lacks required rustflags.
        FlagMissing = "flag-missing",
        /// The config of an eBPF crate has all required rustflags.
        Flags = "flags",
        /// The current directory cannot be read.
        FolderGone = "folder-gone",
        /// A guest did not boot.
        GuestNoBoot = "guest-no-boot",
        /// A guest ran out of memory.
        GuestOutOfMemory = "guest-out-of-memory",
        /// No test of the project runs an eBPF program.
        GuestTestsMissing = "guest-tests-missing",
        /// Rustflags that are not passed to an eBPF crate, as they are for the host.
        HostFlags = "host-flags",
        /// A signal stopped the command.
        Interrupted = "interrupted",
        /// A result could not be written as JSON.
        Json = "json",
        /// Whether the kernel has BTF.
        KernelBtf = "kernel-btf",
        /// A kernel whose BTF is to be read has none.
        KernelBtfUnread = "kernel-btf-unread",
        /// Too many programs or tests crashed a kernel or exceeded the time limit; the rest were skipped.
        KernelGivenUp = "kernel-given-up",
        /// A guest's kernel panicked.
        KernelPanicked = "kernel-panicked",
        /// The kernel does not support programs of this type.
        KernelUnsupported = "kernel-unsupported",
        /// Whether the kernel version is sufficient.
        KernelVersion = "kernel-version",
        /// libbpf does not load the object.
        LibbpfRefused = "libbpf-refused",
        /// A bpf-linker for the compiler's LLVM was found.
        Linker = "linker",
        /// Several packages of the project look like loaders.
        LoaderAmbiguous = "loader-ambiguous",
        /// The loader could not be built.
        LoaderFailed = "loader-failed",
        /// No package of the project looks like a loader.
        LoaderMissing = "loader-missing",
        /// ebpf-build could not be added to the loader's Cargo.toml.
        LoaderManifest = "loader-manifest",
        /// The loader is built for the host.
        LoaderNative = "loader-native",
        /// The loader would be built for BPF.
        LoaderNotNative = "loader-not-native",
        /// The loader's package has several binaries.
        LoaderProgramAmbiguous = "loader-program-ambiguous",
        /// The loader's package does not have the binary.
        LoaderProgramUnknown = "loader-program-unknown",
        /// The configured loader is not a package of the workspace.
        LoaderUnknown = "loader-unknown",
        /// The loader's package has no binary.
        LoaderWithoutProgram = "loader-without-program",
        /// Whether kernel lockdown restricts BPF.
        Lockdown = "lockdown",
        /// A manifest is not valid.
        ManifestBroken = "manifest-broken",
        /// The path of `--manifest-path` is not a manifest.
        ManifestMissing = "manifest-missing",
        /// The kernel rejected a map.
        MapRefused = "map-refused",
        /// The object does not contain the size of a map; it was created with one entry.
        MapSizeAssumed = "map-size-assumed",
        /// Whether RLIMIT_MEMLOCK restricts BPF.
        Memlock = "memlock",
        /// A kernel type does not have the member.
        MemberUnknown = "member-unknown",
        /// RLIMIT_MEMLOCK is too low for BPF.
        MemlockLimit = "memlock-limit",
        /// `[workspace.metadata.ebpf]` is not valid.
        MetadataBroken = "metadata-broken",
        /// The output of `cargo metadata` cannot be read.
        MetadataUnknown = "metadata-unknown",
        /// An object runs on its crate's `min-kernel`.
        MinKernel = "min-kernel",
        /// A crate declares a `min-kernel`, and is not built yet.
        MinKernelDeclared = "min-kernel-declared",
        /// No object has the map or the global variable that is to be set.
        NameUnknown = "name-unknown",
        /// bpftool is not installed.
        NoBpftool = "no-bpftool",
        /// The object has no programs.
        NoPrograms = "no-programs",
        /// This process lacks a capability for loading BPF programs.
        NoRights = "no-rights",
        /// A kernel type, or a member, cannot be declared in Rust.
        NotDeclarable = "not-declarable",
        /// A thread could not be started because of a limit on processes or memory.
        NoThread = "no-thread",
        /// A file contains no verifier log.
        NoVerifierLog = "no-verifier-log",
        /// Two eBPF crates build objects of the same name.
        ObjectNameTwice = "object-name-twice",
        /// The path of an object is not a regular file.
        ObjectNotAFile = "object-not-a-file",
        /// The object does not exist.
        ObjectNotFound = "object-not-found",
        /// The object exceeds the size limit.
        ObjectTooLarge = "object-too-large",
        /// The selected package is not an eBPF crate of the project.
        PackageUnknown = "package-unknown",
        /// apt offers no compiler that can build for BPF.
        PackagesMissing = "packages-missing",
        /// The release profile of an eBPF crate does not enable LTO.
        ProfileLtoMissing = "profile-lto-missing",
        /// An external command ended with an error.
        ProgramFailed = "program-failed",
        /// The output or the exit status of an external command could not be read.
        ProgramLost = "program-lost",
        /// An eBPF program refers to a symbol that its loader does not resolve.
        ProgramNotLinked = "program-not-linked",
        /// An eBPF program could not be passed to the kernel.
        ProgramNotTried = "program-not-tried",
        /// An external command exceeded its time limit.
        ProgramSlow = "program-slow",
        /// No type is given for the programs of a new project.
        ProgramTypeMissing = "program-type-missing",
        /// The project and its eBPF crates.
        Project = "project",
        /// The directory of the new project already exists.
        ProjectExists = "project-exists",
        /// Neither the current directory nor its parents contain a manifest.
        ProjectMissing = "project-missing",
        /// The name of a new project is not a valid crate name.
        ProjectName = "project-name",
        /// qemu is installed.
        Qemu = "qemu",
        /// No cargo config that native builds read has settings for BPF.
        RootConfig = "root-config",
        /// Root privileges are required, and not available.
        RootMissing = "root-missing",
        /// The manifest sets a global variable to a value that is not an integer or a boolean.
        SetInvalid = "set-invalid",
        /// No usable compiler could be installed.
        SetupFailed = "setup-failed",
        /// A step of `setup` failed, and another one is tried.
        SetupStepFailed = "setup-step-failed",
        /// The signal handlers could not be installed.
        Signals = "signals",
        /// Where the compiler's library sources are.
        Sources = "sources",
        /// The config of an eBPF crate sets no BPF target.
        TargetMissing = "target-missing",
        /// Tests cannot run on kernels for another architecture.
        TestArchitecture = "test-architecture",
        /// A test exceeded its time limit.
        TestSlow = "test-slow",
        /// Not every test program was built and run.
        TestsIncomplete = "tests-incomplete",
        /// The tests could not be built.
        TestsUnbuilt = "tests-unbuilt",
        /// A compiler that can build for BPF was found.
        Toolchain = "toolchain",
        /// An eBPF crate is built with another toolchain than its project pins.
        ToolchainPin = "toolchain-pin",
        /// Whether tracefs is mounted.
        Tracefs = "tracefs",
        /// The kernel does not have the type.
        TypeUnknown = "type-unknown",
        /// The rejection class or code does not exist.
        UnknownClass = "unknown-class",
        /// The kernel gave a verdict on a program, but the time limit expired before the details were known.
        VerdictIncomplete = "verdict-incomplete",
        /// The verifier exceeded the time limit.
        VerifierSlow = "verifier-slow",
        /// qemu could not be set up.
        VmSetupFailed = "vm-setup-failed",
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, fs, path::Path};

    use super::*;

    #[test]
    fn texts_are_unique_and_kebab_case() {
        let texts: HashSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        for text in texts {
            let kebab = text
                .bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_lowercase());
            assert!(kebab, "{text}");
        }
    }

    #[test]
    fn no_fact_has_a_code_here_and_in_another_crate() {
        for code in Code::ALL {
            assert_eq!(ebpf_build::Code::named(code.as_str()), None, "{code}");
            assert_eq!(ebpf_kernels::Code::named(code.as_str()), None, "{code}");
        }
    }

    /// Two places that make errors with one code would be two facts, or one fact in two
    /// wordings.
    #[test]
    fn each_code_is_used_at_one_place() {
        let mut sources = Vec::new();
        read(
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
            &mut sources,
        );
        let used_at = |code: Code| -> Vec<&str> {
            let name = format!("Code::{code:?}");
            let uses = |text: &str| {
                text.match_indices(&name)
                    .filter(|(at, _)| {
                        let before = &text[..*at];
                        let after = &text[at + name.len()..];
                        let longer = after.starts_with(|c: char| c.is_ascii_alphanumeric());
                        let compared = before.ends_with("== ") || before.ends_with("!= ");
                        !longer && !compared && !before.ends_with("ebpf_build::")
                    })
                    .count()
            };
            sources
                .iter()
                .flat_map(|(file, text)| std::iter::repeat_n(file.as_str(), uses(text)))
                .collect()
        };
        for &code in Code::ALL {
            let places = used_at(code);
            assert_eq!(places.len(), 1, "{code} is used in {places:?}");
        }
    }

    /// Adds each source file below `directory`, without its unit tests.
    fn read(directory: &Path, sources: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, sources);
            } else if path.ends_with("tests.rs") || path.ends_with("code.rs") {
                // Tests may quote codes; this file lists them.
            } else {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod ").next().unwrap().to_owned();
                sources.push((path.display().to_string(), code));
            }
        }
    }
}
