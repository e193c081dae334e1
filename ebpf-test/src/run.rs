//! The test run itself.

use std::time::Duration;

use aya::programs::{
    Program, ProgramError, RawTracePointRunOptions, TestRun, TestRunOptions, TestRunResult,
};

use ebpf_base::{KernelVersion, kernel_release};

use crate::{
    Error, ErrorKind, Loaded, Result,
    kind::{self, Kind},
    load::{self, is_denial, no_rights},
    skip,
};

/// What a program is run on.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    packet: &'a [u8],
    context: &'a [u8],
    arguments: &'a [u64],
    repeat: u32,
}

/// The most arguments that a tracepoint has (MAX_BPF_FUNC_ARGS, include/linux/bpf.h).
const MAX_ARGUMENTS: usize = 12;

/// How much longer than it came a packet may leave, in bytes.
const GROWTH: usize = 4096;

/// `ENOTSUPP` (include/linux/errno.h), which libc does not know: the type has no test run.
const ENOTSUPP: i32 = 524;

impl<'a> Input<'a> {
    /// A packet from its Ethernet header on: for `xdp`, `classifier`, `cgroup_skb`,
    /// `socket_filter` and `flow_dissector` programs.
    pub const fn packet(packet: &'a [u8]) -> Self {
        Self {
            packet,
            context: &[],
            arguments: &[],
            repeat: 1,
        }
    }

    /// The arguments of a tracepoint: for `raw_tracepoint` programs. Those that are not
    /// given are 0; more than 12 are an error of [`run`].
    pub const fn arguments(arguments: &'a [u64]) -> Self {
        Self {
            arguments,
            ..Self::packet(&[])
        }
    }

    /// The context that goes with the packet: the bytes of a `struct xdp_md`,
    /// `__sk_buff` or `bpf_flow_keys`. What the kernel lets a caller set in it, and from
    /// which version on, differs; Linux 5.15 takes all three.
    #[must_use]
    pub const fn context(self, context: &'a [u8]) -> Self {
        Self { context, ..self }
    }

    /// Runs the program this many times, to measure it: all on the same packet, as the
    /// run before has left it.
    #[must_use]
    pub const fn repeat(self, repeat: u32) -> Self {
        Self { repeat, ..self }
    }
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// What the program returned: an action such as `XDP_DROP`.
    pub return_value: u32,
    /// How long one run took on average. Zero for `raw_tracepoint` programs.
    pub duration: Duration,
    /// The packet as the program left it; for a `flow_dissector` the `struct
    /// bpf_flow_keys` that it filled in.
    pub packet: Vec<u8>,
    /// The context as the program left it, where one was given.
    pub context: Vec<u8>,
}

/// Has the kernel run the program `name` on `input`. It is loaded the first time.
///
/// Programs of these types can be run: `xdp` and `classifier` (Linux 4.12), `cgroup_skb`
/// (4.12), `socket_filter` (4.16), `flow_dissector` (5.1), `raw_tracepoint` (5.10).
///
/// Skips the test where the kernel lacks the type or its test run, or does not permit it.
///
/// # Errors
/// When there is no such program, its type has no test run on any kernel, the verifier
/// rejects it, or the kernel does not accept the input. A rejection is explained as by
/// `cargo ebpf verify`; see [`Error::diagnosis`].
#[track_caller]
pub fn run(loaded: &mut Loaded, name: &str, input: &Input<'_>) -> Result<Output> {
    let Loaded { ebpf, object } = loaded;
    let program = load::find(ebpf, name)?;
    let kind = kind::of(program).map_err(|never| {
        let reason = never.reason(&format!("{:?}", program.prog_type()));
        Error::new(
            ErrorKind::NoTestRun,
            format!("the program `{name}` cannot be run: {reason}"),
        )
    })?;
    if input.packet.len() < kind.shortest {
        return Err(Error::new(
            ErrorKind::Input,
            format!(
                "the packet for `{name}` has {} bytes; the kernel runs {} programs on {} or more",
                input.packet.len(),
                kind.name,
                kind.shortest
            ),
        ));
    }
    let arguments = padded(input.arguments).ok_or_else(|| {
        Error::new(
            ErrorKind::Input,
            format!(
                "there are {} arguments for `{name}`; the kernel accepts at most {MAX_ARGUMENTS}",
                input.arguments.len()
            ),
        )
    })?;
    load::program(name, kind, program, object)?;
    match ask(program, input, arguments) {
        Ok(output) => Ok(output),
        Err(error) => Err(not_run(name, kind, input, error)),
    }
}

