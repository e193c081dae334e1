//! Reads files that others can change in processes of their own, one per owner: with the
//! owner's rights on files and no others, without a file system, in bounded memory and time.
//!
//! A file that shrinks while it is mapped, or that has a parser loop or overflow its stack,
//! ends that process and not the recorder. It is started again, and reads less of that file.

mod limits;
mod server;
mod socket;
mod wire;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    fs::File,
    io::{self, Read as _},
    os::{
        fd::{AsFd as _, AsRawFd as _, BorrowedFd},
        unix::fs::FileExt as _,
    },
    rc::{Rc, Weak},
    time::{Duration, Instant},
};

use self::wire::{Answer, Parser, Question, Request};
use crate::{
    server_process::ServerProcess,
    symbol::{
        code_file::{Detail, Function, Outline, UnwindSections},
        debug_files::DebugFiles,
        ownership::Owner,
        unread::{Reason, Unread},
    },
};

/// How much CPU time one question may take.
const CPU_AT_ONCE: Duration = Duration::from_secs(3);
/// And how much time, where the machine is busy or a file's disk slow.
const AT_ONCE: Duration = Duration::from_secs(30);
/// How much CPU time the files of one owner may take at first, and later per time.
const CPU: Duration = Duration::from_secs(5);
const CPU_SHARE: u32 = 10;
/// How many times as much the files of all owners may take.
const ALL_OWNERS: u32 = 4;
/// How often the files of one owner may end the process.
const MOST_ENDS: u32 = 16;
/// How many processes there are at a time.
const MOST_PROCESSES: usize = 8;
/// How much memory a process may keep while another one is asked, in bytes. So one of them at a
/// time is large.
const IDLE_MEMORY: u64 = 8 << 20;
/// How many bytes of unwind information are kept.
const UNWINDING: Limit = Limit {
    of_one: 64 << 20,
    of_all: 80 << 20,
};
/// How many bytes of names there are.
const NAMES: Limit = Limit {
    of_one: 24 << 20,
    of_all: 32 << 20,
};
/// How often a process that takes long is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How much the files of one owner may take, and those of all: one user can own files under
/// many user ids, and has as many mount namespaces as wanted.
struct Limit {
    of_one: u64,
    of_all: u64,
}

impl Limit {
    /// Takes so many bytes more for one owner; whether they are within the limit.
    fn take(&self, of_one: &mut u64, of_all: &Cell<u64>, bytes: u64) -> bool {
        let (one, all) = (
            of_one.saturating_add(bytes),
            of_all.get().saturating_add(bytes),
        );
        let within = one <= self.of_one && all <= self.of_all;
        if within {
            *of_one = one;
            of_all.set(all);
        }
        within
    }
}

/// Reads the files of all owners.
#[derive(Default)]
pub(super) struct Readers {
    by_owner: HashMap<Owner, Rc<RefCell<Reader>>>,
    shared: Rc<Shared>,
}

/// What the readers have in common.
#[derive(Debug)]
struct Shared {
    since: Instant,
    cpu: Cell<Duration>,
    uses: Cell<u64>,
    /// The one that was asked last.
    asked: RefCell<Weak<RefCell<Reader>>>,
    /// The bytes of unwind information that are kept.
    unwinding: Cell<u64>,
    /// The bytes of names that were handed out.
    names: Cell<u64>,
    unread: RefCell<Unread>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            cpu: Cell::default(),
            uses: Cell::default(),
            asked: RefCell::default(),
            unwinding: Cell::default(),
            names: Cell::default(),
            unread: RefCell::default(),
        }
    }
}

/// Reads the files of one owner.
struct Reader {
    owner: Owner,
    process: Option<Process>,
    /// How many processes there were, which is what a file that one of them opened is of.
    started: u64,
    ends: u32,
    cpu: Duration,
    /// The bytes of unwind information that are kept.
    unwinding: u64,
    /// The bytes of names that were handed out.
    names: u64,
    /// How many files were opened.
    files: u64,
    used: u64,
    shared: Rc<Shared>,
}

/// A file that is read elsewhere.
pub(super) struct ConfinedFile {
    reader: Rc<RefCell<Reader>>,
    number: u64,
    file: File,
    debug_files: DebugFiles,
    /// The process that opened it, by its number.
    opened: Cell<u64>,
    /// How much of it may still be read. None: nothing.
    detail: Cell<Option<Detail>>,
    /// The bytes of its unwind information.
    unwinding: Cell<u64>,
}

