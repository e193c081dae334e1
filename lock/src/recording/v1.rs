//! Version 1 of an interval in a recording: the types that are on disk, and how they become
//! those in memory. docs/recording-format.md documents them.
//!
//! They are apart from [`Snapshot`], so that what changes there changes no file: a field or a
//! variant that is renamed, added or removed in memory does not build here until this file
//! maps it. A field that is added to the format has `#[serde(default)]`, as recordings that
//! were made before lack it.

use std::{collections::BTreeMap, ops::Not};

use serde::{Deserialize, Serialize};

use crate::profile::snapshot::Snapshot;

/// What the types here stand for in memory.
mod model {
    pub(super) use crate::profile::{
        futex_role::FutexRole,
        histogram::Histogram,
        lock_type::{Class, LockType},
        snapshot::{
            Chain, ChainLink, Estimate, EventAccounting, Events, Frame, FrameId, Holder, Hook,
            Identity, Lengths, Lock, LockId, Lost, Metadata, OpenWait, Process, ProcessId,
            SampleCounts, SampledWait, Scope, Site, SleptCalls, Snapshot, Stack, StackId, Thread,
            ThreadId, Waits,
        },
    };
}

/// A type of the format.
trait Stored: Sized {
    /// What it stands for in memory.
    type Model;

    /// As it is written.
    fn from_model(model: &Self::Model) -> Self;

    /// As it was read.
    fn into_model(self) -> Self::Model;
}

/// Types that are the same on disk and in memory.
macro_rules! plain {
    ($($name:ty),+) => {$(
        impl Stored for $name {
            type Model = Self;

            fn from_model(model: &Self) -> Self {
                model.clone()
            }

            fn into_model(self) -> Self {
                self
            }
        }
    )+};
}

plain!(bool, u8, u32, u64, f64, String, BTreeMap<u8, u64>);

impl<T: Stored> Stored for Option<T> {
    type Model = Option<T::Model>;

    fn from_model(model: &Self::Model) -> Self {
        model.as_ref().map(T::from_model)
    }

    fn into_model(self) -> Self::Model {
        self.map(T::into_model)
    }
}

impl<T: Stored> Stored for Vec<T> {
    type Model = Vec<T::Model>;

    fn from_model(model: &Self::Model) -> Self {
        model.iter().map(T::from_model).collect()
    }

    fn into_model(self) -> Self::Model {
        self.into_iter().map(T::into_model).collect()
    }
}