/// The arguments with zeros for those that are not given; `None` if there are too many.
fn padded(arguments: &[u64]) -> Option<[u64; MAX_ARGUMENTS]> {
    let mut all = [0; MAX_ARGUMENTS];
    all.get_mut(..arguments.len())?.copy_from_slice(arguments);
    Some(all)
}

fn ask(
    program: &Program,
    input: &Input<'_>,
    arguments: [u64; MAX_ARGUMENTS],
) -> Result<Output, ProgramError> {
    match program {
        Program::SocketFilter(program) => with_packet(program, input),
        Program::ReusePortSocketFilter(program) => with_packet(program, input),
        Program::SchedClassifier(program) => with_packet(program, input),
        Program::CgroupSkb(program) => with_packet(program, input),
        Program::Xdp(program) => with_packet(program, input),
        Program::FlowDissector(program) => with_packet(program, input),
        Program::RawTracePoint(program) => {
            let options = RawTracePointRunOptions {
                args: arguments,
                cpu: None,
            };
            Ok(Output {
                return_value: program.test_run(options)?.return_value,
                duration: Duration::ZERO,
                packet: Vec::new(),
                context: Vec::new(),
            })
        }
        _ => Err(ProgramError::UnexpectedProgramType),
    }
}

fn with_packet<P>(program: &P, input: &Input<'_>) -> Result<Output, ProgramError>
where
    P: for<'a> TestRun<Opts<'a> = TestRunOptions<'a>, Result = TestRunResult>,
{
    let mut packet = vec![0; input.packet.len() + GROWTH];
    let mut context = vec![0; input.context.len()];
    // Kernels that take no context accept no space for one either.
    let has_context = !input.context.is_empty();
    let result = program.test_run(TestRunOptions {
        data_in: Some(input.packet),
        data_out: Some(&mut packet),
        ctx_in: has_context.then_some(input.context),
        ctx_out: has_context.then_some(&mut context),
        repeat: input.repeat,
        ..TestRunOptions::default()
    })?;
    packet.truncate(length(result.data_size_out));
    context.truncate(length(result.ctx_size_out));
    Ok(Output {
        return_value: result.return_value,
        duration: result.duration,
        packet,
        context,
    })
}

fn length(size: u32) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// The kernel would not run it: because it cannot, or because of what it was given.
#[track_caller]
fn not_run(name: &str, kind: Kind, input: &Input<'_>, error: ProgramError) -> Error {
    let cause = match &error {
        ProgramError::SyscallError(error) => &error.io_error,
        ProgramError::IOError(error) => error,
        _ => {
            return Error::new(ErrorKind::Run, format!("`{name}` could not be run"))
                .because_of(error);
        }
    };
    let running = KernelVersion::running().unwrap_or_default();
    let lacks_it = cause.raw_os_error() == Some(ENOTSUPP) || running < kind.since;
    if lacks_it {
        skip(&format!(
            "Linux {} does not support test runs of {} programs, which require Linux {}",
            kernel_release(),
            kind.name,
            kind.since
        ));
    }
    if is_denial(cause) {
        no_rights("run programs");
    }
    if !input.context.is_empty() && running < kind.context_since {
        skip(&format!(
            "test runs of {} programs with a context require Linux {}, but this is {}",
            kind.name,
            kind.context_since,
            kernel_release()
        ));
    }
    Error::new(
        ErrorKind::Run,
        format!(
            "the kernel rejected the test run of `{name}` ({} bytes of packet, {} bytes of context)",
            input.packet.len(),
            input.context.len()
        ),
    )
    .because_of(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_are_not_given_are_zero() {
        assert_eq!(padded(&[]), Some([0; MAX_ARGUMENTS]));
        assert_eq!(padded(&[3, 4]).unwrap()[..3], [3, 4, 0]);
        assert!(padded(&[1; MAX_ARGUMENTS]).is_some());
        assert_eq!(padded(&[1; MAX_ARGUMENTS + 1]), None);
    }
}
