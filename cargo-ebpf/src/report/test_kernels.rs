//! The result of `test --kernel`: the tests of each kernel.

use ebpf_base::untrusted;
use ebpf_build::Finding;
use ebpf_kernels::{Architecture, KernelTarget};
use serde::Serialize;

use super::Report;
use crate::{
    matrix::test_runs::TestReply,
    testing::program::{TestProgram, TestResult, Tested},
};

/// The result of the command.
#[derive(Debug, Serialize)]
pub(crate) struct OnKernels {
    /// Whether every kernel came up and ran every test.
    pub(crate) complete: bool,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    pub(crate) kernels: Vec<OnKernel>,
}

/// The tests on one kernel.
#[derive(Debug, Serialize)]
pub(crate) struct OnKernel {
    pub(crate) kernel: String,
    /// None if it is one without a name here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) architecture: Option<Architecture>,
    pub(crate) release: Option<String>,
    pub(crate) seconds: f64,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    pub(crate) programs: Vec<OfProgram>,
    pub(crate) findings: Vec<Finding>,
}

/// The tests of one program.
#[derive(Debug, Serialize)]
pub(crate) struct OfProgram {
    pub(crate) name: String,
    pub(crate) tests: Vec<Tested>,
}

/// How many tests did what.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl OnKernel {
    /// From the results of `programs` on `kernel`.
    pub(crate) fn new(kernel: &KernelTarget, programs: &[TestProgram], reply: TestReply) -> Self {
        let of_program = |(program, tests): (&TestProgram, Vec<Tested>)| OfProgram {
            name: program.name.clone(),
            tests,
        };
        Self {
            kernel: untrusted::name(kernel.label()),
            architecture: kernel.architecture(),
            release: reply.release.as_deref().map(untrusted::name),
            seconds: reply.took.as_secs_f64(),
            counts: Counts::of(reply.programs.iter().flatten()),
            programs: programs
                .iter()
                .zip(reply.programs)
                .map(of_program)
                .collect(),
            findings: reply.findings,
        }
    }
}

impl Report for OnKernels {
    /// A line for each kernel, and the sum as the last line of stdout.
    fn human(&self) -> String {
        let mut text = String::new();
        for kernel in &self.kernels {
            let release = kernel.release.as_deref().unwrap_or("did not boot");
            text += &format!(
                "{} ({release}): {} in {:.1} s\n",
                kernel.kernel, kernel.counts, kernel.seconds
            );
        }
        text + &self.counts.to_string()
    }
}

impl Counts {
    fn of<'a>(tests: impl Iterator<Item = &'a Tested>) -> Self {
        let mut counts = Self::default();
        for tested in tests {
            *match tested.result {
                TestResult::Passed => &mut counts.passed,
                TestResult::Failed => &mut counts.failed,
                TestResult::Skipped { .. } => &mut counts.skipped,
            } += 1;
        }
        counts
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, counts| Self {
            passed: sum.passed + counts.passed,
            failed: sum.failed + counts.failed,
            skipped: sum.skipped + counts.skipped,
        })
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}