/// Structures, and what each stands for. Both are taken apart exhaustively.
macro_rules! structures {
    ($(
        $(#[$meta:meta])*
        $name:ident = $model:ident {
            $($(#[$field_meta:meta])* $field:ident: $type:ty,)+
        }
    )+) => {$(
        #[derive(Debug, Clone, Serialize, Deserialize)]
        $(#[$meta])*
        pub(crate) struct $name {
            $($(#[$field_meta])* $field: $type,)+
        }

        impl Stored for $name {
            type Model = model::$model;

            fn from_model(model: &Self::Model) -> Self {
                let model::$model { $($field,)+ } = model;
                Self { $($field: Stored::from_model($field),)+ }
            }

            fn into_model(self) -> Self::Model {
                let Self { $($field,)+ } = self;
                model::$model { $($field: $field.into_model(),)+ }
            }
        }
    )+};
}

/// Transparent wrappers of one value.
macro_rules! wrappers {
    ($($name:ident = $type:ty;)+) => {$(
        #[derive(Debug, Clone, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        struct $name($type);

        impl Stored for $name {
            type Model = model::$name;

            fn from_model(model: &Self::Model) -> Self {
                let model::$name(value) = model;
                Self(value.clone())
            }

            fn into_model(self) -> Self::Model {
                model::$name(self.0)
            }
        }
    )+};
}

/// Conversions of enumerations whose variants hold nothing.
macro_rules! variants {
    ($($name:ident { $($variant:ident,)+ })+) => {$(
        impl Stored for $name {
            type Model = model::$name;

            fn from_model(model: &Self::Model) -> Self {
                match model {
                    $(model::$name::$variant => Self::$variant,)+
                }
            }

            fn into_model(self) -> Self::Model {
                match self {
                    $(Self::$variant => model::$name::$variant,)+
                }
            }
        }
    )+};
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields by reference"
)]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl SleptCalls {
    /// Whether there are none, so that recordings are as those made before.
    fn is_empty(&self) -> bool {
        self.again.histogram.0.is_empty() && self.before.histogram.0.is_empty()
    }
}

impl From<&Snapshot> for Interval {
    fn from(snapshot: &Snapshot) -> Self {
        Self::from_model(snapshot)
    }
}

impl From<Interval> for Snapshot {
    fn from(interval: Interval) -> Self {
        interval.into_model()
    }
}

structures! {
    /// One interval of a recording.
    #[derive(Default)]
    #[serde(default)]
    Interval = Snapshot {
        started_unix_ms: u64,
        started_ns: u64,
        duration_ns: u64,
        #[serde(rename = "about")]
        metadata: Metadata,
        hooks: Vec<Hook>,
        own_cpu_ns: u64,
        #[serde(rename = "account")]
        accounting: EventAccounting,
        notes: Vec<String>,
        frames: Vec<Frame>,
        stacks: Vec<Stack>,
        processes: Vec<Process>,
        threads: Vec<Thread>,
        locks: Vec<Lock>,
        sites: Vec<Site>,
        chains: Vec<Chain>,
        longest: Vec<SampledWait>,
        open: Vec<OpenWait>,
    }

    #[derive(Default)]
    #[serde(default)]
    Metadata = Metadata {
        lock_version: String,
        kernel: String,
        cpus: u32,
        scope: Scope,
        filters: Vec<String>,
        own_included: bool,
        exact: bool,
        blind_spots: Vec<String>,
    }

    #[derive(Default)]
    #[serde(default)]
    Hook = Hook {
        kind: String,
        name: String,
        missed: u64,
        timed_runs: u64,
        timed_ns: u64,
        cost_ns: u64,
    }

    #[derive(Default)]
    #[serde(default)]
    EventAccounting = EventAccounting {
        kernel: Events,
        user: Events,
        samples: SampleCounts,
    }

    #[derive(Default)]
    #[serde(default)]
    Events = Events {
        begins: u64,
        repeats: u64,
        ended: u64,
        unseen_ends: u64,
        filtered: u64,
        lost: Lost,
        open: u64,
        ends_without_begin: u64,
        #[serde(skip_serializing_if = "is_zero")]
        unmeasured: u64,
        nested: u64,
        other: u64,
    }

    #[derive(Default)]
    #[serde(default)]
    Lost = Lost {
        table_full: u64,
        nested: u64,
        end_not_seen: u64,
    }

    #[derive(Default)]
    #[serde(default)]
    SampleCounts = SampleCounts {
        taken: u64,
        used: u64,
        buffer_full: u64,
        stacks_full: u64,
        stack_unreadable: u64,
        user_stacks: u64,
        user_stacks_cut: u64,
    }

    #[derive(Default)]
    #[serde(default)]
    Waits = Waits {
        count: u64,
        total_ns: u64,
        min_ns: u64,
        max_ns: u64,
        spin_ns: u64,
        runqueue_ns: u64,
        histogram: Histogram,
        timed_out: u64,
        interrupted: u64,
        not_acquired: u64,
        not_acquired_ns: u64,
        pieces: u64,
        #[serde(skip_serializing_if = "is_zero")]
        polled: u64,
        #[serde(skip_serializing_if = "SleptCalls::is_empty")]
        calls: SleptCalls,
    }

    #[derive(Default)]
    #[serde(default)]
    SleptCalls = SleptCalls {
        again: Lengths,
        whole: Lengths,
        before: Lengths,
        failed_ns: u64,
        max_ns: u64,
    }

    #[derive(Default)]
    #[serde(default)]
    Lengths = Lengths {
        total_ns: u64,
        histogram: Histogram,
    }

    #[derive(Default)]
    #[serde(default)]
    Estimate = Estimate {
        samples: u64,
        count: u64,
        wait_ns: u64,
        max_ns: u64,
        count_variance: f64,
        wait_variance: f64,
        #[serde(skip_serializing_if = "Not::not")]
        again: bool,
    }

    #[derive(Default)]
    #[serde(default)]
    Frame = Frame {
        address: u64,
        function: Option<String>,
        module: String,
        file: Option<String>,
        line: Option<u32>,
        inlined: bool,
    }

    #[derive(Default)]
    #[serde(default)]
    Stack = Stack {
        kernel: Vec<FrameId>,
        user: Vec<FrameId>,
        user_locking: u32,
        cut: bool,
        lost: bool,
    }

    #[derive(Default)]
    #[serde(default)]
    Process = Process {
        pid: u32,
        comm: String,
        cgroup: String,
    }

    Thread = Thread {
        tid: u32,
        comm: String,
        process: ProcessId,
    }

    Lock = Lock {
        identity: Identity,
        lock_type: LockType,
        operation: String,
        name: Option<String>,
        #[serde(default, rename = "word")]
        role: FutexRole,
        waits: Waits,
    }

    Site = Site {
        lock: LockId,
        stack: StackId,
        thread: ThreadId,
        holder: Option<Holder>,
        waits: Estimate,
    }

    Holder = Holder {
        thread: ThreadId,
        stack: Option<StackId>,
    }

    Chain = Chain {
        links: Vec<ChainLink>,
        end: Option<ThreadId>,
        waits: Estimate,
    }

    ChainLink = ChainLink {
        thread: ThreadId,
        lock: LockId,
    }

    SampledWait = SampledWait {
        lock: LockId,
        stack: StackId,
        thread: ThreadId,
        holder: Option<Holder>,
        start_ns: u64,
        wait_ns: u64,
    }

    OpenWait = OpenWait {
        lock: LockId,
        stack: Option<StackId>,
        thread: ThreadId,
        waited_ns: u64,
        #[serde(default, skip_serializing_if = "Not::not")]
        at_least: bool,
        #[serde(default, skip_serializing_if = "Not::not")]
        has_timeout: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        holder: Option<ThreadId>,
    }
}

wrappers! {
    FrameId = u32;
    StackId = u32;
    ProcessId = u32;
    ThreadId = u32;
    LockId = u32;
    Histogram = BTreeMap<u8, u64>;
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Scope {
    #[default]
    System,
    Process {
        pid: u32,
    },
    Command {
        command: Vec<String>,
    },
}

impl Stored for Scope {
    type Model = model::Scope;

    fn from_model(model: &Self::Model) -> Self {
        match model {
            model::Scope::System => Self::System,
            model::Scope::Process { pid } => Self::Process { pid: *pid },
            model::Scope::Command { command } => Self::Command {
                command: command.clone(),
            },
        }
    }

    fn into_model(self) -> Self::Model {
        match self {
            Self::System => model::Scope::System,
            Self::Process { pid } => model::Scope::Process { pid },
            Self::Command { command } => model::Scope::Command { command },
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Identity {
    Kernel { address: u64 },
    Private { process: ProcessId, address: u64 },
    Shared { object: String },
    Other,
}

impl Stored for Identity {
    type Model = model::Identity;

    fn from_model(model: &Self::Model) -> Self {
        match model {
            model::Identity::Kernel { address } => Self::Kernel { address: *address },
            model::Identity::Private { process, address } => Self::Private {
                process: ProcessId::from_model(process),
                address: *address,
            },
            model::Identity::Shared { object } => Self::Shared {
                object: object.clone(),
            },
            model::Identity::Other => Self::Other,
        }
    }

    fn into_model(self) -> Self::Model {
        match self {
            Self::Kernel { address } => model::Identity::Kernel { address },
            Self::Private { process, address } => model::Identity::Private {
                process: process.into_model(),
                address,
            },
            Self::Shared { object } => model::Identity::Shared { object },
            Self::Other => model::Identity::Other,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LockType {
    Kernel(u32),
    User(Class),
}

impl Stored for LockType {
    type Model = model::LockType;

    fn from_model(model: &Self::Model) -> Self {
        match model {
            model::LockType::Kernel(flags) => Self::Kernel(*flags),
            model::LockType::User(class) => Self::User(Class::from_model(class)),
        }
    }

    fn into_model(self) -> Self::Model {
        match self {
            Self::Kernel(flags) => model::LockType::Kernel(flags),
            Self::User(class) => model::LockType::User(class.into_model()),
        }
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Class {
    Mutex,
    RwLock,
    PiMutex,
    Semaphore,
    Barrier,
    Condvar,
    Join,
    Parked,
    Unknown,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FutexRole {
    #[default]
    Own,
    Pair,
    Queue,
    Waiter,
    Polled,
    Inner,
}

variants! {
    Class {
        Mutex,
        RwLock,
        PiMutex,
        Semaphore,
        Barrier,
        Condvar,
        Join,
        Parked,
        Unknown,
    }

    FutexRole {
        Own,
        Pair,
        Queue,
        Waiter,
        Polled,
        Inner,
    }
}
