//! The sizes of the frames of kernel functions, found out from stacks that the kernel walked
//! and their memory. With these the programs walk the same stacks by themselves.

use std::collections::HashMap;

use aya::maps::{HashMap as BpfMap, MapData};
use lock_common::{RawStack, TRACING_FRAMES, step};

/// How many calls are known at the most, as `lock-ebpf/src/stacks.rs` has it.
const CALLS: usize = 16384;

/// How far it is from one return address to the next, here and in the kernel.
pub(crate) struct FrameSteps {
    map: BpfMap<MapData, u32, u32>,
    known: HashMap<u32, Step>,
}

/// What was seen of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The next return address was always so many words further out.
    Fixed(u32),
    /// It was at different distances, and always so many words from the outer end.
    FromEnd(u32),
    /// There was never a next one.
    Outermost,
    /// Both vary.
    Varies,
}

/// A call, and where the next return address is: how far from its own, and from the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    call: u32,
    next: Option<(u32, u32)>,
}

impl FrameSteps {
    /// Takes the map over.
    pub(crate) fn new(map: BpfMap<MapData, u32, u32>) -> Self {
        Self {
            map,
            known: HashMap::new(),
        }
    }

    /// Learns from a stack that the kernel walked, if its memory says beyond doubt where the
    /// return addresses are.
    pub(crate) fn learn(&mut self, raw: &RawStack) {
        let length = raw.end.wrapping_sub(raw.begin);
        let words = usize::try_from(length / 8).unwrap_or(usize::MAX);
        let Some(words) = raw.words.get(..words) else {
            return;
        };
        let frames = raw.stack.frames.iter().copied();
        let addresses: Vec<u64> = frames
            .skip(TRACING_FRAMES)
            .take_while(|&address| address != 0)
            .collect();
        let addresses = addresses.as_slice();
        let Some(places) = places(words, addresses) else {
            return;
        };
        for seen in seen(words.len(), addresses, &places) {
            self.add(seen);
        }
    }

    fn add(&mut self, seen: Seen) {
        let before = self.known.get(&seen.call).copied();
        if before.is_none() && self.known.len() >= CALLS {
            return;
        }
        let now = together(before, seen.next);
        if before == Some(now) {
            return;
        }
        self.known.insert(seen.call, now);
        let step = match now {
            Step::Fixed(words) => words,
            Step::FromEnd(words) => step::FROM_END | words,
            Step::Outermost => step::OUTERMOST,
            Step::Varies => step::UNKNOWN,
        };
        // Without it the kernel walks the stack each time.
        let _ = self.map.insert(seen.call, step, 0);
    }
}

/// What was known of a call, and what was seen now.
fn together(before: Option<Step>, next: Option<(u32, u32)>) -> Step {
    match (before, next) {
        (None | Some(Step::Outermost), None) => Step::Outermost,
        (None, Some((distance, _))) => Step::Fixed(distance),
        (Some(Step::Fixed(known)), Some((distance, _))) if known == distance => Step::Fixed(known),
        // From which end it was fixed the time before is not known: the next time tells.
        (Some(Step::Fixed(_)), Some((_, from_end))) => Step::FromEnd(from_end),
        (Some(Step::FromEnd(known)), Some((_, from_end))) if known == from_end => {
            Step::FromEnd(known)
        }
        _ => Step::Varies,
    }
}

/// The steps in a stack whose return addresses are at these places.
fn seen(words: usize, addresses: &[u64], places: &[usize]) -> Vec<Seen> {
    let first = places.first().map(|&place| Seen {
        call: step::FIRST,
        next: Some((place as u32, (words - place) as u32)),
    });
    let rest = addresses
        .iter()
        .zip(places)
        .enumerate()
        .map(|(index, (&address, &place))| Seen {
            // The kernel's text is within 2 GiB: the lower half tells.
            call: address as u32,
            next: places
                .get(index + 1)
                .map(|&next| ((next - place) as u32, (words - next) as u32)),
        });
    first.into_iter().chain(rest).collect()
}

/// Which word each return address is, innermost first. None unless there is just one way to
/// find them all in this order: the first places in which they can be are also the last.
fn places(words: &[u64], addresses: &[u64]) -> Option<Vec<usize>> {
    let mut first = Vec::with_capacity(addresses.len());
    let mut from = 0;
    for address in addresses {
        let place = from + words.get(from..)?.iter().position(|word| word == address)?;
        first.push(place);
        from = place + 1;
    }
    let mut to = words.len();
    for (address, &first) in addresses.iter().zip(&first).rev() {
        let last = words.get(..to)?.iter().rposition(|word| word == address)?;
        if last != first {
            return None;
        }
        to = last;
    }
    (!first.is_empty()).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::{Seen, Step, places, seen, together};

    #[test]
    fn return_addresses_are_found_among_other_words() {
        let words = [1, 70, 2, 3, 80, 90, 4];
        assert_eq!(places(&words, &[70, 80, 90]), Some(vec![1, 4, 5]));
    }

    #[test]
    fn a_word_left_from_an_earlier_call_makes_it_doubtful() {
        assert_eq!(places(&[70, 70, 80], &[70, 80]), None);
        assert_eq!(places(&[70, 80, 80], &[70, 80]), None);
        // Here it is before the address that comes first, and so is none of them.
        assert_eq!(places(&[80, 70, 80], &[70, 80]), Some(vec![1, 2]));
    }

    #[test]
    fn a_missing_address_is_nowhere() {
        assert_eq!(places(&[70, 90], &[70, 80]), None);
        assert_eq!(places(&[], &[70]), None);
        assert_eq!(places(&[1, 2], &[]), None);
    }

    #[test]
    fn steps_are_told_from_both_ends() {
        let steps = seen(7, &[70, 80], &[1, 4]);
        assert_eq!(
            steps,
            [
                Seen {
                    call: 0,
                    next: Some((1, 6))
                },
                Seen {
                    call: 70,
                    next: Some((3, 3))
                },
                Seen {
                    call: 80,
                    next: None
                },
            ]
        );
    }

    #[test]
    fn a_random_gap_is_found_out_and_what_varies_is_not_used() {
        let fixed = together(None, Some((9, 40)));
        assert_eq!(fixed, Step::Fixed(9));
        assert_eq!(together(Some(fixed), Some((9, 60))), fixed);
        let from_end = together(Some(fixed), Some((13, 1)));
        assert_eq!(from_end, Step::FromEnd(1));
        assert_eq!(together(Some(from_end), Some((11, 1))), from_end);
        assert_eq!(together(Some(from_end), Some((11, 2))), Step::Varies);
        assert_eq!(together(Some(Step::Outermost), Some((1, 1))), Step::Varies);
        assert_eq!(together(Some(fixed), None), Step::Varies);
    }
}
