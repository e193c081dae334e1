//! The process that reads files of others, from inside: answers questions until its socket is
//! closed.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Write as _},
    os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd},
    path::PathBuf,
};

use crate::symbol::{
    call_frames,
    code_file::{CodeFile, Detail, Outline},
    confined::{
        limits::Confined,
        socket,
        wire::{Answer, Question, REQUEST, Request},
    },
    text::beginning,
};

/// The longest name, in bytes.
const LONGEST_NAME: usize = 4096;
/// The most functions at one address, and the most parts of a file that are mapped: each is more
/// than compilers and linkers make, and fits into an answer.
const MOST_FUNCTIONS: usize = 200;
const MOST_SEGMENTS: usize = 10_000;

struct Server {
    confined: Confined,
    files: HashMap<u64, Opened>,
}

struct Opened {
    code: CodeFile,
    /// Its separate debug file.
    debug: Option<File>,
}

/// Answers what comes through descriptor 0.
pub(super) fn serve(confined: Confined) -> io::Result<()> {
    // SAFETY: that is the socket, and nothing else here has it.
    let mut socket = File::from(unsafe { OwnedFd::from_raw_fd(0) });
    let mut server = Server {
        confined,
        files: HashMap::new(),
    };
    loop {
        let mut bytes = [0; REQUEST];
        let (length, file) = socket::receive(socket.as_fd(), &mut bytes)?;
        if length == 0 {
            return Ok(());
        }
        let Some(request) = bytes.get(..length).and_then(Request::parse) else {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        };
        let mut answer = vec![0; size_of::<u64>()];
        server.answer(request, file.map(File::from), &mut answer);
        let length = answer.len().saturating_sub(size_of::<u64>()) as u64;
        if let Some(place) = answer.first_chunk_mut() {
            *place = length.to_le_bytes();
        }
        socket.write_all(&answer)?;
    }
}

impl Server {
    fn answer(&mut self, request: Request, file: Option<File>, to: &mut Vec<u8>) {
        let Request {
            question,
            file: number,
            address,
        } = request;
        match question {
            Question::Open => self.open(number, file).put(to),
            Question::Debug => self.add_debug_file(number, file).is_some().put(to),
            Question::Close => {
                self.files.remove(&number).is_some().put(to);
            }
            Question::Unwinding => {
                let sections = self.files.get(&number).map(|opened| {
                    let mut sections = opened.code.unwind_sections();
                    call_frames::check(&mut sections);
                    sections
                });
                sections.unwrap_or_default().put(to);
            }
            Question::TailCaller => {
                let name = self
                    .files
                    .get(&number)
                    .and_then(|opened| opened.code.tail_caller(address));
                name.map(str::to_owned).put(to);
            }
            Question::Variable => {
                let name = self
                    .files
                    .get(&number)
                    .and_then(|opened| opened.code.variable(address));
                name.map(|name| beginning(&name, LONGEST_NAME).to_owned())
                    .put(to);
            }
            Question::Symbol | Question::Lines => {
                let detail = if question == Question::Lines {
                    Detail::Lines
                } else {
                    Detail::Symbols
                };
                let mut functions = self
                    .files
                    .get(&number)
                    .map(|opened| opened.code.functions(address, detail))
                    .unwrap_or_default();
                functions.truncate(MOST_FUNCTIONS);
                for function in &mut functions {
                    let file = function.file.as_mut();
                    for text in [&mut function.name].into_iter().chain(file) {
                        text.truncate(beginning(text, LONGEST_NAME).len());
                    }
                }
                functions.put(to);
            }
        }
    }

    fn open(&mut self, number: u64, file: Option<File>) -> Option<Outline> {
        let file = file?;
        let path = self.path(&file);
        let mut code = CodeFile::new(file, path, &[]);
        let mut outline = code.outline()?;
        outline.segments.truncate(MOST_SEGMENTS);
        if !self.confined.by_number && code.refers_to_others() {
            code.forget_lines();
        }
        self.files.insert(number, Opened { code, debug: None });
        Some(outline)
    }

    /// Takes a separate debug file, if it is of the same build.
    fn add_debug_file(&mut self, number: u64, file: Option<File>) -> Option<()> {
        // This one's links would lead into a file system as well.
        let file = file.filter(|_| self.confined.by_number)?;
        let path = self.path(&file);
        let opened = self.files.get_mut(&number)?;
        opened.code.is_debugged_by(&file).then_some(())?;
        opened.code.set_debug_file(path);
        opened.debug = Some(file);
        Some(())
    }

    /// A path that leads to an open file.
    fn path(&self, file: &File) -> PathBuf {
        let number = file.as_raw_fd();
        if self.confined.by_number {
            format!("/{number}").into()
        } else {
            format!("/proc/self/fd/{number}").into()
        }
    }
}