/// A process that reads.
struct Process {
    process: ServerProcess,
    /// How much of its CPU time was counted.
    cpu: Duration,
    /// How much memory it began with, in bytes.
    memory: u64,
}

impl Readers {
    /// Takes a file in. None if it is no ELF file, or cannot be read.
    pub(super) fn open(
        &mut self,
        owner: Owner,
        file: File,
        debug_files: DebugFiles,
    ) -> Option<(ConfinedFile, Outline)> {
        self.stop_idle(owner);
        let shared = &self.shared;
        let reader = self
            .by_owner
            .entry(owner)
            .or_insert_with(|| Rc::new(RefCell::new(Reader::new(owner, Rc::clone(shared)))));
        let reader = Rc::clone(reader);
        let number = reader.borrow_mut().next_file();
        let opened = ConfinedFile {
            reader,
            number,
            file,
            debug_files,
            opened: Cell::new(0),
            detail: Cell::new(Some(Detail::Lines)),
            unwinding: Cell::new(0),
        };
        let outline = opened.outline()?;
        Some((opened, outline))
    }

    /// The CPU time that the processes took.
    pub(super) fn cpu(&self) -> Duration {
        self.shared.cpu.get()
    }

    /// What was not read, one sentence each.
    pub(super) fn notes(&self) -> Vec<String> {
        self.shared.unread.borrow().notes()
    }

    /// Ends the process that was not used for longest, if there are too many for another one.
    fn stop_idle(&mut self, next: Owner) {
        let others = || {
            self.by_owner
                .values()
                .filter(|reader| reader.borrow().process.is_some() && reader.borrow().owner != next)
        };
        if others().count() >= MOST_PROCESSES
            && let Some(idle) = others().min_by_key(|reader| reader.borrow().used)
        {
            idle.borrow_mut().end();
        }
    }
}

impl ConfinedFile {
    /// The open file, to be read within bounds and not to be mapped.
    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// How to unwind its code.
    pub(super) fn unwind_sections(&self) -> UnwindSections {
        let Some(sections) = self.ask::<UnwindSections>(Question::Unwinding, 0) else {
            return UnwindSections::default();
        };
        let bytes = [
            &sections.eh_frame,
            &sections.eh_frame_hdr,
            &sections.debug_frame,
        ]
        .into_iter()
        .flatten()
        .map(|bytes| bytes.len() as u64)
        .sum::<u64>();
        let reader = &mut *self.reader.borrow_mut();
        if !UNWINDING.take(&mut reader.unwinding, &reader.shared.unwinding, bytes) {
            reader.count(Reason::Unwinding, self.number);
            return UnwindSections::default();
        }
        self.unwinding.set(bytes);
        sections
    }

    /// The locking function that jumped to the nameless one with the address `call`.
    pub(super) fn tail_caller(&self, call: u64) -> Option<String> {
        self.ask::<Option<String>>(Question::TailCaller, call)?
    }

    /// The variable at an address.
    pub(super) fn variable(&self, address: u64) -> Option<String> {
        self.ask::<Option<String>>(Question::Variable, address)?
    }

    /// The functions at an address, innermost first. None: there is no name.
    pub(super) fn functions(&self, call: u64) -> Vec<Function> {
        while let Some(detail) = self.detail.get() {
            let question = match detail {
                Detail::Lines => Question::Lines,
                Detail::Symbols => Question::Symbol,
            };
            let Some(functions) = self.ask::<Vec<Function>>(question, call) else {
                if self.detail.get() == Some(detail) {
                    // That is not this file's fault, and was counted.
                    return Vec::new();
                }
                continue;
            };
            return self.reader.borrow_mut().hand_out(functions, self.number);
        }
        self.reader.borrow_mut().count(Reason::Failed, self.number);
        Vec::new()
    }

    /// Ends the process of the owner that was asked before, if it is large.
    fn take_turn(&self) {
        let shared = Rc::clone(&self.reader.borrow().shared);
        let before = shared.asked.replace(Rc::downgrade(&self.reader));
        if let Some(before) = before.upgrade()
            && !Rc::ptr_eq(&before, &self.reader)
        {
            before.borrow_mut().end_if_large();
        }
    }

    fn outline(&self) -> Option<Outline> {
        self.take_turn();
        let mut reader = self.reader.borrow_mut();
        let outline = reader.ready().and_then(|()| self.open(&mut reader));
        match outline {
            Ok(None) if claims_to_be_elf(&self.file) => {
                reader.count(Reason::Failed, self.number);
                None
            }
            Ok(outline) => outline,
            Err(reason) => {
                reader.count(reason, self.number);
                None
            }
        }
    }

