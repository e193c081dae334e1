//! The recording's tables in the document. Ids are indices into its arrays.

use std::collections::HashMap;

use serde::Serialize;

use crate::{
    profile::snapshot::{self, FrameId, Identity, LockId},
    view::json::metrics::{Counted, Sampled},
};

#[derive(Serialize)]
pub(super) struct Lock<'a> {
    /// `kernel`, `private`, `shared` or `other`.
    kind: &'static str,
    address: Option<String>,
    process: Option<u32>,
    object: Option<&'a str>,
    #[serde(rename = "type")]
    lock_type: String,
    idle: bool,
    operation: &'a str,
    name: Option<&'a str>,
    label: &'a str,
    waits: Counted,
}

impl<'a> Lock<'a> {
    pub(super) fn new(
        id: u32,
        lock: &'a snapshot::Lock,
        labels: &'a HashMap<LockId, String>,
    ) -> Self {
        let (kind, address, process, object) = match &lock.identity {
            Identity::Kernel { address } => ("kernel", Some(*address), None, None),
            Identity::Private { process, address } => {
                ("private", Some(*address), Some(process.0), None)
            }
            Identity::Shared { object } => ("shared", None, None, Some(object.as_str())),
            Identity::Other => ("other", None, None, None),
        };
        Self {
            kind,
            address: address.map(hexadecimal),
            process,
            object,
            lock_type: lock.lock_type.to_string(),
            idle: lock.lock_type.is_idle(),
            operation: &lock.operation,
            name: lock.name.as_deref(),
            label: labels.get(&LockId(id)).map_or("", String::as_str),
            waits: if lock.is_by_call() {
                Counted::from(&*lock.ranked())
            } else {
                Counted::from(&lock.waits)
            },
        }
    }
}

#[derive(Serialize)]
pub(super) struct Site {
    lock: u32,
    stack: u32,
    thread: u32,
    holder: Option<Holder>,
    waits: Sampled,
}

#[derive(Serialize)]
struct Holder {
    thread: u32,
    stack: Option<u32>,
}

impl From<snapshot::Holder> for Holder {
    fn from(holder: snapshot::Holder) -> Self {
        Self {
            thread: holder.thread.0,
            stack: holder.stack.map(|stack| stack.0),
        }
    }
}

impl Site {
    pub(super) fn new(site: &snapshot::Site, waits: &snapshot::Estimate) -> Self {
        Self {
            lock: site.lock.0,
            stack: site.stack.0,
            thread: site.thread.0,
            holder: site.holder.map(Holder::from),
            waits: Sampled::from(waits),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Chain {
    links: Vec<Link>,
    end: Option<u32>,
    waits: Sampled,
}

#[derive(Serialize)]
struct Link {
    thread: u32,
    lock: u32,
}

impl From<&snapshot::Chain> for Chain {
    fn from(chain: &snapshot::Chain) -> Self {
        let links = chain.links.iter().map(|link| Link {
            thread: link.thread.0,
            lock: link.lock.0,
        });
        Self {
            links: links.collect(),
            end: chain.end.map(|thread| thread.0),
            waits: Sampled::from(&chain.waits),
        }
    }
}

#[derive(Serialize)]
pub(super) struct SampledWait {
    lock: u32,
    stack: u32,
    thread: u32,
    holder: Option<Holder>,
    start_ns: u64,
    wait_ns: u64,
}

impl From<&snapshot::SampledWait> for SampledWait {
    fn from(interval: &snapshot::SampledWait) -> Self {
        Self {
            lock: interval.lock.0,
            stack: interval.stack.0,
            thread: interval.thread.0,
            holder: interval.holder.map(Holder::from),
            start_ns: interval.start_ns,
            wait_ns: interval.wait_ns,
        }
    }
}

#[derive(Serialize)]
pub(super) struct OpenWait {
    lock: u32,
    stack: Option<u32>,
    thread: u32,
    waited_ns: u64,
    at_least: bool,
    has_timeout: bool,
    holder: Option<u32>,
}

impl From<&snapshot::OpenWait> for OpenWait {
    fn from(open: &snapshot::OpenWait) -> Self {
        Self {
            lock: open.lock.0,
            stack: open.stack.map(|stack| stack.0),
            thread: open.thread.0,
            waited_ns: open.waited_ns,
            at_least: open.at_least,
            has_timeout: open.has_timeout,
            holder: open.holder.map(|holder| holder.0),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Thread<'a> {
    tid: u32,
    comm: &'a str,
    process: u32,
}

impl<'a> From<&'a snapshot::Thread> for Thread<'a> {
    fn from(thread: &'a snapshot::Thread) -> Self {
        Self {
            tid: thread.tid,
            comm: &thread.comm,
            process: thread.process.0,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Stack {
    kernel: Vec<u32>,
    user: Vec<u32>,
    user_locking: u32,
    cut: bool,
    lost: bool,
}

impl From<&snapshot::Stack> for Stack {
    fn from(stack: &snapshot::Stack) -> Self {
        let indices = |frames: &[FrameId]| frames.iter().map(|frame| frame.0).collect();
        Self {
            kernel: indices(&stack.kernel),
            user: indices(&stack.user),
            user_locking: stack.user_locking,
            cut: stack.cut,
            lost: stack.lost,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Frame<'a> {
    address: String,
    function: Option<&'a str>,
    module: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    inlined: bool,
}

impl<'a> From<&'a snapshot::Frame> for Frame<'a> {
    fn from(frame: &'a snapshot::Frame) -> Self {
        Self {
            address: hexadecimal(frame.address),
            function: frame.function.as_deref(),
            module: &frame.module,
            file: frame.file.as_deref(),
            line: frame.line,
            inlined: frame.inlined,
        }
    }
}

/// Programs that read JSON lose the last digits of large numbers.
fn hexadecimal(address: u64) -> String {
    format!("{address:#x}")
}
