//! The command line as clap knows it: types and help texts, no behaviour.

use std::{ffi::OsStr, fmt, path::PathBuf, str::FromStr};

use clap::{
    Arg, Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
    error::{ContextKind, ContextValue, ErrorKind},
    value_parser,
};

use ebpf_kernels::{Architecture, KernelSpec};
use ebpf_object::link;

use crate::{
    bindings, matrix, report,
    template::{PROGRAM_TYPES, ProgramType},
};

/// Build, check, verify and run Rust eBPF programs.
#[derive(Debug, Parser)]
#[command(
    name = "cargo ebpf",
    bin_name = "cargo ebpf",
    version,
    about,
    propagate_version = true,
    disable_help_subcommand = true,
    after_help = "Exit status: 0 on success; 1 on failure, or if an error (not only a warning) was \
                  found; 2 on usage errors; 130 when interrupted. `cargo ebpf run` ends with the \
                  exit status of the loader.\n\
                  Example: cargo ebpf run"
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Options that every command takes.
    #[command(flatten)]
    pub(crate) global: Global,
}

/// Options that every command takes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Global {
    /// Output format of the result on stdout
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// The Cargo.toml of the project (default: in this directory or the nearest parent)
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) manifest_path: Option<PathBuf>,
    /// Print each command before running it
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
}

/// The option `--format` of a command with only one format: accepted like a global option, so that
/// other formats are rejected with the reason, but absent from the help.
fn hidden_format() -> Arg {
    Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(value_parser!(Format))
        .hide(true)
}

/// Output formats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text and tables
    #[default]
    Human,
    /// One versioned JSON document; nothing else is written to stdout
    Json,
    /// Like human, plus each finding as a GitHub workflow annotation
    Github,
}

impl From<Format> for report::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Human => Self::Human,
            Format::Json => Self::Json,
            Format::Github => Self::Github,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a project: eBPF programs of given types, their loader, tests and CI
    #[command(after_help = "Example: cargo ebpf new watch --program xdp")]
    New(New),
    /// Set up an existing project to embed its eBPF objects with ebpf-build, and print the changes
    #[command(after_help = "Example: cargo ebpf init --dry-run")]
    Init(Init),
    /// Install what a build needs: rust-src, and a bpf-linker for the compiler's LLVM
    #[command(after_help = "Example: cargo ebpf setup --dry-run")]
    Setup(Setup),
    /// Check the machine and the project, and suggest a fix for each failure
    #[command(after_help = "Example: cargo ebpf doctor --format json")]
    Doctor,
    /// Build every eBPF crate of the project into target/ebpf/
    #[command(after_help = "Example: cargo ebpf build --cpu v2")]
    Build(Build),
    /// Show the contents of a BPF object
    #[command(after_help = "Example: cargo ebpf inspect --disasm target/ebpf/my-program")]
    Inspect(Inspect),
    /// Report the minimum kernel version of an object, and the source line that requires it
    #[command(after_help = "Example: cargo ebpf requirements target/ebpf/my-program")]
    Requirements(Requirements),
    /// Print Rust declarations of kernel types, for CO-RE with ebpf-relocatable
    #[command(
        after_help = "The output is a module for an eBPF crate that depends on ebpf-relocatable. If several\n\
                              kernels are given, the last one that has a type or member determines its declaration;\n\
                              comments name the kernels that differ.\n\
                              Example: cargo ebpf bindings task_struct.tgid,comm,mm.exe_file.f_inode.i_ino\n\
                              Example: cargo ebpf bindings --kernel 5.10,6.12 task_struct.state,__state"
    )]
    Bindings(Bindings),
    /// Load every program into this kernel, or into others, and report the verifier's verdicts
    #[command(after_help = "Example: cargo ebpf verify --kernel 5.10,6.1,6.12,host")]
    Verify(Verify),
    /// Explain an error code, a class of verifier rejections, or a verifier log
    #[command(after_help = "Example: cargo ebpf explain packet-bounds\n\
                              Example: cargo ebpf explain --log loader.log target/ebpf/my-program")]
    Explain(Explain),
    /// List the kernels available to `verify` and `test`; with --fetch, also download some of them
    #[command(after_help = "Example: cargo ebpf kernels --fetch 5.10,6.1,6.12")]
    Kernels(Kernels),
    /// Set up the toolchain if needed, build and verify the objects, then run the loader (the
    /// project's user-space program)
    #[command(
        after_help = "All eBPF crates are built, with their default features. If this process may \
                      not load programs, verification is skipped. Unless you are root, the loader \
                      is started with sudo. The exit status is that of the loader.\n\
                      Example: cargo ebpf run -- --seconds 5"
    )]
    Run(Run),
    /// Run the project's tests; with --kernel, only those of eBPF programs, on these kernels
    #[command(
        after_help = "Tests that load programs are skipped without root. With --kernel, only test \
                      executables that use the crate ebpf-test are run, on each kernel. Kernels \
                      other than the host's run in virtual machines (guests), which need no root. \
                      With --format human, the last line of stdout is \"N passed, N failed, N \
                      skipped\".\n\
                      Example: cargo ebpf test -- packet    (tests whose name contains \"packet\")\n\
                      Example: cargo ebpf test --kernel host,6.1"
    )]
    Test(Test),
    /// Print shell exports for building an eBPF crate with a plain `cargo build`
    #[command(after_help = "Example: eval \"$(cargo ebpf env)\"")]
    Env,
    /// Remove what cargo ebpf has built
    #[command(after_help = "Example: cargo ebpf clean --toolchain")]
    Clean(Clean),
    /// Print the manual page
    #[command(
        arg = hidden_format(),
        after_help = "Example: mkdir -p ~/.local/share/man/man1\n         \
                              cargo ebpf man > ~/.local/share/man/man1/cargo-ebpf.1\n         \
                              man cargo-ebpf"
    )]
    Man,
    /// Generate a shell completion script for the command `cargo-ebpf` (not `cargo ebpf`)
    #[command(
        arg = hidden_format(),
        after_help = "Example: mkdir -p ~/.local/share/bash-completion/completions\n         \
                              cargo ebpf completions bash > ~/.local/share/bash-completion/completions/cargo-ebpf\n\n\
                      This script has no effect on `cargo ebpf`: shells complete it with cargo's own script."
    )]
    Completions(Completions),
    /// Serve one request on stdin: how this program loads objects in another process or kernel
    #[command(hide = true)]
    Agent(Agent),
    /// Run one test program for `cargo test`, to distinguish skipped tests from failed ones
    #[command(hide = true)]
    TestRunner(TestRunner),
}

