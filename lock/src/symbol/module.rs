//! A program or library: its names, its build id, and how to unwind it. Its file stays open,
//! so that it can be read after the process ended, or the file was deleted or replaced.

use std::{
    cell::{OnceCell, RefCell},
    collections::HashMap,
    os::unix::fs::FileExt as _,
    rc::Rc,
};

use crate::{
    profile::snapshot::Frame,
    symbol::{
        code_file::{CodeFile, Detail, Function, Outline, Segment, UnwindSections},
        confined::ConfinedFile,
        text::hexadecimal,
    },
};

/// How many addresses are remembered per file.
const MOST_REMEMBERED: usize = 1 << 14;

/// A file with code.
pub(crate) struct Module {
    /// The file's name.
    pub(crate) name: String,
    /// The same with the build id, for frames of which nothing else is known.
    pub(crate) name_with_build_id: String,
    file: Reading,
    segments: Vec<Segment>,
    sections: OnceCell<UnwindSections>,
    frames: RefCell<HashMap<u64, Rc<[Frame]>>>,
}

/// Where a file is read.
pub(super) enum Reading {
    /// Here: nobody can change it.
    Here(Box<CodeFile>),
    /// In a process of its own.
    Confined(ConfinedFile),
}

impl Module {
    /// Takes an open file in.
    pub(super) fn new(name: String, file: Reading, outline: Outline) -> Self {
        let name_with_build_id = match outline.build_id {
            Some(id) => {
                format!("{name} (build id {})", hexadecimal(&id))
            }
            None => name.clone(),
        };
        Self {
            name,
            name_with_build_id,
            file,
            segments: outline.segments,
            sections: OnceCell::new(),
            frames: RefCell::default(),
        }
    }

    /// How much further than it says in the file a mapping is: what is subtracted from an
    /// address of the process to have the file's.
    pub(crate) fn bias(&self, mapped: u64, offset: u64) -> Option<u64> {
        // A segment's mapping begins where its page does: two segments can claim an offset.
        const PAGE: u64 = 4096;
        let holds = |segment: &&Segment| {
            (segment.file.start / PAGE * PAGE..segment.file.end).contains(&offset)
        };
        let segment = self
            .segments
            .iter()
            .filter(|segment| segment.executable)
            .find(holds)
            .or_else(|| self.segments.iter().find(holds))?;
        let address = segment
            .address
            .wrapping_add(offset)
            .wrapping_sub(segment.file.start);
        Some(mapped.wrapping_sub(address))
    }

    /// What tells how to unwind it.
    pub(crate) fn sections(&self) -> UnwindSections {
        self.sections
            .get_or_init(|| match &self.file {
                Reading::Here(file) => file.unwind_sections(),
                Reading::Confined(file) => file.unwind_sections(),
            })
            .clone()
    }

    /// The frames at an address of the file, innermost first. `call` is the address to look
    /// up, `address` the one to show.
    pub(crate) fn frames(&self, call: u64, address: u64) -> Rc<[Frame]> {
        let mut frames = self.frames.borrow_mut();
        // A thread's innermost address is no return address, and never the same as one.
        if let Some(known) = frames.get(&call) {
            return Rc::clone(known);
        }
        if frames.len() >= MOST_REMEMBERED {
            frames.clear();
        }
        let found: Rc<[Frame]> = self.look_up(call, address).into();
        frames.insert(call, Rc::clone(&found));
        found
    }

    /// The locking function that jumped to the nameless one with the address `call`.
    pub(crate) fn tail_caller(&self, call: u64) -> Option<String> {
        match &self.file {
            Reading::Here(file) => file.tail_caller(call).map(str::to_owned),
            Reading::Confined(file) => file.tail_caller(call),
        }
    }

    /// The bytes at an address of the file.
    pub(crate) fn bytes<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        let segment = self.segments.iter().find(|segment| {
            segment.executable
                && (segment.address..segment.address.saturating_add(segment.size))
                    .contains(&address)
        })?;
        let offset = segment
            .file
            .start
            .checked_add(address.checked_sub(segment.address)?)?;
        let mut bytes = [0; N];
        let file = match &self.file {
            Reading::Here(file) => file.file(),
            Reading::Confined(file) => file.file(),
        };
        file.read_exact_at(&mut bytes, offset).ok()?;
        Some(bytes)
    }

    /// The variable at an address of the file, or the place in the file: `libfoo.so+0x4060`.
    /// None: it is not of the file's data.
    pub(crate) fn variable(&self, address: u64) -> Option<String> {
        let is_data = |segment: &Segment| {
            let end = segment.address.saturating_add(segment.size);
            !segment.executable && (segment.address..end).contains(&address)
        };
        if !self.segments.iter().any(is_data) {
            return None;
        }
        let name = match &self.file {
            Reading::Here(file) => file.variable(address),
            Reading::Confined(file) => file.variable(address),
        };
        name.or_else(|| Some(format!("{}+{address:#x}", self.name)))
    }

    fn look_up(&self, call: u64, address: u64) -> Vec<Frame> {
        let functions = match &self.file {
            Reading::Here(file) => file.functions(call, Detail::Lines),
            Reading::Confined(file) => file.functions(call),
        };
        if functions.is_empty() {
            return vec![Frame {
                address,
                module: self.name_with_build_id.clone(),
                ..Frame::default()
            }];
        }
        let frame = |function: Function| {
            let Function {
                name,
                file,
                line,
                inlined,
            } = function;
            Frame {
                address,
                function: Some(name),
                module: self.name.clone(),
                file,
                line,
                inlined,
            }
        };
        functions.into_iter().map(frame).collect()
    }
}
