//! Attaches `count_classifier` to a network interface.

use aya::{
    Ebpf,
    programs::{
        self, ProgramError, SchedClassifier,
        tc::{self, TcAttachType},
    },
};

use crate::{Program, Result, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_classifier",
    map: "CLASSIFIER_COUNT",
    counts: "packets received",
    target: "lo",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut SchedClassifier = program.try_into()?;
    program.load()
}

fn attach(ebpf: &mut Ebpf, interface: &str) -> Result {
    let program: &mut SchedClassifier = program(ebpf, PROGRAM.name)?;
    // Before Linux 6.6, the interface needs a place for classifiers. It may have one already.
    let _ = tc::qdisc_add_clsact(interface);
    program.attach(interface, TcAttachType::Ingress)?;
    Ok(())
}
