//! Attaches `count_perf_event` to the clock of each CPU. The target is how often it runs per second.

use aya::{
    Ebpf,
    programs::{
        self, PerfEvent, ProgramError,
        perf_event::{PerfEventConfig, PerfEventScope, SamplePolicy, SoftwareEvent},
    },
    util::online_cpus,
};

use crate::{Program, Result, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_perf_event",
    map: "PERF_EVENT_COUNT",
    counts: "samples",
    target: "99",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut PerfEvent = program.try_into()?;
    program.load()
}

fn attach(ebpf: &mut Ebpf, frequency: &str) -> Result {
    let program: &mut PerfEvent = program(ebpf, PROGRAM.name)?;
    let policy = SamplePolicy::Frequency(frequency.parse()?);
    let config = PerfEventConfig::Software(SoftwareEvent::CpuClock);
    for cpu in online_cpus().map_err(|(path, error)| format!("{path}: {error}"))? {
        let scope = PerfEventScope::AllProcessesOneCpu { cpu };
        program.attach(config, scope, policy, true)?;
    }
    Ok(())
}
