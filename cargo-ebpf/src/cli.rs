//! The command line as clap knows it: types and help texts, no behaviour.

use std::{ffi::OsStr, fmt, path::PathBuf, str::FromStr};

use clap::{
    Arg, Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
    error::{ContextKind, ContextValue, ErrorKind},
    value_parser,
};

use ebpf_kernels::KernelSpec;
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
    after_help = "Exit status: 0 on success; 1 on findings or failure; 2 on usage errors; 130 when interrupted.\n\
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
    /// Set up an existing project to embed its objects with ebpf-build, and print the changes
    #[command(after_help = "Example: cargo ebpf init --dry-run")]
    Init(Init),
    /// Install what a build needs: the standard library's sources and a matching linker
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
    /// Report the minimum kernel of an object, and the source line that requires it
    #[command(after_help = "Example: cargo ebpf requirements target/ebpf/my-program")]
    Requirements(Requirements),
    /// Print Rust declarations of kernel types, for CO-RE with ebpf-relocatable
    #[command(
        after_help = "The output is a module for an eBPF crate that depends on ebpf-relocatable. Of several kernels,\n\
                              the last one that has a type or member determines how it is declared; comments name the\n\
                              kernels that differ.\n\
                              Example: cargo ebpf bindings task_struct.tgid,comm,mm.exe_file.f_inode.i_ino\n\
                              Example: cargo ebpf bindings --kernel 5.10,6.12 task_struct.state,__state"
    )]
    Bindings(Bindings),
    /// Load every program into the verifier of this kernel, or of several
    #[command(after_help = "Example: cargo ebpf verify --kernel 5.10,6.1,6.12,host")]
    Verify(Verify),
    /// Explain a rejection class, the code of an error, or a verifier log
    #[command(after_help = "Example: cargo ebpf explain packet-bounds\n\
                              Example: cargo ebpf explain --log loader.log target/ebpf/my-program")]
    Explain(Explain),
    /// List the kernels that objects can be tried on, and download them in advance
    #[command(after_help = "Example: cargo ebpf kernels --fetch 5.10,6.1,6.12")]
    Kernels(Kernels),
    /// Set up if needed, build, verify, then run the native loader
    #[command(
        after_help = "All eBPF crates are built, with their default features. Without root, the verify step is\n\
                              skipped, and the loader is started with sudo. The exit code is that of the loader.\n\
                              Example: cargo ebpf run -- --seconds 5"
    )]
    Run(Run),
    /// Run every test of the project, including those that load programs into this kernel
    #[command(
        after_help = "Tests that load programs are skipped without root. With --kernel, only the test programs\n\
                      that use the crate ebpf-test run, on each kernel; those on guests need no root.\n\
                      The last line of stdout is \"N passed, N failed, N skipped\".\n\
                      Example: cargo ebpf test -- packet    (tests whose name contains \"packet\")\n\
                      Example: cargo ebpf test --kernel host,6.1"
    )]
    Test(Test),
    /// Print shell exports for building an eBPF crate by hand
    #[command(after_help = "Example: eval \"$(cargo ebpf env)\"")]
    Env,
    /// Remove build results
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
    /// Generate a shell completion script for `cargo-ebpf`, not for `cargo ebpf`
    #[command(
        arg = hidden_format(),
        after_help = "Example: mkdir -p ~/.local/share/bash-completion/completions\n         \
                              cargo ebpf completions bash > ~/.local/share/bash-completion/completions/cargo-ebpf"
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
    /// Type of a program (may be repeated; default: ask, which requires a terminal)
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
}

/// Arguments of `build`.
#[derive(Debug, Default, Args)]
pub(crate) struct Build {
    /// Keep DWARF in the copy in target/ebpf/ (for disassembly with source) or strip it (for embedding)
    #[arg(long, value_enum, default_value_t = DebugInfo::Keep)]
    pub(crate) debug_info: DebugInfo,
    /// What is built.
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// BPF instruction set version, v1 to v4 (default: that of the compiler)
    #[arg(long, value_name = "VERSION")]
    pub(crate) cpu: Option<ebpf_build::Cpu>,
    /// Treat a warning with this code as an error (may be repeated)
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
    /// Features of the eBPF crates to enable (may be repeated)
    #[arg(long, short = 'F')]
    pub(crate) features: Vec<String>,
    /// Enable all features of the eBPF crates
    #[arg(long)]
    pub(crate) all_features: bool,
    /// Do not enable the default features of the eBPF crates
    #[arg(long)]
    pub(crate) no_default_features: bool,
    /// BPF target: bpfel-unknown-none or bpfeb-unknown-none (default: from the crate's
    /// .cargo/config.toml). Objects for bpfeb go to target/ebpf/bpfeb-unknown-none/
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Option<ebpf_build::Target>,
}

/// What happens to DWARF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum DebugInfo {
    /// Keep it
    #[default]
    Keep,
    /// Remove it
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
    /// Also predict the verdict of these kernels, such as 5.10,6.1, on each program
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) kernel: Vec<ebpf_build::KernelVersion>,
    /// Also look up names in the BTF of a kernel, such as /sys/kernel/btf/vmlinux
    #[arg(long, value_name = "FILE")]
    pub(crate) btf: Option<PathBuf>,
}