/// Arguments of `new`.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// Name of the project, and of the directory that is created
    pub(crate) name: String,
    /// Program type (may be repeated; default: ask, which requires a terminal)
    #[arg(long, value_name = "TYPE", value_delimiter = ',', value_parser = ProgramTypeParser)]
    pub(crate) program: Vec<&'static ProgramType>,
}

/// Parses a program type. clap's own parser does not suggest `xdp` for `xpd`.
#[derive(Debug, Clone)]
struct ProgramTypeParser;

impl TypedValueParser for ProgramTypeParser {
    type Value = &'static ProgramType;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        let text = value.to_string_lossy();
        if let Some(program) = ProgramType::named(&text) {
            return Ok(program);
        }
        let mut error = clap::Error::new(ErrorKind::InvalidValue).with_cmd(command);
        let mut insert = |kind, value| error.insert(kind, value);
        if let Some(argument) = argument {
            insert(
                ContextKind::InvalidArg,
                ContextValue::String(argument.to_string()),
            );
        }
        insert(
            ContextKind::InvalidValue,
            ContextValue::String(text.to_string()),
        );
        let names = PROGRAM_TYPES.iter().map(|program| program.name.to_owned());
        insert(
            ContextKind::ValidValue,
            ContextValue::Strings(names.collect()),
        );
        if let Some(name) = ProgramType::closest(&text) {
            insert(
                ContextKind::SuggestedValue,
                ContextValue::String(name.to_owned()),
            );
        }
        Err(error)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(PROGRAM_TYPES.iter().map(|program| {
            PossibleValue::new(program.name).help(program.runs)
        })))
    }
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Show what is missing without adding it
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Arguments of `setup`.
#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// Print the plan without executing it
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also install QEMU, which boots other kernels
    #[arg(long)]
    pub(crate) vm: bool,
    /// Architectures of the kernels to boot, separated by commas: x86_64, arm64 (default: this
    /// machine's). For another architecture, also builds the cargo-ebpf that runs in its virtual
    /// machines (guests)
    #[arg(long, value_name = "LIST", value_delimiter = ',', requires = "vm")]
    pub(crate) arch: Vec<Architecture>,
}

/// Arguments of `build`.
#[derive(Debug, Default, Args)]
pub(crate) struct Build {
    /// Whether objects in target/ebpf/ keep DWARF (for disassembly with source lines), or are
    /// stripped (for embedding)
    #[arg(long, value_enum, default_value_t = DebugInfo::Keep)]
    pub(crate) debug_info: DebugInfo,
    /// What is built.
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// BPF instruction set version, v1 to v4 (default: the compiler's)
    #[arg(long, value_name = "VERSION")]
    pub(crate) cpu: Option<ebpf_build::Cpu>,
    /// Treat warnings with this code as errors (may be repeated; `cargo ebpf explain CODE`
    /// describes it)
    #[arg(long, value_name = "CODE", value_parser = PossibleValuesParser::new(ebpf_build::WARNING_CODES))]
    pub(crate) deny: Vec<String>,
}

