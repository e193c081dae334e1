//! Names of what a snapshot holds, in words. The texts of programs stand in them as they
//! are: a view for a terminal makes them fit for it.

use crate::profile::{
    lock_type::LockType,
    snapshot::{FrameId, Identity, ProcessId, Snapshot, Stack, StackId, ThreadId},
};

/// What stands for a caller when the kernel could not walk the stack.
pub(crate) const STACK_LOST: &str = "(stack lost)";
/// What stands for a caller when there is no stack.
pub(crate) const NO_STACK: &str = "(no stack)";
/// What stands for the name of a thread or process that ended before it could be read.
pub(crate) const NO_NAME: &str = "(no name)";
/// What stands for whatever a forged or damaged recording does not hold.
const MISSING: &str = "(missing)";

/// A name of a thread or process.
pub(crate) const fn or_no_name(comm: &str) -> &str {
    if comm.is_empty() { NO_NAME } else { comm }
}

impl Snapshot {
    /// A frame's function, or where it is: `libfoo.so+0x1234`.
    pub(crate) fn frame_name(&self, frame: FrameId) -> String {
        match self.frames.get(frame.index()) {
            None => MISSING.to_owned(),
            Some(frame) => match &frame.function {
                Some(function) => function.clone(),
                None if frame.module.is_empty() => format!("{:#x}", frame.address),
                None => {
                    let module = frame.module.split_once(" (build id");
                    let file = module.map_or(frame.module.as_str(), |(file, _)| file);
                    format!("{file}+{:#x}", frame.address)
                }
            },
        }
    }

    /// The frame of the function that wanted, or released, a lock of this type.
    pub(crate) fn caller_frame(&self, stack: StackId, lock_type: LockType) -> Option<FrameId> {
        let stack = self.stacks.get(stack.index())?;
        match lock_type {
            LockType::Kernel(_) => stack.kernel.first().copied(),
            LockType::User(_) => outside(stack),
        }
    }

    /// The function that wanted, or released, a lock of this type.
    pub(crate) fn caller(&self, stack: StackId, lock_type: LockType) -> String {
        match self.caller_frame(stack, lock_type) {
            Some(frame) => self.frame_name(frame),
            None => match self.stacks.get(stack.index()) {
                Some(Stack { lost: true, .. }) => STACK_LOST.to_owned(),
                Some(_) => NO_STACK.to_owned(),
                None => MISSING.to_owned(),
            },
        }
    }

    /// Whether any function of a stack has this in its name.
    pub(crate) fn stack_contains(&self, stack: StackId, text: &str) -> bool {
        self.stacks.get(stack.index()).is_some_and(|stack| {
            stack.kernel.iter().chain(&stack.user).any(|&frame| {
                self.frames
                    .get(frame.index())
                    .and_then(|frame| frame.function.as_deref())
                    .is_some_and(|function| function.contains(text))
            })
        })
    }

    /// A thread's name and number: `worker[12]`.
    pub(crate) fn thread_name(&self, thread: ThreadId) -> String {
        match self.threads.get(thread.index()) {
            Some(thread) => format!("{}[{}]", or_no_name(&thread.comm), thread.tid),
            None => MISSING.to_owned(),
        }
    }

    /// A process's name and number: `server[10]`.
    pub(crate) fn process_name(&self, process: ProcessId) -> String {
        match self.processes.get(process.index()) {
            Some(process) => format!("{}[{}]", or_no_name(&process.comm), process.pid),
            None => MISSING.to_owned(),
        }
    }

    /// Where a lock is: `0xffff8881000000c0`, `server[10] 0x55d0c0`.
    pub(crate) fn location(&self, identity: &Identity) -> String {
        match identity {
            Identity::Kernel { address } => format!("{address:#x}"),
            Identity::Private { process, address } => {
                format!("{} {address:#x}", self.process_name(*process))
            }
            Identity::Shared { object } => object.clone(),
            Identity::Other => "(other locks: table full)".to_owned(),
        }
    }
}

/// The first frame of a user stack outside of the locking code; its last one where it was
/// cut before that.
fn outside(stack: &Stack) -> Option<FrameId> {
    let caller = stack.user.get(stack.user_locking as usize);
    caller.or(stack.user.last()).copied()
}
