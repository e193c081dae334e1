//! Kernel stacks by their hash, named once each; and stacks in a snapshot.

use std::{collections::HashMap, rc::Rc};

use aya::maps::{HashMap as BpfMap, MapData};
use lock_common::KernelStack;

use crate::{
    probe::load::Shared,
    profile::{
        snapshot::{Frame, Stack, StackId},
        snapshot_builder::SnapshotBuilder,
    },
    symbol::{Symbols, UserStack},
};

/// A kernel stack with names.
#[derive(Debug, Default)]
pub(crate) struct NamedStack {
    /// Tracing and locking code left out, innermost first.
    pub(crate) frames: Vec<Frame>,
    /// What the lock is called that is waited for there.
    pub(crate) lock_name: Option<&'static str>,
}

/// The map of stacks, and what was read of it.
#[derive(Debug)]
pub(crate) struct KernelStacks {
    map: BpfMap<MapData, u64, Shared<KernelStack>>,
    named: HashMap<u64, Rc<NamedStack>>,
}

impl KernelStacks {
    /// Takes the map over.
    pub(crate) fn new(map: BpfMap<MapData, u64, Shared<KernelStack>>) -> Self {
        Self {
            map,
            named: HashMap::new(),
        }
    }

    /// The stack with a hash; none for zero, and if it cannot be read.
    pub(crate) fn get(&mut self, hash: u64, symbols: &mut Symbols) -> Option<Rc<NamedStack>> {
        if hash == 0 {
            return None;
        }
        if let Some(stack) = self.named.get(&hash) {
            return Some(Rc::clone(stack));
        }
        let Shared(stack) = self.map.get(&hash, 0).ok()?;
        let addresses: Vec<u64> = stack
            .frames
            .into_iter()
            .take_while(|&address| address != 0)
            .collect();
        let (frames, lock_name) = symbols.kernel_stack(&addresses);
        let stack = Rc::new(NamedStack { frames, lock_name });
        self.named.insert(hash, Rc::clone(&stack));
        Some(stack)
    }
}

/// The id of a stack in a snapshot, to which it is added.
pub(crate) fn intern(
    builder: &mut SnapshotBuilder,
    kernel: Option<&NamedStack>,
    user: Option<&UserStack>,
    lost: bool,
) -> StackId {
    let kernel = kernel
        .into_iter()
        .flat_map(|stack| &stack.frames)
        .map(|frame| builder.frame(frame))
        .collect();
    let (frames, user_locking, cut) = match user {
        Some(user) => (
            user.frames
                .iter()
                .map(|frame| builder.frame(frame))
                .collect(),
            user.locking_frames,
            user.cut,
        ),
        None => (Vec::new(), 0, false),
    };
    builder.stack(Stack {
        kernel,
        user: frames,
        user_locking,
        cut,
        lost,
    })
}
