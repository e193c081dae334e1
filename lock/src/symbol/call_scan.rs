//! Callers of functions that have no unwind information, as all of musl's have none: a return
//! address on the stack belongs to such a function's frame if the instruction before it calls that
//! function.

/// How far above a frame's top its return address is looked for, in words of the stack.
const FARTHEST: usize = 64;

/// The length of the longest call or jump that is read.
pub(super) const LONGEST: usize = 6;

/// A call that did not return yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call {
    /// Where it returns to.
    pub(super) return_address: u64,
    /// The top of the caller's stack, in bytes from the begin of what was searched.
    pub(super) above: usize,
}

/// The call whose frame begins at `from` in a stack, by the first return address that `is_call`
/// accepts.
pub(super) fn find(stack: &[u8], from: usize, is_call: impl Fn(u64) -> bool) -> Option<Call> {
    let words = stack.get(from..)?.chunks_exact(size_of::<u64>());
    words.take(FARTHEST).enumerate().find_map(|(index, word)| {
        let return_address = u64::from_le_bytes(word.try_into().ok()?);
        is_call(return_address).then_some(Call {
            return_address,
            above: from + (index + 1) * size_of::<u64>(),
        })
    })
}

/// Where the call in front of a return address leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// To this address.
    Address(u64),
    /// To one that is in memory.
    Indirect,
}

/// The target of the call that ends at `return_address`. `code` reads what is at an address.
pub(super) fn target(
    return_address: u64,
    code: impl Fn(u64) -> Option<[u8; LONGEST]>,
) -> Option<Target> {
    let before = code(return_address.wrapping_sub(LONGEST as u64))?;
    if let [_, 0xe8, offset @ ..] = before {
        return Some(Target::Address(relative(return_address, offset)));
    }
    // call *offset(%rip), as compilers do without a procedure linkage table.
    matches!(before, [0xff, 0x15, ..]).then_some(Target::Indirect)
}

/// Where jumps in code lead to that is at `start`: a function may end with one to another, which
/// then returns to its caller. Bytes that are none add addresses at random.
pub(super) fn jumps(start: u64, code: &[u8]) -> impl Iterator<Item = u64> {
    code.windows(LONGEST)
        .enumerate()
        .filter_map(move |(at, window)| {
            let next = |length: u64| start.wrapping_add(at as u64).wrapping_add(length);
            match *window {
                [0xe9, a, b, c, d, _] => Some(relative(next(5), [a, b, c, d])),
                [0x0f, 0x80..=0x8f, a, b, c, d] => Some(relative(next(6), [a, b, c, d])),
                [0xeb, offset, ..] => {
                    Some(next(2).wrapping_add_signed(offset.cast_signed().into()))
                }
                _ => None,
            }
        })
}

const fn relative(next: u64, offset: [u8; 4]) -> u64 {
    next.wrapping_add_signed(i32::from_le_bytes(offset) as i64)
}

#[cfg(test)]
mod tests {
    use super::{Call, LONGEST, Target, find, jumps, target};

    /// Code at address 0x1000.
    fn code(bytes: &'static [u8]) -> impl Fn(u64) -> Option<[u8; LONGEST]> + Copy {
        move |address| {
            let start = usize::try_from(address.checked_sub(0x1000)?).ok()?;
            let mut found = [0; LONGEST];
            let bytes = bytes.get(start..)?;
            let length = bytes.len().min(LONGEST);
            found[..length].copy_from_slice(&bytes[..length]);
            Some(found)
        }
    }

    #[test]
    fn calls_lead_to_functions() {
        // 0x1001: call 0x1010.
        let direct = code(&[0x90, 0xe8, 0x0a, 0, 0, 0, 0x90]);
        assert_eq!(target(0x1006, direct), Some(Target::Address(0x1010)));
        assert_eq!(target(0x1007, direct), None);
        assert_eq!(target(0x9000, direct), None);
        let back = code(&[0x90, 0xe8, 0xf5, 0xff, 0xff, 0xff]);
        assert_eq!(target(0x1006, back), Some(Target::Address(0xffb)));
        let indirect = code(&[0xff, 0x15, 1, 2, 3, 4]);
        assert_eq!(target(0x1006, indirect), Some(Target::Indirect));
    }

    #[test]
    fn functions_end_with_jumps() {
        let code = [
            0x90, 0xe9, 0x0a, 0, 0, 0, // 0x1001: jmp 0x1010
            0x0f, 0x84, 0xf4, 0xff, 0xff, 0xff, // 0x1006: je 0x1000
            0xeb, 0x02, // 0x100c: jmp 0x1010
            0x90, 0x90, 0x90, 0x90, 0x90,
        ];
        let found: Vec<u64> = jumps(0x1000, &code).collect();
        assert_eq!(found, [0x1010, 0x1000, 0x1010]);
        assert_eq!(jumps(0x1000, &[0xeb]).count(), 0);
    }

    #[test]
    fn the_nearest_return_address_is_it() {
        let stack: Vec<u8> = [1_u64, 0x1006, 7, 0x1006]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        let call = |from| find(&stack, from, |word| word == 0x1006);
        let expected = |above| {
            Some(Call {
                return_address: 0x1006,
                above,
            })
        };
        assert_eq!(call(0), expected(16));
        assert_eq!(call(16), expected(32));
        assert_eq!(call(32), None);
        assert_eq!(call(1000), None);
    }
}
