//! Unwind information of others that can be evaluated at once: framehop evaluates expressions
//! without a limit, and one with a jump can loop forever.

use gimli::{
    BaseAddresses, CallFrameInstruction, CallFrameInstructionIter, CieOrFde,
    CommonInformationEntry, DebugFrame, EhFrame, Encoding, EndianSlice, LittleEndian, Operation,
    UnwindExpression, UnwindSection,
};

use crate::symbol::code_file::{Bytes, UnwindSections};

type Slice<'data> = EndianSlice<'data, LittleEndian>;

/// The longest entry: that of a function with as many changes of its frame as no compiler
/// makes.
const LONGEST_ENTRY: usize = 32 << 10;

/// `DW_EH_PE_udata8`, as a number without a base.
const ABSOLUTE: u8 = 0x04;

/// Leaves what is safe to evaluate: entries without jumps, of a sane length, which a table of
/// our own leads to.
pub(super) fn check(sections: &mut UnwindSections) {
    let bases = BaseAddresses::default()
        .set_eh_frame(start(sections.eh_frame_svma.as_ref()))
        .set_text(start(sections.text_svma.as_ref()))
        .set_got(start(sections.got_svma.as_ref()));
    sections.eh_frame_hdr = None;
    if let Some(bytes) = sections.eh_frame.clone() {
        let mut section = EhFrame::new(&bytes, LittleEndian);
        section.set_address_size(8);
        let found = entries(&section, &bases).0;
        let address = bases.eh_frame.section.unwrap_or(0);
        sections.eh_frame_hdr = Some(table(address, &found));
        sections.eh_frame_hdr_svma = Some(address..address);
    }
    if let Some(bytes) = sections.debug_frame.take() {
        let mut section = DebugFrame::new(&bytes, LittleEndian);
        section.set_address_size(8);
        // There is no table of these: whoever unwinds goes through all of them.
        if entries(&section, &bases).1 {
            sections.debug_frame = Some(bytes);
        }
    }
}

fn start(range: Option<&std::ops::Range<u64>>) -> u64 {
    range.map_or(0, |range| range.start)
}

/// The functions' first addresses and the places of their entries, of those that are safe, and
/// whether all are.
fn entries<'data, S: UnwindSection<Slice<'data>>>(
    section: &S,
    bases: &BaseAddresses,
) -> (Vec<(u64, u64)>, bool) {
    let mut found = Vec::new();
    let mut all = true;
    // Neighbours have the same one.
    let mut last: Option<(CommonInformationEntry<Slice<'data>>, bool)> = None;
    let mut entries = section.entries(bases);
    while let Ok(Some(entry)) = entries.next() {
        let CieOrFde::Fde(partial) = entry else {
            continue;
        };
        let Ok(entry) = partial.parse(S::cie_from_offset) else {
            all = false;
            continue;
        };
        let common = entry.cie();
        let common_is_safe = match &last {
            Some((known, safe)) if known == common => *safe,
            _ => {
                let safe = common.entry_len() <= LONGEST_ENTRY
                    && is_safe(
                        section,
                        common.instructions(section, bases),
                        common.encoding(),
                    );
                last = Some((common.clone(), safe));
                safe
            }
        };
        let safe = common_is_safe
            && entry.entry_len() <= LONGEST_ENTRY
            && is_safe(
                section,
                entry.instructions(section, bases),
                common.encoding(),
            );
        if safe {
            found.push((entry.initial_address(), entry.offset() as u64));
        }
        all &= safe;
    }
    found.sort_unstable();
    (found, all)
}

fn is_safe<'data, S: UnwindSection<Slice<'data>>>(
    section: &S,
    mut instructions: CallFrameInstructionIter<'_, Slice<'data>>,
    encoding: Encoding,
) -> bool {
    loop {
        let expression = match instructions.next() {
            Ok(Some(
                CallFrameInstruction::DefCfaExpression { expression }
                | CallFrameInstruction::Expression { expression, .. }
                | CallFrameInstruction::ValExpression { expression, .. },
            )) => expression,
            Ok(Some(_)) => continue,
            Ok(None) => return true,
            Err(_) => return false,
        };
        if !ends(section, &expression, encoding) {
            return false;
        }
    }
}

/// Whether an expression's evaluation ends: it is without jumps. One forward can lead into
/// the middle of another operation, which is a jump back from there.
fn ends<'data, S: UnwindSection<Slice<'data>>>(
    section: &S,
    expression: &UnwindExpression<usize>,
    encoding: Encoding,
) -> bool {
    let Ok(expression) = expression.get(section) else {
        return false;
    };
    let mut operations = expression.operations(encoding);
    loop {
        match operations.next() {
            Ok(Some(Operation::Skip { .. } | Operation::Bra { .. })) | Err(_) => return false,
            Ok(Some(_)) => {}
            Ok(None) => return true,
        }
    }
}

/// An `.eh_frame_hdr` of an `.eh_frame` at `address`.
fn table(address: u64, entries: &[(u64, u64)]) -> Bytes {
    const VERSION: u8 = 1;
    let mut bytes = vec![VERSION, ABSOLUTE, ABSOLUTE, ABSOLUTE];
    let numbers = entries
        .iter()
        .flat_map(|&(start, offset)| [start, address.wrapping_add(offset)]);
    for number in [address, entries.len() as u64].into_iter().chain(numbers) {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    Bytes::from(bytes)
}
