//! From the verdicts of kernels to what a budget holds.

use std::collections::BTreeMap;

use ebpf_kernels::{Architecture, KernelSpec};

use super::{Budget, Measured, Object, VERSION};
use crate::verdict::{OnKernel, Program};

/// In a budget, kernels for this architecture are named without one: it has the same names on
/// every machine, and those of before there were other architectures.
pub(crate) const UNNAMED: Option<Architecture> = Some(Architecture::X86_64);

/// The name in a budget of the kernel that is called `name` on this machine.
pub(crate) fn kernel_name(name: &str) -> String {
    name.parse::<KernelSpec>()
        .map_or_else(|_| name.to_owned(), |kernel| kernel.name_for(UNNAMED))
}

/// What `kernels` made of the objects called `names`, which have `sizes` bytes. The
/// lists are in the order of the objects of each kernel.
pub(crate) fn measure(
    kernels: &[OnKernel],
    names: &[String],
    sizes: &[u64],
    tools: BTreeMap<String, String>,
) -> Budget {
    let mut budget = Budget {
        version: VERSION,
        tools,
        ..Budget::default()
    };
    for (name, &size) in names.iter().zip(sizes) {
        let object = Object {
            size,
            programs: BTreeMap::new(),
        };
        budget.objects.insert(name.clone(), object);
    }
    for kernel in kernels {
        let version = kernel.version.clone().or_else(|| kernel.release.clone());
        budget
            .kernels
            .insert(kernel_name(&kernel.kernel), version.unwrap_or_default());
        for (name, object) in names.iter().zip(&kernel.objects) {
            let Some(measured) = budget.objects.get_mut(name) else {
                continue;
            };
            for program in &object.programs {
                measured
                    .programs
                    .entry(program.name.clone())
                    .or_default()
                    .insert(kernel_name(&kernel.kernel), of(program));
            }
        }
    }
    budget
}

fn of(program: &Program) -> Measured {
    let statistics = &program.statistics;
    let depths = statistics.stack_depths.as_deref();
    Measured {
        verdict: program.verdict.code().to_owned(),
        insns: statistics.processed_instructions,
        states: statistics.total_states,
        peak: statistics.peak_states,
        stack: depths.map(|depths| depths.iter().copied().map(u64::from).sum()),
        jit: statistics.jit_bytes.map(u64::from),
    }
}
