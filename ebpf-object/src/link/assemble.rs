//! A program together with the functions that it calls, as one sequence of instructions.

use std::collections::HashMap;

use aya_obj::generated::{
    BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, bpf_func_info, bpf_insn, bpf_line_info,
};

use super::code::{Function, LOAD_WIDE, Target};

/// A program with all that it calls.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Assembled {
    /// The instructions; calls within them are resolved.
    pub instructions: Vec<bpf_insn>,
    /// What else instructions refer to, by slot.
    pub references: Vec<(usize, Target)>,
    /// What the kernel does not have, of what instructions access, by slot.
    pub absent: Vec<(usize, String)>,
    /// The types of its functions; none if that of one is not known.
    pub functions: Vec<bpf_func_info>,
    /// The source lines; none if those of a function are not known.
    pub lines: Vec<bpf_line_info>,
    /// Where the code of each function begins, and which function it is.
    pub parts: Vec<(usize, usize)>,
}

/// More instructions than any kernel accepts (`BPF_COMPLEXITY_LIMIT_INSNS`): functions that
/// call each other would otherwise take memory for each program.
const MAX_INSTRUCTIONS: usize = 1_000_000;

/// Appends the functions that the one with number `program` calls to it, in the order of
/// the calls.
///
/// # Errors
/// Why that is not possible.
pub(super) fn assemble(functions: &[Function], program: usize) -> Result<Assembled, String> {
    let mut assembly = Assembly::default();
    let mut open = vec![assembly.append(functions, program)?];
    // Each function is finished before its caller continues, as libbpf does by recursion.
    while let Some(part) = open.last_mut() {
        let function = &functions[part.number];
        let Some((slot, target)) = function.references.get(part.next) else {
            open.pop();
            continue;
        };
        part.next += 1;
        let at = part.start + slot;
        let Target::Function(callee) = target else {
            assembly.program.references.push((at, target.clone()));
            continue;
        };
        let start = match assembly.starts.get(callee) {
            Some(&start) => start,
            None => {
                let part = assembly.append(functions, *callee)?;
                let start = part.start;
                open.push(part);
                start
            }
        };
        assembly.connect(at, start)?;
    }
    Ok(assembly.program)
}

/// A function that is being appended.
struct Part {
    number: usize,
    start: usize,
    /// The reference that is looked at next.
    next: usize,
}

#[derive(Default)]
struct Assembly {
    program: Assembled,
    starts: HashMap<usize, usize>,
    /// Whether a function lacks its type, or its lines: the kernel takes those of all
    /// functions or of none.
    lacks: (bool, bool),
}

impl Assembly {
    fn append(&mut self, functions: &[Function], number: usize) -> Result<Part, String> {
        let function = functions.get(number).ok_or("it has no code")?;
        if function.instructions.is_empty() {
            return Err(format!("`{}` has no code", function.name));
        }
        let program = &mut self.program;
        let start = program.instructions.len();
        program.instructions.extend(&function.instructions);
        if program.instructions.len() > MAX_INSTRUCTIONS {
            return Err(format!(
                "with the functions that it calls, it has more than {MAX_INSTRUCTIONS} instructions"
            ));
        }
        let absent = function.absent.iter();
        program
            .absent
            .extend(absent.map(|(slot, path)| (start + slot, path.clone())));
        let offset = u32::try_from(start).unwrap_or(u32::MAX);
        match function.type_id {
            Some(type_id) => program.functions.push(bpf_func_info {
                insn_off: offset,
                type_id,
            }),
            None => self.lacks.0 = true,
        }
        if function.lines.first().is_none_or(|line| line.insn_off != 0) {
            self.lacks.1 = true;
        }
        program
            .lines
            .extend(function.lines.iter().map(|line| bpf_line_info {
                insn_off: line.insn_off + offset,
                ..*line
            }));
        if self.lacks.0 {
            program.functions.clear();
        }
        if self.lacks.1 {
            program.lines.clear();
        }
        program.parts.push((start, number));
        self.starts.insert(number, start);
        Ok(Part {
            number,
            start,
            next: 0,
        })
    }

    /// Lets the instruction at a slot call the function that begins at another, or load its
    /// address.
    fn connect(&mut self, at: usize, start: usize) -> Result<(), String> {
        let distance = i64::try_from(start).ok().zip(i64::try_from(at).ok());
        let distance = distance
            .and_then(|(start, at)| i32::try_from(start - at - 1).ok())
            .ok_or("the target of a call is too far away")?;
        let instruction = self
            .program
            .instructions
            .get_mut(at)
            .ok_or("a call is outside of its function")?;
        let source = if instruction.code == LOAD_WIDE {
            BPF_PSEUDO_FUNC
        } else {
            BPF_PSEUDO_CALL
        };
        instruction.set_src_reg(source as u8);
        instruction.imm = distance;
        Ok(())
    }
}
