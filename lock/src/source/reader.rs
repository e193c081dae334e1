//! The thread that empties the buffer between the kernel and `lock`.
//!
//! To name the functions of a program that was not seen before can take a good part of a
//! second, in which the buffer would fill up. So this thread does nothing but take events out
//! of it, before others where that is allowed. What the programs wait for, it does itself:
//! to find out the sizes of frames.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::sleep,
    time::Duration,
};

use aya::maps::{MapData, RingBuf};
use lock_common::{Event, Plain, RawStack, event};
use rustix::process::setpriority_process;

use crate::{error::Result, source::frame_steps::FrameSteps, thread};

/// How often the buffer is looked at.
const TICK: Duration = Duration::from_millis(10);
/// How much may be under way, in bytes. Beyond it, events stay in the kernel's buffer.
const UNDER_WAY: usize = 128 << 20;
/// How long the thread waits where that much is under way.
const PAUSE: Duration = Duration::from_millis(1);
/// The nice value of the thread, where the right to it is there.
const NICE: i32 = -10;

/// An event with its copy of a user stack.
pub(crate) type Taken = (Event, Box<[u8]>);

/// What the thread sends.
enum Message {
    Event(Taken),
    /// Everything that was in the buffer when this was asked for has been sent.
    Empty,
}

/// The thread, from outside.
pub(crate) struct Reader {
    messages: Receiver<Message>,
    /// Asks for [`Message::Empty`]. Dropped, it ends the thread.
    requests: Sender<()>,
    under_way: Arc<AtomicUsize>,
}

impl Reader {
    /// Starts the thread, for a buffer of `capacity` bytes.
    pub(crate) fn start(
        events: RingBuf<MapData>,
        capacity: usize,
        frame_steps: FrameSteps,
    ) -> Result<Self> {
        let (to_reader, messages) = mpsc::channel();
        let (requests, asked) = mpsc::channel();
        let under_way = Arc::new(AtomicUsize::new(0));
        let thread = Thread {
            events,
            capacity,
            frame_steps,
            to: to_reader,
            under_way: Arc::clone(&under_way),
        };
        thread::start("reader", move || thread.run(&asked))?;
        Ok(Self {
            messages,
            requests,
            under_way,
        })
    }

    /// The next event that is there already.
    pub(crate) fn next(&self) -> Option<Taken> {
        loop {
            if let Message::Event(taken) = self.messages.try_recv().ok()? {
                return Some(self.arrived(taken));
            }
        }
    }

    /// Calls a function with each event, up to the last one that was there at the call.
    pub(crate) fn drain(&self, mut each: impl FnMut(Taken)) {
        if self.requests.send(()).is_err() {
            return;
        }
        while let Ok(Message::Event(taken)) = self.messages.recv() {
            each(self.arrived(taken));
        }
    }

    fn arrived(&self, taken: Taken) -> Taken {
        self.under_way
            .fetch_sub(size_of_event(&taken), Ordering::Relaxed);
        taken
    }
}

fn size_of_event((_, stack): &Taken) -> usize {
    size_of::<Event>() + stack.len()
}

/// Nobody takes messages any more.
struct Gone;

/// Why no more events are sent.
enum Stop {
    /// All that were in the buffer at first have been.
    Sent,
    /// As much as may be is under way.
    Full,
}

/// The thread, from inside.
struct Thread {
    events: RingBuf<MapData>,
    /// Of the buffer, in bytes.
    capacity: usize,
    frame_steps: FrameSteps,
    to: Sender<Message>,
    under_way: Arc<AtomicUsize>,
}

impl Thread {
    fn run(mut self, asked: &Receiver<()>) {
        // Where it is not allowed, events may get lost on a busy machine, and are counted.
        let _ = setpriority_process(None, NICE);
        loop {
            let sent = match asked.recv_timeout(TICK) {
                Ok(()) => self.send_all(),
                Err(RecvTimeoutError::Timeout) => self.send(&mut { self.capacity }).map(|_| ()),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if sent.is_err() {
                return; // Nobody wants more.
            }
        }
    }

    /// Sends all that is in the buffer, however long others take to make room for it.
    fn send_all(&mut self) -> Result<(), Gone> {
        let mut left = self.capacity;
        while let Stop::Full = self.send(&mut left)? {
            sleep(PAUSE);
        }
        self.to.send(Message::Empty).map_err(|_| Gone)
    }

    /// Sends what is in the buffer, up to `left` bytes: programs may fill it as fast as this
    /// empties it.
    fn send(&mut self, left: &mut usize) -> Result<Stop, Gone> {
        while *left > 0 {
            if self.under_way.load(Ordering::Relaxed) >= UNDER_WAY {
                return Ok(Stop::Full);
            }
            let Some(item) = self.events.next() else {
                break;
            };
            *left = left.saturating_sub(item.len());
            match Item::of(&item) {
                Some(Item::Event(event, stack)) => {
                    let taken = (event, Box::from(stack));
                    self.under_way
                        .fetch_add(size_of_event(&taken), Ordering::Relaxed);
                    let message = Message::Event(taken);
                    self.to.send(message).map_err(|_| Gone)?;
                }
                Some(Item::RawStack(raw)) => self.frame_steps.learn(&raw),
                None => {}
            }
        }
        Ok(Stop::Sent)
    }
}

/// What comes through the buffer.
enum Item<'a> {
    /// An event, and the copy of a user stack behind it.
    Event(Event, &'a [u8]),
    /// A kernel stack as it is in memory.
    RawStack(Box<RawStack>),
}

impl<'a> Item<'a> {
    /// Tells them apart by their first word.
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let kind = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?);
        if kind == event::RAW_STACK {
            return Some(Self::RawStack(Box::new(plain(bytes)?)));
        }
        let event: Event = plain(bytes)?;
        let stack = bytes.get(size_of::<Event>()..)?;
        let stack = stack.get(..event.user_bytes as usize)?;
        Some(Self::Event(event, stack))
    }
}

/// The value that bytes begin with.
fn plain<T: Plain>(bytes: &[u8]) -> Option<T> {
    let bytes = bytes.get(..size_of::<T>())?;
    // SAFETY: as many bytes, of which every pattern is a value (Plain); they need not be
    // aligned.
    Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

#[cfg(test)]
mod tests {
    use lock_common::Event;

    use super::Item;

    #[test]
    fn what_is_cut_off_is_no_event() {
        let whole = [0_u8; size_of::<Event>()];
        assert!(matches!(Item::of(&whole), Some(Item::Event(_, []))));
        for length in 0..whole.len() {
            assert!(Item::of(&whole[..length]).is_none(), "{length}");
        }
    }
}