    /// Has the process that runs take the file in.
    fn open(&self, reader: &mut Reader) -> Result<Option<Outline>, Reason> {
        let ask = |question| Request {
            question,
            file: self.number,
            address: 0,
        };
        let outline: Option<Outline> = reader.ask(ask(Question::Open), Some(self.file.as_fd()))?;
        self.opened.set(reader.started);
        if let Some(outline) = &outline
            && self.detail.get() == Some(Detail::Lines)
        {
            for debug in self.debug_files.of(outline) {
                if reader.ask(ask(Question::Debug), Some(debug.as_fd()))? {
                    break;
                }
            }
        }
        Ok(outline)
    }

    /// None: there is no answer, for a reason that was counted.
    fn ask<A: Answer>(&self, question: Question, address: u64) -> Option<A> {
        self.take_turn();
        let mut reader = self.reader.borrow_mut();
        if let Err(reason) = reader.ready() {
            reader.count(reason, self.number);
            return None;
        }
        let request = Request {
            question,
            file: self.number,
            address,
        };
        let opened = if self.opened.get() == reader.started {
            Ok(())
        } else {
            // What was an ELF file before, and is none now, was changed.
            self.open(&mut reader)
                .and_then(|outline| outline.map(|_| ()).ok_or(Reason::Failed))
        };
        match opened.and_then(|()| reader.ask(request, None)) {
            Ok(answer) => Some(answer),
            Err(_) => {
                let less = self.detail.get().filter(|&detail| detail == Detail::Lines);
                self.detail.set(less.map(|_| Detail::Symbols));
                None
            }
        }
    }
}

/// What a process that reads files may answer, which the files can have taken over: any bytes.
pub(super) fn parse_answers(bytes: &[u8]) {
    let mut from = Parser(bytes);
    let length = bytes.len();
    if let Some(outline) = Outline::take(&mut from) {
        assert!(outline.segments.len() <= length);
    }
    if let Some(functions) = Vec::<Function>::take(&mut Parser(bytes)) {
        assert!(functions.len() <= length);
    }
    UnwindSections::take(&mut Parser(bytes));
    <Option<String> as Answer>::take(&mut Parser(bytes));
    bool::take(&mut Parser(bytes));
}

/// Other files are mapped to be run as well, by programs that know what to do with them.
fn claims_to_be_elf(file: &File) -> bool {
    let mut magic = [0; 4];
    file.read_exact_at(&mut magic, 0).is_ok() && magic == *b"\x7fELF"
}

impl Drop for ConfinedFile {
    fn drop(&mut self) {
        let Ok(mut reader) = self.reader.try_borrow_mut() else {
            return;
        };
        let bytes = self.unwinding.get();
        reader.unwinding = reader.unwinding.saturating_sub(bytes);
        let all = &reader.shared.unwinding;
        all.set(all.get().saturating_sub(bytes));
        if reader.process.is_some() && self.opened.get() == reader.started {
            let request = Request {
                question: Question::Close,
                file: self.number,
                address: 0,
            };
            // A process that does not answer is ended.
            let _ = reader.ask::<bool>(request, None);
        }
    }
}

impl Reader {
    fn new(owner: Owner, shared: Rc<Shared>) -> Self {
        Self {
            owner,
            process: None,
            started: 0,
            ends: 0,
            cpu: Duration::ZERO,
            unwinding: 0,
            names: 0,
            files: 0,
            used: 0,
            shared,
        }
    }

    fn next_file(&mut self) -> u64 {
        self.files = self.files.saturating_add(1);
        self.files
    }

    /// Has a process run, if the owner's files may still be read.
    fn ready(&mut self) -> Result<(), Reason> {
        let cpu = CPU.saturating_add(self.shared.since.elapsed() / CPU_SHARE);
        if self.cpu > cpu || self.shared.cpu.get() > cpu.saturating_mul(ALL_OWNERS) {
            return Err(Reason::Time);
        }
        self.used = self.shared.uses.get().saturating_add(1);
        self.shared.uses.set(self.used);
        if self.process.is_some() {
            return Ok(());
        }
        if self.ends >= MOST_ENDS {
            return Err(Reason::Failed);
        }
        self.process = Some(Process::start(self.owner.uid).map_err(|_| Reason::Failed)?);
        self.started = self.started.saturating_add(1);
        Ok(())
    }