/// Arguments of `bindings`.
#[derive(Debug, Args)]
pub(crate) struct Bindings {
    /// Structs, unions and enums, with the members to declare (default: all); a path such as
    /// mm.exe_file also declares the types in between. Of a function, the arguments are printed
    /// as fentry programs get them
    #[arg(required = true, value_name = "TYPE[.MEMBER,...]")]
    pub(crate) types: Vec<bindings::Request>,
    /// Kernels whose BTF is read, oldest first: host, versions such as 6.1, or the path of a
    /// kernel image (default: host)
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
    /// Kernels to verify on: host, versions such as 6.1, all, or the path of a kernel image
    /// (default: host; with --locked or --update, those in ebpf.lock)
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) kernel: Vec<KernelSpec>,
    /// Fail if a verdict differs from ebpf.lock, or a number exceeds its tolerance
    #[arg(long)]
    pub(crate) locked: bool,
    /// Write the current verdicts and numbers to ebpf.lock
    #[arg(long, conflicts_with = "locked")]
    pub(crate) update: bool,
    /// Also attach each accepted program briefly to a temporary target (network namespace,
    /// cgroup, socket). Tracing programs observe the whole system while they are attached.
    /// Programs that can change its behaviour, such as lsm, are attached in guests only
    #[arg(long)]
    pub(crate) attach: bool,
    /// Entries of a map, where the loader sets them (may be repeated; also
    /// [package.metadata.ebpf] map-sizes)
    #[arg(long, value_name = "MAP=N", value_parser = assignment::<u32>)]
    pub(crate) map_size: Vec<(String, u32)>,
    /// Value of a global variable, where the loader sets it: an integer, true or false (may be
    /// repeated; also [package.metadata.ebpf] set)
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment::<link::Value>)]
    pub(crate) set: Vec<(String, link::Value)>,
    /// Rank source lines by the number of instructions that the verifier processed for them
    #[arg(long)]
    pub(crate) hot: bool,
    /// Load as this loader would: aya or libbpf (default: the one that the object is made for)
    #[arg(long, value_name = "NAME")]
    pub(crate) loader: Option<ebpf_object::Loader>,
    /// The program whose functions the programs of section freplace/FUNCTION replace. PROGRAM
    /// is needed if the object has several
    #[arg(long, value_name = "OBJECT[:PROGRAM]")]
    pub(crate) freplace: Option<PathBuf>,
    /// Maximum time the verifier may take per program
    #[arg(long, value_name = "SECONDS", default_value_t = matrix::TIMEOUT, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,
    /// Memory per guest, in MiB
    #[arg(long, value_name = "MIB", default_value_t = matrix::GUEST_MEMORY, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) guest_memory: u32,
}

/// Arguments of `kernels`.
#[derive(Debug, Args)]
pub(crate) struct Kernels {
    /// Download the newest releases of these kernels: versions such as 6.1, or all; separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) fetch: Vec<KernelSpec>,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Code of a rejection class, such as packet-bounds, or of an error (default: list all
    /// classes); with --log, the object that the log is about
    #[arg(value_name = "CODE|OBJECT")]
    pub(crate) subject: Option<String>,
    /// List all classes
    #[arg(long, conflicts_with = "subject")]
    pub(crate) list: bool,
    /// Explain the verifier logs in this file (- for stdin), which may be the output of a loader
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    pub(crate) log: Option<PathBuf>,
}

/// Arguments of `run`.
#[derive(Debug, Default, Args)]
pub(crate) struct Run {
    /// Package of the loader (default: the project's `loader` setting, or the only one)
    #[arg(long, short, value_name = "NAME")]
    pub(crate) package: Option<String>,
    /// Binary of the loader's package to run
    #[arg(long, value_name = "NAME")]
    pub(crate) bin: Option<String>,
    /// Features of the loader to enable (may be repeated)
    #[arg(long, short = 'F')]
    pub(crate) features: Vec<String>,
    /// Enable all features of the loader
    #[arg(long)]
    pub(crate) all_features: bool,
    /// Do not enable the default features of the loader
    #[arg(long)]
    pub(crate) no_default_features: bool,
    /// Arguments for the loader (default: the project's `demo` setting)
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<std::ffi::OsString>,
}

/// Arguments of `test`.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Kernels to run eBPF program tests on: host, versions such as 6.1, all, or the path of a kernel image
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) kernel: Vec<KernelSpec>,
    /// Maximum time per test (with --kernel)
    #[arg(long, value_name = "SECONDS", default_value_t = matrix::TIMEOUT)]
    pub(crate) timeout: u64,
    /// Memory per guest, in MiB
    #[arg(long, value_name = "MIB", default_value_t = matrix::GUEST_MEMORY)]
    pub(crate) guest_memory: u32,
    /// Arguments for `cargo test`
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<std::ffi::OsString>,
}

/// Arguments of `clean`.
#[derive(Debug, Args)]
pub(crate) struct Clean {
    /// Also remove cargo-ebpf's whole cache directory: linkers and kernel images
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