/// What is built of a project, by the names of cargo's own options.
#[derive(Debug, Clone, Default, Args)]
#[group(id = "selection", multiple = true)]
pub(crate) struct Selection {
    /// Build only this eBPF crate (may be repeated)
    #[arg(long, short, value_name = "NAME")]
    pub(crate) package: Vec<String>,
    /// Build only this binary (may be repeated)
    #[arg(long, value_name = "NAME")]
    pub(crate) bin: Vec<String>,
    /// Features to enable in the eBPF crates (may be repeated)
    #[arg(long, short = 'F')]
    pub(crate) features: Vec<String>,
    /// Enable all features of the eBPF crates
    #[arg(long)]
    pub(crate) all_features: bool,
    /// Do not enable the default features of the eBPF crates
    #[arg(long)]
    pub(crate) no_default_features: bool,
    /// BPF target: bpfel-unknown-none or bpfeb-unknown-none (default: the one in the
    /// crate's .cargo/config.toml, else bpfel-unknown-none). Objects for bpfeb go to
    /// target/ebpf/bpfeb-unknown-none/
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Option<ebpf_build::Target>,
}

/// What happens to DWARF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum DebugInfo {
    /// Keep DWARF
    #[default]
    Keep,
    /// Remove DWARF
    Strip,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// BPF object file, compiled from Rust or C
    pub(crate) object: PathBuf,
    /// Also disassemble, interleaved with source lines
    #[arg(long)]
    pub(crate) disasm: bool,
}

/// Arguments of `requirements`.
#[derive(Debug, Args)]
pub(crate) struct Requirements {
    /// Object files (default: build the project and use its objects)
    pub(crate) objects: Vec<PathBuf>,
    /// Also predict whether these kernel versions, such as 5.10,6.1, support each program
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) kernel: Vec<ebpf_build::KernelVersion>,
    /// Also look up the requirements (functions, tracepoints, helpers, map types, ...) in this
    /// BTF file of a kernel, such as /sys/kernel/btf/vmlinux
    #[arg(long, value_name = "FILE")]
    pub(crate) btf: Option<PathBuf>,
}

/// Arguments of `bindings`.
#[derive(Debug, Args)]
pub(crate) struct Bindings {
    /// Structs, unions and enums, with the members to declare (default: all); a path such as
    /// mm.exe_file also declares the types in between. For a function, its arguments are printed
    /// as fentry programs receive them
    #[arg(required = true, value_name = "TYPE[.MEMBER,...]")]
    pub(crate) types: Vec<bindings::Request>,
    /// Kernels whose BTF is read, oldest first: host, versions such as 6.1 or 6.1/arm64, or the
    /// path of a kernel image (default: host)
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) kernel: Vec<KernelSpec>,
    /// Read BTF from this file, such as a copy of another machine's /sys/kernel/btf/vmlinux
    #[arg(long, value_name = "FILE", conflicts_with = "kernel")]
    pub(crate) btf: Option<PathBuf>,
}

/// Parses `NAME=VALUE`.
fn assignment<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<(String, T), String> {
    let (name, value) = text.split_once('=').ok_or("it has no `=`")?;
    let value = value.parse().map_err(|cause: T::Err| cause.to_string())?;
    Ok((name.to_owned(), value))
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Object files (default: build the project and use its objects)
    #[arg(conflicts_with = "selection")]
    pub(crate) objects: Vec<PathBuf>,
    /// What is built.
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Also load each object with bpftool (libbpf)
    #[arg(long)]
    pub(crate) bpftool: bool,
    /// Kernels to verify on, separated by commas: host, a version such as 6.1 or 6.1/arm64, all or
    /// all/arm64 (every version that `cargo ebpf kernels` lists for the architecture), or the path
    /// of a kernel image (default: host; with --locked or --update, those in ebpf.lock)
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) kernel: Vec<KernelSpec>,
    /// Fail if a verdict differs from the one in ebpf.lock, or if a size or verifier statistic has
    /// grown by more than its tolerance (default: 5 %; `tolerance` under [workspace.metadata.ebpf])
    #[arg(long)]
    pub(crate) locked: bool,
    /// Write the current verdicts, sizes and verifier statistics to ebpf.lock
    #[arg(long, conflicts_with = "locked")]
    pub(crate) update: bool,
    /// Also attach each accepted program briefly. Network, cgroup and socket programs are attached
    /// to temporary targets; tracing programs are attached to their real hooks, where they observe
    /// the whole system. Programs that can change the system's behaviour, such as lsm, are
    /// attached only in virtual machines (guests)
    #[arg(long)]
    pub(crate) attach: bool,
    /// Number of entries (max_entries) of a map whose size the loader sets (may be repeated; also
    /// map-sizes under [package.metadata.ebpf])
    #[arg(long, value_name = "MAP=N", value_parser = assignment::<u32>)]
    pub(crate) map_size: Vec<(String, u32)>,
    /// Value of a global variable that the loader sets before loading: an integer, true or false
    /// (may be repeated; also `set` under [package.metadata.ebpf])
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment::<link::Value>)]
    pub(crate) set: Vec<(String, link::Value)>,
    /// Rank source lines by the number of instructions that the verifier processed for them
    #[arg(long)]
    pub(crate) hot: bool,
    /// Imitate this loader: aya or libbpf (default: libbpf if the object is compiled from C, else
    /// aya)
    #[arg(long, value_name = "NAME")]
    pub(crate) loader: Option<ebpf_object::Loader>,
    /// Target of freplace programs: the object, and the program in it, whose functions they
    /// replace. PROGRAM is required if OBJECT contains several programs
    #[arg(long, value_name = "OBJECT[:PROGRAM]")]
    pub(crate) freplace: Option<PathBuf>,
    /// Time limit for verifying one program, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = matrix::TIMEOUT, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,
    /// Memory of each virtual machine (guest), in MiB
    #[arg(long, value_name = "MIB", default_value_t = matrix::GUEST_MEMORY, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) guest_memory: u32,
}

