//! The tables of a profile: texts, functions, mappings and locations, each there once.

use std::collections::HashMap;

use super::message::{Function, Label, Line, Location, Mapping};
use crate::{
    profile::snapshot::{Frame, FrameId, Snapshot, StackId},
    view::stack_text::{frame, shown},
};

/// The tables, being filled.
#[derive(Debug)]
pub(super) struct PprofTables<'a> {
    snapshot: &'a Snapshot,
    texts: Vec<String>,
    text_ids: HashMap<String, i64>,
    functions: Vec<Function>,
    function_ids: HashMap<(i64, i64), u64>,
    mappings: Vec<Mapping>,
    mapping_ids: HashMap<String, u64>,
    locations: Vec<Location>,
    /// By the frames that were inlined into each other, the innermost first.
    location_ids: HashMap<Vec<FrameId>, u64>,
    /// By what they say.
    stand_in_ids: HashMap<&'static str, u64>,
    /// A stack's locations.
    stacks: HashMap<StackId, Vec<u64>>,
}

impl<'a> PprofTables<'a> {
    /// Empty tables, for what a snapshot refers to.
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        let mut tables = Self {
            snapshot,
            texts: Vec::new(),
            text_ids: HashMap::new(),
            functions: Vec::new(),
            function_ids: HashMap::new(),
            mappings: Vec::new(),
            mapping_ids: HashMap::new(),
            locations: Vec::new(),
            location_ids: HashMap::new(),
            stand_in_ids: HashMap::new(),
            stacks: HashMap::new(),
        };
        // The format wants the first text to be empty.
        tables.text("");
        tables
    }

    /// The tables.
    pub(super) fn finish(mut self) -> (Vec<Mapping>, Vec<Location>, Vec<Function>, Vec<String>) {
        let texts = self.texts;
        // Readers take the first one for the program.
        self.mappings.sort_by_key(|mapping| {
            let name = usize::try_from(mapping.filename)
                .ok()
                .and_then(|place| texts.get(place));
            name.is_none_or(|name| name.starts_with('[') || name.contains(".so"))
        });
        (self.mappings, self.locations, self.functions, texts)
    }

    /// The index of a text.
    pub(super) fn text(&mut self, text: &str) -> i64 {
        if let Some(&id) = self.text_ids.get(text) {
            return id;
        }
        // More than there is memory for is never reached.
        let id = self.texts.len() as i64;
        self.texts.push(text.to_owned());
        self.text_ids.insert(text.to_owned(), id);
        id
    }

    /// A label that is a text.
    pub(super) fn text_label(&mut self, key: &str, text: &str) -> Label {
        Label {
            key: self.text(key),
            str: self.text(text),
            num: 0,
        }
    }

    /// A label that is a number.
    pub(super) fn number_label(&mut self, key: &str, number: u32) -> Label {
        Label {
            key: self.text(key),
            str: 0,
            num: number.into(),
        }
    }

    /// The locations of a stack, the innermost first: the kernel's, then the program's.
    pub(super) fn stack(&mut self, id: StackId) -> Vec<u64> {
        if let Some(locations) = self.stacks.get(&id) {
            return locations.clone();
        }
        let snapshot = self.snapshot;
        let mut locations = Vec::new();
        if let Some(stack) = snapshot.stacks.get(id.index()) {
            for part in [&stack.kernel, &stack.user] {
                let mut inlined = Vec::new();
                for id in shown(part) {
                    inlined.push(id);
                    if !frame(snapshot, id).is_some_and(|frame| frame.inlined) {
                        locations.push(self.location(std::mem::take(&mut inlined)));
                    }
                }
                // What all this is inlined into is beyond the end.
                if !inlined.is_empty() {
                    locations.push(self.location(inlined));
                }
            }
        }
        if locations.is_empty() {
            locations.push(self.stand_in("(unknown stack)"));
        }
        self.stacks.insert(id, locations.clone());
        locations
    }

    /// A location that says what is missing.
    pub(super) fn stand_in(&mut self, text: &'static str) -> u64 {
        if let Some(&id) = self.stand_in_ids.get(text) {
            return id;
        }
        let function_id = self.function(text, "");
        let id = self.push_location(
            0,
            0,
            vec![Line {
                function_id,
                line: 0,
            }],
        );
        self.stand_in_ids.insert(text, id);
        id
    }

    /// The location of frames that are inlined into each other.
    fn location(&mut self, frames: Vec<FrameId>) -> u64 {
        if let Some(&id) = self.location_ids.get(&frames) {
            return id;
        }
        let snapshot = self.snapshot;
        let outermost = frames.last().and_then(|&id| frame(snapshot, id));
        let address = outermost.map_or(0, |frame| frame.address);
        let mapping = outermost.map_or(0, |frame| self.mapping(frame));
        let lines = frames
            .iter()
            .map(|&id| {
                let frame = frame(snapshot, id);
                let file = frame.and_then(|frame| frame.file.as_deref());
                Line {
                    function_id: self.function(&snapshot.frame_name(id), file.unwrap_or_default()),
                    line: frame.and_then(|frame| frame.line).unwrap_or(0).into(),
                }
            })
            .collect();
        let id = self.push_location(mapping, address, lines);
        self.location_ids.insert(frames, id);
        id
    }

    fn push_location(&mut self, mapping_id: u64, address: u64, line: Vec<Line>) -> u64 {
        let id = next_id(&self.locations);
        self.locations.push(Location {
            id,
            mapping_id,
            address,
            line,
        });
        id
    }

    fn function(&mut self, name: &str, file: &str) -> u64 {
        let (name, filename) = (self.text(name), self.text(file));
        let id = next_id(&self.functions);
        *self
            .function_ids
            .entry((name, filename))
            .or_insert_with(|| {
                self.functions.push(Function { id, name, filename });
                id
            })
    }

    /// The mapping of a frame's module, which grows to hold its address. Zero if it has no
    /// module.
    fn mapping(&mut self, frame: &Frame) -> u64 {
        if frame.module.is_empty() {
            return 0;
        }
        let (address, behind) = (frame.address, frame.address.saturating_add(1));
        let id = match self.mapping_ids.get(&frame.module) {
            Some(&id) => id,
            None => {
                let id = next_id(&self.mappings);
                let mapping = Mapping {
                    id,
                    memory_start: address,
                    memory_limit: behind,
                    filename: self.text(&frame.module),
                    has_functions: true,
                    has_filenames: true,
                    has_line_numbers: true,
                    has_inline_frames: true,
                };
                self.mappings.push(mapping);
                self.mapping_ids.insert(frame.module.clone(), id);
                id
            }
        };
        // Ids count from one.
        let place = usize::try_from(id).unwrap_or(0).wrapping_sub(1);
        if let Some(mapping) = self.mappings.get_mut(place) {
            mapping.memory_start = mapping.memory_start.min(address);
            mapping.memory_limit = mapping.memory_limit.max(behind);
        }
        id
    }
}

/// The id of the next row of a table: they count from one, as zero is none.
fn next_id<T>(table: &[T]) -> u64 {
    table.len() as u64 + 1
}
