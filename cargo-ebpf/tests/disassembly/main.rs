//! `cargo ebpf inspect --disasm` against the verifier of the kernel that runs: both must
//! print the same text for every instruction.

mod inspect;
mod kernel;
mod operations;

use std::{collections::BTreeSet, error::Error, fs, path::Path, process::ExitCode};

use kernel::{Slot, slot};
use test_support::{Failed, Suite, Test, machine::CAPABILITIES, tests};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;
/// A name, and one instruction: two slots if it is a 64-bit load.
type Case = (String, Vec<Slot>);

type Check = fn() -> Result<()>;

const TESTS: &[Test<Check>] = tests![
    all_operations_read_as_in_the_kernel,
    calls_of_helpers_read_as_in_the_kernel,
    what_the_kernel_accepts_reads_as_in_the_kernel,
    compiled_objects_read_as_in_the_kernel,
];

fn main() -> ExitCode {
    Suite::new()
        .needing(&[CAPABILITIES])
        .tests_with(TESTS, |run| run().map_err(Failed::from))
        .run()
}

/// Every operation of every class.
fn all_operations_read_as_in_the_kernel() -> Result<()> {
    let cases = operations::operations();
    let hidden = agree("operations", &cases, |_, _| true)?;
    let newer = |name: &str| {
        operations::NEWER
            .iter()
            .any(|newer| name.starts_with(newer))
    };
    match hidden.into_iter().find(|(name, _)| !newer(name)) {
        Some((name, why)) => Err(format!("the kernel does not show {name}: {why}").into()),
        None => Ok(()),
    }
}

/// Every helper that objects may name: older kernels do not know all.
fn calls_of_helpers_read_as_in_the_kernel() -> Result<()> {
    let call = |id| (format!("helper {id}"), vec![slot(0x85, 0, 0, 0, id)]);
    let cases: Vec<Case> = (0..=211).map(call).collect();
    agree("calls of helpers", &cases, |_, text| {
        !text.contains(" unknown#")
    })
    .map(drop)
}

/// All opcodes with all sorts of operands. Most make no sense, and how the kernel prints
/// what it then refuses is of no interest.
fn what_the_kernel_accepts_reads_as_in_the_kernel() -> Result<()> {
    let imms = [
        0, 1, 2, 16, 32, 64, -1, 0x40, 0x51, 0xa0, 0xe1, 0xf1, 0x100, 0x110,
    ];
    let mut codes = BTreeSet::new();
    for opcode in 0..=u8::MAX {
        for (dst, src) in [(0, 0), (1, 0), (1, 2), (1, 10), (10, 1), (0, 1)] {
            for offset in [0, 1, 8, 16, 32, -8] {
                for imm in imms {
                    let second = (opcode == 0x18).then(|| slot(0, 0, 0, 0, imm));
                    let first = slot(opcode, dst, src, offset, imm);
                    codes.insert([first].into_iter().chain(second).collect());
                }
            }
        }
    }
    agree("encodings", &unnamed(codes), |accepted, _| accepted).map(drop)
}

/// Every different instruction in the objects of other tests, as compilers made them.
fn compiled_objects_read_as_in_the_kernel() -> Result<()> {
    let mut codes = BTreeSet::new();
    for folder in ["tests/objects", "tests/verify/objects"] {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))? {
            let path = entry?.path();
            // Another test holds the big-endian object against its little twin.
            if path.extension().is_none_or(|end| end != "o") || path.ends_with("libbpf-eb.o") {
                continue;
            }
            codes.extend(inspect::instructions(&path)?);
        }
    }
    agree("instructions in objects", &unnamed(codes), |_, _| true).map(drop)
}

fn unnamed(codes: BTreeSet<Vec<Slot>>) -> Vec<Case> {
    let case = |code: Vec<Slot>| (format!("{code:02x?}"), code);
    codes.into_iter().map(case).collect()
}

/// Fails unless both print the same for each of `cases` that the kernel shows and that
/// counts, by whether the whole program was accepted and by the text. Tells how many these
/// are, and returns the names of the others with the kernel's reason.
#[expect(
    clippy::print_stderr,
    reason = "the figures are for whoever runs the test"
)]
fn agree<'c>(
    what: &str,
    cases: &'c [Case],
    counts: fn(bool, &str) -> bool,
) -> Result<Vec<(&'c str, String)>> {
    let (mut shown, mut hidden) = (Vec::new(), Vec::new());
    let (mut code, mut accepted, mut log) = (Vec::new(), 0, vec![0; 1 << 20]);
    for (name, slots) in cases {
        let trial = kernel::attempt(slots, &mut log);
        match trial.text {
            Ok(text) if counts(trial.accepted, &text) => {
                accepted += usize::from(trial.accepted);
                code.extend(slots);
                shown.push((name, text));
            }
            Ok(text) => hidden.push((name.as_str(), text)),
            Err(why) => hidden.push((name.as_str(), why)),
        }
    }
    let ours = inspect::texts(&code)?;
    let different: Vec<_> = (shown.iter().zip(&ours))
        .filter(|((_, theirs), ours)| theirs != *ours)
        .map(|((name, theirs), ours)| format!("{name}: kernel {theirs:?}, inspect {ours:?}"))
        .collect();
    let (equal, all) = (shown.len() - different.len(), shown.len());
    eprintln!("{equal} of {all} {what} read as in the kernel, in {accepted} accepted programs");
    eprintln!("  not counted: {} of {}", hidden.len(), cases.len());
    // Thousands of senseless encodings are of no interest.
    for (name, why) in hidden.iter().filter(|_| hidden.len() < 100) {
        eprintln!("    {name}: {why}");
    }
    if ours.len() != all || all < 50 || !different.is_empty() {
        let (ours, different) = (ours.len(), different.join("\n"));
        return Err(format!("{all} shown, {ours} disassembled, different:\n{different}").into());
    }
    Ok(hidden)
}