/// Arguments of `kernels`.
#[derive(Debug, Args)]
pub(crate) struct Kernels {
    /// Versions to download (the newest release of each), separated by commas: a version such as
    /// 6.1 or 6.1/arm64, or all
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) fetch: Vec<KernelSpec>,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// An error code, or the code of a rejection class such as packet-bounds (default: list all
    /// classes); with --log, the object file of the logged programs, to show source lines
    #[arg(value_name = "CODE|OBJECT")]
    pub(crate) subject: Option<String>,
    /// List all rejection classes
    #[arg(long, conflicts_with = "subject")]
    pub(crate) list: bool,
    /// Explain the verifier logs in this file (- for stdin); other lines, such as the rest of a
    /// loader's output, are ignored
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    pub(crate) log: Option<PathBuf>,
}

/// Arguments of `run`.
#[derive(Debug, Default, Args)]
pub(crate) struct Run {
    /// Package of the loader (default: `loader` under [workspace.metadata.ebpf] in Cargo.toml, or
    /// the only package that can be the loader)
    #[arg(long, short, value_name = "NAME")]
    pub(crate) package: Option<String>,
    /// Binary of the loader's package to run
    #[arg(long, value_name = "NAME")]
    pub(crate) bin: Option<String>,
    /// Features to enable in the loader (may be repeated)
    #[arg(long, short = 'F')]
    pub(crate) features: Vec<String>,
    /// Enable all features of the loader
    #[arg(long)]
    pub(crate) all_features: bool,
    /// Do not enable the default features of the loader
    #[arg(long)]
    pub(crate) no_default_features: bool,
    /// Arguments for the loader (default: `demo` under [workspace.metadata.ebpf] in Cargo.toml)
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<std::ffi::OsString>,
}

/// Arguments of `test`.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Kernels to test eBPF programs on, separated by commas: host, a version such as 6.1, all
    /// (every version that `cargo ebpf kernels` lists), or the path of a kernel image
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) kernel: Vec<KernelSpec>,
    /// Time limit per test, in seconds (with --kernel)
    #[arg(long, value_name = "SECONDS", default_value_t = matrix::TIMEOUT)]
    pub(crate) timeout: u64,
    /// Memory of each virtual machine (guest), in MiB
    #[arg(long, value_name = "MIB", default_value_t = matrix::GUEST_MEMORY)]
    pub(crate) guest_memory: u32,
    /// Arguments for `cargo test`
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<std::ffi::OsString>,
}

/// Arguments of `clean`.
#[derive(Debug, Args)]
pub(crate) struct Clean {
    /// Also remove cargo-ebpf's whole cache directory: the linkers that it has built, and kernel
    /// images. Compilers are not removed
    #[arg(long)]
    pub(crate) toolchain: bool,
    /// Also remove the kernel images in cargo-ebpf's cache directory
    #[arg(long)]
    pub(crate) kernels: bool,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Shell to generate the script for
    pub(crate) shell: clap_complete::Shell,
}

/// Arguments of `agent`.
#[derive(Debug, Args)]
pub(crate) struct Agent {
    /// As the first process of a guest
    #[arg(long)]
    pub(crate) guest: bool,
}

/// Arguments of `test-runner`.
#[derive(Debug, Args)]
pub(crate) struct TestRunner {
    /// The test program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<std::ffi::OsString>,
}
