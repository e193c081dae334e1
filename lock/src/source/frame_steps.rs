//! The sizes of the frames of kernel functions, found out from stacks that the kernel walked
//! and their memory. With these the programs walk the same stacks by themselves.

use std::collections::{BTreeSet, HashMap};

use aya::maps::{Array, MapData};
use lock_common::{
    CALL_SETS, CALL_WAYS, CallSet, CallStep, KERNEL_FRAMES, RawStack, TRACING_FRAMES, call_set,
    step,
};

use crate::probe::load::Shared;

/// How many calls are known at the most.
const CALLS: usize = CALL_SETS * CALL_WAYS;

/// How far it is from one return address to the next, here and in the kernel.
pub(crate) struct FrameSteps {
    map: Array<MapData, Shared<CallSet>>,
    known: HashMap<u32, Step>,
    /// A call whose next return address could be at several positions, and the distances to
    /// those at which it could be each time.
    doubtful: HashMap<u32, BTreeSet<u32>>,
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
    pub(crate) fn new(map: Array<MapData, Shared<CallSet>>) -> Self {
        Self {
            map,
            known: HashMap::new(),
            doubtful: HashMap::new(),
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
        if addresses.len() + TRACING_FRAMES >= KERNEL_FRAMES {
            return; // Cut off: the last is not the outermost.
        }
        let addresses = addresses.as_slice();
        let Some(positions) = Positions::of(words, addresses, &self.known) else {
            return;
        };
        for seen in positions.seen(addresses) {
            self.add(seen);
        }
        for (call, distances) in positions.doubts(words, addresses) {
            if let Some(distance) = self.settle(call, distances) {
                self.put(call, Step::Fixed(distance));
            }
        }
    }

    /// What is left of the distances at which a call's next return address could be.
    fn settle(&mut self, call: u32, distances: BTreeSet<u32>) -> Option<u32> {
        if self.known.contains_key(&call) || self.doubtful.len() >= CALLS {
            return None;
        }
        let left = self
            .doubtful
            .entry(call)
            .and_modify(|left| left.retain(|distance| distances.contains(distance)))
            .or_insert(distances);
        let only = left.first().copied();
        (left.len() == 1).then_some(only).flatten()
    }

    fn add(&mut self, seen: Seen) {
        let before = self.known.get(&seen.call).copied();
        if before.is_none() && self.known.len() >= CALLS {
            return;
        }
        let now = together(before, seen.next);
        if before != Some(now) {
            self.put(seen.call, now);
        }
    }

    fn put(&mut self, call: u32, now: Step) {
        self.known.insert(call, now);
        self.doubtful.remove(&call);
        let step = match now {
            Step::Fixed(words) => words,
            Step::FromEnd(words) => step::FROM_END | words,
            Step::Outermost => step::OUTERMOST,
            Step::Varies => step::UNKNOWN,
        };
        // Without it the kernel walks the stack each time.
        let number = call_set(call);
        if let Ok(mut set) = self.map.get(&number, 0)
            && enter(&mut set.0, call, step)
        {
            let _ = self.map.set(number, set, 0);
        }
    }
}

/// Enters a call into its set. False if that is full.
fn enter(set: &mut CallSet, call: u32, step: u32) -> bool {
    let slot = set
        .calls
        .iter_mut()
        .find(|entry| **entry == CallStep::FREE || entry.call() == call);
    if let Some(slot) = slot {
        *slot = CallStep::new(call, step);
        return true;
    }
    false
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

/// Where the return addresses of a stack can be in its memory: from the first to the last
/// word, each, innermost first.
struct Positions {
    words: usize,
    first: Vec<usize>,
    last: Vec<usize>,
}

impl Positions {
    /// Finds them all in their order. None if that cannot be.
    fn of(words: &[u64], addresses: &[u64], known: &HashMap<u32, Step>) -> Option<Self> {
        let mut positions = Self {
            words: words.len(),
            first: vec![0; addresses.len()],
            last: vec![words.len().checked_sub(1)?; addresses.len()],
        };
        // Each turn makes at least one position certain, or is the last.
        for _ in 0..=addresses.len() {
            positions.narrow(words, addresses)?;
            if !positions.follow(addresses, known) {
                break;
            }
        }
        Some(positions)
    }

    /// None comes before the one within it, nor where another word is.
    fn narrow(&mut self, words: &[u64], addresses: &[u64]) -> Option<()> {
        let mut from = 0;
        for (address, first) in addresses.iter().zip(&mut self.first) {
            from = from.max(*first);
            from += words.get(from..)?.iter().position(|word| word == address)?;
            *first = from;
            from += 1;
        }
        let mut to = words.len();
        for (address, last) in addresses.iter().zip(&mut self.last).rev() {
            to = to.min(last.checked_add(1)?);
            to = words.get(..to)?.iter().rposition(|word| word == address)?;
            *last = to;
        }
        let in_order = self
            .first
            .iter()
            .zip(&self.last)
            .all(|(first, last)| first <= last);
        in_order.then_some(())
    }

    /// Goes the steps that are known from positions that are certain. Says whether that made
    /// another one certain.
    fn follow(&mut self, addresses: &[u64], known: &HashMap<u32, Step>) -> bool {
        let mut found = false;
        for (index, &address) in addresses.iter().enumerate() {
            let next = match (self.certain(index), known.get(&(address as u32))) {
                (Some(position), Some(Step::Fixed(words))) => position.checked_add(*words as usize),
                (_, Some(Step::FromEnd(words))) => self.words.checked_sub(*words as usize),
                _ => None,
            };
            if let Some(next) = next
                && self.certain(index + 1).is_none()
                && let (Some(first), Some(last)) =
                    (self.first.get_mut(index + 1), self.last.get_mut(index + 1))
                && (*first..=*last).contains(&next)
            {
                (*first, *last) = (next, next);
                found = true;
            }
        }
        found
    }

    /// The position of a return address, if there is only one.
    fn certain(&self, index: usize) -> Option<usize> {
        let first = *self.first.get(index)?;
        (self.last.get(index) == Some(&first)).then_some(first)
    }

    /// The steps between positions that are certain.
    fn seen(&self, addresses: &[u64]) -> Vec<Seen> {
        let next = |position: usize, next: usize| {
            (
                (next.saturating_sub(position)) as u32,
                (self.words - next) as u32,
            )
        };
        let first = self.certain(0).map(|position| Seen {
            call: step::FIRST,
            next: Some(next(0, position)),
        });
        let rest = addresses
            .iter()
            .enumerate()
            .filter_map(|(index, &address)| {
                let is_last = index + 1 == addresses.len();
                let next = match (self.certain(index), self.certain(index + 1)) {
                    (Some(position), Some(outer)) => Some(next(position, outer)),
                    _ if is_last => None,
                    _ => return None,
                };
                // The kernel's text is within 2 GiB: the lower half tells.
                Some(Seen {
                    call: address as u32,
                    next,
                })
            });
        first.into_iter().chain(rest).collect()
    }

    /// Where the next return address could be, for those that are certain and whose next one
    /// is not: distances.
    fn doubts(&self, words: &[u64], addresses: &[u64]) -> Vec<(u32, BTreeSet<u32>)> {
        addresses
            .iter()
            .zip(addresses.iter().skip(1))
            .enumerate()
            .filter_map(|(index, (&address, next))| {
                let position = self.certain(index)?;
                if self.certain(index + 1).is_some() {
                    return None;
                }
                let (&first, &last) = (self.first.get(index + 1)?, self.last.get(index + 1)?);
                let distances = (first.max(position + 1)..=last)
                    .filter(|&at| words.get(at) == Some(next))
                    .map(|at| (at - position) as u32)
                    .collect();
                Some((address as u32, distances))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use lock_common::{CALL_WAYS, CallSet, CallStep};

    use super::{Positions, Seen, Step, enter, together};

    /// The positions that are certain.
    fn certain(words: &[u64], addresses: &[u64]) -> Option<Vec<Option<usize>>> {
        known(words, addresses, &[])
    }

    fn known(
        words: &[u64],
        addresses: &[u64],
        steps: &[(u32, Step)],
    ) -> Option<Vec<Option<usize>>> {
        let steps: HashMap<u32, Step> = steps.iter().copied().collect();
        let positions = Positions::of(words, addresses, &steps)?;
        Some(
            (0..addresses.len())
                .map(|index| positions.certain(index))
                .collect(),
        )
    }

    #[test]
    fn return_addresses_are_found_among_other_words() {
        let words = [1, 70, 2, 3, 80, 90, 4];
        assert_eq!(
            certain(&words, &[70, 80, 90]),
            Some(vec![Some(1), Some(4), Some(5)])
        );
    }

    #[test]
    fn a_word_left_from_an_earlier_call_makes_only_its_place_doubtful() {
        assert_eq!(certain(&[70, 70, 80], &[70, 80]), Some(vec![None, Some(2)]));
        assert_eq!(certain(&[70, 80, 80], &[70, 80]), Some(vec![Some(0), None]));
        // Here it is before the address that comes first, and so is none of them.
        assert_eq!(
            certain(&[80, 70, 80], &[70, 80]),
            Some(vec![Some(1), Some(2)])
        );
    }

    #[test]
    fn a_known_step_settles_it() {
        let words = [70, 80, 80, 90];
        let found = known(&words, &[70, 80, 90], &[(70, Step::Fixed(2))]);
        assert_eq!(found, Some(vec![Some(0), Some(2), Some(3)]));
        let found = known(&words, &[70, 80, 90], &[(70, Step::FromEnd(3))]);
        assert_eq!(found, Some(vec![Some(0), Some(1), Some(3)]));
        // One that leads to another word is not gone.
        let found = known(&words, &[70, 80, 90], &[(70, Step::Fixed(3))]);
        assert_eq!(found, Some(vec![Some(0), None, Some(3)]));
    }

    #[test]
    fn what_is_left_of_the_doubts_is_told() {
        let words = [70, 80, 5, 80, 90];
        let positions = Positions::of(&words, &[70, 80, 90], &HashMap::new()).expect("in order");
        let doubts = positions.doubts(&words, &[70, 80, 90]);
        assert_eq!(doubts, [(70, [1, 3].into_iter().collect())]);
    }

    #[test]
    fn a_missing_address_is_nowhere() {
        assert_eq!(certain(&[70, 90], &[70, 80]), None);
        assert_eq!(certain(&[], &[70]), None);
        assert_eq!(certain(&[1, 2], &[]), Some(vec![]));
    }

    #[test]
    fn steps_are_told_from_both_ends() {
        let words = [1, 70, 2, 3, 80, 4, 5];
        let positions = Positions::of(&words, &[70, 80], &HashMap::new()).expect("in order");
        assert_eq!(
            positions.seen(&[70, 80]),
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
    fn calls_share_a_set_until_it_is_full() {
        let mut set = CallSet {
            calls: [CallStep::FREE; CALL_WAYS],
        };
        for call in 0..4 {
            assert!(enter(&mut set, call, 7));
        }
        assert!(!enter(&mut set, 4, 7));
        assert!(enter(&mut set, 3, 9));
        let expected = [(0, 7), (1, 7), (2, 7), (3, 9)];
        assert_eq!(set.calls.map(|it| (it.call(), it.step())), expected);
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