    fn ask<A: Answer>(
        &mut self,
        request: Request,
        file: Option<BorrowedFd<'_>>,
    ) -> Result<A, Reason> {
        let process = self.process.as_mut().ok_or(Reason::Failed)?;
        let answer = process.ask(request, file);
        let cpu = process.uncounted();
        self.add_cpu(cpu);
        let answer = answer.ok().and_then(|answer| A::take(&mut Parser(&answer)));
        answer.ok_or_else(|| {
            self.ends = self.ends.saturating_add(1);
            self.end();
            Reason::Failed
        })
    }

    fn end(&mut self) {
        if let Some(process) = self.process.take() {
            let cpu = process.end();
            self.add_cpu(cpu);
        }
    }

    fn end_if_large(&mut self) {
        if self.process.as_ref().is_some_and(Process::is_large) {
            self.end();
        }
    }

    fn add_cpu(&mut self, cpu: Duration) {
        self.cpu = self.cpu.saturating_add(cpu);
        let all = self.shared.cpu.get().saturating_add(cpu);
        self.shared.cpu.set(all);
    }

    fn hand_out(&mut self, functions: Vec<Function>, file: u64) -> Vec<Function> {
        let bytes = functions.iter().map(|function| {
            let file = function.file.as_ref().map_or(0, String::len);
            (size_of::<Function>() + function.name.len() + file) as u64
        });
        if !NAMES.take(&mut self.names, &self.shared.names, bytes.sum()) {
            self.count(Reason::Names, file);
            return Vec::new();
        }
        functions
    }

    fn count(&self, reason: Reason, file: u64) {
        let mut unread = self.shared.unread.borrow_mut();
        unread.add(reason, (self.owner, file));
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.end();
    }
}

impl Process {
    fn start(uid: u32) -> io::Result<Self> {
        let memory = limits::private_memory("self")?;
        let process = ServerProcess::start(|parent| {
            let confined = limits::confine(parent, uid)?;
            server::serve(confined)
        })?;
        Ok(Self {
            process,
            cpu: Duration::ZERO,
            memory,
        })
    }

    /// The bytes of an answer.
    fn ask(&mut self, request: Request, file: Option<BorrowedFd<'_>>) -> io::Result<Vec<u8>> {
        let (began, cpu) = (Instant::now(), self.cpu_now());
        let bytes = request.to_bytes();
        if socket::send(self.process.socket().as_fd(), &bytes, file)? != bytes.len() {
            return Err(io::Error::from(io::ErrorKind::WriteZero));
        }
        let mut length = [0; size_of::<u64>()];
        self.read(&mut length, began, cpu)?;
        let length = u64::from_le_bytes(length);
        if length > request.question.longest_answer() {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        let mut answer = vec![0; usize::try_from(length).unwrap_or(0)];
        self.read(&mut answer, began, cpu)?;
        Ok(answer)
    }

    fn read(&mut self, mut to: &mut [u8], began: Instant, cpu: Duration) -> io::Result<()> {
        while !to.is_empty() {
            let mut poll = libc::pollfd {
                fd: self.process.socket().as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            };
            // SAFETY: one descriptor, as is said.
            let ready = unsafe { libc::poll(&raw mut poll, 1, LOOK.as_millis() as libc::c_int) };
            if ready <= 0 {
                let cpu = self.cpu_now().saturating_sub(cpu);
                if cpu > CPU_AT_ONCE || began.elapsed() > AT_ONCE {
                    return Err(io::Error::from(io::ErrorKind::TimedOut));
                }
                continue;
            }
            match self.process.socket().read(to) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                Ok(count) => to = to.get_mut(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn is_large(&self) -> bool {
        limits::private_memory(&self.process.pid().to_string())
            .is_ok_and(|memory| memory.saturating_sub(self.memory) > IDLE_MEMORY)
    }

    fn cpu_now(&self) -> Duration {
        self.process.cpu()
    }

    /// The CPU time since this was called last.
    fn uncounted(&mut self) -> Duration {
        let now = self.cpu_now().max(self.cpu);
        let new = now.saturating_sub(self.cpu);
        self.cpu = now;
        new
    }

    /// Ends it; the CPU time that was not counted before.
    fn end(self) -> Duration {
        self.process.end().saturating_sub(self.cpu)
    }
}

#[cfg(test)]
mod tests;
